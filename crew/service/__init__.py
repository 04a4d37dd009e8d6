"""The one door to runs: start, list, observe, command, resume."""

from crew.definitions.types import SpawnLimits
from crew.orchestration.outcome import RunOutcome
from crew.service.listing import RunListing, follow_runs
from crew.service.live import LiveRun
from crew.service.resume import ResumeRequest, resume
from crew.service.runs import RunSummary, StoredRun, default_home, list_runs, open_run, read_result
from crew.service.start import RunRequest, default_library, find_workspace, start
from crew.tools.workspace import ReviewScope

__all__ = [
    "LiveRun",
    "ResumeRequest",
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
    "resume",
    "start",
]
