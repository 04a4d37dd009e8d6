"""The Anthropic SDK's client, true to one host."""

from typing import Any

from anthropic import AsyncAnthropic


class ForeignAnthropic(AsyncAnthropic):
    """A client for a host that is not Anthropic's: the environment's words for it stay here.

    The SDK reads ANTHROPIC_CUSTOM_HEADERS and ANTHROPIC_AUTH_TOKEN by itself, and again for each
    copy that it makes of a client.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.auth_token = self.webhook_key = None
        self._custom_headers = {}
