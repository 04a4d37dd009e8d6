"""Outcomes and summaries of the golden run, as the service gives them."""

import json
from pathlib import Path
from typing import Any

from crew.records import Failure, Status, Usage
from crew.service import RunOutcome, RunSummary
from tests.doubles.feeds import GOLDEN, golden_events

RUN = "20260131-120430-review-7f3a"


def golden_result() -> Any:
    return json.loads((GOLDEN / "review.result.json").read_bytes())


def outcome(
    folder: Path = Path("/home/ada/src/ledger/.crew/runs") / RUN,
    *,
    status: Status = Status.COMPLETED,
    result: Any = None,
    report: str = "# review: request changes\n",
    error: Failure | None = None,
) -> RunOutcome:
    return RunOutcome(
        run=RUN,
        folder=folder,
        status=status,
        result=result,
        report=report,
        error=error,
        usage=Usage(input_tokens=55_900, output_tokens=2_510, cost=None),
    )


def summary(*, status: Status = Status.COMPLETED, live: bool = False) -> RunSummary:
    events = golden_events()
    return RunSummary(
        id=RUN,
        team="review",
        goal="the change before the release",
        status=status,
        created=events[0].at,
        updated=events[-1].at,
        usage=Usage(input_tokens=55_900, output_tokens=2_510, cost=None),
        model="anthropic:claude-sonnet",
        live=live,
    )
