"""What went wrong at a provider, as one of crew's faults, in one line and with the mend."""

import re
import ssl
from collections.abc import Iterator

from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    UserError,
)

from crew.errors import Fault, ModelError
from crew.models.protocol import ModelRequest
from crew.models.providers.client import key_place
from crew.models.providers.names import ModelName
from crew.models.tokens import CHARS_A_TOKEN, estimate
from crew.plaintext import clean

SHOWN = 300
"""Characters of a provider's words that are shown."""

_OVERFLOW = re.compile(
    r"maximum context|context[ _](?:size|length|window)|prompt is too long|prompt too long"
    r"|input (?:is|length) (?:too long|exceeds)|too many (?:input )?tokens"
    r"|input token count.{0,40}exceeds|context the overflows|exceed_context_size"
    r"|reduce the length of the (?:messages|prompt)",
    re.IGNORECASE,
)
_ENDED = re.compile(r"without a `?finish_reason|ended (?:prematurely|before)", re.IGNORECASE)
_EMPTY = re.compile(r"ended without content", re.IGNORECASE)
_TOO_LONG = "use a model with a larger context window, or a smaller task"
_REJECTING = frozenset({400, 413, 422, 500})
"""Statuses with which servers answer a prompt that is too long."""


def model_error(error: Exception, target: ModelName) -> ModelError:
    """Class an exception of a provider's library; what is not known is a malformed answer."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ModelError):
        return error
    fault = _fault(error)
    return ModelError(
        f"{target}: {_words(error)}",
        fault=fault,
        retry_after=getattr(error, "retry_after", None),
        hint=_hint(fault, error, target),
    )


def no_answer(request: ModelRequest, window: int | None, target: ModelName) -> ModelError:
    """Class an answer of not a single byte: some servers say so that a prompt is too long.

    Args:
        window: Tokens of the context window; None when unknown.
    """
    if window is not None and estimate(request) * CHARS_A_TOKEN > window:
        return ModelError(
            f"{target}: the answer is empty, as of a server that is asked for more than it holds",
            fault=Fault.CONTEXT_OVERFLOW,
            hint=_TOO_LONG,
        )
    where = f"context in [providers.{target.endpoint.name}] of config.toml"
    return ModelError(
        f"{target}: the answer is empty",
        fault=Fault.MALFORMED,
        hint=f"if the prompt is more than the server holds, {where} keeps it shorter",
    )


def _fault(error: Exception) -> Fault:
    if _is_overflow(error):
        return Fault.CONTEXT_OVERFLOW
    if _distrust(error) is not None:
        return Fault.CERTIFICATE
    match error:
        case ModelQuotaExceededError():
            return Fault.QUOTA
        case ModelRateLimitError():
            return Fault.RATE_LIMIT
        case ModelOverloadedError() | ModelUnavailableError() | ModelServerError():
            return Fault.OVERLOAD
        case ModelConnectionError():
            return Fault.TRUNCATED if error.phase == "read" and error.in_stream else Fault.NETWORK
        case ModelAuthenticationError():
            return Fault.AUTH
        case ModelRequestRejectedError() | ContentFilterError() | UserError():
            return Fault.BAD_REQUEST
        case ModelHTTPError():
            return _by_status(error.status_code)
        case ModelAPIError() if _ENDED.search(error.message):
            return Fault.TRUNCATED
        case _:
            return Fault.MALFORMED


def _by_status(status: int) -> Fault:
    if status == 429:
        return Fault.RATE_LIMIT
    if status in {408, 409, 425} or status >= 500:
        return Fault.OVERLOAD
    return Fault.BAD_REQUEST


def _is_overflow(error: Exception) -> bool:
    if isinstance(error, ModelContextWindowExceededError):
        return True
    if not isinstance(error, ModelAPIError):
        return False
    if isinstance(error, ModelHTTPError) and error.status_code not in _REJECTING:
        return False
    return bool(_OVERFLOW.search(f"{error.body} {error.message}"))


def _words(error: Exception) -> str:
    """What the provider said, in one line."""
    said = _message(error.body) if isinstance(error, ModelAPIError) else None
    status = f"HTTP {error.status_code}" if isinstance(error, ModelHTTPError) else ""
    if said is None and status and isinstance(error, ModelHTTPError):
        said = str(error.body or "")
    if said is None:
        said = _reason(error)
    line = " ".join(clean(said).split())
    if len(line) > SHOWN:
        line = f"{line[:SHOWN]}..."
    return ": ".join(part for part in (status, line) if part)


def _message(body: object) -> str | None:
    """The message inside an error body, in any of the providers' shapes."""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return None
    inner = body.get("error", body)
    if isinstance(inner, str):
        return inner
    message = inner.get("message") if isinstance(inner, dict) else None
    return message if isinstance(message, str) else None


def _reason(error: Exception) -> str:
    if _EMPTY.search(str(error)):
        return "the answer has nothing in it that can be read"
    root = list(_causes(error))[-1]
    text = str(error) or type(error).__name__
    if root is error or not str(root) or str(root) in text:
        known = isinstance(error, ModelAPIError)
        return text if known else f"the answer can't be read: {type(error).__name__}: {text}"
    return f"{text} {root}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    step: BaseException | None = error
    while step is not None and id(step) not in seen:
        seen.add(id(step))
        yield step
        step = step.__cause__ or step.__context__


def _distrust(error: Exception) -> ssl.SSLCertVerificationError | None:
    """Why the server's certificate was refused; None where it was not."""
    return next(
        (cause for cause in _causes(error) if isinstance(cause, ssl.SSLCertVerificationError)), None
    )


def _certificate_hint(refused: ssl.SSLCertVerificationError | None, base_url: str) -> str:
    match refused.verify_code if refused is not None else None:
        case 9 | 10:  # not yet valid, expired
            return "the server needs a new one; or is this machine's clock wrong?"
        case 62 | 64:  # of another host name, of another address
            return f"it is another host's than {base_url} names: mend base_url"
        case _:
            return "its certificate is not trusted: set SSL_CERT_FILE, or mend base_url"


def _hint(fault: Fault, error: Exception, target: ModelName) -> str:
    endpoint = target.endpoint
    match fault:
        case Fault.AUTH:
            return f"check the key: {key_place(endpoint)}"
        case Fault.QUOTA:
            return f"raise the quota at {endpoint.name}, or use another model: --model"
        case Fault.CONTEXT_OVERFLOW:
            return _TOO_LONG
        case Fault.CERTIFICATE:
            return _certificate_hint(_distrust(error), endpoint.base_url)
        case Fault.NETWORK if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
            return f"does {endpoint.base_url} speak TLS?"
        case Fault.NETWORK if isinstance(error, ModelTimeoutError):
            return "the server may be overloaded or hung"
        case Fault.NETWORK:
            return f"is {endpoint.base_url} right, and the server up?"
        case Fault.BAD_REQUEST if isinstance(error, ModelNotFoundError):
            return f"does {endpoint.name} have a model {target.model!r}, under {endpoint.base_url}?"
        case Fault.MALFORMED:
            return f"is {endpoint.base_url} a server of the format {endpoint.kind}?"
        case _:
            return ""
