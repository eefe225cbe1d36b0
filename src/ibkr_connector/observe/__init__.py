"""Logs that can be followed from a user's line to the wire, without saying whose account it is."""
