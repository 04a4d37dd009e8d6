"""A disk that tears, fills up, fails and loses power where the seed says so.

It stands at the edge, in the place of the functions of `os` that change files, for whatever lies
under its root. Files are real, so that readers need no double.

What a loss of power leaves: names change in the order in which the program changed them, and a
sync of any file makes all earlier changes of names last (a journaling file system). The bytes of
a file last up to its own last sync; of those behind it any prefix may be there.
"""

import errno
import fcntl
import io
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from tests.simulation.troubles import Death, Fault, Kind, Loses

_real_open, _real_write, _real_pwrite = os.open, os.write, os.pwrite
_real_fsync, _real_ftruncate, _real_close = os.fsync, os.ftruncate, os.close
_real_replace, _real_rename, _real_link = os.replace, os.rename, os.link
_real_unlink, _real_mkdir, _real_fdopen = os.unlink, os.mkdir, os.fdopen

_FIRST_HANDLE, _HANDLES = 64, 150
_FIRST_PID = 5_000_000  # beyond what a system gives, so that no such process lives


class DiedError(BaseException):
    """The process is dead; nothing that it still does reaches the disk."""


@dataclass(slots=True)
class Disk:
    """The disk under `root`.

    Attributes:
        ops: Operations of this process.
        dead: Whether the process has died.
        left: Whether it has come to its end, dead or not, and runs no further.
        lost_power: Whether the machine died with it.
        trace: Takes a line for each operation.
    """

    root: Path
    chance: random.Random
    faults: tuple[Fault, ...] = ()
    death: Death | None = None
    ops: int = 0
    dead: bool = False
    left: bool = False
    image: int = 0
    lost_power: bool = False
    trace: Callable[[str], None] | None = None
    _files: dict[int, str] = field(default_factory=dict)
    _inodes: dict[int, int] = field(default_factory=dict)
    _lasting: dict[int, int] = field(default_factory=dict)
    _names: list[tuple[Any, ...]] = field(default_factory=list)
    _kept: int = 0

    def boot(self, faults: tuple[Fault, ...], death: Death | None) -> None:
        """Start a process with what will happen to it."""
        self.faults, self.death = faults, death
        self.ops, self.dead, self.left, self.lost_power = 0, False, False, False
        self.image += 1
        self._files.clear()

    def tick(self, what: str, name: str = "", torn: Callable[[float], None] | None = None) -> None:
        """Count an operation, or be where it fails.

        Args:
            torn: Does the given part of the operation, for a process that dies within it.
        """
        if self.dead:
            raise DiedError
        self.ops += 1
        if self.trace is not None:
            self.trace(f"{self.ops:5} {what} {name}")
        if self.death is not None and self.death.comes(self.ops, what, name):
            if torn is not None:
                torn(self.death.torn)
            self.die(self.death.kind)
            raise DiedError
        for fault in self.faults:
            if what != "effect" and fault.hits(self.ops, what):
                if torn is not None and fault.error == errno.ENOSPC:
                    torn(self.chance.random())
                raise OSError(fault.error, os.strerror(fault.error), name)

    def die(self, kind: Kind) -> None:
        """End the process, and with `power` the machine."""
        self.dead, self.lost_power = True, kind == "power"
        for handle, inode in self._inodes.items():
            with suppress(OSError):  # closed already, behind this disk's back
                if os.fstat(handle).st_ino == inode:
                    _real_close(handle)
            self._files.pop(handle, None)
        self._inodes.clear()
        if kind == "power":
            self._lose_power()

    def leave(self) -> None:
        """The process ended by itself, if it did not die."""
        if not self.dead:
            self.die("kill")
        self.left = True

    @property
    def unwinding(self) -> bool:
        """Whether it is a dead process that runs, which can neither do nor see anything."""
        return self.dead and not self.left

    @contextmanager
    def of_others(self) -> Iterator[None]:
        """Let another process act, which has a disk without trouble."""
        root, dead = self.root, self.dead
        self.root, self.dead = Path("/nowhere"), False
        try:
            yield
        finally:
            self.root, self.dead = root, dead

    def lasting(self, path: Path) -> bytes:
        """What no loss of power takes from a file."""
        try:
            data = path.read_bytes()
            return data[: self._lasting.get(path.stat().st_ino, 0)]
        except FileNotFoundError:
            return b""

    # What a loss of power does.

    def _lose_power(self) -> None:
        loses = self.death.loses if self.death is not None else "some"
        stays = self.chance.randint(0, len(self._names))
        if loses != "some":
            stays = 0 if loses == "names" else len(self._names)
        while len(self._names) > stays:
            self._undo(self._names.pop())
        self._settle()
        for place, _, names in os.walk(self.root / "place" / ".crew" / "runs"):
            for name in sorted(names):
                self._shorten(os.path.join(place, name), loses)

    def _shorten(self, path: str, loses: Loses) -> None:
        status = os.stat(path)
        lasting = min(self._lasting.get(status.st_ino, 0), status.st_size)
        fate = self.chance.random()
        size = status.st_size
        if loses != "some":
            fate = {"names": 1, "bytes": 0, "files": round(fate)}[loses]
        if fate < 0.4:
            size = lasting
        elif fate < 0.7:
            size = self.chance.randint(lasting, status.st_size)
        os.truncate(path, size)
        self._lasting[status.st_ino] = size

    def _undo(self, change: tuple[Any, ...]) -> None:
        match change:
            case ("create" | "link", path):
                _real_unlink(path)
            case ("mkdir", path):
                os.rmdir(path)
            case ("unlink", path, backup):
                _real_rename(backup, path)
            case ("rename", source, target, backup):
                _real_rename(target, source)
                if backup:
                    _real_rename(backup, target)

    def settle(self) -> None:
        """Time passes, and everything is on the disk."""
        self._settle()
        for place, _, names in os.walk(self.root):
            for name in names:
                status = os.stat(os.path.join(place, name))
                self._lasting[status.st_ino] = status.st_size

    def _settle(self) -> None:
        """Make every change of a name so far last."""
        for change in self._names:
            if change[0] in {"unlink", "rename"} and change[-1]:
                _real_unlink(change[-1])
        self._names.clear()

    def _keep(self, path: str) -> str:
        """Another name for what a change takes the name away from; empty where there is nothing."""
        if not os.path.lexists(path):
            return ""
        self._kept += 1
        backup = str(self.root / "undo" / str(self._kept))
        _real_link(path, backup)
        return backup

    def _mine(self, path: Any) -> str:
        text = os.fspath(path) if not isinstance(path, int) else ""
        return text if isinstance(text, str) and text.startswith(f"{self.root}/") else ""

    # In the place of `os`.

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        name = self._mine(path)
        if not name:
            return _real_open(path, flags, mode, dir_fd=dir_fd)
        makes = bool(flags & os.O_CREAT) and not os.path.lexists(name)
        if makes:
            self.tick("create", self._short(name))
        elif self.dead:
            raise DiedError
        found = _real_open(path, flags, mode)
        handle = fcntl.fcntl(found, fcntl.F_DUPFD_CLOEXEC, self._first_handle)
        _real_close(found)
        inode = os.fstat(handle).st_ino
        if makes:
            self._names.append(("create", name))
            self._lasting[inode] = 0
        self._files[handle] = name
        if flags & (os.O_WRONLY | os.O_RDWR):  # what reads closes itself, also when taken apart
            self._inodes[handle] = inode
        return handle

    @property
    def _first_handle(self) -> int:
        """Each process has numbers of its own: what a dead one closes late is nobody else's."""
        return _FIRST_HANDLE + _HANDLES * self.image

    def close(self, handle: int) -> None:
        late = _FIRST_HANDLE <= handle < self._first_handle
        if late or (self.dead and handle not in self._files):
            return
        self._files.pop(handle, None)
        self._inodes.pop(handle, None)
        _real_close(handle)

    def write(self, handle: int, data: Any) -> int:
        if (name := self._files.get(handle)) is None:
            self._check_alive()
            return _real_write(handle, data)

        def torn(part: float) -> None:
            _real_write(handle, bytes(data)[: int(len(data) * part)])

        self.tick("write", f"{self._short(name)} {len(data)}", torn)
        return _real_write(handle, data)

    def pwrite(self, handle: int, data: Any, offset: int) -> int:
        if (name := self._files.get(handle)) is None:
            self._check_alive()
            return _real_pwrite(handle, data, offset)
        self.tick("pwrite", self._short(name))
        return _real_pwrite(handle, data, offset)

    def fsync(self, handle: int) -> None:
        if (name := self._files.get(handle)) is None:
            self._check_alive()
            _real_fsync(handle)
            return
        self.tick("fsync", self._short(name))
        status = os.fstat(handle)
        self._lasting[status.st_ino] = status.st_size
        self._settle()

    def ftruncate(self, handle: int, size: int) -> None:
        if (name := self._files.get(handle)) is None:
            self._check_alive()
            _real_ftruncate(handle, size)
            return
        self.tick("truncate", f"{self._short(name)} {size}")
        _real_ftruncate(handle, size)
        inode = os.fstat(handle).st_ino
        self._lasting[inode] = min(self._lasting.get(inode, 0), size)

    def rename(self, source: Any, target: Any, **more: Any) -> None:
        start, end = self._mine(source), self._mine(target)
        if not start or not end:
            _real_rename(source, target, **more)
            return
        self.tick("rename", f"{self._short(start)} {self._short(end)}")
        if not os.path.lexists(start):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), start)
        backup = self._keep(end)
        _real_replace(start, end)
        self._names.append(("rename", start, end, backup))

    def link(self, source: Any, target: Any, **more: Any) -> None:
        start, end = self._mine(source), self._mine(target)
        if not start or not end:
            _real_link(source, target, **more)
            return
        self.tick("link", self._short(end))
        _real_link(start, end)
        self._names.append(("link", end))

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        name = self._mine(path)
        if not name:
            _real_unlink(path, dir_fd=dir_fd)
            return
        self.tick("unlink", self._short(name))
        backup = self._keep(name)
        _real_unlink(name)
        self._names.append(("unlink", name, backup))

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        name = self._mine(path)
        if not name or os.path.lexists(name):
            _real_mkdir(path, mode, dir_fd=dir_fd)
            return
        self.tick("mkdir", self._short(name))
        _real_mkdir(path, mode)
        self._names.append(("mkdir", name))

    def fdopen(self, handle: int, mode: str = "r", *args: Any, **more: Any) -> Any:
        if "r" in mode or handle not in self._files:
            self._files.pop(handle, None)  # the file object closes it, past this disk
            return _real_fdopen(handle, mode, *args, **more)
        return io.BufferedWriter(_RawFile(self, handle))

    def _check_alive(self) -> None:
        """A file that is none of this disk's may be the dead process's."""
        if self.dead:
            raise DiedError

    def _short(self, path: str) -> str:
        return path.removeprefix(f"{self.root}/place/.crew/runs/")

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Stand in the place of `os` and of what makes temporary names."""
        names = (f"{number:08}" for number in range(1, 1 << 30))
        ours: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                *("open", "close", "write", "pwrite", "fsync", "ftruncate"),
                *("rename", "link", "unlink", "mkdir", "fdopen"),
            )
        }
        ours |= {"replace": self.rename, "remove": self.unlink}
        ours["getpid"] = lambda: _FIRST_PID + self.image
        with mock.patch.multiple(os, **ours), mock.patch.object(tempfile, "_name_sequence", names):
            yield


class _RawFile(io.RawIOBase):
    """A file that writes through the disk."""

    def __init__(self, disk: Disk, handle: int) -> None:
        self._disk = disk
        self._image = disk.image
        self._handle = handle

    def fileno(self) -> int:
        return self._handle

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._gone:
            return len(data)
        return self._disk.write(self._handle, data)

    def close(self) -> None:
        if not self.closed and not self._gone:
            self._disk.close(self._handle)
        super().close()

    @property
    def _gone(self) -> bool:
        return self._disk.dead or self._disk.image != self._image
