"""
The official client without a socket: what it hears in frames, and what it writes when asked.

Reads one JSON document, `{"version": n, "frames": [[field, ...], ...], "calls": [[name, args],
...]}`; prints `{"heard": [[[callback, arguments], ...], ...], "written": [[field, ...], ...]}`.
Arguments that are objects say their class: `{"Contract": {"symbol": "AAPL"}}`.
"""

import enum
import inspect
import json
import sys
from decimal import Decimal

import ibapi.contract
import ibapi.execution
import ibapi.order
import ibapi.order_cancel
from ibapi.client import EClient
from ibapi.const import UNSET_DECIMAL
from ibapi.decoder import Decoder
from ibapi.wrapper import EWrapper

CLASSES = {
    "Contract": ibapi.contract.Contract,
    "ExecutionFilter": ibapi.execution.ExecutionFilter,
    "Order": ibapi.order.Order,
    "OrderCancel": ibapi.order_cancel.OrderCancel,
}
DECIMALS = {"totalQuantity"}


def plain(value):
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Decimal):
        return None if value == UNSET_DECIMAL else float(value)
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {name: plain(item) for name, item in vars(value).items()}
    return str(value)


class Wrapper(EWrapper):
    def __init__(self):
        self.calls = []


def keeper(name):
    return lambda self, *values: self.calls.append([name, plain(values)])


for kept, _ in inspect.getmembers(EWrapper, inspect.isfunction):
    if not kept.startswith("_"):
        setattr(Wrapper, kept, keeper(kept))


class Wire:
    """Stands where the socket stands."""

    def __init__(self):
        self.sent = []

    def isConnected(self):
        return True

    def sendMsg(self, data):
        self.sent.append([field.decode() for field in data[4:].split(b"\0")[:-1]])


def hear(version, frames):
    # one for all, as in a connection: to make a decoder is to look at every callback
    decoder = Decoder(Wrapper(), version)
    heard = []
    for fields in frames:
        decoder.wrapper.calls = calls = []
        decoder.interpret([field.encode() for field in fields[1:]], int(fields[0]))
        heard.append(calls)
    return heard


def made(argument):
    if not isinstance(argument, dict):
        return argument
    [(name, values)] = argument.items()
    thing = CLASSES[name]()
    for field, value in values.items():
        setattr(thing, field, Decimal(str(value)) if field in DECIMALS else value)
    return thing


def write(version, calls):
    written = []
    for name, arguments in calls:
        wrapper = Wrapper()
        client = EClient(wrapper)
        client.conn, client.connState, client.serverVersion_ = Wire(), EClient.CONNECTED, version
        getattr(client, name)(*(made(argument) for argument in arguments))
        assert not wrapper.calls, (name, wrapper.calls)
        written.append(client.conn.sent[0])
    return written


asked = json.load(sys.stdin)
print(
    json.dumps(
        {
            "heard": hear(asked["version"], asked.get("frames", [])),
            "written": write(asked["version"], asked.get("calls", [])),
        }
    )
)
