"""Every rule over the diff, in files by promise."""

from crew.tools.lint.rule import Rule
from crew.tools.lint.rules import (
    commands,
    data,
    debugging,
    functions,
    infrastructure,
    markers,
    markup,
    queries,
    requests,
    scripts,
    secrets,
    slips,
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
    *slips.RULES,
    *data.RULES,
    *secrets.RULES,
    *commands.RULES,
    *queries.RULES,
    *transport.RULES,
    *markup.RULES,
    *requests.RULES,
    *scripts.RULES,
    *infrastructure.RULES,
)

__all__ = ["RULES"]
