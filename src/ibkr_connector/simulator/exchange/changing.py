"""
Frozen records with some of their fields changed, for those that change at every step.

`dataclasses.replace` hands all fields to the initialiser, which for a frozen class sets each with a
call: an order at the venue has 28 of them and is replaced three times before it rests. Here they
are carried over in plain assignments, on a twin that is not frozen and becomes the record at last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, cast

__all__ = ["changer"]

T = TypeVar("T")


def changer(record: type[T]) -> Callable[..., T]:
    """
    Return what `dataclasses.replace` does for records of one class.

    Raises:
        TypeError: Its fields are not all of its slots, or it looks at them when it is made.
    """
    names = tuple(one.name for one in fields(cast("Any", record)))
    if vars(record).get("__slots__") != names or hasattr(record, "__post_init__"):
        raise TypeError(f"{record.__name__} is more than its fields")
    twin = type(record.__name__, record.__bases__, {"__slots__": names})
    carried = "".join(f"    made__.{name} = old__.{name}\n" for name in names)
    text = (
        f"def change(old__, /, **changes__):\n    made__ = new__(twin__)\n{carried}"
        "    for name__, value__ in changes__.items():\n        set__(made__, name__, value__)\n"
        "    made__.__class__ = record__\n    return made__\n"
    )
    space: dict[str, Any] = {
        "new__": object.__new__,
        "twin__": twin,
        "set__": setattr,
        "record__": record,
    }
    # of names of fields and nothing else, as dataclasses make their own methods
    exec(text, space)
    return cast("Callable[..., T]", space["change"])
