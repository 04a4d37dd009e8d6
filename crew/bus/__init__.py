"""A live run's one writer and its readers: recorder, coalescer, live and disk feeds."""
