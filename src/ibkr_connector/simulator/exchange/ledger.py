"""
Money and positions of one account, to the cent.

Owns: cash by currency, positions with what they cost, what was realised and paid today. It knows
no prices: whoever asks for a value brings them. A future, or a contract for difference, moves no
money until it is closed, then its whole gain at once: IB settles the day's gain of futures each
evening (*limit*). Dividends, interest and fees of holding are not simulated (*limit*).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from .figures import Figures, Mark, Rate, valued
from .holdings import Booking, Holding, cents
from .instruments import Instrument
from .margins import MarginModel, Margins, Under, Working, is_paid_for

__all__ = ["Booking", "Figures", "Holding", "Ledger"]

_NOTHING: Final = Decimal(0)

_Moves = tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One booking of the day: what it was, what was held before, and what money it moved."""

    booking: Booking
    before: Holding | None
    moves: _Moves


@dataclass(slots=True)
class Ledger:
    """
    The books of one account.

    Args:
        account: Its id.
        base: The currency in which its figures are.
        cash: Money by currency.
        margins: What positions bind.
        previous_equity: Equity with loan value when the day began; `None` on the first day.
    """

    account: str
    base: str = "USD"
    cash: dict[str, Decimal] = field(default_factory=dict)
    holdings: dict[int, Holding] = field(default_factory=dict)
    commissions: Decimal = Decimal(0)
    margins: MarginModel = field(default_factory=Margins)
    previous_equity: Decimal | None = None
    _journal: dict[int, list[_Entry]] = field(default_factory=dict)

    # --- executions -----------------------------------------------------------------------------

    def book(
        self, instrument: Instrument, signed: Decimal, *, price: Decimal, commission: Decimal
    ) -> Decimal | None:
        """
        Book one execution; `signed` is negative for a sale.

        Returns:
            What it realised, commission included, in the instrument's currency; `None` when it
            closed nothing.
        """
        return self._book(
            instrument, Booking(signed=signed, price=price, commission=commission), premium=None
        )

    def undo(
        self, instrument: Instrument, signed: Decimal, *, price: Decimal, commission: Decimal
    ) -> None:
        """
        Make the books what they were without a booking of this day (a busted execution).

        Later bookings of the instrument are booked again, as if that one had never been.

        Raises:
            KeyError: There was none today; the books of earlier days are closed (*limit*).
        """
        self._again(
            instrument, Booking(signed=signed, price=price, commission=commission), instead=None
        )

    def correct(self, instrument: Instrument, old: Booking, new: Booking) -> Decimal | None:
        """
        Book an execution of this day anew, in its place in time.

        Returns:
            What it realises now, as `book` does.

        Raises:
            KeyError: There was none like `old` today.
        """
        return self._again(instrument, old, instead=new)

    def exercise(
        self,
        option: Instrument,
        contracts: Decimal,
        *,
        underlying: Instrument,
        commission: Decimal = _NOTHING,
    ) -> Decimal | None:
        """
        Turn an option into what it is on, at its strike.

        What the option cost becomes part of what the underlying costs, so that the option itself
        realises nothing. Settled in cash, or expired without worth, it is booked like any
        execution, at its inner value or at 0. Bookings of both instruments up to now cannot be
        undone afterwards (*limit*).

        Args:
            option: What is exercised.
            contracts: How many of the position, with its sign: negative ones are assigned.
            underlying: What is delivered.
            commission: What it costs, in the underlying's currency.

        Returns:
            What the delivery realised when it closed a position in the underlying, else `None`.

        Raises:
            ValueError: Fewer are held.
        """
        held = self.holdings.get(option.con_id)
        quantity = held.quantity if held is not None else _NOTHING
        if held is None or contracts * quantity <= 0 or abs(contracts) > abs(quantity):
            raise ValueError(f"cannot exercise {contracts} of {quantity} {option.local_symbol}")
        share = held.cost if contracts == quantity else cents(held.cost * contracts / quantity)
        fees = held.fees if contracts == quantity else cents(held.fees * contracts / quantity)
        self.holdings[option.con_id] = replace(
            held,
            quantity=quantity - contracts,
            basis=held.basis - (share - fees),
            fees=held.fees - fees,
        )
        # an option on a future delivers one, an option on a share a hundred
        signed = contracts * option.size / underlying.size * (-1 if option.right == "P" else 1)
        strike = option.strike or _NOTHING
        realized = self._book(
            underlying, Booking(signed=signed, price=strike, commission=commission), premium=share
        )
        self._journal.pop(option.con_id, None)
        self._journal.pop(underlying.con_id, None)
        return realized

    def _book(
        self, instrument: Instrument, booking: Booking, *, premium: Decimal | None
    ) -> Decimal | None:
        con_id, signed = instrument.con_id, booking.signed
        before = self.holdings.get(con_id)
        value, is_paid = cents(signed * booking.price * instrument.size), is_paid_for(instrument)
        rolled = premium or _NOTHING
        holding, realized, gross = (before or Holding(instrument)).traded(
            signed,
            value=value + (rolled if is_paid else _NOTHING),
            commission=booking.commission + (_NOTHING if is_paid else rolled),
        )
        # the premium was paid when the option was bought
        self.holdings[con_id] = replace(holding, flow=holding.flow + rolled) if rolled else holding
        # what is not paid for moves its gain when it is closed; commissions are taken as they come
        moves: _Moves = (
            (instrument.currency, (-value if is_paid else gross) - booking.commission),
        )
        if instrument.sec_type == "CASH":
            moves = ((instrument.symbol, cents(signed)), *moves)
        for currency, amount in moves:
            self.cash[currency] = self.cash.get(currency, _NOTHING) + amount
        self.commissions += booking.commission
        entry = _Entry(booking=booking, before=before, moves=moves)
        self._journal.setdefault(con_id, []).append(entry)
        return realized

    def _again(
        self, instrument: Instrument, old: Booking, *, instead: Booking | None
    ) -> Decimal | None:
        con_id = instrument.con_id
        entries = self._journal.get(con_id, [])
        # the latest of its kind: two bookings that are alike are as good as each other
        place = next(
            (n for n in range(len(entries) - 1, -1, -1) if entries[n].booking == old), None
        )
        if place is None:
            raise KeyError(f"no such booking of con id {con_id} today")
        gone, self._journal[con_id] = entries[place:], entries[:place]
        for entry in gone:
            self.commissions -= entry.booking.commission
            for currency, amount in entry.moves:
                self.cash[currency] -= amount
        if gone[0].before is None:
            del self.holdings[con_id]
        else:
            self.holdings[con_id] = gone[0].before
        realized = self._book(instrument, instead, premium=None) if instead is not None else None
        for entry in gone[1:]:
            self._book(instrument, entry.booking, premium=None)
        return realized

    # --- time -----------------------------------------------------------------------------------

    def start_day(self, mark: Mark, rate: Rate | None = None) -> None:
        """
        Begin the account's day: nothing is realised yet, and the day's gain is counted from here.

        What was closed yesterday is forgotten, and so is what could be undone. With rates, the
        equity of this moment becomes the previous day's.
        """
        if rate is not None:
            self.previous_equity = self.figures(mark, rate).equity_with_loan
        self._journal.clear()
        self.holdings = {
            con_id: replace(
                held,
                realized=_NOTHING,
                flow=_NOTHING,
                start_value=held.quantity * mark(held.instrument) * held.instrument.size,
            )
            for con_id, held in self.holdings.items()
            if held.quantity
        }

    # --- worth ----------------------------------------------------------------------------------

    def trial(self) -> Ledger:
        """Return a copy to try executions on; it shares nothing that changes."""
        return Ledger(
            account=self.account,
            base=self.base,
            cash=dict(self.cash),
            holdings=dict(self.holdings),
            commissions=self.commissions,
            margins=self.margins,
        )

    def figures(
        self,
        mark: Mark,
        rate: Rate,
        *,
        under: Under | None = None,
        working: Iterable[Working] = (),
    ) -> Figures:
        """
        Value everything at these prices and rates, each figure to the cent.

        Args:
            mark: The price of an instrument.
            rate: What a currency is worth in some common one; it is divided by the base's.
            under: The price of what an option is on; its strike is taken where this is not given
                or says nothing.
            working: What is left of open orders: their margin counts as bound.
        """
        return valued(
            self.cash,
            self.holdings.values(),
            base=self.base,
            margins=self.margins,
            mark=mark,
            rate=rate,
            under=under,
            working=working,
        )
