"""Definition files as text, valid but for what a test puts in."""

from crew.definitions.parsed import Kind, Parsed
from crew.definitions.parser import parse_bytes
from crew.definitions.types import Source


def agent(keys: str = "", *, name: str = "x", prompt: str = "Do it.") -> str:
    return f"---\nname: {name}\ndescription: An agent.\n{keys}\n---\n{prompt}\n"


def team(keys: str = "", *, name: str = "x", workflow: str = "flow") -> str:
    members = "" if "members:" in keys else "members: {a: worker}\n"
    head = f"---\nname: {name}\ndescription: A team.\nworkflow: {workflow}\n"
    return f"{head}{members}{keys}\n---\nBe brief.\n"


def workflow(*steps: str, name: str = "x") -> str:
    body = "\n".join(steps)
    return f"---\nname: {name}\ndescription: A workflow.\n---\n{body}\n"


def step(id: str, keys: str = "", prompt: str = "Go.", *, role: str = "a") -> str:
    lines = [f"## {id}", f"role: {role}", *filter(None, [keys]), "", prompt]
    return "\n".join(lines) + "\n"


def parse(kind: Kind, text: str | bytes, name: str = "x") -> Parsed:
    data = text if isinstance(text, bytes) else text.encode()
    return parse_bytes(data, kind, name, Source(path="x.md", layer="project"))
