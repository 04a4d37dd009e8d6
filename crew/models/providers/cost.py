"""What a request used and cost; a price that is not known stays unknown."""

from decimal import Decimal

from pydantic_ai.messages import ModelResponse

from crew.config import Price
from crew.models.providers.names import Endpoint
from crew.records import Usage

_MILLION = 1_000_000


def usage_of(response: ModelResponse, endpoint: Endpoint) -> Usage:
    """Tokens and money of one answer; input tokens include the cached ones."""
    used = response.usage
    return Usage(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        cost=_cost(response, endpoint),
    )


def _cost(response: ModelResponse, endpoint: Endpoint) -> float | None:
    used = response.usage
    measured = used.input_tokens or used.output_tokens
    if not measured:
        return None
    if endpoint.price is not None:
        return priced(response, endpoint.price)
    if used.cost is not None:
        return float(used.cost)
    if endpoint.is_local:
        return None
    try:
        total: Decimal = response.cost().total_price
    except (LookupError, ValueError, AssertionError):
        return None
    return float(total)


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
