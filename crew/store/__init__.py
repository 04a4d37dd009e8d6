"""The run folder: append and tail JSONL, atomic replace, compare-and-set, locks, artifacts."""

from crew.store.artifacts import ArtifactStore
from crew.store.folder import RunFolder
from crew.store.journal import Journal
from crew.store.jsonl import AppendLog
from crew.store.lock import RunLock
from crew.store.manifest import Manifest
from crew.store.redact import Redactor, StreamRedactor
from crew.store.tail import LineIndex, Tail, read_back

__all__ = [
    "AppendLog",
    "ArtifactStore",
    "Journal",
    "LineIndex",
    "Manifest",
    "Redactor",
    "RunFolder",
    "RunLock",
    "StreamRedactor",
    "Tail",
    "read_back",
]
