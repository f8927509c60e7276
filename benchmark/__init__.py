"""The bridge: data, training, evaluation, timing, suites, execution and the command line."""
