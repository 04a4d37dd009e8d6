"""The model `rules`: built-in checks that drive a session with its own tools, without an LLM."""

from crew.models.rules.client import Rules, answer
from crew.models.rules.play import NOTE

__all__ = ["NOTE", "Rules", "answer"]
