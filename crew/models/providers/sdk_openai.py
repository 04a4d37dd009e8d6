"""The OpenAI SDK's client, quicker at reading a stream and true to one host."""

from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI, BaseModel
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import (
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseReasoningSummaryTextDeltaEvent,
    ResponseReasoningTextDeltaEvent,
    ResponseTextDeltaEvent,
)
from pydantic import ValidationError

_DELTAS: Mapping[str, type[BaseModel]] = {
    "response.output_text.delta": ResponseTextDeltaEvent,
    "response.function_call_arguments.delta": ResponseFunctionCallArgumentsDeltaEvent,
    "response.reasoning_summary_text.delta": ResponseReasoningSummaryTextDeltaEvent,
    "response.reasoning_text.delta": ResponseReasoningTextDeltaEvent,
}
"""The events that a stream of the Responses format is made of, but for a few."""


class QuickOpenAI(AsyncOpenAI):
    """Parses the pieces of a stream with pydantic's compiled validators.

    The SDK builds each piece field by field in Python, which takes thirty times as long and most
    of a stream's CPU. A piece that is not quite of its format is left to the SDK.
    """

    def _process_response_data(self, *, data: object, cast_to: Any, response: Any) -> Any:
        if isinstance(data, dict):
            known = cast_to if cast_to is ChatCompletionChunk else _DELTAS.get(data.get("type", ""))
            if known is not None:
                try:
                    return known.model_validate(data)
                except ValidationError:
                    pass
        return super()._process_response_data(data=data, cast_to=cast_to, response=response)


class ForeignOpenAI(QuickOpenAI):
    """A client for a host that is not OpenAI's: the environment's words for OpenAI stay here.

    The SDK reads OPENAI_CUSTOM_HEADERS, OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_ADMIN_KEY by
    itself, and again for each copy that it makes of a client.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.organization = self.project = self.admin_api_key = self.webhook_secret = None
        self._custom_headers = {}
        self._ambient_authorizations = frozenset()
