"""The page that says of every TWS code what it means, what the connector does, and what you do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from ibkr_connector.codes import (
    TABLE,
    CodeKind,
    CodeRow,
    Ends,
    LinkEffect,
    OrderEffect,
    Scope,
    StreamEffect,
    When,
    account_effect,
    farm_effect,
    link_effect,
    pacing_effect,
    session_effect,
    stream_effect,
)

__all__ = ["MEANINGS", "advice", "deed", "meaning", "troubleshooting_page"]

_ORDER_FIELDS: Final = "a field of the order, or two of them together, are not allowed"
_CLIENT: Final = "IB's own client library could not send or read something"
_ADVISOR: Final = "only for the login of an advisor, or only for one that is none"

_SPANS: Final[tuple[tuple[int, int, str], ...]] = (
    (0, 0, "the gateway counts nearly as many messages in a second as it takes"),
    (
        100,
        100,
        "more messages in a second than the gateway takes; after the third time it hangs up",
    ),
    (101, 101, "all market data lines are in use, by TWS's own windows and all programs together"),
    (102, 102, "the number of the request is used by another one"),
    (103, 103, "the order's number was used before"),
    (104, 104, "a change came after the order had been filled"),
    (105, 105, "the change is of another contract, side or kind than the order"),
    (106, 107, "the order cannot be sent on: it is not complete"),
    (109, 109, "the price is further from the market than a precaution of TWS allows"),
    (110, 110, "the price lies between two steps of the contract"),
    (111, 111, "the order's type and its duration do not fit together"),
    (113, 126, _ORDER_FIELDS),
    (129, 129, _ORDER_FIELDS),
    (131, 131, "`sweep_to_fill` is ignored: the exchange or the order does not allow it"),
    (132, 132, _ORDER_FIELDS),
    (133, 133, "the order could not be submitted"),
    (134, 134, "the change could not be submitted"),
    (135, 135, "the gateway knows no order of that number; of a bracket's exit: its entry is gone"),
    (136, 137, "the order cannot be cancelled in the state in which it is"),
    (138, 143, "a number of the request could not be read"),
    (144, 148, "a size, share, trigger or condition of the order could not be read"),
    (151, 153, _ORDER_FIELDS),
    (154, 154, "trading in the contract is halted"),
    (155, 160, _ORDER_FIELDS),
    (161, 161, "a cancellation of an order that is over, or on its way to be"),
    (162, 162, "the service for historical data refused"),
    (
        163,
        164,
        "a precaution of TWS stopped the order: its price is far off, or there is no market",
    ),
    (
        165,
        165,
        "a remark of the service for history and scans; of a scan: nothing fits now",
    ),
    (166, 166, "the contract has expired"),
    (167, 168, _ORDER_FIELDS),
    (200, 200, "no contract fits the description, or several do"),
    (201, 201, "the broker or the exchange refused; the text says why"),
    (202, 202, "the order is cancelled; the text says by whom or why"),
    (203, 203, "this account may not trade the contract"),
    (300, 300, "a stream that is over was cancelled once more"),
    (301, 308, "the request or its number is not understood"),
    (309, 309, "no more order books may be open at one time"),
    (310, 310, "an order book that is not open was cancelled"),
    (311, 315, "a leg of the combination, or the order's origin, is not allowed"),
    (316, 316, "the order book was ended, as when trading in it is halted"),
    (317, 317, "the order book starts again from nothing"),
    (320, 320, "the gateway could not read the request"),
    (
        321,
        321,
        "the gateway read the request and refused it; read-only gateways say this to orders",
    ),
    (322, 322, "the gateway failed at the request, as when too many of a kind are open"),
    (323, 323, "the gateway failed; the text says at what"),
    (324, 324, "the request's number is not understood"),
    (325, 325, _ORDER_FIELDS),
    (326, 326, "another program is connected under this client id"),
    (327, 327, "only client 0 may take over the orders that people place in TWS"),
    (328, 328, "this order may not be a trailing one, or its trail is not understood"),
    (329, 329, "a change may not turn an order into one of another type"),
    (330, 333, _ADVISOR),
    (334, 335, _ORDER_FIELDS),
    (336, 337, "a date or a time is not written as the gateway reads it"),
    (338, 342, _ORDER_FIELDS),
    (343, 343, "a date or a time is not written as the gateway reads it"),
    (344, 346, _ADVISOR),
    (347, 353, _ORDER_FIELDS),
    (354, 354, "no subscription to market data for this contract over the API"),
    (355, 364, _ORDER_FIELDS),
    (365, 365, "a scan that is not open was cancelled"),
    (366, 366, "a request for history that is over was cancelled"),
    (367, 380, _ORDER_FIELDS),
    (382, 383, "the order is larger, or worth more, than a precaution of TWS allows"),
    (385, 386, "the number of the request is used by another one"),
    (387, 387, "this order type is not supported for the contract or the exchange"),
    (388, 388, "the order is smaller than the smallest that the exchange takes"),
    (389, 398, _ORDER_FIELDS),
    (399, 399, "a remark about the order, such as that it waits until the market opens"),
    (400, 403, _ORDER_FIELDS),
    (404, 404, "no shares to borrow yet: the short sale waits until some are found"),
    (405, 412, _ORDER_FIELDS),
    (413, 413, "the question what an order would do was not marked as to be sent"),
    (414, 414, "a snapshot was asked for together with extra ticks"),
    (417, 419, _ORDER_FIELDS),
    (420, 420, "real-time bars were asked for too often, or without a subscription"),
    (421, 429, _ORDER_FIELDS),
    (430, 430, "there are no fundamental data for the contract"),
    (433, 433, _ORDER_FIELDS),
    (434, 434, "the order's size is zero"),
    (435, 436, "the login has several accounts, and the order names none"),
    (437, 438, _ORDER_FIELDS),
    (439, 439, "the algorithm of the order is not understood"),
    (440, 440, _ORDER_FIELDS),
    (441, 443, "the algorithm of the order, or a value of it, is not understood"),
    (444, 449, _ORDER_FIELDS),
    (460, 460, "this account has no permission to trade the contract"),
    (463, 463, _ORDER_FIELDS),
    (481, 481, "the size of the order was reduced"),
    (492, 492, "the scan is less exact than with more subscriptions"),
    (501, 501, "a second connection was opened over the first"),
    (502, 502, "nobody listens at the host and port, or 32 programs are connected already"),
    (503, 503, "the gateway is too old for the request"),
    (504, 504, "there is no connection"),
    (505, 505, "a message came that the client library does not know"),
    (506, 506, "the gateway's version is one that the client library does not speak"),
    (507, 508, "what came was no message: the connection is broken"),
    (510, 584, _CLIENT),
    (585, 585, "advisor's profiles do not exist any more: use groups"),
    (586, 594, _CLIENT),
    (
        1100,
        1100,
        "the gateway's link to IB is lost: the internet, a nightly reset, the same user elsewhere",
    ),
    (1101, 1101, "the link to IB is back, and the gateway has forgotten all subscriptions"),
    (1102, 1102, "the link to IB is back, and the subscriptions go on"),
    (1300, 1300, "the gateway's API port was changed while it ran"),
    (2100, 2100, "another request took the place of the subscription to account data"),
    (2101, 2101, "another program follows a different account: only one may be followed"),
    (2102, 2102, "the order is still being processed, and cannot be changed now"),
    (2103, 2103, "a farm of market data is out of reach"),
    (2104, 2104, "a farm of market data is in reach"),
    (2105, 2105, "a farm of historical data is out of reach"),
    (2106, 2106, "a farm of historical data is in reach"),
    (2107, 2108, "a farm sleeps until somebody asks it"),
    (2109, 2109, "outside regular hours means nothing for this order; it goes on"),
    (2110, 2110, "the gateway has lost its link to IB, and tries by itself"),
    (2119, 2119, "a farm of market data is being connected to"),
    (2137, 2137, "the order would trade against the side on which you are"),
    (
        2148,
        2148,
        "a remark about an order or, when it names margin, a warning that the account's runs out",
    ),
    (2157, 2157, "the farm of contract data is out of reach"),
    (2158, 2158, "the farm of contract data is in reach"),
    (2111, 2169, "a warning whose text nobody has written down; the log has it"),
    (10000, 10005, _ORDER_FIELDS),
    (10006, 10006, "the parent of the order is not known"),
    (10007, 10020, _ORDER_FIELDS),
    (10038, 10038, "Windows says that what was to be read is no socket"),
    (10052, 10058, _ORDER_FIELDS),
    (10089, 10089, "a subscription for the API is missing; delayed data are to be had"),
    (10090, 10091, "part of the market data is not subscribed to; the rest comes"),
    (10092, 10092, "no order book for this contract at this exchange"),
    (10147, 10147, "the order that was to be cancelled is not known"),
    (
        10148,
        10149,
        "the order cannot be cancelled; the text names its state, which may well be filled",
    ),
    (10167, 10167, "no subscription: delayed data come instead"),
    (10168, 10168, "no subscription, and delayed data were not asked for"),
    (
        10182,
        10182,
        "bars that were to be kept current stand still: the connection to the farm was cut",
    ),
    (10186, 10186, "no subscription, and delayed data were not asked for"),
    (10187, 10187, "no permission for historical ticks of this contract"),
    (10189, 10189, "single trades or quotes cannot be followed"),
    (10190, 10190, "no more streams of single trades or quotes may be open at one time"),
    (10197, 10197, "the same user is logged in elsewhere, and has the market data"),
    (10225, 10225, "a trade was taken back: the stream of bars ends and must be opened again"),
    (10230, 10231, "an advisor's groups are being edited, or name accounts that are not there"),
    (10233, 10233, "values of an order preset of TWS were filled in"),
    (10241, 10252, "this order may not have an amount of money or a fraction of a share"),
    (10268, 10270, "an old field of orders is set that IB takes no more"),
    (10276, 10277, "no permission for this source of news"),
    (10278, 10284, "the request for events of companies is not allowed, or another one is open"),
    (10285, 10285, "the gateway sends fractions of shares, which needs a newer version of the API"),
    (10286, 10286, "a number has more decimals than are allowed"),
    (10289, 10294, "orders in crypto currencies: an amount of money is needed, or not allowed"),
    (10295, 10295, "a calendar of sessions is to be had by the day only"),
    (
        10299,
        10299,
        "these bars are made of something else for this contract; the text says of what",
    ),
    (10309, 10309, "the request for events of companies is not allowed, or another one is open"),
    (10311, 10311, "the order goes straight to one exchange, which may cost more"),
    (10314, 10315, "a date or a time is not written as the gateway reads it"),
    (10318, 10318, "the contract is not traded in fractions"),
    (10322, 10322, "accounts that come and go cannot be asked for all at once"),
    (10324, 10327, "a rule of groups of which one order cancels the others"),
    (10328, 10328, "the connection was lost before the order was understood"),
    (10329, 10329, "the order goes straight to one exchange, which may cost more"),
    (10330, 10330, "a date or a time is not written as the gateway reads it"),
    (10331, 10335, "a precaution of TWS has a remark about the order"),
    (10339, 10339, "continuous futures take no end date"),
    (10340, 10345, "an attribute of the order is not supported, or may not be changed"),
    (10346, 10346, "the data of the contract are shown elsewhere, and cannot be had here"),
    (10347, 10347, "a precaution of TWS has a remark about the order"),
    (10349, 10349, "a preset of TWS has set the time in force to DAY"),
)

MEANINGS: Final[Mapping[int, str]] = MappingProxyType(
    {code: text for first, last, text in reversed(_SPANS) for code in range(first, last + 1)}
)
"""What each code means, in our words."""

_CASES: Final[Mapping[When, str]] = MappingProxyType(
    {
        When.NO_DATA: "there are no data for that time",
        When.PACING: "historical data were asked for too often",
        When.CANCELLED: "the request was cancelled, as was wished",
        When.OTHER_ADDRESS: "the same user is logged in from another address, which has the data",
        When.NO_PERMISSION: "no subscription to the historical data of this market",
        When.TOO_SOON: "single trades of one contract were asked for twice within 15 seconds",
    }
)


def meaning(row: CodeRow) -> str:
    """Say what a row is about."""
    return _CASES.get(row.when) or MEANINGS[row.code]


def deed(row: CodeRow) -> str:
    """Say what the connector does, from the same facts that it goes by."""
    return "; ".join(_deeds(row))


def _deeds(row: CodeRow) -> Iterator[str]:
    by_effect = (*_by_state(row), *_by_order(row))
    yield from by_effect
    if row.error is not None and not (row.order is not OrderEffect.NONE and by_effect):
        sure = "may end" if row.ends is Ends.DEPENDS else "ends"
        if row.ends is Ends.NO:
            yield f"is known as `{row.error.__name__}`, and ends no request"
        else:
            yield f"{sure} the call or stream with `{row.error.__name__}`"
            if row.kind is CodeKind.TRANSIENT:
                yield "reads are repeated by themselves"
    elif not by_effect:
        yield "writes it to the log, and goes on"


def _by_state(row: CodeRow) -> Iterator[str]:
    if (link := link_effect(row.code)) is not None:
        yield {
            LinkEffect.DOWN: "is `DEGRADED`: new orders are refused or held, streams tell a `Gap`",
            LinkEffect.DOWN_QUIETLY: "as with 1100, until the farms are back",
            LinkEffect.DATA_LOST: "opens every stream anew, and asks for fills that were missed",
            LinkEffect.DATA_KEPT: "keeps the streams, and asks for fills that were missed",
        }[link]
    if (farm := farm_effect(row.code)) is not None:
        yield f"the status shows the farm as `{farm.value}`"
    if session_effect(row.code) is not None and row.code == 1300:
        yield "connects again at the port that the text names"
    elif session_effect(row.code) is not None:
        yield "the status and an alert say so; streams tell a `Gap`"
    stream = stream_effect(row.code)
    if stream is StreamEffect.RENEW:
        yield "opens the stream again"
    elif stream is StreamEffect.RESET:
        yield "empties the book and goes on"
    elif stream is StreamEffect.EMPTY:
        yield "an open scan tells an empty list and goes on"
    elif stream is StreamEffect.NO_LINE:
        yield "counts fewer lines from then on"
    if account_effect(row.code, "margin") is not None:
        yield "raises the alert about margin when the text names it"
    if pacing_effect(row.code, row.when.value) is not None:
        yield "sends more slowly for a while, and counts it in `pacing_status()`"


def _by_order(row: CodeRow) -> Iterator[str]:
    error = "" if row.error is None else f"`{row.error.__name__}`"
    if row.order is OrderEffect.DEAD:
        yield f"a new order ends as rejected, with {error}; nothing is repeated"
    elif row.order is OrderEffect.VERDICT:
        yield f"the change or cancellation fails with {error or 'an error'}; the order is as it was"
    elif row.order is OrderEffect.HINT:
        yield "nothing is concluded from it: the broker is asked what became of the order"
        if error:
            yield f"the call fails with {error} once the broker confirms"
    elif row.order is OrderEffect.WARNING:
        yield "the order goes on; its report and history keep the text"


_ADVICE: Final[Mapping[CodeKind, str]] = MappingProxyType(
    {
        CodeKind.INFO: "nothing",
        CodeKind.WARNING: "nothing, unless the text says so",
        CodeKind.CONNECTION: "nothing: it comes back by itself; if it lasts, `ibkr doctor`",
        CodeKind.TRANSIENT: "wait a little, and ask again if it was your call that failed",
        CodeKind.REQUEST: "correct what the text names; repeated unchanged it fails again",
        CodeKind.REJECT: "read the text, and change the order before you place it again",
        CodeKind.ORDER_WARNING: "look whether the order is what you meant",
        CodeKind.VERDICT: "look at the order first: `get_order_status`, or `ibkr orders --history`",
        CodeKind.PACING: "nothing: it keeps to the limits by itself. If it repeats, another "
        "program shares the login",
        CodeKind.PERMISSION: "subscribe to it or have it permitted in Client Portal",
        CodeKind.CLIENT: "it is not heard through this connector, which has errors of its own; "
        "seen in another program: look whether it is connected",
    }
)

_BETTER: Final[Mapping[int, str]] = MappingProxyType(
    {
        200: "name exchange, currency or expiry; `ibkr instruments resolve` shows which",
        201: "read the reason (margin, permission, price); do not repeat it unchanged",
        202: "read the reason, if it was not you who cancelled",
        326: "choose another `client_id`, or stop the other program",
        404: "wait, or cancel it: `extras=['shortable']` shows what can be borrowed",
        430: "use another source: IB has ended these data",
        435: "set `account_id`, or name the account in the order",
        436: "set `account_id`, or name the account in the order",
        502: "start the gateway and log in; compare the port; `ibkr doctor` looks for it",
        503: "update TWS or IB Gateway",
        506: "update TWS or IB Gateway",
        1101: "nothing; look at the `Gap` of each stream if you compute from every tick",
        1102: "nothing",
        1300: "set the new port in your configuration before the next start",
        2110: "nothing: it comes back by itself",
        2148: "look at the account's margin: reduce, or pay in",
        10197: "log out there, or use a second user name for the API",
    }
)


def advice(row: CodeRow) -> str:
    """Say what the reader of a log does."""
    if row.kind is CodeKind.PACING:
        return _ADVICE[row.kind]
    return _BETTER.get(row.code) or row.hint or _ADVICE[row.kind]


_GROUPS: Final[tuple[tuple[str, range], ...]] = (
    ("0 to 199: orders and requests", range(200)),
    ("200 to 299: contracts and verdicts on orders", range(200, 300)),
    ("300 to 499: the gateway checks a request", range(300, 500)),
    ("500 to 599: the client library", range(500, 600)),
    ("1100 to 1300: the link to IB", range(1000, 2000)),
    ("2100 to 2169: farms and warnings", range(2000, 10000)),
    ("10000 and above: newer checks", range(10000, 100000)),
)


def troubleshooting_page() -> str:
    """Return the page."""
    lines = [
        "# What a TWS code means, and what to do",
        "",
        "For whoever has a number in a log, in TWS or in an error's `code`. Every code that the",
        "connector knows is here, with all that have one meaning in one line; [TWS",
        "codes](codes.md) has the same as facts with their sources, [Read an",
        "error](../troubleshooting.md) begins with the class of the error. A code that is not",
        "listed is kept with its text: from 2100 to 2199 as a warning, about an order as a remark",
        "after which the broker is asked, about a request as its end.",
        "",
        "Codes never decide about an order alone: see [what is guaranteed](../guarantees.md).",
    ]
    for title, codes in _GROUPS:
        lines += [
            "",
            f"## {title}",
            "",
            "| code | about | it means | the connector | you |",
            "| --- | --- | --- | --- | --- |",
        ]
        told: dict[tuple[str, ...], list[str]] = {}
        for row in sorted(TABLE, key=lambda row: (row.code, row.when)):
            if row.code in codes:
                told.setdefault(_cells(row), []).append(str(row.code))
        lines += [
            f"| {', '.join(dict.fromkeys(numbers))} | {' | '.join(cells)} |"
            for cells, numbers in told.items()
        ]
    return "\n".join(lines) + "\n"


def _cells(row: CodeRow) -> tuple[str, ...]:
    about = "any" if row.scopes == frozenset(Scope) else ", ".join(sorted(row.scopes))
    return (about, meaning(row), deed(row), advice(row))
