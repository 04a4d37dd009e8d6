"""Markdown to validated agents, teams and workflows; every error with its place."""

from crew.definitions.conditions import Condition, ConditionError, compile_condition
from crew.definitions.discovery import bundled_root
from crew.definitions.library import Entry, Library
from crew.definitions.parsed import KINDS, SESSION_TOOLS, TOOLS, Kind

__all__ = [
    "KINDS",
    "SESSION_TOOLS",
    "TOOLS",
    "Condition",
    "ConditionError",
    "Entry",
    "Kind",
    "Library",
    "bundled_root",
    "compile_condition",
]
