"""The run folder: append and tail JSONL, atomic replace, compare-and-set, locks, artifacts."""
