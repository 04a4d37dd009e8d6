"""How many tokens a request comes to where nobody has counted them: one for four characters."""

import json

from crew.entries import Message, ToolCallEntry
from crew.models.protocol import ModelRequest

CHARS_A_TOKEN = 4.0


def estimate(request: ModelRequest) -> float:
    """Tokens of a whole request: the system prompt, the tools and what was said; 1 at least."""
    tools = sum(
        len(tool.name) + len(tool.description) + len(json.dumps(tool.parameters))
        for tool in request.tools
    )
    said = sum(size_of(message) for message in request.messages)
    return max((len(request.system) + tools + said) / CHARS_A_TOKEN, 1.0)


def size_of(message: Message) -> int:
    """Characters of a message as a model reads it."""
    if isinstance(message, ToolCallEntry):
        return len(json.dumps(message.args)) + len(message.tool)
    return len(message.text)
