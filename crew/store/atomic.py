"""Whole files, replaced in one step: a reader sees the old one or the new one, nothing between."""

import fcntl
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from crew.errors import StoreError


def replace(
    path: Path, data: bytes, mode: int = 0o600, *, sync: bool = True, sync_folder: bool = False
) -> None:
    """Write a file as a whole, or leave the one that is there.

    Args:
        path: Its folder must exist.
        data: All of its bytes.
        mode: Permissions of the new file.
        sync: Have the bytes on the disk before they get the name.
        sync_folder: Have the name on the disk as well before returning.

    Raises:
        StoreError: It can't be written.
    """
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if sync:
                fsync(file.fileno())
        os.replace(temporary, path)
        if sync_folder:
            sync_path(path.parent)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise StoreError.from_os(f"writing {path}", error) from error


def fsync(handle: int) -> None:
    """Have an open file on the disk; past the drive's own cache where the system can ask for it.

    Raises:
        OSError: It can't be.
    """
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        with suppress(OSError):  # a file system that can't do it does what it can
            fcntl.fcntl(handle, full)
            return
    os.fsync(handle)


def sync_path(path: Path, sync: Callable[[int], None] = fsync) -> None:
    """Have a file, or a folder's names, on the disk.

    Raises:
        OSError: It can't be opened or synced.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        StoreError: It can't be read or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise StoreError.from_os(f"reading {path}", error) from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}") from error
