"""The fixtures that users get."""

from __future__ import annotations

import pytest

from ibkr_connector.simulator import GatewaySimulator, HostedSimulator

pytest_plugins = ["pytester"]


def test_a_gateway_is_there_for_whoever_names_the_fixture(ibkr_gateway: HostedSimulator) -> None:
    assert ibkr_gateway.port > 0
    assert ibkr_gateway.do(lambda simulator: simulator.accepted) == 0


def test_two_gateways_are_two(make_ibkr_gateway: object) -> None:
    one, two = (make_ibkr_gateway() for _ in range(2))  # type: ignore[operator]
    assert one.port != two.port


def test_users_find_the_fixtures_and_hear_of_what_is_not_simulated(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        def test_fine(ibkr_gateway):
            assert ibkr_gateway.host == "127.0.0.1"

        def test_asks_for_more(ibkr_gateway):
            ibkr_gateway.do(lambda gw: gw.gateway.unsupported.append("client 1: message 24"))
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-q")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*not simulated: client 1: message 24*"])


def test_what_goes_wrong_on_the_thread_is_raised_here() -> None:
    def make() -> GatewaySimulator:
        raise RuntimeError("no such market")

    with pytest.raises(RuntimeError, match="no such market"), GatewaySimulator.in_thread(make):
        pass
