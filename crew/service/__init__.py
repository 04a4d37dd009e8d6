"""The one door to runs: start, list, observe, command."""

from crew.definitions.types import SpawnLimits
from crew.orchestration.outcome import RunOutcome
from crew.service.listing import RunListing, follow_runs
from crew.service.runs import RunSummary, StoredRun, default_home, list_runs, open_run, read_result
from crew.service.start import LiveRun, RunRequest, default_library, find_workspace, start
from crew.tools.workspace import ReviewScope

__all__ = [
    "LiveRun",
    "ReviewScope",
    "RunListing",
    "RunOutcome",
    "RunRequest",
    "RunSummary",
    "SpawnLimits",
    "StoredRun",
    "default_home",
    "default_library",
    "find_workspace",
    "follow_runs",
    "list_runs",
    "open_run",
    "read_result",
    "start",
]
