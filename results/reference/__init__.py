"""Published figures and our own reference runs, as CSV."""
