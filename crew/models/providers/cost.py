"""What a request used and cost; a price that is not known stays unknown."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic_ai.messages import ModelResponse, ToolCallPart

from crew.config import Price
from crew.models.protocol import ModelRequest
from crew.models.providers.names import Endpoint
from crew.models.tokens import CHARS_A_TOKEN, estimate
from crew.records import Usage

_MILLION = 1_000_000


def usage_of(request: ModelRequest, response: ModelResponse, endpoint: Endpoint) -> Usage:
    """Tokens and money of one answer; input tokens include the cached ones.

    Where the server counted nothing, tokens are estimated, so that budgets hold all the same.
    """
    used = response.usage
    if not used.input_tokens and not used.output_tokens:
        return Usage(
            input_tokens=round(estimate(request)),
            output_tokens=max(round(_length(response) / CHARS_A_TOKEN), 1),
            cost=None,
            estimated=True,
        )
    return Usage(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        cost=_cost(response, endpoint),
    )


def _length(response: ModelResponse) -> int:
    """Characters of an answer: its text, its thinking, and the calls it made."""
    return sum(
        len(part.args_as_json_str()) + len(part.tool_name)
        if isinstance(part, ToolCallPart)
        else len(getattr(part, "content", None) or "")
        for part in response.parts
    )


def _cost(response: ModelResponse, endpoint: Endpoint) -> float | None:
    used = response.usage
    if endpoint.price is not None:
        return priced(response, endpoint.price)
    if used.cost is not None:
        return float(used.cost)
    if (said := _said(response.provider_details or {})) is not None:
        return said
    if endpoint.is_local:
        return None
    try:
        total: Decimal = response.cost().total_price
    except (LookupError, ValueError, AssertionError):
        return None
    return float(total)


def _said(details: Mapping[str, Any]) -> float | None:
    """What OpenRouter says that it took, and with a key of one's own its maker as well."""
    cost = details.get("cost")
    if not isinstance(cost, int | float):
        return None
    more = details.get("upstream_inference_cost") if details.get("is_byok") else None
    return cost + (more or 0.0)


def priced(response: ModelResponse, price: Price) -> float:
    """The cost at a price of the person's own."""
    used = response.usage
    read, written = used.cache_read_tokens, used.cache_write_tokens
    fresh = max(used.input_tokens - read - written, 0)
    per_read = price.input if price.cache_read is None else price.cache_read
    per_write = price.input if price.cache_write is None else price.cache_write
    dollars = (
        fresh * price.input
        + read * per_read
        + written * per_write
        + used.output_tokens * price.output
    )
    return dollars / _MILLION
