"""
Who owes whom: executions, what they cost, and the accounts that they are booked in.

Owns: ledgers, executions with their revisions, execution ids. It decides no trade.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from .advisor import allocate
from .fees import Charged, FeeModel
from .figures import Figures
from .holdings import Booking
from .instruments import Instrument
from .ledger import Ledger
from .margins import bound
from .market import Market
from .pricing import type_of
from .records import Commission, Execution, Quote, Terms, VenueOrder

__all__ = ["Clearing", "bounding_price", "legs_of"]

_NOTHING: Final = Decimal(0)
_EXEC_PREFIX: Final = 0xE0D5


@dataclass(slots=True)
class _Bound:
    """What an open order would bind of its account if it were filled."""

    account: str
    amount: Decimal


class Clearing:
    """
    The accounts of the venue.

    Args:
        accounts: Account ids, each with its cash by currency.
        market: Prices and rates.
        fees: What executions cost.
        session: Number of this run, part of execution ids.
    """

    def __init__(
        self,
        accounts: dict[str, dict[str, Decimal]],
        *,
        market: Market,
        fees: FeeModel,
        session: int,
    ) -> None:
        self.ledgers = {
            name: Ledger(account=name, cash=dict(cash)) for name, cash in accounts.items()
        }
        self._market = market
        self._fees = fees
        self._session = session
        self._executions: dict[str, tuple[Execution, Commission]] = {}
        self._blocks: dict[str, tuple[Execution, Commission]] = {}
        self._block_of: dict[str, str] = {}
        self._charged: dict[tuple[int, int, str], Charged] = {}
        self._allocated: dict[tuple[int, int], dict[str, Decimal]] = {}
        self._credits: dict[str, tuple[int, Decimal]] = {}
        self._bound: dict[int, _Bound] = {}
        self._bound_by_account: dict[str, Decimal] = {}
        self._numbers = 0

    # --- executions -----------------------------------------------------------------------------

    def executions(self) -> tuple[tuple[Execution, Commission], ...]:
        """Return every execution as it stands, its last revision alone, oldest first."""
        return tuple(self._executions.values())

    def told(self) -> tuple[tuple[Execution, Commission], ...]:
        """Return every execution that clients are told of: blocks too, each before its parts."""
        said: dict[str, tuple[Execution, Commission]] = {}
        for head, booked in self._executions.items():
            block = self._block_of.get(head)
            if block is not None:
                said.setdefault(block, self._blocks[block])
            said[head] = booked
        return tuple(said.values())

    def execution(self, exec_id: str) -> tuple[Execution, Commission] | None:
        """Return an execution by its id, whichever revision of it is asked for."""
        return self._executions.get(_base(exec_id))

    def book(
        self,
        order: VenueOrder,
        *,
        instrument: Instrument,
        is_buy: bool,
        quantity: Decimal,
        price: Decimal,
        liquidity: int,
        now: datetime,
    ) -> list[tuple[Execution, Commission]]:
        """
        Book what was traded: one execution, or one for each account that an advisor divides it to.

        A combo's own execution is not booked: it is told, and its legs are booked. So is that of
        a divided order in the advisor's account, which comes before its parts (IB's guide to its
        API, executions and commissions; Lean's brokerage, `HandleExecutionDetails`).
        """
        booked = []
        block = None if order.allocation is None else self._new_head()
        for account, part in self._parts(order, instrument, quantity).items():
            head = self._new_head()
            execution = Execution(
                exec_id=f"{head}.01",
                order=order,
                account=account,
                instrument=instrument,
                is_buy=is_buy,
                time=now,
                exchange=instrument.venue,
                quantity=part,
                price=price,
                liquidity=liquidity,
                is_leg=instrument.con_id != order.instrument.con_id,
            )
            commission = self._settle(execution)
            self._executions[head] = (execution, commission)
            booked.append((execution, commission))
            if block is not None:
                self._block_of[head] = block
        if block is None or not booked:
            return booked
        return [self._block(block, booked, quantity), *booked]

    def _new_head(self) -> str:
        self._numbers += 1
        # IB's form: four groups of hex digits, the last being the revision
        return f"{_EXEC_PREFIX:08x}.{self._session & 0xFFFFFFFF:08x}.{self._numbers:02d}"

    def _block(
        self, head: str, parts: list[tuple[Execution, Commission]], quantity: Decimal
    ) -> tuple[Execution, Commission]:
        """Return the execution of a divided order as a whole; it costs what its parts cost."""
        one, cost = parts[0]
        execution = replace(
            one, exec_id=f"{head}.01", account=one.order.account, quantity=quantity, is_block=True
        )
        gains = [paid.realized_pnl for _, paid in parts if paid.realized_pnl is not None]
        commission = Commission(
            exec_id=execution.exec_id,
            amount=sum((paid.amount for _, paid in parts), _NOTHING),
            currency=cost.currency,
            realized_pnl=sum(gains, _NOTHING) if gains else None,
        )
        self._blocks[head] = (execution, commission)
        return execution, commission

    def _parts(
        self, order: VenueOrder, instrument: Instrument, quantity: Decimal
    ) -> Mapping[str, Decimal]:
        allocation = order.allocation
        if allocation is None:
            return {order.account: quantity}
        had = self._allocated.setdefault((order.perm_id, instrument.con_id), {})
        parts = allocate(
            quantity, allocation.shares, allocation.method, step=instrument.min_size, before=had
        )
        for account, part in parts.items():
            had[account] = had.get(account, _NOTHING) + part
        return parts

    def _settle(self, execution: Execution) -> Commission:
        instrument, order = execution.instrument, execution.order
        if instrument.sec_type == "BAG":
            return _free(execution)
        # IB takes its minimum from each account that gets a part
        key = (order.perm_id, instrument.con_id, execution.account)
        before = self._charged.get(key, Charged())
        amount = self._fees.commission(
            instrument, execution.quantity, execution.price, before=before
        )
        self._charged[key] = before.and_then(
            instrument, execution.quantity, price=execution.price, commission=amount
        )
        realized = self.ledgers[execution.account].book(
            instrument, _signed(execution), price=execution.price, commission=amount
        )
        self._credits.pop(execution.account, None)
        return Commission(
            exec_id=execution.exec_id,
            amount=amount,
            currency=instrument.currency,
            realized_pnl=realized,
        )

    def revise(
        self, exec_id: str, *, price: Decimal | None, quantity: Decimal | None
    ) -> tuple[Execution, Commission] | None:
        """
        Book an execution anew, as it should have been; a quantity of 0 busts it.

        Returns:
            Its next revision; `None` when there is no such execution.

        Raises:
            KeyError: It is of an earlier day, whose books are closed.
        """
        known = self.execution(exec_id)
        if known is None:
            return None
        old, paid = known
        ledger, instrument = self.ledgers[old.account], old.instrument
        head, revision = old.exec_id.rsplit(".", 1)
        new = replace(
            old,
            exec_id=f"{head}.{int(revision) + 1:02d}",
            price=old.price if price is None else price,
            quantity=old.quantity if quantity is None else quantity,
        )
        if new.quantity:
            realized = ledger.correct(instrument, _booking(old, paid), _booking(new, paid))
            commission = replace(paid, exec_id=new.exec_id, realized_pnl=realized)
        else:
            ledger.undo(instrument, _signed(old), price=old.price, commission=paid.amount)
            commission = _free(new)
        self._credits.pop(old.account, None)
        self._executions[head] = (new, commission)
        return new, commission

    def revise_block(self, exec_id: str) -> tuple[Execution, Commission] | None:
        """Book anew what a divided order traded as a whole, after one of its parts was revised."""
        head = self._block_of.get(_base(exec_id))
        if head is None:
            return None
        old, _ = self._blocks[head]
        number = int(old.exec_id.rsplit(".", 1)[1]) + 1
        of_it = [one for key, one in self._executions.items() if self._block_of.get(key) == head]
        quantity = sum((execution.quantity for execution, _ in of_it), _NOTHING)
        value = sum((execution.quantity * execution.price for execution, _ in of_it), _NOTHING)
        made = self._block(head, of_it, quantity)
        price = value / quantity if quantity else old.price
        new = replace(made[0], exec_id=f"{head}.{number:02d}", price=price)
        self._blocks[head] = (new, replace(made[1], exec_id=new.exec_id))
        return self._blocks[head]

    def exercise(self, account: str, option: Instrument, contracts: Decimal) -> None:
        """Turn options that are held into what they are on."""
        underlying = self._market.instrument(option.under_con_id)
        self.ledgers[account].exercise(option, contracts, underlying=underlying)
        self._credits.pop(account, None)

    def start_day(self, now: datetime) -> None:
        """Begin a new day in all books."""
        for ledger in self.ledgers.values():
            ledger.start_day(
                lambda instrument: self._market.mark(instrument, now),
                lambda name: self._market.rate(name, now),
            )

    def cost(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
        """Return the commission of a whole order that is filled at a price."""
        return self._fees.commission(instrument, quantity, price)

    # --- figures --------------------------------------------------------------------------------

    def figures(self, account: str, now: datetime) -> Figures:
        """Value an account at the prices of a moment."""
        return self._valued(self.ledgers[account], now)

    def _valued(self, ledger: Ledger, now: datetime) -> Figures:
        market = self._market
        return ledger.figures(
            lambda instrument: market.mark(instrument, now),
            lambda name: market.rate(name, now),
            under=lambda option: self._under(option, now),
        )

    def _under(self, option: Instrument, now: datetime) -> Decimal | None:
        if not option.under_con_id or self._market.catalogue.get(option.under_con_id) is None:
            return None
        return self._market.mark(self._market.instrument(option.under_con_id), now)

    def margin_after(
        self,
        account: str,
        trades: Iterable[tuple[Instrument, Decimal, Decimal]],
        now: datetime,
    ) -> tuple[Figures, Figures]:
        """
        Return the figures of an account before some trades, and as if they had happened.

        Args:
            account: Whose figures.
            trades: Instrument, signed quantity and price of each.
            now: The moment whose prices are used.
        """
        ledger = self.ledgers[account]
        before = self._valued(ledger, now)
        trial = ledger.trial()
        for instrument, signed, price in trades:
            trial.book(instrument, signed, price=price, commission=_NOTHING)
        return before, self._valued(trial, now)

    # --- what open orders bind ------------------------------------------------------------------

    def needs(
        self, account: str, trades: Iterable[tuple[Instrument, Decimal, Decimal]], now: datetime
    ) -> Decimal:
        """Return by how much an account's available funds would fall, in its base currency."""
        ledger, needed = self.ledgers[account], _NOTHING
        unit = self._market.rate(ledger.base, now)
        for instrument, signed, price in trades:
            held = ledger.holdings.get(instrument.con_id)
            fall = bound(
                ledger.margins,
                instrument,
                held.quantity if held is not None else _NOTHING,
                orders=[(signed, price)],
                price=self._market.mark(instrument, now),
                under=self._under(instrument, now),
            )
            needed += fall * self._market.rate(instrument.currency, now) / unit
        return needed

    def can_carry(self, account: str, needed: Decimal, now: datetime, *, but: int = 0) -> bool:
        """
        Tell whether an account can carry an order beside what its other open orders bind.

        `but` is an order that is not counted among them.
        """
        taken = self._bound_by_account.get(account, _NOTHING)
        own = self._bound.get(but)
        if own is not None:
            taken -= own.amount
        return self._available(account, now) - taken >= needed

    def _available(self, account: str, now: datetime) -> Decimal:
        """Return the available funds, looked at once a second as long as nothing is booked."""
        second = int(now.timestamp())
        known = self._credits.get(account)
        if known is None or known[0] != second:
            known = (second, self.figures(account, now).available_funds)
            self._credits[account] = known
        return known[1]

    def prices_were_set(self) -> None:
        """Look at the available funds anew: a market is held at other prices."""
        self._credits.clear()

    def bind(self, order: VenueOrder, amount: Decimal) -> None:
        """Remember what an open order would bind."""
        self.unbind(order.perm_id)
        if amount > 0:
            self._bound[order.perm_id] = _Bound(order.account, amount)
            total = self._bound_by_account.get(order.account, _NOTHING)
            self._bound_by_account[order.account] = total + amount

    def part_filled(self, order: VenueOrder, quantity: Decimal) -> None:
        """Let an order bind the less, the more of it was filled."""
        own = self._bound.get(order.perm_id)
        if own is not None:
            before = order.remaining + quantity
            self.bind(order, own.amount * order.remaining / before)

    def unbind(self, perm_id: int) -> None:
        """Forget what an order would bind."""
        own = self._bound.pop(perm_id, None)
        if own is not None:
            self._bound_by_account[own.account] -= own.amount


def bounding_price(terms: Terms, quote: Quote, trigger: Decimal | None = None) -> Decimal:
    """Return the price that an order is not worse than, or the best guess of it."""
    if terms.limit_price is not None and type_of(terms).has_limit:
        return terms.limit_price
    side = quote.ask if terms.is_buy else quote.bid
    guess = side if side is not None else quote.last
    if trigger is not None and guess is not None:
        return max(guess, trigger) if terms.is_buy else min(guess, trigger)
    return guess if guess is not None else _NOTHING


def _signed(execution: Execution) -> Decimal:
    return execution.quantity if execution.is_buy else -execution.quantity


def _booking(execution: Execution, paid: Commission) -> Booking:
    return Booking(signed=_signed(execution), price=execution.price, commission=paid.amount)


def _base(exec_id: str) -> str:
    return exec_id.rsplit(".", 1)[0]


def _free(execution: Execution) -> Commission:
    return Commission(
        exec_id=execution.exec_id,
        amount=_NOTHING,
        currency=execution.instrument.currency,
        realized_pnl=None,
    )


def legs_of(order: VenueOrder, quantity: Decimal) -> Iterator[tuple[Instrument, bool, Decimal]]:
    """Yield instrument, side and quantity of each leg of a combo's execution."""
    for leg in order.terms.legs:
        yield leg.instrument, leg.is_buy is order.terms.is_buy, quantity * leg.ratio
