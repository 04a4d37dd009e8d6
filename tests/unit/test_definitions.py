from typing import Any

import pytest

from crew.budget import Budget
from crew.definitions import KINDS, Kind
from crew.definitions.files import MAX_BYTES
from crew.definitions.report import Place, Report
from crew.definitions.types import Agent, Member, SpawnLimits, Supervision, Team, Workflow
from tests.doubles.definitions import agent, parse, step, team, workflow


def problems(kind: Kind, text: str | bytes, name: str = "x") -> list[str]:
    """Each as `line:column: message; hint`."""
    return [str(found).partition(":")[2] for found in parse(kind, text, name).problems]


def only(kind: Kind, text: str | bytes, name: str = "x") -> str:
    found = problems(kind, text, name)
    assert len(found) == 1, found
    return found[0]


def read(kind: Kind, text: str) -> Any:
    parsed = parse(kind, text)
    assert parsed.problems == ()
    return parsed.definition


def test_an_agent_with_every_key_is_read() -> None:
    keys = """model: [fast, "provider:name"]
thinking: low
tools: [read, shell]
spawns: [explorer]
output: {type: object, required: [n], properties: {n: {type: integer}}}
max_turns: 7
timeout: 1h30m
budget: {tokens: 1.5m}"""
    found = read("agent", agent(keys, prompt="\nYou are one.\n\nEnd.\n"))
    assert isinstance(found, Agent)
    assert found.model == ("fast", "provider:name")
    assert (found.thinking, found.tools, found.spawns) == ("low", ("read", "shell"), ("explorer",))
    assert found.output["properties"] == {"n": {"type": "integer"}}
    assert (found.max_turns, found.timeout, found.budget.tokens) == (7, 5400.0, 1_500_000)
    assert found.prompt == "You are one.\n\nEnd."


def test_an_agent_needs_no_more_than_name_description_and_prompt() -> None:
    found = read("agent", agent())
    assert found.model == ("default",)
    assert found.tools is None
    assert found.spawns == ()
    assert found.budget == Budget()


@pytest.mark.parametrize("spelled", ['"*"', '["*"]'])
def test_spawns_may_be_any(spelled: str) -> None:
    assert read("agent", agent(f"spawns: {spelled}")).spawns == ("*",)


def test_an_empty_tool_list_is_not_the_same_as_none() -> None:
    assert read("agent", agent("tools: []")).tools == ()


def test_one_model_needs_no_list() -> None:
    assert read("agent", agent("model: fast")).model == ("fast",)


def test_a_team_with_every_key_is_read() -> None:
    keys = """goal: required
members:
  lead: reviewer
  hand: {agent: executor, model: fast, tools: [read]}
max_concurrency: 2
budget: {tokens: 200k, cost: 2.50, turns: 100, time: 10m, errors: 50%}
supervision: {strategy: rest_for_one, restart: permanent, max_restarts: 2, window: 5m}
limits: {depth: 1, fan_out: 2, sessions: 4}
permissions: [write, shell]"""
    found = read("team", team(keys))
    assert isinstance(found, Team)
    assert found.members == {
        "lead": Member(agent="reviewer"),
        "hand": Member(agent="executor", model=("fast",), tools=("read",)),
    }
    assert found.max_concurrency == 2
    assert found.budget == Budget(tokens=200_000, cost=2.5, turns=100, time=600, errors=0.5)
    assert found.supervision == Supervision(
        strategy="rest_for_one", restart="permanent", max_restarts=2, window=300
    )
    assert found.limits == SpawnLimits(depth=1, fan_out=2, sessions=4)
    assert found.permissions == ("write", "shell")
    assert found.goal == "required"
    assert found.briefing == "Be brief."


def test_a_workflow_with_every_key_is_read() -> None:
    many = """needs: [one]
when: len(steps.one.result.list) > 0
foreach: steps.one.result.list
fold: concat
output: {type: object}
retries: 2
timeout: 90"""
    found = read("workflow", workflow(step("one"), step("two", many, "Take {item.id}, {goal}.")))
    assert isinstance(found, Workflow)
    first, second = found.steps
    assert (first.id, first.role, first.prompt, first.line) == ("one", "a", "Go.", 5)
    assert second.needs == ("one",)
    assert second.when == "len(steps.one.result.list) > 0"
    assert (second.foreach, second.fold) == ("steps.one.result.list", "concat")
    assert (second.output, second.retries, second.timeout) == ({"type": "object"}, 2, 90.0)


def test_headings_in_code_blocks_belong_to_the_prompt() -> None:
    prompt = "Write:\n\n```\n## not-a-step\n```\n\n### small\n~~~~\n```\n## neither\n~~~~"
    found = read("workflow", workflow(step("one", prompt=prompt)))
    assert [each.id for each in found.steps] == ["one"]
    assert found.steps[0].prompt == prompt


def test_blank_lines_between_heading_and_keys_are_fine() -> None:
    found = read("workflow", workflow("## one\n\nrole: a\n\n\nGo.\n"))
    assert found.steps[0].role == "a"


def test_windows_line_ends_and_a_byte_order_mark_are_fine() -> None:
    text = agent("max_turns: 3").replace("\n", "\r\n").encode()
    assert read("agent", (b"\xef\xbb\xbf" + text).decode("utf-8")).max_turns == 3


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("tool: [read]", "4:1: unknown key `tool`; did you mean `tools`?"),
        ("isolation: none", "4:1: unknown key `isolation`; the keys are: name, description"),
        ("description: b", "4:1: `description` is set twice; line 3 sets it first"),
        ("tools: read", "4:8: `tools` must be a list"),
        ("tools: [raed]", "4:9: unknown tool `raed`; did you mean `read`?"),
        ("tools: [submit_result]", "4:8: `submit_result` is not listed"),
        ("tools: [1]", "4:9: each of `tools` must be text, not a number; put it in quotes"),
        ("tools: [read, read]", "4:15: `read` is listed twice"),
        ("thinking: much", "4:11: `thinking` must be one of: off, low, medium, high"),
        ("max_turns: 0", "4:12: `max_turns` must be a whole number from 1"),
        ("max_turns: true", "4:12: `max_turns` must be a whole number"),
        ('max_turns: "3"', "4:12: `max_turns` must be a whole number"),
        ("timeout: soon", "4:10: `timeout` must be a time"),
        ("timeout: 0", "4:10: `timeout` must be a time"),
        ("timeout: 99999h", "4:10: `timeout` must be a time"),
        ("budget: 3", "4:9: `budget` must be keys and values, not a number"),
        ("budget: {tokens: 0}", "4:18: `tokens` must be a whole number above zero"),
        ("budget: {tokens: 1.5}", "4:18: `tokens` must be a whole number above zero"),
        ("budget: {cost: much}", "4:16: `cost` must be US dollars above zero; write `2.50`"),
        ("budget: {turns: 1.5}", "4:17: `turns` must be a whole number from 1 to 1,000,000"),
        ("budget: {time: soon}", "4:16: `time` must be a time up to 30 days; write `90s`, `10m`"),
        ("budget: {errors: 0.5}", "4:18: `errors` must be a share from 0.1% to 100%; write `50%`"),
        ("budget: {token: 5}", "4:10: unknown key `token`; did you mean `tokens`?"),
        ("spawns: [A b]", "4:10: each of `spawns` can't be `A b`"),
        ("spawns: ['*', a]", "4:10: each of `spawns` can't be `*`"),
        ("model: []", "4:8: `model` is empty"),
        ("model: [a b]", "4:9: each of `model` must be one word"),
        ("model: [[a]]", "4:9: each of `model` must be text, not a list"),
        ("model: null", "4:8: each of `model` must be text, not nothing"),
        ("output: text", "4:9: `output` must be a JSON schema"),
        ("output: {type: array}", "4:9: `output` must describe an object"),
        ("output: {type: object, required: a}", "4:34: not a JSON schema at `required`"),
        ("output: {type: object, $id: a}", "4:29: `$id` is not supported"),
        (
            "output: {type: object, $ref: 'http://localhost:1/x'}",
            "4:30: `$ref` may only point into",
        ),
        ("output: {type: object, $ref: '#/$defs/a'}", "4:9: not a JSON schema"),
        (
            "output: {type: object, properties: {a: {type: strng}}}",
            "4:47: `strng` is no JSON type; did you mean `string`?",
        ),
        ("output: {type: object, properties: {a: {pattern: '('}}}", "4:50: not a JSON schema"),
        ("a: b: c", "4:5: this is not YAML"),
        ("\ta: 1", "4:1: this is not YAML"),
        ("model: !!python/name:os.system x", "4:8: the tag tag:yaml.org,2002:python/name"),
        ("? [a]\n: b", "4:3: a key must be a word"),
        ("model: *a", "4:8: unknown anchor *a"),
        ("model: &a [*a]", "4:12: the anchor *a contains itself"),
        ('model: "a\\eb"', "4:8: hidden character U+001B by an escape"),
    ],
)
def test_a_wrong_key_of_an_agent_is_refused_at_its_place(keys: str, expected: str) -> None:
    assert expected in only("agent", agent(keys))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: no frontmatter"),
        ("# x\n", "1:1: no frontmatter"),
        ("---\nname: x\n", "1:1: the frontmatter has no end"),
        ("---\n---\nPrompt.", "2:1: expected keys and values"),
        ("---\n- a\n---\nPrompt.", "2:1: expected keys and values"),
        ("---\na: 1\n--- \nb", "2:1: unknown key `a`"),
        (agent(prompt=" \n"), "6:1: the prompt is empty"),
        (agent(name="y"), "2:7: `name` is `y`, but the file is named `x`"),
        (agent(name="Y"), "2:7: `name` can't be `Y`; use 1 to 64 of: a-z, 0-9, -"),
        (agent(name="y" * 65), "2:7: `name` can't be"),
        (agent(prompt="a\x1b[2Jb"), "6:2: hidden character U+001B"),
        (agent(prompt="a\rb"), "6:2: hidden character U+000D"),
        (agent(prompt="a\u202eb"), "6:2: hidden character U+202E"),
        (b"---\nname: x\ndescription: \xff\n---\nx", "3:14: byte 25 (0xff) is not UTF-8"),
        (b"\xef\xbb\xbf---\n\xff", "2:1: byte 7 (0xff) is not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(text: str | bytes, expected: str) -> None:
    assert any(expected in found for found in problems("agent", text)), problems("agent", text)


def test_a_file_over_256_kb_is_refused() -> None:
    within = agent(prompt="y" * (MAX_BYTES - len(agent(prompt=""))))
    assert len(within) == MAX_BYTES
    assert problems("agent", within) == []
    assert "larger than 256 kB" in str(parse("agent", within + "y").problems[0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_required_keys_are_named(kind: Kind) -> None:
    found = "\n".join(problems(kind, "---\nmax: 1\n---\n"))
    assert "`name` is missing" in found
    assert "`description` is missing" in found
    assert ("`workflow` is missing" in found) is (kind == "team")
    assert ("`members` is missing" in found) is (kind == "team")


def test_all_problems_of_a_file_come_at_once_in_its_order() -> None:
    keys = "tool: 1\nmax_turns: no\nthinking: 3\nspawns: x"
    found = problems("agent", agent(keys, name="Z", prompt=""))
    assert [each.partition(":")[0] for each in found] == ["2", "4", "5", "6", "7", "9"]


def test_aliases_count_as_copies() -> None:
    levels = "\n".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9))
    bomb = f"output:\n  l0: &l0 [a, b]\n{levels}"
    assert "more than 10,000 values, aliases counted as copies" in only("agent", agent(bomb))


def test_a_few_aliases_are_fine() -> None:
    keys = "output: {type: object, $defs: {a: &a {type: string}}, properties: {x: *a, y: *a}}"
    assert read("agent", agent(keys)).output["properties"]["y"] == {"type": "string"}


@pytest.mark.parametrize("text", ["[" * 51 + "]" * 51, "{a: " * 51 + "1" + "}" * 51])
def test_deep_nesting_is_refused(text: str) -> None:
    assert "nested more than 50 levels deep" in only("agent", agent(f"output: {text}"))


def test_deep_nesting_through_aliases_is_refused() -> None:
    levels = "\n".join(f"  l{n}: &l{n} [*l{n - 1}]" for n in range(1, 60))
    found = only("agent", agent(f"output:\n  l0: &l0 [a]\n{levels}"))
    assert "nested more than 50 levels deep" in found


def test_words_that_old_yaml_took_for_values_are_words() -> None:
    keys = "output: {type: object, properties: {a: {enum: [yes, no, on, 1:30, 2026-01-31, 010]}}}"
    enum = read("agent", agent(keys)).output["properties"]["a"]["enum"]
    assert enum == ["yes", "no", "on", "1:30", "2026-01-31", "010"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("conductor: model", "unknown key `conductor`; this version does not support it yet"),
        ("members: {}", "`members` is empty"),
        ("members: [a]", "`members` must be keys and values, not a list"),
        ("members: {A: worker}", "a role can't be `A`"),
        ("members: {a: {agent: w, tool: []}}", "unknown key `tool`; did you mean `tools`?"),
        ("members: {a: {model: x}}", "`agent` is missing"),
        ("members: {a: {agent: w, timeout: 3}}", "this version does not support it yet"),
        ("members: {a: {agent: w, tools: [spawn_agent]}}", "unknown tool `spawn_agent`"),
        ("goal: always", "`goal` must be one of: required, optional"),
        ("permissions: [everything]", "unknown permission `everything`"),
        ("max_concurrency: 1.5", "`max_concurrency` must be a whole number from 1"),
        ("supervision: permanent", "`supervision` must be keys and values, not text"),
        ("supervision: {strategy: all}", "`strategy` must be one of: one_for_one, one_for_all"),
        ("supervision: {restart: always}", "`restart` must be one of: permanent, transient"),
        ("supervision: {max_restarts: 0}", "`max_restarts` must be a whole number from 1"),
        ("supervision: {window: long}", "`window` must be a time up to 30 days"),
        ("supervision: {restrat: permanent}", "unknown key `restrat`; did you mean `restart`?"),
        ("limits: {sessions: 0}", "`sessions` must be a whole number from 1"),
        ("limits: {session: 3}", "unknown key `session`; did you mean `sessions`?"),
    ],
)
def test_a_wrong_key_of_a_team_is_refused(keys: str, expected: str) -> None:
    assert expected in only("team", team(keys))


A, B = step("a"), step("b", "needs: [a]")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["intro\n", A], "5:1: text before the first step"),
        ([], "5:1: no steps"),
        ([A, A], "10:4: the step `a` exists already; it is on line 5"),
        ([step("Step One")], "5:4: a step can't be named `Step One`; write `## step-one`"),
        (["## a\n\n"], "5:4: `role` is missing"),
        (["## a\nrole: x\n"], "5:4: the step has no prompt"),
        (["## a\nrol: x\n\nGo.\n"], "6:1: unknown key `rol`; did you mean `role`?"),
        ([step("a", "speculate: true")], "7:1: unknown key `speculate`; this version does not"),
        ([step("a", "needs: [x]")], "7:8: `needs` names the unknown step `x`"),
        ([step("a", "needs: [a]")], "7:8: a cycle: a -> a;"),
        ([step("a", "retries: 11")], "7:10: `retries` must be a whole number from 0 to 10"),
        ([step("a", "fold: concat")], "7:7: `fold` needs `foreach`"),
        ([A, step("b", "needs: [a]\nfold: vote")], "`fold` must be one of: concat"),
        ([step("a", prompt="Say {gaol}.")], "8:5: unknown placeholder {gaol}"),
        ([step("a", prompt="\n\nx\n {item}")], "11:2: {item} has a value only with `foreach`"),
        ([A, step("b", prompt="{steps.a.result}")], "`a` may not have a result yet when `b`"),
        ([A, step("b", prompt="{steps.aa.result}")], "unknown step `aa`; did you mean `a`?"),
        ([A, step("b", prompt="{steps.a.output}")], "unknown placeholder {steps.a.output}"),
        ([A, step("b", "foreach: steps.a.result.x")], "12:10: `a` may not have a result yet"),
        ([A, step("b", "foreach: goal")], "12:10: `foreach` refers to the unknown path `goal`"),
        ([A, step("b", "foreach: steps a")], "12:10: `foreach` must be a path"),
        ([A, step("b", "when: steps.a.result.x")], "12:7: `a` may not have a result yet"),
        ([A, step("b", "needs: [a]\nwhen: steps.a.result.x ==")], "expected a value, found the"),
        ([A, step("b", "needs: [a]\nwhen: result.x")], "unknown path `result.x`"),
        ([step("a", 'when: "1 == 2"')], "7:7: unreachable: `when` is never true"),
        ([step("a", 'when: "1 == 1"')], "7:7: `when` never changes"),
        ([step("a", prompt="```\nopen")], "8:1: this code block has no end"),
    ],
)
def test_a_wrong_workflow_is_refused_at_its_place(steps: list[str], expected: str) -> None:
    found = problems("workflow", workflow(*steps))
    assert any(expected in each for each in found), found


def test_a_cycle_is_named_once_and_so_is_what_waits_for_it() -> None:
    text = workflow(
        step("a", "needs: [c]"),
        step("b", "needs: [a]"),
        step("c", "needs: [b]"),
        step("d", "needs: [c]"),
        step("e"),
    )
    assert problems("workflow", text) == [
        "7:8: a cycle: a -> c -> b -> a; remove one of these needs",
        "25:8: unreachable: it needs `a`, which is in a cycle; mend the cycle first",
    ]


def test_each_of_two_cycles_is_named_once() -> None:
    needs = {"a": "b", "c": "d", "b": "a", "d": "c"}
    text = workflow(*(step(name, f"needs: [{need}]") for name, need in needs.items()))
    assert [found.split(";")[0] for found in problems("workflow", text)] == [
        "7:8: a cycle: a -> b -> a",
        "13:8: a cycle: c -> d -> c",
    ]


def test_a_second_step_of_a_name_leaves_the_places_of_the_first() -> None:
    found = problems("workflow", workflow(step("a", prompt="{gaol}"), step("a", prompt="\n\nx")))
    assert found[0].startswith("8:1: unknown placeholder {gaol}")


def test_results_of_indirect_needs_may_be_used() -> None:
    read("workflow", workflow(A, B, step("c", "needs: [b]", "{steps.a.result.x} {steps.b.result}")))


def test_a_step_with_a_problem_does_not_make_others_wrong() -> None:
    text = workflow(step("a", "retries: x"), step("b", "needs: [a]", "{steps.a.result}"))
    assert "`retries`" in only("workflow", text)
    text = workflow("## a\n\n", step("b", "needs: [a]", "{steps.a.result}"))
    assert {found.partition(":")[0] for found in problems("workflow", text)} == {"5"}


def test_json_and_doubled_braces_survive_in_a_prompt() -> None:
    prompt = 'Answer {"a": {"b": [1]}} as {{goal}} says: {goal}'
    assert read("workflow", workflow(step("a", prompt=prompt))).steps[0].prompt == prompt


def test_more_than_200_steps_are_refused() -> None:
    steps = [step(f"s{n}") for n in range(201)]
    assert problems("workflow", workflow(*steps[:200])) == []
    assert "more than 200 steps" in only("workflow", workflow(*steps))


def test_a_place_past_the_end_moves_to_the_end() -> None:
    report = Report("x.md")
    report.reads("one\nto")
    report.add(Place(9, 9), "here")
    assert str(report.problems[0]) == "x.md:2:3: here"
