"""Names that programs of long ago use; each says what to write instead."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from .broker import InteractiveBrokersBroker

__all__ = ["InteractiveBrokersApiService"]


class InteractiveBrokersApiService(InteractiveBrokersBroker):
    """
    The broker under its older name.

    .. deprecated:: 0.1
        Use `InteractiveBrokersBroker`, or `IBKRConnector` in programs that await.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        warnings.warn(
            "InteractiveBrokersApiService is an older name: use InteractiveBrokersBroker, which"
            " get_recommended_broker() returns",
            DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(config)

    def get_recommended_broker(self) -> InteractiveBrokersBroker:
        """Return a broker under the recommended name, over the same connection."""
        return InteractiveBrokersBroker.of(self.connector)
