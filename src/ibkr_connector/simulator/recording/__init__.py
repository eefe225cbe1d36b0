"""
Recordings of conversations between clients and a gateway: their form, their masks, their replay.

A recording is lines of JSON. The first says what it is; each of the others is one message:

    {"recording": 1}
    {"connection": 1, "at_s": 0.0, "from": "client", "hello": "v157..178"}
    {"connection": 1, "at_s": 0.012, "from": "gateway", "fields": ["178", "20261118 10:00:00 EST"]}
    {"connection": 1, "at_s": 0.013, "from": "client", "fields": ["71", "2", "1", ""]}
    {"connection": 1, "at_s": 9.5, "from": "gateway", "end": true}

What is not fields of text (protobuf, another encoding) stands as `base64` of its frame's payload.
Nothing here knows sockets: `recorder.py` writes recordings, `player.py` answers from them.
"""

from __future__ import annotations

from .entries import Entry, RecordingError, Sender, parse_recording, payload_of, write_entry
from .masks import Mask
from .script import Script, Unexpected
from .splitter import ClientSplitter, GatewaySplitter

__all__ = [
    "ClientSplitter",
    "Entry",
    "GatewaySplitter",
    "Mask",
    "RecordingError",
    "Script",
    "Sender",
    "Unexpected",
    "parse_recording",
    "payload_of",
    "write_entry",
]
