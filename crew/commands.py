"""Requests to change a run, and the one protocol that takes them."""

from typing import Annotated, Literal, Protocol

from pydantic import Field

from crew.records import SCHEMA_VERSION, UNSTAMPED, Record, Timestamp


class CommandBase(Record):
    """The envelope of a command.

    Attributes:
        id: Chosen by the sender; the same id is applied once, and answered the same again.
        by: Who asks, for the record.
    """

    v: int = SCHEMA_VERSION
    id: str
    at: Timestamp = UNSTAMPED
    by: str = "person"


class Steer(CommandBase):
    """A message into a session's current work; it is in the context of the next model request.

    Attributes:
        interrupt: `immediate` skips what remains of the running batch of tool calls and cancels
            an interruptible tool in flight; `wait` lets the batch finish first.
    """

    kind: Literal["steer"] = "steer"
    session: str
    text: str = Field(min_length=1)
    interrupt: Literal["immediate", "wait"] = "immediate"


class FollowUp(CommandBase):
    """A message for after a session's current work."""

    kind: Literal["follow_up"] = "follow_up"
    session: str
    text: str = Field(min_length=1)


class Pause(CommandBase):
    """Hold a session, or with no session the run, at its next checkpoint.

    Attributes:
        hard: Also cut a model request in flight; it is asked again on resume.
    """

    kind: Literal["pause"] = "pause"
    session: str | None = None
    hard: bool = False


class Resume(CommandBase):
    """Let a paused session, or with no session the paused run, go on."""

    kind: Literal["resume"] = "resume"
    session: str | None = None


class Step(CommandBase):
    """Let a paused session run to the end of one turn, and hold it again."""

    kind: Literal["step"] = "step"
    session: str


class Cancel(CommandBase):
    """End a session, its current turn only, or with no session the run."""

    kind: Literal["cancel"] = "cancel"
    session: str | None = None
    scope: Literal["session", "turn"] = "session"
    reason: str = ""

    @property
    def why(self) -> str:
        """The reason to be told: who wanted it, where no other is given."""
        return self.reason or ("by the person" if self.by == "person" else f"by {self.by}")


class Retry(CommandBase):
    """Run a task that has ended again, with all that depends on it, in a run that goes on.

    Attributes:
        task: None for every task that did not complete.
    """

    kind: Literal["retry"] = "retry"
    task: str | None = None


class Answer(CommandBase):
    """A person's word on a permission request."""

    kind: Literal["answer"] = "answer"
    request: str
    decision: Literal["allow", "allow_session", "deny"]
    reason: str = ""


Command = Annotated[
    Steer | FollowUp | Pause | Resume | Step | Cancel | Retry | Answer,
    Field(discriminator="kind"),
]


class Receipt(Record):
    """A command was accepted.

    Attributes:
        command: Its id.
        seq: The journal number of its `command.accepted`.
    """

    command: str
    seq: int


class Control(Protocol):
    """Takes commands for one run; the live process and a run folder alike."""

    async def send(self, command: Command) -> Receipt:
        """Apply a command, once per id.

        Returns:
            The receipt, when the acceptance is on disk.

        Raises:
            CommandError: It was refused; the subclass and message say why. Nothing changed.
        """
        ...
