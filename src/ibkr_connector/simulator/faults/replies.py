"""What becomes of replies on their way: lost, doubled, late, in another order, in other words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any, ClassVar, get_args

from ibkr_connector.simulator.wire.replies import Reply

from .fault import REPLY_NAMES, Fault, Said, Scene, check_reply, check_request

__all__ = ["Drop", "Duplicate", "Garble", "Hold", "MissingEnd", "Reorder", "Rewrite"]

_NOTHING: Mapping[str, str] = {}


def fits(reply: Reply, name: str, where: Mapping[str, str]) -> bool:
    """Tell whether a reply is of a kind, and its fields are as said."""
    if type(reply).__name__ != name:
        return False
    return all(value_of(reply, key) == wanted for key, wanted in where.items())


def value_of(reply: Reply, key: str) -> str:
    """Return one field of a reply as text; those that are kept as IB's texts count as well."""
    texts: Mapping[str, str] = getattr(reply, "texts", _NOTHING)
    return texts[key] if key in texts else str(getattr(reply, key, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Fault):
    """
    Lose replies of one kind.

    Args:
        reply: Name of the reply's record.
        where: Only those whose fields are so.
        answering: Only those that answer this kind of request.
    """

    name: ClassVar[str] = "drop"
    reply: str
    where: Mapping[str, str] = field(default_factory=dict)
    answering: str | None = None

    def check(self) -> None:
        """Know the reply, and the request."""
        check_reply(self.reply)
        if self.answering is not None:
            check_request(self.answering)

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say nothing."""
        if self.answering not in (None, type(scene.request).__name__):
            return None
        return () if fits(reply, self.reply, self.where) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(Fault):
    """Say replies of one kind again; TWS repeats order states (IB's order submission page)."""

    name: ClassVar[str] = "duplicate"
    reply: str
    copies: int = 1
    where: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Know the reply, and repeat it."""
        check_reply(self.reply)
        if self.copies < 1:
            raise ValueError(f"copies must be at least 1, got {self.copies}")

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say it again."""
        if not fits(reply, self.reply, self.where):
            return None
        return [Said(reply)] * (1 + self.copies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Fault):
    """Say replies of one kind so many seconds later than the rest."""

    name: ClassVar[str] = "hold"
    reply: str
    seconds: float
    where: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Know the reply, and wait."""
        check_reply(self.reply)
        if self.seconds <= 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds}")

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say it late."""
        return [Said(reply, late_s=self.seconds)] if fits(reply, self.reply, self.where) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingEnd(Fault):
    """Lose the message that says that all was sent; of one request, or of any."""

    name: ClassVar[str] = "missing_end"
    of: str | None = None

    def check(self) -> None:
        """Know the end."""
        if self.of is not None and (not self.of.endswith("End") or self.of not in REPLY_NAMES):
            ends = ", ".join(sorted(name for name in REPLY_NAMES if name.endswith("End")))
            raise ValueError(f"of must be one of {ends}; got {self.of!r}")

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say nothing at the end."""
        name = type(reply).__name__
        return () if name == self.of or (self.of is None and name.endswith("End")) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder(Fault):
    """
    Say replies of one kind before, or after, those of another that are said together with them.

    Only what TWS itself says in either order is worth this; nothing checks that.
    """

    name: ClassVar[str] = "reorder"
    reply: str
    before: str | None = None
    behind: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Know both, and one direction."""
        check_reply(self.reply)
        if (self.before is None) == (self.behind is None):
            raise ValueError("either before or behind must be given")
        check_reply(self.before or self.behind or "")

    def on_burst(self, burst: list[Said], scene: Scene) -> list[Said] | None:
        """Move them."""
        other = self.before or self.behind
        places = range(len(burst))
        moved = [at for at in places if fits(burst[at].reply, self.reply, self.where)]
        others = [at for at in places if type(burst[at].reply).__name__ == other]
        if not moved or not others:
            return None
        # whatever stands between them keeps its place
        to = others[0] if self.before is not None else others[-1] + 1
        ahead = [at for at in places if at < to and at not in moved]
        behind = [at for at in places if at >= to and at not in moved]
        order = [*ahead, *moved, *behind]
        return [burst[at] for at in order] if order != list(places) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite(Fault):
    """Say replies of one kind with other values in some of their record's fields."""

    name: ClassVar[str] = "rewrite"
    reply: str
    values: Mapping[str, str | None]
    where: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Know the reply, and fields that it has."""
        check_reply(self.reply)
        if not self.values:
            raise ValueError("values must name a field")
        kind = _KINDS[self.reply]
        known = {one.name for one in fields(kind)}
        for key in self.values:
            if key not in known and "texts" not in known:
                raise ValueError(f"{self.reply} has no field {key!r}; it has {sorted(known)}")

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Say it differently."""
        if not fits(reply, self.reply, self.where):
            return None
        changes: dict[str, Any] = {}
        for key, text in self.values.items():
            if hasattr(reply, key):
                changes[key] = _like(getattr(reply, key), text)
            else:
                texts = changes.setdefault("texts", dict(getattr(reply, "texts", _NOTHING)))
                texts[key] = text or ""
        return [Said(replace(reply, **changes))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Garble(Fault):
    """Write another text into a field of a message, by its number on the wire from 0 (its id)."""

    name: ClassVar[str] = "garble"
    reply: str
    number: int
    text: str
    where: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Know the reply, and leave a message a message."""
        check_reply(self.reply)
        if self.number < 0:
            raise ValueError(f"number must not be negative, got {self.number}")
        if "\0" in self.text:
            raise ValueError("text must not hold a NUL: it ends fields")

    def on_reply(self, reply: Reply, scene: Scene) -> Sequence[Said] | None:
        """Write it."""
        if not fits(reply, self.reply, self.where):
            return None
        return [Said(reply, texts=((self.number, self.text),))]


_KINDS: Mapping[str, Any] = {kind.__name__: kind for kind in get_args(Reply)}


def _like(old: object, text: str | None) -> Any:
    if text is None:
        return None
    if isinstance(old, bool):
        return text in {"1", "true", "True"}
    if isinstance(old, int):
        return int(text)
    if isinstance(old, Decimal) or old is None:
        return Decimal(text)
    return text
