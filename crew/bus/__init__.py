"""A live run's one writer and its readers: recorder, coalescer, live and disk feeds."""

from crew.bus.coalescer import Coalescer
from crew.bus.disk import DiskFeed
from crew.bus.live import LiveFeed
from crew.bus.progress_file import read_progress
from crew.bus.recorder import Recorder
from crew.bus.session_recorder import SessionRecorder
from crew.bus.transcript import DiskTranscript

__all__ = [
    "Coalescer",
    "DiskFeed",
    "DiskTranscript",
    "LiveFeed",
    "Recorder",
    "SessionRecorder",
    "read_progress",
]
