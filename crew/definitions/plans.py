"""From a team to a plan: every name looked up, every role filled, every problem on the way kept."""

from collections.abc import Callable, Iterable, Mapping

from crew.definitions.parsed import Kind, Parsed
from crew.definitions.report import nearest
from crew.definitions.types import Agent, Member, Plan, Problem, Team, Workflow

Lookup = Callable[[Kind, str], Parsed | None]
Names = Callable[[Kind], Iterable[str]]


class Resolver:
    """Follows the names in definitions from file to file.

    Args:
        lookup: The definition of a name; None when there is none.
        names: The names that exist.
    """

    def __init__(self, lookup: Lookup, names: Names) -> None:
        self._lookup = lookup
        self._names = names
        self._problems: dict[Problem, None] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong in the files that were followed, each problem once."""
        return tuple(self._problems)

    def plan(self, parsed: Parsed) -> Plan | None:
        """All that a run of this team needs; None when there are problems."""
        self._keep(parsed.problems)
        team = parsed.readable
        if not isinstance(team, Team):
            return None
        workflow: Parsed | None = None
        if team.workflow:
            workflow = self._follow("workflow", team.workflow, parsed, ("workflow",))
        roles: dict[str, Agent] = {}
        spawners: list[Parsed] = []
        for role, member in team.members.items():
            found = self._follow("agent", member.agent, parsed, _agent_place(parsed, role))
            if found is not None:
                spawners.append(found)
            if found and isinstance(found.definition, Agent):
                roles[role] = _adapted(found.definition, member)
        library = self.spawnable(spawners)
        if workflow is None or not isinstance(workflow.readable, Workflow):
            return None
        self._check_roles(parsed, team, workflow, workflow.readable)
        if self._problems or not isinstance(workflow.definition, Workflow):
            return None
        return Plan(team=team, workflow=workflow.definition, roles=roles, library=library)

    def spawnable(self, spawners: Iterable[Parsed]) -> dict[str, Agent]:
        """Every agent that sessions of these agents may spawn, directly or further down."""
        found: dict[str, Agent] = {}
        waiting = list(spawners)
        while waiting:
            parsed = waiting.pop()
            self._keep(parsed.problems)
            spawns = parsed.readable.spawns if isinstance(parsed.readable, Agent) else ()
            children = self._any() if spawns == ("*",) else self._named(spawns, parsed)
            for child in children:
                agent = child.definition
                if isinstance(agent, Agent) and agent.name not in found:
                    found[agent.name] = agent
                    waiting.append(child)
        return dict(sorted(found.items()))

    def _named(self, names: Iterable[str], parsed: Parsed) -> Iterable[Parsed]:
        for name in names:
            if child := self._follow("agent", name, parsed, ("spawns",)):
                yield child

    def _any(self) -> Iterable[Parsed]:
        """Every agent that works: `*` does not ask for those that don't."""
        for name in self._names("agent"):
            child = self._lookup("agent", name)
            agent = None if child is None else child.definition
            if child is not None and isinstance(agent, Agent) and self._exist(agent.spawns):
                yield child

    def _exist(self, agents: tuple[str, ...]) -> bool:
        if agents == ("*",):
            return True
        found = [self._lookup("agent", name) for name in agents]
        return all(child is not None and child.definition is not None for child in found)

    def _follow(self, kind: Kind, name: str, parsed: Parsed, at: tuple[str, ...]) -> Parsed | None:
        found = self._lookup(kind, name)
        if found is not None:
            self._keep(found.problems)
            return found
        names = list(self._names(kind))
        hint = nearest(name, names) or f"there are: {', '.join(names)}"
        self._keep([parsed.problem(at, f"unknown {kind} `{name}`", hint)])
        return None

    def _check_roles(self, parsed: Parsed, team: Team, file: Parsed, workflow: Workflow) -> None:
        missing = {step.role: step for step in reversed(workflow.steps)}
        for role, step in missing.items():
            # A member that can't be read is one all the same; without any there is nothing to say.
            if role in team.members or ("members", role) in parsed.places or not team.members:
                continue
            message = f"no member for the role `{role}` of {file.path}:{step.line}"
            hint = nearest(role, team.members) or f"add `{role}: <agent>`"
            self._keep([parsed.problem(("members",), message, hint)])

    def _keep(self, problems: Iterable[Problem]) -> None:
        self._problems.update(dict.fromkeys(problems))


def _agent_place(parsed: Parsed, role: str) -> tuple[str, ...]:
    whole = ("members", role, "agent")
    return whole if whole in parsed.places else ("members", role)


def _adapted(agent: Agent, member: Member) -> Agent:
    changes: Mapping[str, tuple[str, ...] | None] = {"model": member.model, "tools": member.tools}
    return agent.model_copy(update={key: to for key, to in changes.items() if to is not None})
