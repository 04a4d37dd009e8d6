"""The observer: a run on the screen, live, with a person's hands on it."""

from crew.tui.app import Observer
from crew.tui.key_ring import KeyRing
from crew.tui.observed import Subject
from crew.tui.runs_table import RunList
from crew.tui.themes import THEMES

__all__ = ["THEMES", "KeyRing", "Observer", "RunList", "Subject"]
