"""The `crew` command."""

from crew.cli.app import main

__all__ = ["main"]
