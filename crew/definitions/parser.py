"""A markdown file to a validated agent, team or workflow, with every problem of the file."""

import hashlib
from collections.abc import Collection
from pathlib import Path

from crew.definitions import files, nodes
from crew.definitions.fields import Fields, as_mapping, as_name, present
from crew.definitions.parsed import SESSION_TOOLS, TOOLS, Kind, Parsed
from crew.definitions.report import Place, Report, display_path, printable, shown
from crew.definitions.steps import read_steps
from crew.definitions.types import Agent, Definition, Layer, Member, Source, Team, Workflow

_AGENT_KEYS = (
    "name",
    "description",
    "model",
    "thinking",
    "tools",
    "spawns",
    "output",
    "max_turns",
    "timeout",
    "budget",
)
_TEAM_KEYS = (
    "name",
    "description",
    "workflow",
    "goal",
    "members",
    "max_concurrency",
    "budget",
    "supervision",
    "limits",
    "permissions",
)
_TEAM_PLANNED = ("conductor", "isolation", "merge", "triggers", "delivery")
_MEMBER_KEYS = ("agent", "model", "tools")
_MEMBER_PLANNED = ("thinking", "spawns", "output", "max_turns", "timeout", "budget", "isolation")
_WORKFLOW_KEYS = ("name", "description")
_EFFECTS = frozenset({"write", "execute"})


def parse_file(path: Path, kind: Kind, layer: Layer, *, tools: Collection[str] = TOOLS) -> Parsed:
    """Read one definition file; never raises for what is in it."""
    report = Report(display_path(path))
    data = files.read_bytes(path, report)
    if data is None:
        return _nothing(report)
    source = Source(path=printable(path), layer=layer)
    return parse_bytes(data, kind, name_of(path, kind), source, tools=tools)


def name_of(path: Path, kind: Kind) -> str:
    """The name that a file's name gives: `x` of `x.md` and of `x.team.md`."""
    return path.name.removesuffix(".md").removesuffix(f".{kind}")


def parse_bytes(
    data: bytes, kind: Kind, name: str, source: Source, *, tools: Collection[str] = TOOLS
) -> Parsed:
    """Read a definition from memory, under the name that its file would have."""
    report = Report(display_path(Path(source.path)))
    source = source.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
    text = files.decode(data, report)
    document = None if text is None else files.split(text, report)
    if document is None:
        return _nothing(report)
    node = nodes.compose(document.frontmatter, document.frontmatter_line, report)
    reader = _Reader(document, source, report, tools)
    if node is None:
        if kind == "workflow":
            read_steps(document, report, {})
        return _nothing(report)
    match kind:
        case "agent":
            definition, fields = reader.agent(node, name)
        case "team":
            definition, fields = reader.team(node, name)
        case "workflow":
            definition, fields = reader.workflow(node, name)
    return Parsed(
        path=report.path,
        definition=definition,
        problems=report.problems,
        places=fields.places | reader.places,
        draft=reader.draft,
    )


def _nothing(report: Report) -> Parsed:
    return Parsed(path=report.path, definition=None, problems=report.problems, places={})


class _Reader:
    """Reads the frontmatter of one document as one of the three kinds."""

    def __init__(
        self, document: files.Document, source: Source, report: Report, tools: Collection[str]
    ) -> None:
        self.places: dict[tuple[str, ...], Place] = {}
        self.draft: Definition | None = None
        self._document = document
        self._source = source
        self._report = report
        self._tools = tools

    def agent(self, node: nodes.Mapping, name: str) -> tuple[Definition | None, Fields]:
        """An agent; its body is the prompt."""
        fields = Fields(node, self._report, known=_AGENT_KEYS)
        set_ = present(
            **self._title(fields, name),
            model=self._model(fields),
            thinking=fields.choice("thinking", ("off", "low", "medium", "high")),
            tools=self._tool_names(fields),
            spawns=fields.read("spawns", lambda spawns: self._spawns(spawns, fields)),
            output=fields.schema("output"),
            max_turns=fields.whole("max_turns", 1, 10_000),
            timeout=fields.duration("timeout"),
            budget=fields.budget("budget"),
            prompt=self._document.body.strip(),
        )
        if not set_["prompt"]:
            at = Place(self._document.body_line, 1)
            self._report.add(at, "the prompt is empty", "write it below the frontmatter")
        if self._report.problems:
            self.draft = Agent.model_construct(**{"name": name, **set_}, source=self._source)
            return None, fields
        return Agent(**set_, source=self._source), fields

    def team(self, node: nodes.Mapping, name: str) -> tuple[Definition | None, Fields]:
        """A team; its body is the briefing."""
        fields = Fields(node, self._report, known=_TEAM_KEYS, planned=_TEAM_PLANNED)
        fields.missing("workflow")
        fields.missing("members", "add `members:` with a line `role: agent` for each role")
        set_ = present(
            **self._title(fields, name),
            workflow=fields.name("workflow"),
            goal=fields.choice("goal", ("required", "optional")),
            members=fields.read("members", self._members),
            max_concurrency=fields.whole("max_concurrency", 1, 1_000),
            budget=fields.budget("budget"),
            supervision=fields.supervision("supervision"),
            limits=fields.limits("limits"),
            permissions=self._permissions(fields),
            briefing=self._document.body.strip(),
        )
        if self._report.problems:
            least = {"name": name, "workflow": "", "members": {}}
            self.draft = Team.model_construct(**{**least, **set_}, source=self._source)
            return None, fields
        return Team(**set_, source=self._source), fields

    def workflow(self, node: nodes.Mapping, name: str) -> tuple[Definition | None, Fields]:
        """A workflow; its body is the steps."""
        fields = Fields(node, self._report, known=_WORKFLOW_KEYS)
        set_ = present(
            **self._title(fields, name),
            steps=read_steps(self._document, self._report, self.places),
        )
        if self._report.problems:
            self.draft = Workflow.model_construct(**{"name": name, **set_}, source=self._source)
            return None, fields
        return Workflow(**set_, source=self._source), fields

    def _title(self, fields: Fields, stem: str) -> dict[str, str | None]:
        name = None if fields.missing("name") else fields.name("name")
        if name is not None and name != stem:
            message = f"`name` is `{name}`, but the file is named `{shown(stem)}`"
            self._report.add(fields.places["name",], message, "give both the same name")
        description = None if fields.missing("description") else fields.line("description")
        return {"name": name, "description": description}

    def _model(self, fields: Fields) -> tuple[str, ...] | None:
        names = fields.texts("model")
        if names == ():
            self._report.add(fields.places["model",], "`model` is empty", "write `[default]`")
        return names

    def _tool_names(self, fields: Fields) -> tuple[str, ...] | None:
        names = fields.chosen("tools", {*self._tools, *SESSION_TOOLS}, "tool")
        for name in SESSION_TOOLS.intersection(names or ()):
            message = f"`{name}` is not listed: a session that may use it has it"
            self._report.add(fields.places["tools",], message, "remove it")
        return names

    def _spawns(self, node: nodes.Node, fields: Fields) -> tuple[str, ...] | None:
        match node:
            case nodes.Scalar(value="*") | nodes.Sequence(items=(nodes.Scalar(value="*"),)):
                return ("*",)
            case _:
                return fields.names("spawns")

    def _permissions(self, fields: Fields) -> tuple[str, ...] | None:
        return fields.chosen("permissions", {*self._tools, *_EFFECTS}, "permission")

    def _members(self, node: nodes.Node) -> dict[str, Member] | None:
        mapping = as_mapping(node, "`members`", self._report)
        if mapping is None:
            return None
        if not mapping.items:
            self._report.add(node.at, "`members` is empty", "add a line `role: agent`")
        members: dict[str, Member] = {}
        for role, item in mapping.items.items():
            key = nodes.Scalar(at=mapping.keys[role], value=role, text=role)
            as_name(key, "a role", self._report)
            member = self._member(role, item)
            if member is not None:
                members[role] = member
        return members

    def _member(self, role: str, node: nodes.Node) -> Member | None:
        self.places["members", role] = node.at
        if not isinstance(node, nodes.Mapping):
            agent = as_name(node, f"the agent of `{shown(role)}`", self._report)
            return None if agent is None else Member(agent=agent)
        fields = Fields(
            node,
            self._report,
            known=_MEMBER_KEYS,
            planned=_MEMBER_PLANNED,
            prefix=("members", role),
        )
        fields.missing("agent")
        agent = fields.name("agent")
        model = fields.texts("model")
        if model == ():
            self._report.add(node.at, "`model` is empty", "write `[default]`")
        tools = fields.chosen("tools", self._tools, "tool")
        self.places |= fields.places
        return None if agent is None else Member(agent=agent, model=model, tools=tools)
