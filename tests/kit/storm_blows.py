"""
What can befall a connection: a blow is struck once or lasts, and all are drawn by a seed.

Blows that end the connection and blows that only spoil what is said are alike to a storm; what must
hold afterwards is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import (
    CompetingSession,
    Cut,
    CutAfter,
    Delay,
    Duplicate,
    Encode,
    EndOfStreams,
    Garble,
    HalfOpen,
    Link,
    Merge,
    MissingEnd,
    Outage,
    PortReset,
    Quirk,
    Refuse,
    Restart,
    Silent,
    SlowReader,
    Split,
    Stage,
    Stall,
    Trickle,
    Truncate,
)
from ibkr_connector.simulator.faults.fault import EndStreams
from ibkr_connector.simulator.faults.streams import STREAM_NAMES

if TYPE_CHECKING:
    from kit.storm import Storm

__all__ = ["BLOWS"]

Blow = Callable[["Storm"], None]
BLOWS: dict[str, Blow] = {}


def blow(act: Blow) -> Blow:
    """Enter a blow under its name."""
    BLOWS[act.__name__] = act
    return act


@blow
def cut(storm: Storm) -> None:
    storm.gateway.cut(reset=storm.chance(0.5))


@blow
def cut_twice_within_50_ms(storm: Storm) -> None:
    storm.gateway.cut()
    storm.gateway.later(0.05, storm.gateway.cut)


@blow
def cut_at_a_byte(storm: Storm) -> None:
    """Somewhere in the handshake, the login or the reading of the broker's state."""
    at = storm.draw.randrange(1, 4000)
    storm.gateway.inject(CutAfter(sent=at) if storm.chance(0.5) else CutAfter(received=at))
    storm.gateway.cut()


@blow
def cut_on_a_question(storm: Storm) -> None:
    asked = storm.draw.choice(
        ["ReqPositions", "ReqAllOpenOrders", "ReqCompletedOrders", "ReqExecutions", "StartApi"]
    )
    storm.gateway.inject(Cut(on=asked, handled=storm.chance(0.5)))
    storm.gateway.cut()


@blow
def lose_an_order_on_its_way(storm: Storm) -> None:
    storm.gateway.inject(
        Cut(on="PlaceOrder", handled=storm.chance(0.5), answered=False, lasts_s=300.0)
    )


@blow
def say_nothing_at_the_greeting(storm: Storm) -> None:
    storm.gateway.inject(Silent(after=Stage.HELLO, lasts_s=storm.up_to(120)))
    storm.gateway.cut()


@blow
def wait_for_a_login(storm: Storm) -> None:
    storm.gateway.inject(Silent(after=Stage.START, lasts_s=storm.up_to(600)))
    storm.gateway.cut()


@blow
def refuse(storm: Storm) -> None:
    storm.gateway.inject(Refuse(lasts_s=storm.up_to(300), reset=storm.chance(0.5)))
    storm.gateway.cut()


@blow
def restart(storm: Storm) -> None:
    storm.gateway.inject(Restart(down_s=storm.up_to(300)))


@blow
def hang(storm: Storm) -> None:
    storm.gateway.inject(HalfOpen(lasts_s=storm.up_to(3600)))


@blow
def stall(storm: Storm) -> None:
    storm.gateway.inject(Stall(seconds=storm.up_to(20)))


@blow
def lose_the_link(storm: Storm) -> None:
    storm.gateway.inject(
        Outage(
            link=Link.SERVER,
            lasts_s=storm.up_to(600),
            repeats=storm.draw.randrange(1, 50),
            data_lost=storm.chance(0.5),
        )
    )


@blow
def lose_the_link_quietly(storm: Storm) -> None:
    storm.gateway.inject(Outage(link=Link.QUIET, lasts_s=storm.up_to(60)))


@blow
def blip_of_a_farm(storm: Storm) -> None:
    farm = storm.draw.choice([Link.DATA_FARM, Link.HISTORY_FARM, Link.DEFINITION_FARM])
    storm.gateway.inject(Outage(link=farm, lasts_s=storm.up_to(30)))


@blow
def competing_sessions(storm: Storm) -> None:
    for _ in range(storm.draw.randrange(1, 20)):
        storm.gateway.notice(10197, "No market data during competing live session")


@blow
def id_in_use_after_a_crash(storm: Storm) -> None:
    storm.gateway.quirk(Quirk.CLIENT_ID_IN_USE)
    storm.gateway.later(
        storm.up_to(240), lambda: storm.gateway.quirk(Quirk.CLIENT_ID_IN_USE, on=False)
    )
    storm.gateway.cut()


@blow
def move_to_another_port(storm: Storm) -> None:
    """Only whoever is connected and hears can be told: else nobody could ever know."""
    storm.gateway.clear_faults()
    # nothing that is late, slow or at its end may stand in the way of the word
    heard = [
        one._transport is not None and not one._transport.is_closing() and not one._outbox.size
        for one in storm.gateway.connections.values()
    ]
    if storm.rig.state is ConnectionState.READY and heard and all(heard):
        storm.gateway.inject(PortReset())


@blow
def answer_a_list_in_part(storm: Storm) -> None:
    storm.gateway.inject(
        MissingEnd(of=storm.draw.choice(["PositionEnd", "OpenOrderEnd", None]), lasts_s=60.0)
    )
    storm.gateway.cut()


@blow
def crumbs(storm: Storm) -> None:
    storm.gateway.inject(Split(size=storm.draw.randrange(1, 7), lasts_s=storm.up_to(60)))


@blow
def many_words_about_the_link(storm: Storm) -> None:
    """In any order, and at last that it is back: 1102 kept everything, 1101 lost the data."""
    text = "Connectivity between IB and TWS has been"
    for _ in range(storm.draw.randrange(1, 12)):
        if storm.chance(0.5):
            storm.gateway.notice(1100, f"{text} lost.")
        elif storm.chance(0.5):
            storm.gateway.notice(1102, f"{text} restored - data maintained.")
        else:
            _lose_data(storm, f"{text} restored - data lost.")
    if storm.chance(0.5):
        storm.gateway.notice(1102, f"{text} restored - data maintained.")
    else:
        _lose_data(storm, f"{text} restored - data lost.")


def _lose_data(storm: Storm, text: str) -> None:
    storm.gateway.perform([EndStreams(tuple(STREAM_NAMES))])
    storm.gateway.notice(1101, text)


@blow
def blips_of_all_farms(storm: Storm) -> None:
    broken = {2103: 2104, 2105: 2106, 2157: 2158}
    names = {2103: "Market data farm", 2105: "HMDS data farm", 2157: "Sec-def data farm"}
    for _ in range(storm.draw.randrange(1, 8)):
        code = storm.draw.choice(list(broken))
        storm.gateway.notice(code, f"{names[code]} connection is broken:storm")
        storm.gateway.notice(broken[code], f"{names[code]} connection is OK:storm")


@blow
def another_login_takes_the_data(storm: Storm) -> None:
    storm.gateway.inject(
        CompetingSession(lasts_s=storm.up_to(120), copies=storm.draw.randrange(1, 10))
    )


@blow
def end_streams(storm: Storm) -> None:
    of, code = storm.draw.choice([("ReqHistoricalData", 10182), ("ReqRealTimeBars", 10225)])
    storm.gateway.inject(EndOfStreams(of=of, code=code, text="said in a storm"))


@blow
def empty_the_books(storm: Storm) -> None:
    text = "Market depth data has been RESET. Please empty deep book contents."
    storm.gateway.inject(EndOfStreams(of="ReqMarketDepth", code=317, text=text, again=True))


@blow
def say_things_again(storm: Storm) -> None:
    said = [
        "OrderStatus",
        "OpenOrder",
        "ExecDetails",
        "CommissionReport",
        "Position",
        "RealTimeBar",
    ]
    storm.gateway.inject(
        Duplicate(
            reply=storm.draw.choice(said),
            copies=storm.draw.randrange(1, 4),
            lasts_s=storm.up_to(120),
        )
    )


@blow
def say_nonsense(storm: Storm) -> None:
    """In a field that should hold a number, once: the rest of the message cannot be trusted."""
    reply, number = storm.draw.choice(
        [("TickPrice", 4), ("TickSize", 4), ("Position", 14), ("AccountSummary", 5)]
    )
    storm.gateway.inject(Garble(reply=reply, number=number, text="n/a", times=1, lasts_s=60.0))


@blow
def send_bytes_of_no_message(storm: Storm) -> None:
    """A frame with a number that no message has, or a length that cannot be."""
    sent = storm.draw.choice([b"\0\0\0\x0799999\x001\0"[:11], b"\xff\xff\xff\xff\0\0", b"\0\0\0\0"])
    for one in list(storm.gateway.connections.values()):
        if one._transport is not None and not one._transport.is_closing():
            one._transport.write(sent)


@blow
def break_off_in_a_message(storm: Storm) -> None:
    said = ["OrderStatus", "OpenOrder", "ExecDetails", "TickPrice", "Position", "NextValidId"]
    storm.gateway.inject(
        Truncate(
            reply=storm.draw.choice(said), at=storm.draw.randrange(0, 40), lasts_s=300.0, times=1
        )
    )


@blow
def be_late(storm: Storm) -> None:
    storm.gateway.inject(Delay(seconds=storm.up_to(8), lasts_s=storm.up_to(60)))


@blow
def collect_before_sending(storm: Storm) -> None:
    storm.gateway.inject(Merge(seconds=storm.up_to(3), lasts_s=storm.up_to(60)))


@blow
def trickle(storm: Storm) -> None:
    storm.gateway.inject(
        Trickle(bytes_per_s=storm.draw.randrange(200, 20_000), lasts_s=storm.up_to(60))
    )


@blow
def read_slowly(storm: Storm) -> None:
    storm.gateway.inject(
        SlowReader(bytes_per_s=storm.draw.randrange(50, 5_000), lasts_s=storm.up_to(60))
    )


@blow
def write_another_encoding(storm: Storm) -> None:
    storm.gateway.inject(Encode(lasts_s=storm.up_to(120)))
