"""ib_async is the same, whichever way it was imported."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

IMPORT = {
    "usual": "import ib_async",
    "lean": "from ibkr_connector.gateway.lean import import_ib_async; import_ib_async()",
}

LOOK = """
import copy, dataclasses, inspect, json, pickle, re
import ib_async
from ib_async import contract, objects, order, ticker

def told(do):
    try:
        return do()
    except Exception as error:
        return type(error).__name__, str(error)

def seen(kind):
    one, other = told(kind), told(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    again = told(lambda: pickle.loads(pickle.dumps(one)))
    return {
        "signature": str(inspect.signature(kind)),
        "fields": [re.sub(" at 0x.*?>", ">", repr(one)) for one in dataclasses.fields(kind)],
        "match": getattr(kind, "__match_args__", None),
        "hashable": kind.__hash__ is not None,
        "made": type(one) is kind or one,
        "shown": told(lambda: repr(one)),
        "equal": told(lambda: (one == other, one != other, one == copy.copy(one), one == 3)),
        "hash": told(lambda: hash(one) == hash(other)),
        "values": told(lambda: [repr(getattr(one, name)) for name in names]),
        "pickled": told(lambda: [repr(getattr(again, name)) for name in names]),
        "by place": told(lambda: repr(kind(*range(len(names))))),
        "by name": told(lambda: repr(kind(**dict.fromkeys(names, 1)))),
        "unknown": told(lambda: kind(no_such_field=1)),
        "set": told(lambda: setattr(one, names[0], 7)),
        "after": told(lambda: (one == other, repr(one))),
        "replaced": told(lambda: repr(dataclasses.replace(other))),
    }

found = {}
for module in (contract, objects, order, ticker):
    for name, kind in vars(module).items():
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            if kind.__module__ == module.__name__:
                found[f"{module.__name__}.{name}"] = seen(kind)
print(json.dumps([found, dataclasses.dataclass.__module__]))
"""


def looked_at(way: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", f"{IMPORT[way]}\n{LOOK}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


def test_its_records_are_what_they_would_be() -> None:
    usual, _ = looked_at("usual")
    lean, dataclass = looked_at("lean")
    assert len(usual) > 50
    assert lean == usual
    # nobody else gets another decorator
    assert dataclass == "dataclasses"
