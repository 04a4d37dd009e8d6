"""Every rule over the diff, in files by promise."""

from crew.tools.lint.rule import Rule
from crew.tools.lint.rules import (
    commands,
    debugging,
    functions,
    markers,
    queries,
    secrets,
    swallowed,
    tests_off,
    transport,
)

RULES: tuple[Rule, ...] = (
    *markers.RULES,
    *debugging.RULES,
    *tests_off.RULES,
    *swallowed.RULES,
    *functions.RULES,
    *secrets.RULES,
    *commands.RULES,
    *queries.RULES,
    *transport.RULES,
)

__all__ = ["RULES"]
