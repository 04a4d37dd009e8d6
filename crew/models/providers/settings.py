"""What crew asks of each provider beside the words: thinking, caching, a forced tool."""

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from crew.models.protocol import ModelRequest
from crew.models.providers.names import Endpoint


def settings_for(request: ModelRequest, endpoint: Endpoint) -> ModelSettings:
    """How to answer, in the library's words, which it translates for each model.

    The one retry loop is the session's, and the one clock is the client's.
    """
    settings = ModelSettings(max_retries=0, cache=True)
    asked = request.settings
    if asked.thinking is not None:
        settings["thinking"] = False if asked.thinking == "off" else asked.thinking
    thinks = asked.thinking not in (None, "off")
    if asked.tool_choice is not None and not (endpoint.kind == "anthropic" and thinks):
        # Anthropic refuses a forced tool while the model thinks; the session's words must do.
        settings["tool_choice"] = [asked.tool_choice]
    if endpoint.headers:
        settings["extra_headers"] = dict(endpoint.headers)
    if endpoint.extra_body and endpoint.kind != "google":
        settings["extra_body"] = dict(endpoint.extra_body)
    return settings


def parameters_for(request: ModelRequest) -> ModelRequestParameters:
    """The tools, in the session's order, which never changes: a provider can cache them."""
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=tool.parameters,
                strict=False,
            )
            for tool in request.tools
        ],
        allow_text_output=True,
    )
