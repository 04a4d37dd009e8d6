"""The one door to runs: start, list, observe, command."""
