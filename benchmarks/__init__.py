"""Ratios against bare ib_async, measured in one run on one machine; seconds mean nothing here."""
