"""Opening, reading and replacing the files of a workspace, off the event loop where it is long."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import anyio.to_thread

from crew.errors import PathError, ToolError
from crew.tools.workspace import shown

DIRECT = 256 * 1024
"""Bytes up to which work is done at once: handing it to a thread would cost more."""

BINARY_HEAD = 8 * 1024

T = TypeVar("T")


async def off_loop(work: Callable[[], T], *, size: int) -> T:
    """Do blocking work without holding up the event loop; a cancelled call leaves it behind.

    Args:
        work: Must be bounded in time, and clean up after itself.
        size: About how many bytes it touches; little work is done directly.
    """
    if size <= DIRECT:
        return work()
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def open_regular(path: Path, name: str) -> BinaryIO:
    """Open a resolved path for reading, provided that it still is a regular file.

    Args:
        path: From `Workspace.resolve`; a link that took its place since is not followed.
        name: How the model called it.

    Raises:
        PathError: It is something else or can't be opened.
    """
    try:
        # O_NONBLOCK: a pipe that took the file's place must not hang the open.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PathError(f"{shown(name)}: {error.strerror}") from error
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise PathError(f"{shown(name)} is not a regular file")
    return file


def replace_file(path: Path, data: bytes, name: str) -> None:
    """Replace or create a file in one step, keeping its mode; parents are created.

    Raises:
        ToolError: It could not be written; the old file is untouched.
    """
    # Beside the file: a rename does not cross file systems.
    temporary = path.with_name(f".crew-{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_new(temporary, data, _mode(path))
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ToolError(f"{shown(name)} could not be written: {error.strerror}") from error


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except FileNotFoundError:
        return None


def _write_new(path: Path, data: bytes, mode: int | None) -> None:
    # 0666 lets the kernel apply the umask, which can't be read without changing it.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(handle, "wb") as file:
        if mode is not None:
            os.fchmod(handle, mode)
        file.write(data)


def kind_of(head: bytes) -> str | None:
    """What a file that is not text seems to be; None when it is text."""
    has_nul = b"\0" in head
    for magic, kind in _MAGIC.items():
        # A text may begin like an image by chance, but holds no NUL.
        if head.startswith(magic) and (has_nul or not magic.isascii()):
            return kind
    return "binary data" if has_nul else None


_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "gzip data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ\0": "xz data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"\x7fELF": "an ELF program or library",
    b"MZ\x90\0": "a Windows program",
    b"\xca\xfe\xba\xbe": "Java or Mach-O code",
    b"SQLite format 3\0": "an SQLite database",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
