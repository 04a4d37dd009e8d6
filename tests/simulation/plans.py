"""The teams that are simulated: small, and together they use all that a workflow can say."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from crew.definitions import Library

OUTPUT = {
    "type": "object",
    "required": ["summary"],
    "properties": {
        "summary": {"type": "string"},
        "items": {"type": "array", "items": {"type": "string"}},
    },
}
TOOLS = ("look", "glance", "act", "execute")

Steps = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A team with its workflow.

    Attributes:
        worker: What is different in its one kind of worker.
        team: What the team limits.
    """

    steps: Steps
    worker: Mapping[str, Any] = field(default_factory=dict)
    team: Mapping[str, Any] = field(default_factory=dict)


def _step(**changes: Any) -> dict[str, Any]:
    return {"role": "worker", **changes}


SCENARIOS: Mapping[str, Scenario] = {
    "one": Scenario(steps={"a": _step()}),
    "chain": Scenario(
        steps={"a": _step(), "b": _step(needs=["a"], retries=2), "c": _step(needs=["b"])},
        worker={"max_turns": 6},
    ),
    "wide": Scenario(
        steps={
            "a": _step(),
            "b": _step(retries=1),
            "c": _step(),
            "d": _step(needs=["a", "b", "c"]),
        },
        team={"max_concurrency": 2},
    ),
    "fan": Scenario(
        steps={
            "a": _step(),
            "each": _step(needs=["a"], foreach="steps.a.result.items", fold="concat"),
            "last": _step(needs=["each"]),
        },
    ),
    "choice": Scenario(
        steps={
            "a": _step(),
            "b": _step(needs=["a"], when="len(steps.a.result.items) > 1"),
            "c": _step(needs=["a"], when="len(steps.a.result.items) < 2"),
            "d": _step(needs=["b", "c"]),
        },
    ),
    "short": Scenario(
        steps={"a": _step(timeout="8s", retries=1), "b": _step(timeout="20s")},
        worker={"max_turns": 3},
    ),
    "poor": Scenario(
        steps={"a": _step(), "b": _step(needs=["a"]), "c": _step(needs=["a"])},
        worker={"budget": {"tokens": 900}},
        team={"budget": {"tokens": 2500}},
    ),
}


GOVERNED: Mapping[str, Scenario] = {
    "all-again": Scenario(
        steps={
            "a": _step(timeout="30s"),
            "b": _step(retries=1),
            "c": _step(budget={"tokens": 700}),
            "d": _step(needs=["a"]),
        },
        worker={"max_turns": 3},
        team={
            "supervision": {
                "strategy": "one_for_all",
                "restart": "permanent",
                "max_restarts": 1,
                "window": "1h",
            },
            "budget": {"tokens": 1600},
        },
    ),
    "rest-again": Scenario(
        steps={
            "a": _step(),
            "b": _step(timeout="15s"),
            "each": _step(
                needs=["a"],
                foreach="steps.a.result.items",
                budget={"turns": 6, "tokens": 1000, "time": "40s"},
            ),
        },
        worker={"budget": {"tokens": 900, "errors": "60%"}},
        team={
            "supervision": {"strategy": "rest_for_one", "window": "20s"},
            "limits": {"sessions": 3},
            "budget": {"turns": 60, "time": "10m"},
        },
    ),
    "narrow": Scenario(
        steps={
            "a": _step(),
            "b": _step(),
            "each": _step(needs=["a"], foreach="steps.a.result.items", fold="concat"),
        },
        worker={"max_turns": 5, "tools": ["look", "glance"]},
        team={
            "supervision": {
                "strategy": "one_for_one",
                "restart": "permanent",
                "max_restarts": 2,
                "window": "60s",
            },
            "limits": {"depth": 1, "fan_out": 1, "sessions": 3},
        },
    ),
}
"""Teams with limits of every kind and with supervision."""

AGAIN = ("all-again", "rest-again")


@cache
def library(name: str) -> Library:
    """The definitions of a scenario."""
    scenario = {**SCENARIOS, **GOVERNED}[name]
    with tempfile.TemporaryDirectory(prefix="crew-sim-") as folder:
        root = Path(folder)
        shared = {"tools": list(TOOLS), "output": OUTPUT}
        worker = {"spawns": ["helper", "leaf"], **shared, **scenario.worker}
        _write(root, "agents", "worker", worker)
        _write(root, "agents", "helper", {"spawns": ["leaf"], **shared})
        _write(root, "agents", "leaf", shared | {"max_turns": 4})
        body = "\n".join(
            f"## {step}\n"
            + "\n".join(f"{key}: {json.dumps(value)}" for key, value in block.items())
            + "\n\nDo it.\n"
            for step, block in scenario.steps.items()
        )
        _write(root, "workflows", "sim", {}, body)
        team = {"workflow": "sim", "members": {"worker": "worker"}, **scenario.team}
        _write(root, "teams", "sim", team)
        loaded = Library.load(root, root / "nobody", root / "nothing", tools=TOOLS)
        loaded.plan("sim")  # what is read once stays read, and the folder may go
        return loaded


def _write(root: Path, kind: str, name: str, head: Mapping[str, Any], body: str = "Work.") -> None:
    folder = root / ".crew" / kind
    folder.mkdir(parents=True, exist_ok=True)
    front = {"name": name, "description": f"The {name}.", **head}
    lines = "\n".join(f"{key}: {json.dumps(value)}" for key, value in front.items())
    (folder / f"{name}.md").write_text(f"---\n{lines}\n---\n{body}\n")
