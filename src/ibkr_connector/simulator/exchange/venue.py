"""
The venue: a market with accounts, behind one `execute` and one `advance`.

State changes only there, at the moment that is passed in, and what changed is returned. Queries
change nothing. How orders get to the market is in `intake`, what becomes of them in `trading`,
prices are in `market`, money is in `clearing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from .clearing import Clearing
from .combos import Combos
from .commands import (
    AccountChanged,
    AssignOwner,
    BustExecution,
    CancelAll,
    CancelOrder,
    Command,
    CorrectExecution,
    Event,
    Executed,
    ExerciseOption,
    Halt,
    HaltChanged,
    ModifyOrder,
    OrderRefused,
    PlaceOrder,
    PositionChanged,
    ReleaseQuote,
    SetQuote,
)
from .credit import Credit
from .exercise import exercise, exercise_refusal, intrinsic
from .figures import Figures
from .filling import Filling
from .history import HistoricalBar
from .hours import AlwaysOpen, Hours
from .instruments import Catalogue, Instrument
from .intake import Intake
from .ledger import Ledger
from .market import Market
from .models import (
    FeeModel,
    FillModel,
    InteractiveBrokersFees,
    LatencyModel,
    NoLatency,
    NoSlippage,
    PlainFill,
    SlippageModel,
)
from .records import Commission, Condition, Execution, Leg, Quote, VenueOrder, change_order
from .register import Register
from .tape import Tape
from .trading import Trading
from .validation import Refusal

__all__ = ["Venue"]

_NOTHING: Final = Decimal(0)
_DAY_ZONE: Final = ZoneInfo("US/Eastern")
"""Whose midnight ends the day of the accounts."""


class Venue:
    """
    A market with accounts.

    Args:
        catalogue: What is listed.
        tape: Where prices come from.
        accounts: Account ids, each with its cash in USD or by currency.
        fees: What executions cost.
        fills: How much of what stands there an order gets.
        slippage: How much worse than shown orders at the market trade.
        latency: How long messages need to the market.
        hours: When orders trade; always, when not given.
        session: Number of this run, part of execution ids, so that two runs never share one.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        tape: Tape,
        accounts: Mapping[str, Decimal | Mapping[str, Decimal]],
        fees: FeeModel | None = None,
        fills: FillModel | None = None,
        slippage: SlippageModel | None = None,
        latency: LatencyModel | None = None,
        hours: Hours | None = None,
        session: int = 1,
    ) -> None:
        self.catalogue = catalogue
        self.tape = tape
        self.market = Market(catalogue=catalogue, tape=tape)
        self.clearing = Clearing(
            {name: _by_currency(cash) for name, cash in accounts.items()},
            market=self.market,
            fees=fees or InteractiveBrokersFees(),
            session=session,
        )
        self.hours = hours or AlwaysOpen()
        self._register = Register()
        self._combos = Combos()
        self._trading = Trading(
            register=self._register,
            market=self.market,
            clearing=self.clearing,
            hours=self.hours,
            fills=fills or PlainFill(),
            filling=Filling(
                register=self._register,
                market=self.market,
                clearing=self.clearing,
                slippage=slippage or NoSlippage(),
            ),
            knowledge=self,
        )
        self._credit = Credit(market=self.market, clearing=self.clearing)
        self._intake = Intake(
            register=self._register,
            market=self.market,
            clearing=self.clearing,
            credit=self._credit,
            trading=self._trading,
            hours=self.hours,
            latency=latency or NoLatency(),
        )
        self._day: date | None = None

    def number_orders_from(self, perm_id: int) -> None:
        """Give permanent ids from this one on; IB gives none twice, whichever run of TWS it is."""
        self._register.number_from(perm_id)

    # --- commands -------------------------------------------------------------------------------

    def execute(self, command: Command, now: datetime) -> tuple[Event, ...]:
        """Do what is asked, and return everything that followed from it at once."""
        return tuple(self._execute(command, now))

    def advance(self, now: datetime) -> tuple[Event, ...]:
        """Let the market be what it is at a moment: messages arrive, working orders meet it."""
        return tuple(self._advance(now))

    def _execute(self, command: Command, now: datetime) -> Iterator[Event]:
        self._turn_day(now)
        match command:
            case PlaceOrder():
                yield from self._intake.place(command, now)
            case ModifyOrder():
                yield from self._intake.modify(command, now)
            case CancelOrder():
                yield from self._intake.cancel(command, now)
            case AssignOwner(perm_id=perm_id, owner=owner):
                self._register.keep(change_order(self._register[perm_id], owner=owner))
            case CancelAll():
                for perm_id in self._register.book.ids():
                    if self._register.open_of(perm_id) is not None:
                        yield from self._intake.cancel(CancelOrder(perm_id=perm_id), now)
            case CorrectExecution() | BustExecution():
                yield from self._revise(command)
            case ExerciseOption():
                yield from self._exercise(command, now)
            case _:
                yield from self._set_market(command, now)

    def _turn_day(self, now: datetime) -> None:
        day = now.astimezone(_DAY_ZONE).date()
        if day != self._day:
            self._day = day
            self.clearing.start_day(now)

    def _set_market(
        self, command: SetQuote | ReleaseQuote | Halt, now: datetime
    ) -> Iterator[Event]:
        instrument = self.instrument(command.con_id)
        match command:
            case SetQuote():
                self.market.hold(command)
                self.clearing.prices_were_set()
            case ReleaseQuote():
                self.market.release(command.con_id)
            case Halt():
                self.market.halt(command.con_id, halted=command.halted)
                yield HaltChanged(instrument=instrument, is_halted=command.halted)
        yield from self._trading.match(instrument, now)

    def _advance(self, now: datetime) -> Iterator[Event]:
        self._turn_day(now)
        yield from self._intake.arrivals(now)
        yield from self._trading.advance(now)

    # --- queries --------------------------------------------------------------------------------

    @property
    def ledgers(self) -> Mapping[str, Ledger]:
        """The books of each account."""
        return self.clearing.ledgers

    def instrument(self, con_id: int) -> Instrument:
        """Return a listed instrument."""
        return self.market.instrument(con_id)

    def combo(self, symbol: str, legs: tuple[Leg, ...]) -> Instrument:
        """Return the combo of these legs, with a market made of theirs."""
        found = self._combos.of(symbol, legs)
        self.market.list_combo(found, legs)
        return found

    def order(self, perm_id: int) -> VenueOrder:
        """Return an order, open or closed."""
        return self._register[perm_id]

    def open_orders(self) -> tuple[VenueOrder, ...]:
        """Return all open orders, oldest first; those that were not transmitted are among them."""
        return self._register.book.orders()

    def closed_orders(self) -> tuple[VenueOrder, ...]:
        """Return all orders that are closed, oldest first."""
        return self._register.closed()

    def executions(self) -> tuple[tuple[Execution, Commission], ...]:
        """Return all executions with their commissions, oldest first."""
        return self.clearing.executions()

    def told_executions(self) -> tuple[tuple[Execution, Commission], ...]:
        """Return them as clients are told: those of divided orders as a whole, too."""
        return self.clearing.told()

    def quote(self, instrument: Instrument, now: datetime) -> Quote:
        """Return the market of an instrument at a moment, with what clients' orders show."""
        return self._register.book.shown(instrument.con_id, self.market.quote(instrument, now))

    def halted(self, instrument: Instrument, now: datetime) -> int:
        """Return IB's number of a halt: 0 for none, 1 for a general one."""
        return 1 if self.market.is_halted(instrument.con_id) else 0

    def mark(self, instrument: Instrument, now: datetime) -> Decimal:
        """Return the price at which a holding is valued: the middle of the market."""
        return self.market.mark(instrument, now)

    def rate(self, currency: str, now: datetime) -> Decimal:
        """Return how many US dollars one unit of a currency is."""
        return self.market.rate(currency, now)

    def figures(self, account: str, now: datetime) -> Figures:
        """Value an account at the prices of a moment."""
        return self.clearing.figures(account, now)

    def bars(
        self,
        instrument: Instrument,
        *,
        start: datetime,
        end: datetime,
        bar_size: str,
        what_to_show: str,
    ) -> Sequence[HistoricalBar]:
        """Return bars of the past, oldest first."""
        return self.market.bars(
            instrument, start=start, end=end, bar_size=bar_size, what_to_show=what_to_show
        )

    def margin_after(self, command: PlaceOrder, now: datetime) -> tuple[Figures, Figures]:
        """Return the figures of the account before an order and as if it were filled now."""
        return self._credit.margin_after(command, now)

    def cost_of(self, command: PlaceOrder, now: datetime) -> Decimal:
        """Return the commission of an order if it is filled at once, in its currency."""
        return self._credit.cost_of(command, now)

    def refusal(self, command: PlaceOrder) -> Refusal | None:
        """Return the code and text with which an order would be refused; `None` if it would not."""
        return self._intake.refusal(command)

    # --- what conditions ask about --------------------------------------------------------------

    def condition_quote(self, con_id: int, now: datetime) -> Quote | None:
        """Return the market of an instrument; `None` when it is not listed."""
        found = self.catalogue.get(con_id)
        return self.market.quote(found, now) if found is not None else None

    def cushion(self, account: str, now: datetime) -> Decimal:
        """Return the share of an account's equity above its maintenance margin, in percent."""
        worth = self.figures(account, now)
        if worth.net_liquidation <= 0:
            return _NOTHING
        return worth.excess_liquidity / worth.net_liquidation * 100

    def has_traded(self, account: str, condition: Condition, since: datetime) -> bool:
        """Tell whether an account has had an execution in a symbol since a moment."""
        return any(
            execution.order.account == account
            and execution.time >= since
            and execution.instrument.symbol == condition.symbol
            and condition.sec_type in ("", execution.instrument.sec_type)
            for execution, _ in self.executions()
        )

    # --- after the fact -------------------------------------------------------------------------

    def _revise(self, command: CorrectExecution | BustExecution) -> Iterator[Event]:
        price: Decimal | None = None
        quantity: Decimal | None = _NOTHING
        if isinstance(command, CorrectExecution):
            price, quantity = command.price, command.quantity
        revised = self.clearing.revise(command.exec_id, price=price, quantity=quantity)
        if revised is None:
            raise KeyError(f"there is no execution {command.exec_id}")
        execution, commission = revised
        block = self.clearing.revise_block(execution.exec_id)
        if block is not None:
            yield Executed(execution=block[0], commission=block[1])
        yield Executed(execution=execution, commission=commission)
        yield PositionChanged(account=execution.account, instrument=execution.instrument)
        yield AccountChanged(account=execution.account)

    def _exercise(self, command: ExerciseOption, now: datetime) -> Iterator[Event]:
        option = command.instrument
        held = self.ledgers[command.account].holdings.get(option.con_id)
        worth = _NOTHING
        if option.under_con_id:
            underlying = self.instrument(option.under_con_id)
            worth = intrinsic(option, underlying, self.market, now=now)
        refusal = exercise_refusal(command, held.quantity if held else _NOTHING, worth)
        if refusal is not None:
            yield OrderRefused(owner=command.owner, code=refusal[0], text=refusal[1])
            return
        yield from exercise(
            command, register=self._register, clearing=self.clearing, market=self.market, now=now
        )


def _by_currency(cash: Decimal | Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {"USD": cash} if isinstance(cash, Decimal) else dict(cash)
