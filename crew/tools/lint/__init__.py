"""Checks without a model: ruff's rules for Python, and rules over the diff for every language."""

from crew.tools.lint.tool import Lint, LintArgs

__all__ = ["Lint", "LintArgs"]
