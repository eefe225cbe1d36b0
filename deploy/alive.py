"""Whether the bridge of this container answers: ends with 0 when it does, for HEALTHCHECK."""

import os
import ssl
import urllib.request

port = os.environ.get("IBKR_BRIDGE_PORT", "8092")
scheme = "https" if os.environ.get("IBKR_BRIDGE_TLS_CERTIFICATE") else "http"
# a certificate names the host that others call, and this one calls itself
trusting = ssl.create_default_context()
trusting.check_hostname = False
trusting.verify_mode = ssl.CERT_NONE
with urllib.request.urlopen(
    f"{scheme}://127.0.0.1:{port}/livez", timeout=4, context=trusting
) as answer:
    raise SystemExit(answer.status != 200)
