"""What may be spent, and how it is told."""

from pydantic import Field

from crew.records import Record


class Budget(Record):
    """What may be spent; None sets no limit.

    Attributes:
        turns: Answered model requests.
        tokens: Input and output together.
        cost: US dollars.
        time: Seconds at work, see `crew.session.account`.
        errors: The share, above 0 and up to 1, of the latest requests and calls that may fail.
    """

    turns: int | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    cost: float | None = Field(default=None, gt=0)
    time: float | None = Field(default=None, gt=0)
    errors: float | None = Field(default=None, gt=0, le=1)

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by name."""
        return {name: limit for name, limit in vars(self).items() if limit is not None}

    def changed_by(self, other: "Budget") -> "Budget":
        """This budget, but for the limits that the other sets."""
        return self.model_copy(update=other.limits)


NO_BUDGET = Budget()


def budget_words(budget: Budget) -> str:
    """All limits in words: `200,000 tokens, $2.50, 10m`; empty when there is none."""
    return ", ".join(limit_words(name, limit) for name, limit in budget.limits.items())


def limit_words(name: str, limit: float) -> str:
    """One limit in words: `200,000 tokens`."""
    unit = {"turns": " turns", "tokens": " tokens", "errors": " errors"}.get(name, "")
    return f"{amount_words(name, limit)}{unit}"


def amount_words(name: str, amount: float) -> str:
    """An amount of what a limit bounds, without its unit: `164,000`, `$1.91`, `8m10s`, `45%`."""
    match name:
        case "cost":
            return f"${amount:,.2f}" if amount >= 0.01 else f"${amount:.6f}"
        case "time":
            return _time(amount)
        case "errors":
            return f"{amount:.0%}"
        case _:
            return f"{amount:,.0f}"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount) or "0s"
