"""What a repository's own definitions may do unasked: nothing, until the person trusts them.

A definition file of the workspace has a say in what is done without asking where its team has
`permissions`: the team itself, its workflow, and each agent with tools that write or execute,
also those that stand in for a bundled one. Such files count as they were when the person trusted
the folder; a change asks again. What leads out of the workspace is held by the same rule.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from crew.definitions import Library
from crew.definitions.types import Agent, Plan, Source
from crew.errors import DefinitionError, UsageError
from crew.models.registry import SCRIPTED
from crew.service.trusted import TrustedFolder, read_trusted
from crew.tools.registry import READ_ONLY

OWN = frozenset({"project", "project-root"})
"""Layers of definitions that come with the folder that a run works in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFile:
    """A definition file of the folder, with a say in what its team may do.

    Attributes:
        name: Its path from the folder's top.
        key: What in it has the say; empty for all of it.
        says: What that key says of it, for a person; empty where all of it has the say.
    """

    name: str
    source: Source
    key: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a team may do without asking once its folder is trusted.

    Attributes:
        permissions: Effects and tools that need no asking.
        outside: What it reads that is not in the folder.
        files: The folder's own files by which it does so.
    """

    team: str
    permissions: tuple[str, ...]
    outside: tuple[str, ...]
    files: tuple[OwnFile, ...]

    @property
    def own_team(self) -> bool:
        """Whether the team itself is the folder's."""
        return any(file.key == ("permissions",) for file in self.files)

    @property
    def effects(self) -> tuple[str, ...]:
        """All of it, in words."""
        return (*self.permissions, *(f"read {path}" for path in self.outside))

    def unlike(self, trusted: TrustedFolder | None) -> tuple[OwnFile, ...]:
        """The files that are not as they were trusted."""
        known = trusted.files if trusted is not None else {}
        return tuple(file for file in self.files if known.get(file.name) != file.source.sha256)


def grants(
    plan: Plan, allow: Collection[str], workspace: Path, environ: Mapping[str, str]
) -> frozenset[str]:
    """What needs no asking in a run: what the team grants, and what the person allows.

    Args:
        allow: Effects and tools that the person allows for this run.
        workspace: The folder that the run works in, every link in its path followed.
        environ: Where the person's config folder is looked for.

    Raises:
        UsageError: The folder's own definitions ask for more, and the person has not trusted them.
        StoreError: What the person trusted can't be read.
    """
    claim = claim_of(plan, workspace)
    if claim is not None:
        wanted = tuple(name for name in claim.permissions if name not in allow)
        if wanted or claim.outside:
            trusted = read_trusted(environ).get(os.fspath(workspace))
            if unlike := claim.unlike(trusted):
                raise _refusal(claim, wanted, [file for file in unlike if trusted is not None])
    return frozenset((*plan.team.permissions, *allow))


def claim_of(plan: Plan, workspace: Path) -> Claim | None:
    """What the folder's own definitions claim in a plan; None when they claim nothing."""
    permissions, linked = plan.team.permissions, _leads_out(workspace)
    files: dict[str, OwnFile] = {}
    outside: dict[str, None] = {}

    def weigh(source: Source, key: tuple[str, ...], says: Sequence[str], *, acts: bool) -> None:
        read = linked if source.layer == "project" else ""
        if source.layer in OWN and (read or (permissions and acts)):
            file = OwnFile(name=_name(source), source=source, key=key, says=", ".join(says))
            files.setdefault(file.name, file)
            outside.update({read: None} if read else {})

    weigh(plan.team.source, ("permissions",), permissions, acts=True)
    weigh(plan.workflow.source, (), (), acts=True)
    for agent in (*plan.roles.values(), *plan.library.values()):
        acting = tuple(name for name in agent.tools or () if name not in READ_ONLY)
        if agent.source.layer in OWN and (scripts := _scripts_outside(agent, workspace)):
            file = OwnFile(name=_name(agent.source), source=agent.source, key=("model",))
            files[file.name] = file
            outside.update(dict.fromkeys(scripts))
        weigh(agent.source, ("tools",), acting, acts=bool(acting))
    if not files:
        return None
    return Claim(
        team=plan.team.name,
        permissions=permissions,
        outside=tuple(outside),
        files=tuple(files.values()),
    )


def claims(library: Library, workspace: Path) -> tuple[Claim, ...]:
    """What each team claims by the folder's own definitions; teams with problems claim nothing."""
    found = []
    for team in library.names("team"):
        with suppress(DefinitionError):
            found.append(claim_of(library.plan(team), workspace))
    return tuple(claim for claim in found if claim is not None)


def _refusal(claim: Claim, wanted: Sequence[str], changed: Sequence[OwnFile]) -> UsageError:
    asks = ", ".join((*wanted, *claim.effects[len(claim.permissions) :]))
    allow = " ".join(f"--allow {name}" for name in wanted)
    once = f", or allow it once: crew run {claim.team} {allow}"
    hint = f"see what it is and trust this folder with crew trust{'' if claim.outside else once}"
    if changed:
        names = ", ".join(file.name for file in changed)
        return UsageError(
            f"team {claim.team} asks for {asks}, and what you trusted has changed: {names}",
            hint=hint,
        )
    own = "is this repository's own" if claim.own_team else "uses this repository's own definitions"
    return UsageError(f"team {claim.team} {own} and asks for {asks}", hint=hint)


def _name(source: Source) -> str:
    """A definition's path from the folder's top; its last two parts are plain by their rules."""
    kind, file = Path(source.path).parts[-2:]
    return f"{'.crew/' if source.layer == 'project' else ''}{kind}/{file}"


def _leads_out(workspace: Path) -> str:
    """Where `.crew` leads when that is not inside the folder; empty when it is."""
    place = os.path.realpath(workspace / ".crew")
    return "" if _inside(place, workspace) else place


def _scripts_outside(agent: Agent, workspace: Path) -> list[str]:
    paths = [name.removeprefix(SCRIPTED) for name in agent.model if name.startswith(SCRIPTED)]
    return [path for path in paths if not _inside(os.path.realpath(path), workspace)]


def _inside(place: str, workspace: Path) -> bool:
    return Path(place).is_relative_to(os.path.realpath(workspace))
