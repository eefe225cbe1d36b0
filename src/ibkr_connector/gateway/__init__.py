"""The only package that speaks ib_async; its words end here and ours begin."""
