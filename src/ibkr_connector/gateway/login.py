"""
Log in on one socket, within one budget of time.

Owns that nothing is left behind by a failure, whatever it is and whoever is cancelled meanwhile,
and that each way to fail has its own error: what is not said is told apart by the phase in which
the silence came.
"""

# mypy: disallow-untyped-calls=False
# ib_async's request methods and callbacks are not typed.

from __future__ import annotations

from ibkr_connector.clock import Clock
from ibkr_connector.model.ids import ClientId
from ibkr_connector.resilience.timers import Timers

from .client import GatewayClient
from .faults import connect_error, silence
from .port import DisconnectReason, SessionInfo

__all__ = ["log_in"]


async def log_in(
    client: GatewayClient,
    *,
    host: str,
    port: int,
    client_id: ClientId,
    clock: Clock,
    budget_s: float,
) -> SessionInfo:
    """
    Connect and log in, and return the facts of the login.

    Raises:
        GatewayUnavailableError: Nobody listens, the host is not known, or it is no gateway.
        AuthenticationError: It greets and does not log in.
        ClientIdInUseError: Another program has the client id (IB 326); at once.
        ConfigurationError: It is older than the oldest version we speak.
    """
    timers = Timers(clock)
    is_in = False
    try:
        try:
            with timers.limit(clock.monotonic() + budget_s):
                await client.open(host, port, client_id)
        finally:
            await timers.aclose()
        # nothing awaits from here on: whoever is cancelled sooner leaves no socket behind
        is_in = True
        return SessionInfo(
            host=host,
            port=port,
            client_id=client_id,
            server_version=client.serverVersion(),
            accounts=tuple(client.getAccounts()),
            connected_since=clock.utcnow(),
        )
    except TimeoutError as exc:
        raise silence(
            client.phase,
            host=host,
            port=port,
            waited_s=budget_s,
            has_accounts=client.has_accounts,
        ) from exc
    except OSError as exc:
        raise connect_error(exc, host=host, port=port) from exc
    finally:
        if not is_in:
            client.end(DisconnectReason.ASKED, "connecting failed")
            await client.closed()
