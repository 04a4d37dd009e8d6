"""Every error that crew raises on purpose: what happened, the mend, and the exit code it means.

CrewError
├── UsageError                 the command line or an API call is off               2
│   ├── WorkspaceError         the working folder can't be used                     2
│   └── ConfigError            the person's config.toml is off                      2
├── DefinitionError            one or more definition files are off                 2
├── StoreError                 the run folder can't be read or written              3
│   ├── RunNotFoundError       no such run                                          2
│   ├── RunLockedError         another live process runs it                         2
│   ├── LeaseLostError         another process has taken the run over               3
│   └── StaleGenerationError   compare-and-set lost
├── ModelError                 a model request failed, with its class               3
├── ToolError                  a tool call failed; the message goes to the model
│   └── PathError              a path is outside the workspace or can't be used
├── BoardError                 the task board refused a write                       3
│   └── StaleTaskVersionError  the task changed since it was read
├── SpawnError                 a child session was refused by a limit
└── CommandError               a command was refused                                2
    ├── InboxFullError         100 messages already wait
    ├── SessionEndedError      the session has ended
    ├── NoSuchSessionError     the run has no such session
    ├── NotPausedError         resume or step of something that runs
    ├── RunGoneError           no live process runs the run
    └── NoSuchRequestError     the permission request is unknown or answered
"""

import errno
from enum import IntEnum, StrEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process's exit code says."""

    OK = 0
    VERDICT_FAILED = 1
    USAGE = 2
    RUN_FAILED = 3
    NEEDS_ATTENTION = 4
    OVER_BUDGET = 5
    TIMED_OUT = 124
    CANCELLED = 130


class CrewError(Exception):
    """Base of crew's errors.

    Args:
        message: What happened and where, in one sentence without a full stop.
        hint: The mend, in one sentence; empty when there is none to offer.
    """

    title: ClassVar[str] = "Error"
    exit_code: ClassVar[ExitCode] = ExitCode.RUN_FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(CrewError):
    """The command line or an API call is off."""

    title = "Usage"
    exit_code = ExitCode.USAGE


class WorkspaceError(UsageError):
    """The working folder can't be used."""

    title = "Workspace"


class ConfigError(UsageError):
    """The person's `config.toml` is off; `message` has a line for each problem."""

    title = "Config"


class DefinitionError(CrewError):
    """One or more definition files are off; `message` has a line for each problem."""

    title = "Definitions"
    exit_code = ExitCode.USAGE


class StoreError(CrewError):
    """The run folder can't be read or written; the message carries the system's reason."""

    title = "Storage"

    @classmethod
    def from_os(cls, doing: str, error: OSError) -> "StoreError":
        """Say what was being done and the root reason, with the mend where one is known."""
        hints = {
            errno.ENOSPC: "free some space, or set CREW_HOME to a disk that has it",
            errno.EDQUOT: "free some of the quota, or set CREW_HOME elsewhere",
            errno.EROFS: "the file system is read-only: set CREW_HOME to a writable folder",
            errno.EACCES: "set CREW_HOME to a folder that you may write",
            errno.EPERM: "set CREW_HOME to a folder that you may write",
            errno.EMFILE: "raise the limit of open files: ulimit -n 4096",
        }
        reason = error.strerror or str(error)
        return cls(f"{doing}: {reason}", hint=hints.get(error.errno or 0, ""))


class RunNotFoundError(StoreError):
    """There is no such run."""

    title = "Run"
    exit_code = ExitCode.USAGE


class RunLockedError(StoreError):
    """Another live process holds the run."""

    title = "Run"
    exit_code = ExitCode.USAGE


class LeaseLostError(StoreError):
    """Another process has taken the run over; this one writes nothing more."""

    title = "Run"


class StaleGenerationError(StoreError):
    """A compare-and-set lost: the value changed since it was read.

    Args:
        expected: The generation the writer had read.
        found: The generation on disk.
    """

    title = "Conflict"

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"expected generation {expected}, found {found}")
        self.expected = expected
        self.found = found


class Fault(StrEnum):
    """Why a model request failed."""

    AUTH = "auth"
    QUOTA = "quota"
    RATE_LIMIT = "rate_limit"
    OVERLOAD = "overload"
    CONTEXT_OVERFLOW = "context_overflow"
    BAD_REQUEST = "bad_request"
    NETWORK = "network"
    CERTIFICATE = "certificate"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {Fault.RATE_LIMIT, Fault.OVERLOAD, Fault.NETWORK, Fault.TRUNCATED, Fault.MALFORMED}
)


class ModelError(CrewError):
    """A model request failed.

    Args:
        fault: The class of the failure, which decides whether it is tried again.
        retry_after: Seconds that the provider asked to wait, where it did.
    """

    title = "Model"

    def __init__(
        self, message: str, *, fault: Fault, retry_after: float | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.fault = fault
        self.retry_after = retry_after


class ToolError(CrewError):
    """A tool call failed in a way the model can mend; the message becomes the tool's result."""

    title = "Tool"


class PathError(ToolError):
    """A path is outside the workspace or can't be used."""


class DeniedError(ToolError):
    """The call needs a grant that it does not have."""


class SteeredError(ToolError):
    """A steer cut the call while it ran or waited."""


class BoardError(CrewError):
    """The task board refused a write."""

    title = "Task board"


class StaleTaskVersionError(BoardError):
    """The task changed since it was read."""

    def __init__(self, task: str, expected: int, found: int) -> None:
        super().__init__(f"task {task}: expected version {expected}, found {found}")
        self.task = task
        self.expected = expected
        self.found = found


class SpawnError(CrewError):
    """A child session was refused by a limit."""

    title = "Spawn"


class OverBudgetError(CrewError):
    """What may be spent is spent."""

    title = "Budget"
    exit_code = ExitCode.OVER_BUDGET


class CommandError(CrewError):
    """A command was refused; nothing changed."""

    title = "Refused"
    exit_code = ExitCode.USAGE


class InboxFullError(CommandError):
    """The session's queue holds as many messages as it may."""


class SessionEndedError(CommandError):
    """The session has ended."""


class NoSuchSessionError(CommandError):
    """The run has no such session."""


class RunGoneError(CommandError):
    """No live process runs the run any more."""

    title = "Run"


class NotPausedError(CommandError):
    """What should be resumed or stepped is not paused."""


class NoSuchRequestError(CommandError):
    """The permission request is unknown or already answered."""
