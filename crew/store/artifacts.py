"""A run's artifacts: write-once files with a name, a digest and no secrets."""

import hashlib
import os
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

from crew.errors import StoreError, ToolError
from crew.records import ArtifactRef
from crew.store.folder import RunFolder
from crew.store.redact import Redactor

_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]+")
_NAMED = re.compile(rb"\bartifact:([A-Za-z0-9_-][A-Za-z0-9._-]*)")
_LONGEST_STEM = 100
_LONGEST_SUFFIX = 20


def named_in(text: bytes) -> list[str]:
    """Names of artifacts that a text refers to as `artifact:NAME`."""
    return [name.decode().rstrip(".") for name in _NAMED.findall(text)]


def _nothing(_: Path) -> None:
    return None


class ArtifactStore:
    """Stores and reads the files of a run's `artifacts/`.

    Args:
        made: Is told of each new file, which is not on the disk yet.
    """

    def __init__(
        self, folder: RunFolder, redact: Redactor, *, made: Callable[[Path], None] = _nothing
    ) -> None:
        self._folder = folder.artifacts
        self._redact = redact
        self._tell = made

    def put(self, name: str, data: bytes) -> ArtifactRef:
        """Store bytes for good.

        Args:
            name: What it should be called; made safe, and unique with `-2`, `-3` ... when
                another content has the name. The same content under the same name is kept once.
            data: All of its bytes; UTF-8 text is redacted first.

        Returns:
            The reference to the bytes on disk.

        Raises:
            StoreError: It can't be written.
        """
        data = self._clean(data)
        stem, suffix = _safe(name)
        try:
            for number in count(1):
                path = self._folder / (
                    f"{stem}-{number}{suffix}" if number > 1 else f"{stem}{suffix}"
                )
                if _made(path, data):
                    self._tell(path)
                    break
                if _holds(path, data):
                    break
        except OSError as error:
            raise StoreError.from_os(f"storing artifact {name!r}", error) from error
        return ArtifactRef(name=path.name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))

    def get(self, name: str) -> bytes:
        """Read an artifact.

        Raises:
            ToolError: There is none of that name, or it can't be read.
        """
        if name != "".join(_safe(name)):
            raise ToolError(f"no artifact {name[:80]!r}", hint="use a name exactly as it was given")
        try:
            handle = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise ToolError(
                f"no artifact {name!r}", hint="use a name exactly as it was given"
            ) from None
        except OSError as error:
            raise ToolError(f"artifact {name!r}: {error.strerror}") from error

    def verify(self, ref: ArtifactRef) -> bool:
        """Whether the file is there, with the bytes that the reference was made of."""
        try:
            data = self.get(ref.name)
        except ToolError:
            return False
        return len(data) == ref.size and hashlib.sha256(data).hexdigest() == ref.sha256

    def _clean(self, data: bytes) -> bytes:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return data
        clean = self._redact.plain(text)
        return data if clean == text else clean.encode()


def _made(path: Path, data: bytes) -> bool:
    """Make a file of these bytes; False when the name is taken.

    A process that is lost meanwhile leaves a part of it, which nothing refers to.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            written = 0
            while written < len(data):
                written += file.write(data[written:]) or 0
    except OSError:
        os.unlink(path)
        raise
    return True


def _holds(path: Path, data: bytes) -> bool:
    return path.stat().st_size == len(data) and path.read_bytes() == data


def _safe(name: str) -> tuple[str, str]:
    """Stem and suffix of the name that a file may have."""
    plain = _UNUSUAL.sub("-", name).lstrip(".-")
    stem, dot, suffix = plain.rpartition(".")
    if not stem or len(suffix) > _LONGEST_SUFFIX:
        return plain[:_LONGEST_STEM] or "artifact", ""
    return stem[:_LONGEST_STEM], dot + suffix
