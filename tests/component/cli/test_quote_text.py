"""What `ibkr quote` prints of what is there, and of what is not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ibkr_connector.cli.render import Renderer
from ibkr_connector.model.contracts import Contract
from ibkr_connector.model.market import DataType, Quote


def lines_of(quote: Quote, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    Renderer().show(quote)
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def quoted(**figures: Decimal | bool) -> Quote:
    return Quote(
        contract=Contract(symbol="AAPL"),
        timestamp=datetime(2026, 11, 20, 15, 0, tzinfo=UTC),
        data_type=DataType.LIVE,
        **figures,  # type: ignore[arg-type]  # each test says what there is
    )


def test_a_side_that_is_not_there_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    quote = quoted(ask=Decimal("0.03"), ask_size=Decimal(60), last=Decimal("0.01"))
    lines = lines_of(quote, capsys)
    assert ["bid", "-"] in lines
    assert ["ask", "0.03", "x", "60"] in lines


def test_a_price_without_a_size_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert ["bid", "-37.63"] in lines_of(quoted(bid=Decimal("-37.63")), capsys)


def test_a_halt_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert ["halted", "yes"] in lines_of(quoted(halted=True), capsys)
    assert not any("halted" in line for line in lines_of(quoted(halted=False), capsys))
