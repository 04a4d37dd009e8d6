"""What earlier processes of a run have spent, by what they left on the disk."""

from collections.abc import Iterator

from crew.definitions.types import Agent, Plan
from crew.entries import UsageEntry
from crew.orchestration.again import pays
from crew.orchestration.history import History
from crew.records import Usage
from crew.session.budget import PastSession
from crew.store.folder import RunFolder


def spenders(plan: Plan, folder: RunFolder, history: History) -> Iterator[PastSession]:
    """The sessions that have spent something, with whom they count for."""
    for name, session in history.sessions.items():
        started = session.started
        known = plan.library if started.parent is not None else plan.roles
        agent = known.get(started.agent if started.parent is not None else started.role)
        if agent is not None:
            entries = history.entries(name)
            task = pays(history.attempts, started)
            yield PastSession(id=name, agent=agent, task=task, entries=entries)
    for name in _unannounced(folder, history):
        agent = _agent_by_name(plan, name)
        if agent is not None:
            entries = history.entries(name)
            task = _task_by_name(history, name)
            yield PastSession(id=name, agent=agent, task=task, entries=entries)


def unannounced(folder: RunFolder, history: History) -> Iterator[Usage]:
    """What sessions have cost whose beginning the journal lost: the run has spent it all the same.

    The transcript of one may be taken up under its name, or stay behind.
    """
    for name in _unannounced(folder, history):
        yield from (e.usage for e in history.entries(name) if isinstance(e, UsageEntry))


def _unannounced(folder: RunFolder, history: History) -> Iterator[str]:
    for path in sorted(folder.sessions.glob("*.jsonl")):
        if path.stem not in history.sessions and not path.stem.endswith(".live"):
            yield path.stem


# A session of a task is named TASK or TASK~ATTEMPT, the task of an item STEP_NUMBER, and a child
# PARENT.AGENT-NUMBER; names of steps and agents have none of these signs but the last.


def _agent_by_name(plan: Plan, session: str) -> Agent | None:
    root, _, child = session.partition(".")
    if child:
        return plan.library.get(child.rpartition(".")[2].rpartition("-")[0])
    step_id = root.partition("~")[0].partition("_")[0]
    roles = (step.role for step in plan.workflow.steps if step.id == step_id)
    return plan.roles.get(next(roles, ""))


def _task_by_name(history: History, session: str) -> str | None:
    """The task whose budget it counts for: its nearest known ancestor's, or the one of its name."""
    parent = session
    while parent := parent.rpartition(".")[0]:
        if parent in history.sessions:
            return pays(history.attempts, history.sessions[parent].started)
    return session.partition(".")[0].partition("~")[0]
