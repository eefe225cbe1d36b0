"""
A market to trade on: instruments, prices, matching, accounts. Pure: time and chance come in.

`Venue` is the whole of it. It takes commands and a moment and returns what happened; two venues
with the same seed and the same commands return the same bytes.
"""
