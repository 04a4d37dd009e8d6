"""The limits of a budget: what each is called, how it is written, what is said when it isn't."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crew.budget import NO_BUDGET, Budget
from crew.definitions.report import nearest
from crew.definitions.values import parse_cost, parse_duration, parse_share, parse_size
from crew.errors import UsageError

MAX_TURNS = 1_000_000
_TURNS = re.compile(r"[0-9]{1,7}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitForm:
    """How one limit is written.

    Attributes:
        parse: Its value, None when the text is off.
        rule: What it must be.
        examples: Texts to write instead.
    """

    parse: Callable[[str], float | None]
    rule: str
    examples: tuple[str, ...]


def _parse_turns(text: str) -> int | None:
    turns = int(text) if _TURNS.match(text) else 0
    return turns if 0 < turns <= MAX_TURNS else None


FORMS: Mapping[str, LimitForm] = {
    "turns": LimitForm(
        parse=_parse_turns, rule=f"a whole number from 1 to {MAX_TURNS:,}", examples=("100",)
    ),
    "tokens": LimitForm(
        parse=parse_size, rule="a whole number above zero", examples=("200k", "1.5m", "50000")
    ),
    "cost": LimitForm(parse=parse_cost, rule="US dollars above zero", examples=("2.50",)),
    "time": LimitForm(
        parse=parse_duration, rule="a time up to 30 days", examples=("90s", "10m", "1h30m")
    ),
    "errors": LimitForm(parse=parse_share, rule="a share from 0.1% to 100%", examples=("50%",)),
}
"""By the limit's name, in the order in which they are told."""


def parse_budget(text: str | None) -> Budget:
    """Read a budget of the command line: `200k`, or `tokens=200k,cost=2.50,time=10m`.

    Args:
        text: None for none.

    Raises:
        UsageError: It is not one.
    """
    limits: dict[str, float] = {}
    if text is None:
        return NO_BUDGET
    for part in text.split(","):
        name, separator, value = (piece.strip() for piece in part.rpartition("="))
        name = name if separator else "tokens"
        form = FORMS.get(name)
        if form is None:
            hint = nearest(name, FORMS) or f"the limits are: {', '.join(FORMS)}"
            raise UsageError(f"--budget {text}: unknown limit `{name}`", hint=hint)
        if name in limits:
            raise UsageError(f"--budget {text}: `{name}` is set twice", hint="set it once")
        limit = form.parse(re.sub(r"(?<=\d)_(?=\d)", "", value))
        if limit is None:
            shown = " or ".join(f"{name}={example}" for example in form.examples)
            raise UsageError(
                f"--budget {text}: `{name}` must be {form.rule}", hint=f"write {shown}"
            )
        limits[name] = limit
    return Budget.model_validate(limits)
