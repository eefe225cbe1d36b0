"""
The certificate of the bridge, renewed while it runs.

Owns: that a renewed certificate is shown to whoever connects from then on, and that one which
cannot be used changes nothing but the log. Those who are connected keep what they shook hands with.
"""

from __future__ import annotations

import logging
import ssl

from ibkr_connector.settings.bridge import BridgeSettings

from .tokens import mark_of

__all__ = ["Certificate"]

_log = logging.getLogger("ibkr_connector.bridge")


class Certificate:
    """
    Certificate and key as they lie in their files.

    Args:
        context: What handshakes are made with; it has been loaded with them.
        settings: Where they are.
    """

    def __init__(self, context: ssl.SSLContext, settings: BridgeSettings) -> None:
        self._context = context
        self._settings = settings
        self._mark = self._seen()

    def look(self) -> None:
        """Load the files again if they have changed; harmless when they have not."""
        seen = self._seen()
        if seen == self._mark:
            return
        self._mark = seen
        try:
            # on one that nobody uses first: half of a pair would harm the one in use
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(self._context)
        except (OSError, ValueError) as error:
            _log.error(
                "the earlier certificate stays in use: %s cannot be used: %s",
                self._settings.tls_certificate,
                getattr(error, "reason", None) or error,
            )
        else:
            _log.info("read the certificate again: %s", self._settings.tls_certificate)

    def _load(self, context: ssl.SSLContext) -> None:
        given = self._settings
        assert given.tls_certificate is not None, "there is no bridge with TLS without one"
        password = given.tls_key_password
        context.load_cert_chain(
            given.tls_certificate,
            given.tls_key,
            # without one OpenSSL would ask the terminal, and everybody would wait for that
            "" if password is None else password.get_secret_value(),
        )

    def _seen(self) -> object:
        return [
            mark_of(path)
            for path in (self._settings.tls_certificate, self._settings.tls_key)
            if path is not None
        ]
