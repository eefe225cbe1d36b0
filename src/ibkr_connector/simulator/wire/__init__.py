"""
The TWS API text protocol from the gateway's side: bytes in, records out, and back. No I/O.

Each part knows only those before it: `frames` (length-prefixed payloads), `fields` (text of one
value), `plain` and `layout` (the order of fields in one message, by server version), `contracts`
and `orders` (what many messages share), and the tables of messages (`requests`, `replies`, a
module for each family behind one door). `connection` puts them behind three verbs.

A layout works in both directions, so that tests can play the client with the same tables that the
gateway reads by; what proves the tables right are clients that never saw them, and frames that
were recorded.
"""
