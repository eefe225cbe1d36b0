"""
The TWS API text protocol from the gateway's side: bytes in, records out, and back. No I/O.

Four layers, each knowing only the one before: `frames` (length-prefixed payloads), `fields` (text
of one value), `layout` (the order of fields in one message, by server version), and the tables of
messages (`requests`, `replies`). `connection` puts them behind three verbs.

A layout works in both directions, so that tests can play the client with the same tables that the
gateway reads by; what proves the tables right are clients that never saw them.
"""
