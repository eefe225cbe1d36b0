"""A gateway that does not tell the positions: nobody may take that for a flat account."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibkr_connector.errors import AccountError
from ibkr_connector.model.status import ConnectionState
from ibkr_connector.simulator import IgnoreRequest
from kit.leaks import nothing_left
from kit.rig import rig


async def test_positions_that_the_gateway_has_not_told_are_an_error_until_it_has(
    tmp_path: Path,
) -> None:
    async with nothing_left(), rig(tmp_path, connect=False) as made:
        made.simulator.inject(IgnoreRequest(on="ReqPositions"))
        await made.run(made.engine.connect())
        assert made.engine.status().degraded_by == ("positions",)
        with pytest.raises(AccountError, match="have not been read"):
            made.engine.positions(None)
        (account,) = made.engine.accounts
        limits = made.engine.rules.limits_of_account(account)
        assert made.engine._facts.account_facts(account, limits).positions is None
        made.simulator.clear_faults()
        await made.until(lambda: made.state is ConnectionState.READY)
        assert made.engine.positions(None) == ()
        assert made.engine._facts.account_facts(account, limits).positions == ()
