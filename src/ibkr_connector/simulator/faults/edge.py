"""
The edge between one client's socket and its session: here, and only here, faults are applied.

The server asks it what to do with a new socket, with bytes, with requests and with replies, and
does as it is told. It moves nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from ibkr_connector.simulator.wire.frames import encode_frame
from ibkr_connector.simulator.wire.replies import Reply, encode_reply
from ibkr_connector.simulator.wire.requests import Request, StartApi

from .box import FaultBox
from .fault import Armed, Do, Line, Said, Scene, Step
from .moments import ClockSkew
from .sockets import (
    CutAfter,
    Delay,
    Encode,
    HalfOpen,
    HelloZone,
    Merge,
    Refuse,
    Silent,
    SlowReader,
    Split,
    Stage,
    Trickle,
)
from .streams import Streams

__all__ = ["Edge", "Frame"]

_UTF8: Final = "utf-8"
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
"""How newer gateways write what is not ASCII; older ones wrote it as it was."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes of replies; with `is_last`, the socket closes behind them."""

    data: bytes
    is_last: bool = False


@dataclass(slots=True)
class Edge:
    """What faults make of one connection."""

    box: FaultBox
    line: Line
    streams: Streams = field(default_factory=Streams)

    # --- the socket -----------------------------------------------------------------------------

    def refusal(self, now: float) -> Refuse | None:
        """Return the fault with which a new socket is closed at once."""
        return self.box.first(Refuse, self.line, now)

    def is_silenced(self, stage: Stage, now: float) -> bool:
        """Tell whether the gateway falls silent at a stage."""
        for one, fault in self.box.of_kind(Silent, self.line, now):
            if fault.after is stage and self.box.takes(one):
                return True
        return False

    def is_half_open(self, now: float) -> bool:
        """Tell whether nothing is read and written."""
        return self.box.lasting(HalfOpen, self.line, now) is not None

    def skew_s(self, now: float) -> float:
        """Return by how much the gateway's clock goes wrong."""
        return sum(fault.seconds for _, fault in self.box.of_kind(ClockSkew, self.line, now))

    def hello(self, connection_time: str, now: float) -> tuple[str, str]:
        """Return what the handshake says of the time, and in which encoding."""
        fault = self.box.first(HelloZone, self.line, now)
        if fault is None:
            return connection_time, _UTF8
        day_and_time = " ".join(connection_time.split(" ")[:2])
        return f"{day_and_time} {fault.zone}".rstrip(), fault.encoding

    def read_rate(self, now: float) -> int | None:
        """Return how many bytes a second are read; `None` is all."""
        fault = self.box.lasting(SlowReader, self.line, now)
        return None if fault is None else fault.bytes_per_s

    def write_rate(self, now: float) -> int | None:
        """Return how many bytes a second are written; `None` is all."""
        fault = self.box.lasting(Trickle, self.line, now)
        return None if fault is None else fault.bytes_per_s

    def segment(self, now: float) -> int | None:
        """Return the size of the pieces in which is written; `None` is as it comes."""
        fault = self.box.lasting(Split, self.line, now)
        return None if fault is None else fault.size

    def due(self, now: float) -> float:
        """Return when what is said now is sent."""
        due = self.box.held_until(self.line, now)
        for one, delay in self.box.of_kind(Delay, self.line, now):
            if self.box.takes(one):
                due += delay.seconds
        merge = self.box.lasting(Merge, self.line, now)
        if merge is not None:
            due = max(due, (now // merge.seconds + 1) * merge.seconds)
        return due

    # --- bytes ----------------------------------------------------------------------------------

    def cut_within(self, size: int, now: float, *, received: bool) -> tuple[int, bool] | None:
        """
        Count bytes of one direction.

        Returns:
            After how many of them the socket closes and whether by a reset, `None` for not at all.
        """
        nearest: tuple[int, Armed, CutAfter] | None = None
        for one, fault in self.box.of_kind(CutAfter, self.line, now):
            left = self._left(one, fault)
            mine = left[0 if received else 1]
            if mine is None:
                continue
            if size >= mine and (nearest is None or mine < nearest[0]):
                nearest = (mine, one, fault)
            left[0 if received else 1] = mine - size
        if nearest is None:
            return None
        count, one, fault = nearest
        one.memories[self.line.number].clear()
        return (count, fault.reset) if self.box.takes(one) else None

    def _left(self, one: Armed, fault: CutAfter) -> list[int | None]:
        memory = one.memories.setdefault(self.line.number, {})
        left: list[int | None] = memory.setdefault("left", [fault.received, fault.sent])
        return left

    # --- messages -------------------------------------------------------------------------------

    def steps(self, request: Request, now: float, moment: datetime) -> Sequence[Step]:
        """Return what is done about a request."""
        if isinstance(request, StartApi):
            self.line.client_id = request.client_id
        steps: list[Step] = [Do(request)]
        for one in self.box.awake(self.line, now):
            for at, step in enumerate(steps):
                if not isinstance(step, Do) or step.quiet or step.request is not request:
                    continue
                instead = one.fault.on_request(request, self._scene(one, now, moment))
                if instead is not None and self.box.takes(one):
                    steps[at : at + 1] = instead
                break
        return steps

    def burst(
        self,
        replies: Iterable[Reply],
        now: float,
        moment: datetime,
        *,
        request: Request | None = None,
    ) -> list[Said]:
        """Return what is said of replies that belong together."""
        burst = [Said(reply) for reply in replies]
        for one in self.box.awake(self.line, now):
            scene = self._scene(one, now, moment, request=request)
            changed = one.fault.on_burst(burst, scene)
            if changed is not None:
                burst = changed if self.box.takes(one) else burst
                continue
            burst = [new for said in burst for new in self._changed(said, one, scene)]
        return burst

    def _changed(self, said: Said, one: Armed, scene: Scene) -> Iterable[Said]:
        if one.left == 0:
            return (said,)
        instead = one.fault.on_reply(said.reply, scene)
        if instead is None or not self.box.takes(one):
            return (said,)
        return [
            replace(
                new,
                late_s=said.late_s + new.late_s,
                texts=said.texts + new.texts,
                then=said.then if new.then is None else new.then,
                ends_at=said.ends_at if new.ends_at is None else new.ends_at,
            )
            for new in instead
        ]

    def frame(self, said: Said, now: float) -> Frame:
        """Write a reply, in the encoding and with the fields that faults ask for."""
        texts = encode_reply(said.reply, self.line.version)
        for number, text in said.texts:
            if number < len(texts):
                texts[number] = text
        encode = self.box.lasting(Encode, self.line, now)
        encoding = _UTF8
        if encode is not None:
            encoding = encode.encoding
            texts = [_ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) for text in texts]
        payload = "".join(f"{text}\0" for text in texts).encode(encoding, errors="replace")
        data = encode_frame(payload)
        if said.ends_at is None:
            return Frame(data)
        return Frame(data[: said.ends_at], is_last=True)

    def _scene(
        self, one: Armed, now: float, moment: datetime, *, request: Request | None = None
    ) -> Scene:
        return Scene(
            line=self.line,
            now=now,
            moment=moment,
            memory=one.memories.setdefault(self.line.number, {}),
            random=self.box.random,
            request=request,
        )
