"""`run.json`: what a run is and how it stands; a cache of the journal, by compare-and-set."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field, ValidationError

from crew.errors import StaleGenerationError, StoreError
from crew.records import (
    NO_USAGE,
    SCHEMA_VERSION,
    ArtifactRef,
    Failure,
    JsonObject,
    Record,
    Status,
    Timestamp,
    Usage,
)
from crew.store import atomic
from crew.store.folder import RunFolder
from crew.store.redact import Redactor

_SHAPES_ONLY = Redactor()


class Manifest(Record):
    """What a run is.

    Attributes:
        generation: Counts writes; a writer names the one that it read.
        model: The model names asked for on the command line, or where they came from.
        pid: Process that runs it, or ran it last.
        epoch: The attempt, from 1.
        options: What the command line asked for.
        plan: Definitions as resolved.
        forked_from: The run and the point in it that this one went on from; empty for others.
    """

    v: int = SCHEMA_VERSION
    run: str
    generation: int = 0
    status: Status = Status.PENDING
    team: str
    workflow: str
    goal: str
    model: str
    workspace: str
    created: Timestamp
    updated: Timestamp
    pid: int = 0
    epoch: int = 1
    options: JsonObject = Field(default_factory=dict)
    plan: JsonObject = Field(default_factory=dict)
    forked_from: str = ""
    result: ArtifactRef | None = None
    error: Failure | None = None
    usage: Usage = NO_USAGE


def read(folder: RunFolder) -> Manifest:
    """Read a run's manifest.

    Raises:
        StoreError: It can't be read, is damaged, or a newer crew wrote it.
    """
    try:
        data = atomic.read_json(folder.manifest)
    except StoreError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        mend = f"without it there is no run: start a new one; what is left is in {folder.root}"
        raise StoreError(error.message, hint=mend) from error
    version = data.get("v") if isinstance(data, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise StoreError(
            f"{folder.manifest} has version {version}, this crew knows {SCHEMA_VERSION}",
            hint="update crew to read this run",
        )
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise StoreError(f"{folder.manifest} is damaged: {where}: {first['msg']}") from error


def write(
    folder: RunFolder, manifest: Manifest, expected: int, *, redact: Redactor = _SHAPES_ONLY
) -> Manifest:
    """Replace the manifest if it is still the one that was read.

    Args:
        folder: The run.
        manifest: The new value; its own generation does not matter.
        expected: The generation that was read; 0 when there was none.
        redact: Keeps secrets out of the file.

    Returns:
        The manifest with its new generation, `expected + 1`.

    Raises:
        StaleGenerationError: Another writer came first; nothing changed.
        StoreError: It can't be written.
    """
    with _exclusive(folder):
        found = read(folder).generation if folder.manifest.exists() else 0
        if found != expected:
            raise StaleGenerationError(expected, found)
        stamped = manifest.model_copy(update={"generation": expected + 1})
        atomic.replace(
            folder.manifest, redact.line(stamped.model_dump_json(indent=2).encode()) + b"\n"
        )
    return stamped


@contextmanager
def _exclusive(folder: RunFolder) -> Iterator[None]:
    """Keep other processes out while the manifest is read and replaced; short, and no await."""
    try:
        handle = os.open(folder.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError.from_os(f"opening {folder.root}", error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreError.from_os(f"locking {folder.root}", error) from error
        yield
    finally:
        os.close(handle)
