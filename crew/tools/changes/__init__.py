"""What is under review: the change that git knows of, or the folder where there is no git."""

from crew.tools.changes.collect import (
    collect,
    ignored_paths,
    listed_paths,
    load_hunks,
    survey,
    widened,
)
from crew.tools.changes.types import Change, ChangeSet, Hunk, Survey

__all__ = [
    "Change",
    "ChangeSet",
    "Hunk",
    "Survey",
    "collect",
    "ignored_paths",
    "listed_paths",
    "load_hunks",
    "survey",
    "widened",
]
