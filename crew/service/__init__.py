"""The one door to runs: start, list, observe, command, resume.

A name is loaded when it is first used: who only reads runs does not wait for the engine.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crew.definitions.types import SpawnLimits
    from crew.orchestration.outcome import RunOutcome
    from crew.service.fork import ForkRequest, fork
    from crew.service.library import default_library
    from crew.service.listing import RunListing, follow_runs
    from crew.service.live import LiveRun
    from crew.service.places import find_workspace
    from crew.service.resume import ResumeRequest, resume
    from crew.service.runs import (
        RunSummary,
        StoredRun,
        default_home,
        list_runs,
        open_run,
        read_result,
    )
    from crew.service.start import RunRequest, start
    from crew.tools.workspace import ReviewScope

__all__ = [
    "ForkRequest",
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
    "fork",
    "list_runs",
    "open_run",
    "read_result",
    "resume",
    "start",
]

_NAMES = {
    "crew.definitions.types": ("SpawnLimits",),
    "crew.orchestration.outcome": ("RunOutcome",),
    "crew.service.fork": ("ForkRequest", "fork"),
    "crew.service.library": ("default_library",),
    "crew.service.listing": ("RunListing", "follow_runs"),
    "crew.service.live": ("LiveRun",),
    "crew.service.places": ("find_workspace",),
    "crew.service.resume": ("ResumeRequest", "resume"),
    "crew.service.runs": (
        "RunSummary",
        "StoredRun",
        "default_home",
        "list_runs",
        "open_run",
        "read_result",
    ),
    "crew.service.start": ("RunRequest", "start"),
    "crew.tools.workspace": ("ReviewScope",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


class _Door(ModuleType):
    """Loads what is asked for; the modules `start` and `resume` don't hide their functions."""

    def __getattr__(self, name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_MODULE_OF[name]), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        # An import puts every module of a package into it by its name.
        if not (name in _MODULE_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door
