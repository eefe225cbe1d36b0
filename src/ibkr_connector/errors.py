"""
Everything this package raises, and the facts that each error carries.

The families say whose move it is, the leaves say what happened:

    IBKRError
    ├── ConfigurationError
    ├── IBKRConnectionError
    │   ├── NotConnectedError
    │   ├── ConnectionLostError
    │   ├── ClientIdInUseError
    │   ├── AuthenticationError
    │   └── GatewayUnavailableError
    ├── CircuitOpenError
    ├── PacingError
    ├── RequestTimeoutError
    ├── WrongThreadError
    ├── ContractError
    │   ├── ContractNotFoundError
    │   └── AmbiguousContractError
    ├── MarketDataError
    │   ├── MarketDataPermissionError
    │   ├── HistoricalDataError
    │   └── NoDataError
    ├── OrderError
    │   ├── OrderValidationError
    │   ├── RiskLimitError
    │   ├── TradingHaltedError
    │   ├── ReadOnlyError
    │   ├── OrderNotConfirmedError
    │   ├── OrderRejectedError
    │   ├── OrderUncertainError
    │   ├── OrderNotFoundError
    │   └── OrderStateError
    └── AccountError
        └── FlexError

Policies (retry, breaker, the caller's own loop) read the facts, never the type and never the text.
A fact that is `None` is not known, and whoever must decide treats "not known" as "no".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model.contracts import Contract
    from .model.orders import OrderReport, SendDisposition, Violation
    from .model.preview import RuleVerdict
    from .model.statements import FlexReason

__all__ = [
    "AccountError",
    "AmbiguousContractError",
    "AuthenticationError",
    "CircuitOpenError",
    "ClientIdInUseError",
    "ConfigurationError",
    "ConnectionLostError",
    "ContractError",
    "ContractNotFoundError",
    "FlexError",
    "GatewayUnavailableError",
    "HistoricalDataError",
    "IBKRConnectionError",
    "IBKRError",
    "MarketDataError",
    "MarketDataPermissionError",
    "NoDataError",
    "NotConnectedError",
    "OrderError",
    "OrderNotConfirmedError",
    "OrderNotFoundError",
    "OrderRejectedError",
    "OrderStateError",
    "OrderUncertainError",
    "OrderValidationError",
    "PacingError",
    "ReadOnlyError",
    "RequestTimeoutError",
    "RiskLimitError",
    "TradingHaltedError",
    "WrongThreadError",
]


class IBKRError(Exception):
    """
    Base of every error this package raises.

    Args:
        message: What was expected and what was found; no account numbers, no secrets.
        code: TWS message code, when the gateway named one.
        request_id: Id of the request or order the gateway answered.
        correlation_id: Id that follows one user call through logs, journal and wire.
        hint: What the user can do about it; the class's own hint when not given.
        replay_safe: Whether the same call may be made again without doing something twice.
        retry_after_s: Seconds after which another attempt makes sense.
        disposition: For order calls: how far the bytes got of what the call was to send (an order,
            a change, a cancellation), or of the order that it waits for. Every error of such a call
            says it.
    """

    replay_safe: bool | None = None
    retry_after_s: float | None = None
    hint: str | None = None

    gateway_fault: ClassVar[bool] = False
    """Whether this speaks against the gateway's health, so that a circuit breaker counts it."""

    is_complaint: ClassVar[bool] = False
    """Whether the gateway, when it answers with this, says that it is asked too often."""

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        request_id: int | None = None,
        correlation_id: str | None = None,
        hint: str | None = None,
        replay_safe: bool | None = None,
        retry_after_s: float | None = None,
        disposition: SendDisposition | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.request_id = request_id
        self.correlation_id = correlation_id
        self.disposition = disposition
        if hint is not None:
            self.hint = hint
        if replay_safe is not None:
            self.replay_safe = replay_safe
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s

    @property
    def retryable(self) -> bool:
        """Whether the caller may simply try again: `replay_safe`, with "not known" read as no."""
        return self.replay_safe is True

    def __str__(self) -> str:
        text = self.message or type(self).__name__
        if self.code is not None:
            text = f"{text} (TWS code {self.code})"
        if self.hint:
            text = f"{text}; {self.hint}"
        return text


class ConfigurationError(IBKRError):
    """The settings, the profile or the paper/live mode contradict themselves or the gateway."""

    replay_safe = False


class IBKRConnectionError(IBKRError):
    """The way to the gateway is not usable."""

    replay_safe = True
    gateway_fault = True


class NotConnectedError(IBKRConnectionError):
    """There is no session; nothing was sent."""

    gateway_fault = False
    hint = "call `await connector.connect()` first, or wait until the connection is back"


class ConnectionLostError(IBKRConnectionError):
    """The session ended while the call was under way."""


class ClientIdInUseError(IBKRConnectionError):
    """Another program holds this client id (TWS code 326)."""

    retry_after_s = 5.0
    hint = "choose another IBKR_CLIENT_ID, or stop the program that uses this one"


class AuthenticationError(IBKRConnectionError):
    """The gateway runs but is not logged in, or does not let this program in."""

    replay_safe = False
    hint = "log in to TWS or IB Gateway, and trust this host under API settings"


class GatewayUnavailableError(IBKRConnectionError):
    """Nothing usable answers at that host and port."""

    retry_after_s = 5.0
    hint = (
        "start TWS or IB Gateway, log in, and enable socket clients under "
        "Configure > API > Settings; check host and port"
    )


class CircuitOpenError(IBKRError):
    """Too many calls of this group failed lately; this one was not tried."""

    replay_safe = True


class PacingError(IBKRError):
    """The gateway's limits leave no room for this call in time."""

    replay_safe = True
    is_complaint = True


class RequestTimeoutError(IBKRError):
    """No answer before the deadline; `report` is the order's, when the call waited for its end."""

    replay_safe = True
    gateway_fault = True
    report: OrderReport | None = None


class WrongThreadError(IBKRError):
    """A blocking call was made on the thread that would have to do the work."""

    replay_safe = False
    hint = "await the coroutine instead of blocking on it"


class ContractError(IBKRError):
    """The contract cannot be used as it is described."""

    replay_safe = False


class ContractNotFoundError(ContractError):
    """The gateway knows no such contract (TWS code 200)."""

    hint = "check symbol, security type, exchange and currency"


class AmbiguousContractError(ContractError):
    """The description fits several contracts; `candidates` lists them."""

    hint = "add exchange, currency or expiry until one contract is left"

    def __init__(self, message: str = "", *, candidates: Sequence[Contract] = ()) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)

    def __str__(self) -> str:
        shown = ", ".join(str(contract) for contract in self.candidates[:5])
        more = len(self.candidates) - 5
        tail = f" and {more} more" if more > 0 else ""
        return f"{super().__str__()}: {shown}{tail}" if shown else super().__str__()


class MarketDataError(IBKRError):
    """The gateway answered, but not with the data asked for."""

    replay_safe = False


class MarketDataPermissionError(MarketDataError):
    """The account has no subscription or permission for this data."""

    hint = "subscribe in Client Portal, or ask for delayed data"


class HistoricalDataError(MarketDataError):
    """The historical data service refused the request (TWS code 162 and others)."""


class NoDataError(MarketDataError):
    """The request was fine and there is nothing to return."""


class OrderError(IBKRError):
    """Something about an order."""

    replay_safe = False


class OrderValidationError(OrderError):
    """The order makes no sense as written; nothing was sent."""

    hint = "correct what is named and place it again; nothing was sent"


class RiskLimitError(OrderError):
    """
    The order breaks one or more of your own limits; nothing was sent.

    `violations` are the broken ones; `rules` are all that are set, those that it passes included.
    """

    hint = "lower the order or change the limits in config/risk_config.yaml"

    def __init__(
        self,
        message: str = "",
        *,
        violations: Sequence[Violation] = (),
        rules: Sequence[RuleVerdict] = (),
        correlation_id: str | None = None,
        disposition: SendDisposition | None = None,
    ) -> None:
        super().__init__(message, correlation_id=correlation_id, disposition=disposition)
        self.violations = tuple(violations)
        self.rules = tuple(rules)


class TradingHaltedError(OrderError):
    """Trading is stopped by the kill switch, a broken risk file or a disconnected broker link."""

    hint = "get_connection_status().halted_by names every reason; cancelling goes on"


class ReadOnlyError(OrderError):
    """The connector is read-only; nothing was sent."""

    hint = "set IBKR_READONLY=false, or pass readonly=False, when you mean to trade"


class OrderNotConfirmedError(OrderError):
    """Who is asked before an order goes said no, or nothing in time; nothing was sent."""

    hint = "place it again when somebody can confirm it; `confirm_orders` says who is asked"


class OrderRejectedError(OrderError):
    """The gateway or the exchange said no; the order is not working."""


class OrderUncertainError(OrderError):
    """
    The order may or may not be at the broker: sent, and no evidence either way yet.

    The desk keeps asking. Never send it again by hand: `get_order_status(order_id)` tells the
    verdict as soon as there is one.
    """

    hint = "do not resend; ask get_order_status(order_id) until it is settled"

    def __init__(
        self,
        message: str = "",
        *,
        order_id: int,
        order_ref: str,
        correlation_id: str | None = None,
        disposition: SendDisposition | None = None,
    ) -> None:
        super().__init__(
            message,
            request_id=order_id,
            correlation_id=correlation_id,
            disposition=disposition,
        )
        self.order_id = order_id
        self.order_ref = order_ref


class OrderNotFoundError(OrderError):
    """No order with that id is known here or at the broker."""

    hint = "use the order_id or the perm_id of a report; `ibkr orders` lists them"


class OrderStateError(OrderError):
    """The order is in a state in which this cannot be done."""

    hint = "get_order_status(order_id) shows the state that it is in"


class AccountError(IBKRError):
    """The account data asked for is not available."""

    replay_safe = False


class FlexError(AccountError):
    """
    IB's Flex web service gives no statement.

    `reason` says why, as in `"token expired"`; `flex_code` is the service's own number, `None` when
    it named none. It is no TWS code.
    """

    def __init__(
        self,
        message: str = "",
        *,
        reason: FlexReason | None = None,
        flex_code: int | None = None,
        hint: str | None = None,
        disposition: SendDisposition | None = None,
    ) -> None:
        super().__init__(message, hint=hint, disposition=disposition)
        self.reason = reason
        self.flex_code = flex_code
