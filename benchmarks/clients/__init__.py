"""Several clients on the same work, in one run, against one gateway that plays ready bytes."""
