"""What happens to a score: the record, the store, metrics, statistics, tables and plots.

Everything here is a pure function of the files of a run folder; no model is ever run again.
"""
