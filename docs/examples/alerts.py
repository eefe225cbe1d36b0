"""Be told what goes wrong: a webhook, a function, and the account's limits."""

import asyncio
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from ibkr_connector import IBKRConnector
from ibkr_connector.model.alerts import AlertChange

arrived = threading.Event()


class Webhook(BaseHTTPRequestHandler):
    """Stands for the service that wakes you."""

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(f"webhook: {told['title']}")
        self.send_response(200)
        self.end_headers()
        if "kill switch" in told["title"]:
            arrived.set()

    def log_message(self, *_: object) -> None:
        pass


def on_alert(change: AlertChange) -> None:
    print(f"hook: {change.step.value} {change.alert.kind.value}")


def configure(server: HTTPServer) -> None:
    Path("config").mkdir(exist_ok=True)
    Path("config/alerts.yaml").write_text(
        "rules:\n"
        "  daily_loss: {threshold: 0.02, clear_at: 0.01, action: block_orders}\n"
        "routes:\n"
        f"  webhook: {{url: 'json://127.0.0.1:{server.server_port}/'}}\n",
        "utf-8",
    )


async def main(port: int) -> None:
    async with IBKRConnector(port=port) as ib:
        ib.alerts.on_alert(on_alert)
        for receipt in await ib.alerts.test():
            print(f"{receipt.route} told: {receipt.is_delivered}")
        async with ib.alerts.stream() as changes:
            await ib.kill_switch.engage("just trying")
            async for change in changes:
                if change.alert.kind == "kill_switch":
                    print(f"stream: {change.alert.text.partition(': ')[2]}")
                    break
            for alert in await ib.alerts.active():
                await ib.alerts.acknowledge(alert.alert_id, by="me")
            await asyncio.to_thread(arrived.wait, 30)
            ib.kill_switch.release()
            async for change in changes:
                if (change.step, change.alert.kind) == ("cleared", "kill_switch"):
                    print(f"over: {change.alert.kind}")
                    break
        print("in all:", [one.kind.value for one in await ib.alerts.history()])


server = HTTPServer(("127.0.0.1", 0), Webhook)
threading.Thread(target=server.serve_forever, daemon=True).start()
configure(server)
asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4002))
server.shutdown()
