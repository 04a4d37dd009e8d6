"""Who runs a run: the lock that its live process holds, and how others tell that it is gone."""

import errno
import fcntl
import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from crew.errors import LeaseLostError, RunLockedError, StoreError
from crew.records import timestamp, utc_now
from crew.store.folder import RunFolder

STALE_AFTER = timedelta(seconds=60)
"""Age of the last heartbeat from which a process of another host counts as gone."""

_LONGEST = 4096
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that a lock names.

    Attributes:
        boot: Which start of the machine; empty where the system does not tell.
        started: When the process started, in the system's own terms; tells a reused pid.
        beat: Its last heartbeat.
        live: Whether it still runs, as far as can be told from here.
    """

    pid: int
    host: str
    boot: str
    started: str
    beat: datetime
    live: bool


class RunLock:
    """Held by the process that runs a run, until `release` or its death."""

    def __init__(self, handle: int, path: Path) -> None:
        self._handle = handle
        self._path = path
        self._written = b""

    @classmethod
    def acquire(cls, folder: RunFolder, now: datetime) -> Self:
        """Take the lock.

        Raises:
            RunLockedError: A live process has it; the message names it.
            StoreError: The lock file can't be used.
        """
        try:
            handle = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError.from_os(f"opening {folder.lock}", error) from error
        try:
            _take(handle, folder, now)
            lock = cls(handle, folder.lock)
            lock._write(now)
        except BaseException:
            os.close(handle)
            raise
        return lock

    def beat(self, now: datetime) -> None:
        """Say that the process is alive; every ten seconds is enough.

        Raises:
            LeaseLostError: Another process has taken the lock.
            StoreError: The lock file can't be written.
        """
        self.check()
        self._write(now)

    def check(self) -> None:
        """Make sure that the lock is still this process's; one system call.

        A process of another host may take it from one that gave no sign for `STALE_AFTER`.

        Raises:
            LeaseLostError: Another process has taken it.
        """
        try:
            found = os.pread(self._handle, _LONGEST, 0)
        except OSError:
            return  # the disk's own errors show where something is written
        if found != self._written:
            raise LeaseLostError(
                f"another process has taken over the run of {self._path}",
                hint="this one writes nothing more; follow the other with crew watch",
            )

    def _write(self, now: datetime) -> None:
        pid = os.getpid()
        text = json.dumps(
            {
                "pid": pid,
                "host": socket.gethostname(),
                "boot": _boot_id(),
                "started": _process_start(pid),
                "beat": timestamp(now),
            }
        )
        try:
            data = text.encode()
            os.pwrite(self._handle, data, 0)
            os.ftruncate(self._handle, len(data))
            self._written = data
        except OSError as error:
            raise StoreError.from_os(f"writing {self._path}", error) from error

    def release(self) -> None:
        """Let go; the file stays, empty, since removing it would race with the next holder."""
        if self._handle < 0:
            return
        with suppress(OSError, LeaseLostError):
            self.check()
            os.ftruncate(self._handle, 0)
        os.close(self._handle)
        self._handle = -1


def holder(folder: RunFolder, now: datetime | None = None) -> Holder | None:
    """The process that the lock names, live or stale; None when nobody holds it.

    Args:
        folder: The run.
        now: The time that heartbeats from other hosts are judged by; the wall clock by default.
    """
    try:
        data = json.loads(folder.lock.read_bytes())
        found = Holder(
            pid=int(data["pid"]),
            host=str(data["host"]),
            boot=str(data["boot"]),
            started=str(data["started"]),
            beat=datetime.fromisoformat(data["beat"]),
            live=False,
        )
        age = (now or utc_now()) - found.beat
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Holder(
        pid=found.pid,
        host=found.host,
        boot=found.boot,
        started=found.started,
        beat=found.beat,
        live=_alive_here(found) if found.host == socket.gethostname() else age <= STALE_AFTER,
    )


def _take(handle: int, folder: RunFolder, now: datetime) -> None:
    """Lock the open file, or say who has it."""
    locked = False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        locked = True
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise StoreError.from_os(f"locking {folder.lock}", error) from error
    found = holder(folder, now)
    if locked or (found is not None and found.live):
        who = f"process {found.pid} on {found.host}" if found else "another process"
        raise RunLockedError(
            f"run {folder.id} is run by {who}",
            hint=f"follow it with crew watch {folder.id}, or end it with crew cancel {folder.id}",
        )


def _alive_here(found: Holder) -> bool:
    if found.boot != _boot_id():
        return False
    try:
        os.kill(found.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return found.started == _process_start(found.pid)


def _boot_id() -> str:
    """The machine's start, as Linux numbers it; empty elsewhere."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _process_start(pid: int) -> str:
    """When a process started, in ticks since boot (proc(5), field 22); empty where unknown.

    Also empty for a process that has ended and that its parent has not asked about yet.
    """
    with suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *fields = stat.rpartition(")")[2].split()
        return "" if state in {"Z", "X"} else fields[18]
    return ""
