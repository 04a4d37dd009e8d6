"""The tool calls of one answer: neighbours that may run together do, the others in order."""

from collections.abc import Iterator, Sequence

import anyio
import anyio.lowlevel

from crew.entries import Outcome, ToolCallEntry, ToolResultEntry
from crew.errors import CrewError, DeniedError, SteeredError, StoreError, ToolError
from crew.plaintext import cap
from crew.records import ArtifactRef, JsonObject
from crew.session.middleware import Call
from crew.session.past import Past
from crew.session.session import Session
from crew.tools.protocol import (
    Effect,
    SpawnOutcome,
    SpawnRequest,
    ToolContext,
    ToolOutput,
)

RESULT_LIMIT = 60_000
"""Characters of a tool's output that the model reads at once; the whole is an artifact."""

SKIPPED = "skipped: steered"
NOT_RUN = "interrupted: not run"
OUTCOME_UNKNOWN = (
    "outcome unknown: the process was lost while it ran; look at what it did before you repeat it"
)


async def run_calls(session: Session, calls: Sequence[ToolCallEntry]) -> None:
    """Run them with a checkpoint before each; a steer that does not wait skips what is left."""
    for group in _groups(session, calls):
        # A tool that would not be cut may have come back into a session that has ended meanwhile.
        await anyio.lowlevel.checkpoint_if_cancelled()
        await session.checkpoint()
        if session.inbox.interrupts:
            break
        if len(group) == 1:
            await _run_call(session, group[0])
        else:
            async with anyio.create_task_group() as together:
                for call in group:
                    together.start_soon(_run_call, session, call)
    session.close_open_calls(Outcome.SKIPPED, SKIPPED)


async def settle_calls(session: Session, past: Past) -> None:
    """Answer the calls that an interruption left open; children that they spawned go on."""
    spawned = []
    for call in list(session.open_calls.values()):
        if call.call_id in past.standing.children:
            spawned.append(call)
        elif call.call_id in past.standing.began:
            _answer_unrun(session, call, Outcome.UNKNOWN, OUTCOME_UNKNOWN)
        else:
            _answer_unrun(session, call, Outcome.CANCELLED, NOT_RUN)
    # Nothing is awaited before each of them is taken up: a child whose parent's turn is cancelled
    # here has to end as one that runs.
    async with anyio.create_task_group() as together:
        for call in spawned:
            together.start_soon(_run_call, session, call)


def _answer_unrun(session: Session, call: ToolCallEntry, outcome: Outcome, text: str) -> None:
    summary = text.partition(";")[0]
    session.close_call(
        ToolResultEntry(
            call_id=call.call_id, tool=call.tool, outcome=outcome, text=text, summary=summary
        )
    )


def _groups(session: Session, calls: Sequence[ToolCallEntry]) -> Iterator[list[ToolCallEntry]]:
    group: list[ToolCallEntry] = []
    for call in calls:
        if _concurrent(session, call):
            group.append(call)
            continue
        if group:
            yield group
            group = []
        yield [call]
    if group:
        yield group


def _concurrent(session: Session, call: ToolCallEntry) -> bool:
    try:
        return session.toolset.find(call.tool).concurrent
    except ToolError:
        return True


async def _run_call(session: Session, entry: ToolCallEntry) -> None:
    began = anyio.current_time()
    outcome, output = await _outcome(session, entry)
    text, artifact = _fit(session, entry, output.text)
    if artifact is not None:
        await session.env.recorder.settle()
    session.close_call(
        ToolResultEntry(
            call_id=entry.call_id,
            tool=entry.tool,
            outcome=outcome,
            text=text,
            summary=output.summary,
            ms=round((anyio.current_time() - began) * 1000),
            artifact=artifact,
            session=output.session,
        )
    )


async def _outcome(session: Session, entry: ToolCallEntry) -> tuple[Outcome, ToolOutput]:
    try:
        call = _prepare(session, entry)
        session.meter.tool_started(call)
        session.log.touch()
        if call.tool.interruptible:
            with session.interruptible(entry.call_id):
                output = await session.chain.tool(call)
        else:
            output = await session.chain.tool(call)
    except SteeredError as error:
        return Outcome.CANCELLED, _said(error)
    except DeniedError as error:
        return Outcome.DENIED, _said(error)
    except StoreError:
        raise
    except CrewError as error:
        return Outcome.ERROR, _said(error)
    except Exception as error:  # a broken tool is the model's to work around, not the session's end
        failed = CrewError(f"{entry.tool} failed: {type(error).__name__}: {error}")
        return Outcome.ERROR, _said(failed)
    return (Outcome.OK if output.ok else Outcome.ERROR), output


def _prepare(session: Session, entry: ToolCallEntry) -> Call:
    tool = session.toolset.find(entry.tool)
    if entry.invalid is not None:
        raise ToolError(f"the arguments could not be read: {entry.invalid}")
    args = tool.parse(entry.args)
    return Call(entry=entry, tool=tool, args=args, redact=session.env.recorder.redact)


async def run_tool(session: Session, call: Call) -> ToolOutput:
    """The innermost tool call."""
    env = session.env

    def print_line(line: str) -> None:
        session.meter.printed(line)
        session.log.touch()

    async def spawn(request: SpawnRequest) -> SpawnOutcome:
        known = session.past is not None and call.entry.call_id in session.past.standing.children
        if not known:  # a child is never on the disk without the call for it
            session.log.sync()
            await env.recorder.settle()
        return await env.spawn(session, request, call.entry.call_id)

    def submit(value: JsonObject) -> str:
        session.toolset.check_result(value)
        session.submitted = value
        return "The result is accepted."

    context = ToolContext(
        workspace=env.workspace,
        session=session.spec.id,
        call_id=call.entry.call_id,
        artifacts=env.recorder.artifacts,
        scope=env.scope,
        mark=env.mark,
        on_output=print_line,
        spawn=spawn,
        submit=submit,
    )
    if call.tool.effect in (Effect.WRITE, Effect.EXECUTE):
        await session.begin_effect(call)
    return await call.tool.run(call.args, context)


def _fit(session: Session, entry: ToolCallEntry, text: str) -> tuple[str, ArtifactRef | None]:
    shown, was_cut = cap(text, RESULT_LIMIT)
    if not was_cut:
        return text, None
    name = f"{session.spec.id}.{entry.call_id}.txt"
    ref = session.env.recorder.artifacts.put(name, text.encode("utf-8", "backslashreplace"))
    return f"{shown}\n[the whole output: read artifact:{ref.name}]", ref


def _said(error: CrewError) -> ToolOutput:
    text = error.message + (f" ({error.hint})" if error.hint else "")
    return ToolOutput(text=text, summary=text.splitlines()[0][:120], ok=False)
