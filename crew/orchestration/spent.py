"""What earlier processes of a run have spent, by what they left on the disk."""

from collections.abc import Iterator

from crew.definitions.types import Plan
from crew.entries import UsageEntry
from crew.orchestration.again import pays
from crew.orchestration.history import History
from crew.records import Usage
from crew.session.budget import PastSession
from crew.store.folder import RunFolder


def spenders(plan: Plan, history: History) -> Iterator[PastSession]:
    """The sessions that the journal knows, with whom they count for."""
    for name, session in history.sessions.items():
        started = session.started
        known = plan.library if started.parent is not None else plan.roles
        agent = known.get(started.agent if started.parent is not None else started.role)
        if agent is not None:
            entries = history.entries(name)
            task = pays(history.attempts, started)
            yield PastSession(id=name, agent=agent, task=task, entries=entries)


def unannounced(folder: RunFolder, history: History) -> Iterator[Usage]:
    """What sessions have cost whose beginning the journal lost: the run has spent it all the same.

    The transcript of one may be taken up under its name, or stay behind.
    """
    for path in folder.sessions.glob("*.jsonl"):
        if path.stem not in history.sessions and not path.stem.endswith(".live"):
            entries = history.entries(path.stem)
            yield from (entry.usage for entry in entries if isinstance(entry, UsageEntry))
