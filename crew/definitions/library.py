"""All definitions of a place: found in order, read when asked for, checked all at once."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import TypeVar

from crew.definitions.discovery import (
    Candidate,
    Scan,
    Shelf,
    scan,
    shelves,
)
from crew.definitions.parsed import KINDS, TOOLS, Kind, Parsed
from crew.definitions.parser import name_of, parse_file
from crew.definitions.plans import Resolver
from crew.definitions.report import display_path, nearest, printable, shown
from crew.definitions.types import Agent, Definition, Plan, Problem, Source, Team, Workflow
from crew.errors import DefinitionError

D = TypeVar("D", Agent, Team, Workflow)

_PLACES = "definitions are agents/x.md, teams/x.md, workflows/x.md, or x.agent.md and so on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name of the library.

    Attributes:
        shadows: Files of the same name that come later in the order and are not used.
        definition: None when there are problems.
        problems: Those of the file, and of the files that it names.
    """

    name: str
    source: Source
    shadows: tuple[Source, ...]
    definition: Definition | None
    problems: tuple[Problem, ...]


class Library:
    """Agents, teams and workflows by name.

    A file is read when its name is asked for, and once: what is broken elsewhere is in nobody's
    way until `check`.

    Args:
        shelves: The folders, first wins.
        tools: The tools that definitions may name.
    """

    def __init__(self, shelves: Iterable[Shelf], *, tools: Collection[str] = TOOLS) -> None:
        self._shelves = tuple(shelves)
        self._tools = tools
        self._scans: dict[tuple[Shelf, Kind], Scan] = {}
        self._parsed: dict[tuple[Kind, Path], Parsed] = {}

    @classmethod
    def load(
        cls,
        project: Path | None,
        user: Path | None,
        bundled: Path,
        *,
        tools: Collection[str] = TOOLS,
    ) -> "Library":
        """The library of a project, a person, and crew itself, in this order."""
        return cls(shelves(project, user, bundled), tools=tools)

    def agent(self, name: str) -> Agent:
        """The agent of this name; raises `DefinitionError`."""
        return self._definition("agent", name, Agent)

    def team(self, name: str) -> Team:
        """The team of this name; raises `DefinitionError`."""
        return self._definition("team", name, Team)

    def workflow(self, name: str) -> Workflow:
        """The workflow of this name; raises `DefinitionError`."""
        return self._definition("workflow", name, Workflow)

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Every name of a kind, sorted, those of broken files included."""
        return tuple(sorted({candidate.name for candidate in self._candidates(kind)}))

    def entry(self, kind: Kind, name: str) -> Entry:
        """One name with its source, what it shadows and its problems.

        Raises:
            DefinitionError: There is no such name.
        """
        same = [candidate for candidate in self._candidates(kind) if candidate.name == name]
        if not same:
            raise self._unknown(kind, name)
        parsed, problems = self._read(kind, same[0]), self._problems_of(kind, same[0])
        return Entry(
            name=name,
            source=_source(same[0]),
            shadows=tuple(_source(candidate) for candidate in same[1:]),
            definition=None if problems else parsed.definition,
            problems=(*parsed.problems, *_sorted(problems.difference(parsed.problems))),
        )

    def entries(self, kind: Kind) -> tuple[Entry, ...]:
        """Every name of a kind, sorted."""
        return tuple(self.entry(kind, name) for name in self.names(kind))

    def plan(self, team: str) -> Plan:
        """All that a run of this team needs, resolved.

        Raises:
            DefinitionError: With every problem of the files that the team needs.
        """
        parsed = self._lookup("team", team)
        if parsed is None:
            raise self._unknown("team", team)
        resolver = self._resolver()
        plan = resolver.plan(parsed)
        if plan is None:
            raise _error(resolver.problems)
        return plan

    def line(self, source: Source, key: tuple[str, ...]) -> int:
        """The line where a definition that was read has a key; 0 where it has none."""
        for (_, path), parsed in self._parsed.items():
            if printable(path) == source.path and key in parsed.places:
                return parsed.places[key].line
        return 0

    def check(self, path: Path | None = None) -> list[Problem]:
        """Every problem of every file, or of one file or folder, and of what these name.

        Files that others shadow are checked too: they count again once the other is gone.
        """
        if path is None:
            return self._check_shelves(self._shelves, KINDS)
        path = Path(os.path.abspath(path))
        if os.path.isdir(path):
            return self._check_folder(path)
        if not os.path.lexists(path):
            return [_about(path, "there is no such file", "")]
        kind = _kind_of(path)
        if kind is None:
            return [_about(path, "not known to be an agent, a team or a workflow", _PLACES)]
        shelf = Shelf(root=path.parent.parent, layer="project")
        wider = self._before(shelf) if path.parent.name == f"{kind}s" else self
        name = name_of(path, kind)
        return _sorted(wider._problems_of(kind, Candidate(name=name, path=path, layer="project")))

    def _check_folder(self, path: Path) -> list[Problem]:
        kinds = tuple(kind for kind in KINDS if path.name == f"{kind}s") or KINDS
        root = path if kinds == KINDS else path.parent
        project = Shelf(root=root / ".crew", layer="project")
        shelf = Shelf(root=root, layer="project")
        wider = self._before(project, shelf)
        scans = [wider._scan(each, kind) for each in (project, shelf) for kind in kinds]
        if not any(found.files or found.problems for found in scans):
            return [_about(path, "no definitions in this folder", _PLACES)]
        return wider._check_shelves((project, shelf), kinds)

    def _check_shelves(self, shelves: Iterable[Shelf], kinds: Iterable[Kind]) -> list[Problem]:
        problems: set[Problem] = set()
        for kind, shelf in product(kinds, shelves):
            found = self._scan(shelf, kind)
            problems.update(found.problems)
            for candidate in found.files:
                problems.update(self._problems_of(kind, candidate))
        return _sorted(problems)

    def _problems_of(self, kind: Kind, candidate: Candidate) -> set[Problem]:
        """The problems of one file and of the files that it names."""
        parsed = self._read(kind, candidate)
        resolver = self._resolver()
        if kind == "team":
            resolver.plan(parsed)
        elif kind == "agent":
            resolver.spawnable([parsed])
        return {*parsed.problems, *resolver.problems}

    def _before(self, *shelves: Shelf) -> "Library":
        """This library with more shelves in front."""
        return Library((*shelves, *self._shelves), tools=self._tools)

    def _resolver(self) -> Resolver:
        return Resolver(self._lookup, cache(self.names))

    def _definition(self, kind: Kind, name: str, of: type[D]) -> D:
        parsed = self._lookup(kind, name)
        if parsed is None:
            raise self._unknown(kind, name)
        if not isinstance(parsed.definition, of):
            raise _error(parsed.problems)
        return parsed.definition

    def _lookup(self, kind: Kind, name: str) -> Parsed | None:
        for candidate in self._candidates(kind):
            if candidate.name == name:
                return self._read(kind, candidate)
        return None

    def _candidates(self, kind: Kind) -> Iterator[Candidate]:
        for shelf in self._shelves:
            yield from self._scan(shelf, kind).files

    def _scan(self, shelf: Shelf, kind: Kind) -> Scan:
        if (shelf, kind) not in self._scans:
            self._scans[shelf, kind] = scan(shelf, kind)
        return self._scans[shelf, kind]

    def _read(self, kind: Kind, candidate: Candidate) -> Parsed:
        key = (kind, candidate.path)
        if key not in self._parsed:
            self._parsed[key] = (
                parse_file(candidate.path, kind, candidate.layer, tools=self._tools)
                if candidate.problem is None
                else _refused(candidate, candidate.problem)
            )
        return self._parsed[key]

    def _unknown(self, kind: Kind, name: str) -> DefinitionError:
        names = self.names(kind)
        folders = [p for shelf in self._shelves for p in self._scan(shelf, kind).problems]
        there = f"there are: {', '.join(names)}" if names else f"there are no {kind}s"
        hint = " ".join(filter(None, (nearest(name, names), there)))
        message = f"no {kind} is named `{shown(name)}`"
        return DefinitionError("\n".join([message, *map(str, folders)]), hint=hint)


def _kind_of(path: Path) -> Kind | None:
    """What a file defines, by its own name or its folder's."""
    if not path.name.endswith(".md"):
        return None
    for kind in KINDS:
        if path.name.endswith(f".{kind}.md") or path.parent.name == f"{kind}s":
            return kind
    return None


def _about(path: Path, message: str, hint: str) -> Problem:
    return Problem(path=display_path(path), line=0, column=0, message=message, hint=hint)


def _refused(candidate: Candidate, problem: Problem) -> Parsed:
    return Parsed(
        path=display_path(candidate.path), definition=None, problems=(problem,), places={}
    )


def _source(candidate: Candidate) -> Source:
    return Source(path=printable(candidate.path), layer=candidate.layer)


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda found: (found.path, found.line, found.column))


def _error(problems: Iterable[Problem]) -> DefinitionError:
    return DefinitionError("\n".join(str(problem) for problem in _sorted(problems)))
