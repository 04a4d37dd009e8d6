"""What a model's tokens cost, by the person's settings or by the public price list."""

from crew.config import Price
from crew.models.providers.names import PROVIDERS, Endpoint

_MILLION = 1_000_000


def price_of(endpoint: Endpoint, model: str) -> Price | None:
    """US dollars a million tokens; None when unknown, as on a server of this machine."""
    if endpoint.price is not None:
        return endpoint.price
    return None if endpoint.is_local else listed(endpoint, model)[1]


def listed(endpoint: Endpoint, model: str) -> tuple[int | None, Price | None]:
    """The context window and the price that the price list has for a model."""
    import genai_prices  # noqa: PLC0415 - slow, and a run without prices needs no list

    provider: str = endpoint.name if endpoint.name in PROVIDERS else endpoint.kind
    provider = "openai" if provider == "openai-chat" else provider
    try:
        read = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=_MILLION), model, provider_id=provider
        )
        written = genai_prices.calc_price(
            genai_prices.Usage(output_tokens=_MILLION), model, provider_id=provider
        )
    except LookupError:
        return None, None
    price = Price(input=float(read.total_price), output=float(written.total_price))
    return read.model.context_window, price
