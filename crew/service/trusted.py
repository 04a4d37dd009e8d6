"""What the person trusted: folders with the digests of their definition files, for this user only.

`trusted.json` in crew's config folder, never in a repository:

    {"v": 1, "folders": {"/path": {"at": "...", "files": {".crew/teams/x.md": "SHA-256"}}}}
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crew.config import config_folder
from crew.errors import StoreError, UsageError
from crew.records import timestamp
from crew.store.atomic import replace

VERSION = 1
_NAME = "trusted.json"
_MEND = "move it away and trust your folders again with crew trust"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedFolder:
    """A folder that the person trusts.

    Attributes:
        at: When, in UTC.
        files: Names of its definition files to their SHA-256 at that time.
    """

    at: datetime
    files: Mapping[str, str]


def read_trusted(environ: Mapping[str, str]) -> dict[str, TrustedFolder]:
    """Every trusted folder by its real path; none where there is no home.

    Raises:
        StoreError: The file can't be read, is damaged, or another user may have written it.
    """
    folder = config_folder(environ)
    return _read(folder / _NAME) if folder is not None else {}


def trust(path: Path, trusted: TrustedFolder, environ: Mapping[str, str]) -> None:
    """Trust a folder with these files, and none that were trusted before.

    Args:
        path: The folder, every link in it followed.

    Raises:
        StoreError: It can't be kept.
        UsageError: There is no home to keep it in.
    """

    def change(known: dict[str, TrustedFolder]) -> bool:
        known[os.fspath(path)] = trusted
        return True

    _change(environ, change)


def revoke(path: Path, environ: Mapping[str, str]) -> bool:
    """Trust a folder no more; False when it was not trusted.

    Raises:
        StoreError: It can't be kept.
    """
    if os.fspath(path) not in read_trusted(environ):
        return False
    return _change(environ, lambda known: known.pop(os.fspath(path), None) is not None)


def _change(environ: Mapping[str, str], change: Callable[[dict[str, TrustedFolder]], bool]) -> bool:
    folder = config_folder(environ)
    if folder is None:
        raise UsageError("there is no home folder to keep it in", hint="set HOME")
    path = folder / _NAME
    with _exclusive(folder):
        known = _read(path)
        changed = change(known)
        value = {
            "v": VERSION,
            "folders": {
                name: {"at": timestamp(each.at), "files": dict(sorted(each.files.items()))}
                for name, each in sorted(known.items())
            },
        }
        # ASCII, since names of folders may be bytes that no encoding knows.
        replace(path, json.dumps(value, indent=2).encode("ascii") + b"\n")
    return changed


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes out while the file is read and replaced."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError.from_os(f"opening {folder}", error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise StoreError.from_os(f"locking {folder}", error) from error
    finally:
        os.close(handle)


def _read(path: Path) -> dict[str, TrustedFolder]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise StoreError.from_os(f"reading {path}", error) from error
    if status.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to user {status.st_uid}, not to you", hint=_MEND)
    if status.st_mode & 0o022:
        raise StoreError(f"others may write to {path}", hint=f"chmod 600 '{path}', or {_MEND}")
    try:
        value = json.loads(data)
        if value["v"] > VERSION:
            raise StoreError(f"{path} was written by a newer crew", hint="update crew")
        return {
            str(name): TrustedFolder(
                at=datetime.fromisoformat(each["at"]),
                files={str(file): str(digest) for file, digest in each["files"].items()},
            )
            for name, each in value["folders"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint=_MEND) from error
