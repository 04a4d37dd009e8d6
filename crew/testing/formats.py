"""A scripted turn as the providers' APIs stream it: OpenAI chat, responses, Anthropic, Google."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from crew.config import Kind
from crew.errors import Fault
from crew.models.answer import LENGTH
from crew.models.script import Turn

PATHS: Mapping[Kind, str] = {
    "openai-chat": "/chat/completions",
    "openai": "/responses",
    "anthropic": "/messages",
    "google": "/models/",
}
"""What the path of a request has in it, by format."""

STATUS: Mapping[Fault, int] = {
    Fault.AUTH: 401,
    Fault.QUOTA: 402,
    Fault.RATE_LIMIT: 429,
    Fault.OVERLOAD: 529,
    Fault.CONTEXT_OVERFLOW: 400,
    Fault.BAD_REQUEST: 400,
}
_TYPES: Mapping[Fault, str] = {
    Fault.AUTH: "authentication_error",
    Fault.QUOTA: "billing_error",
    Fault.RATE_LIMIT: "rate_limit_error",
    Fault.OVERLOAD: "overloaded_error",
    Fault.CONTEXT_OVERFLOW: "invalid_request_error",
    Fault.BAD_REQUEST: "invalid_request_error",
}
_OVERFLOW = "prompt is too long: 215000 tokens > 200000 maximum"


def pieces(kind: Kind, turn: Turn) -> Iterator[bytes]:
    """The turn as server-sent events; a cut turn lacks its end."""
    match kind:
        case "openai-chat":
            yield from _chat(turn)
        case "openai":
            yield from _responses(turn)
        case "anthropic":
            yield from _anthropic(turn)
        case "google":
            yield from _google(turn)


def error_body(kind: Kind, fault: Fault, message: str) -> dict[str, Any]:
    """The body of an error answer, as the format has it."""
    said = _OVERFLOW if fault is Fault.CONTEXT_OVERFLOW else message
    type_, status = _TYPES.get(fault, "server_error"), STATUS.get(fault, 500)
    match kind:
        case "anthropic":
            return {"type": "error", "error": {"type": type_, "message": said}}
        case "google":
            return {"error": {"code": status, "message": said, "status": type_.upper()}}
        case _:
            return {"error": {"message": said, "type": type_, "param": None, "code": type_}}


def error_event(kind: Kind, fault: Fault, message: str) -> bytes:
    """An error inside a stream that had begun."""
    body = error_body(kind, fault, message)
    match kind:
        case "anthropic":
            return _event("error", **body)
        case "openai":
            return _event("error", sequence_number=99, **body["error"])
        case _:
            return _data(body)


def _data(value: object) -> bytes:
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def _event(type_: str, **fields: Any) -> bytes:
    return f"event: {type_}\n".encode() + _data({"type": type_, **fields})


def _split(text: str, chunk: int | None) -> Iterator[str]:
    step = chunk or len(text) or 1
    for start in range(0, len(text), step):
        yield text[start : start + step]


def _args(args: dict[str, Any] | str) -> str:
    return args if isinstance(args, str) else json.dumps(args)


def _chat(turn: Turn) -> Iterator[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _data({**base, "choices": [choice]})

    base: dict[str, Any] = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
    }
    yield chunk({"role": "assistant", "content": ""})
    for piece in _split(turn.thinking, turn.chunk):
        yield chunk({"reasoning_content": piece})
    for piece in _split(turn.text, turn.chunk):
        yield chunk({"content": piece})
    for index, call in enumerate(turn.calls):
        start = {"name": call.tool, "arguments": ""}
        id_ = call.id or f"call_{index}"
        yield chunk(
            {"tool_calls": [{"index": index, "id": id_, "type": "function", "function": start}]}
        )
        for piece in _split(_args(call.args), turn.chunk):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    if turn.cut or turn.error is not None:
        return
    yield chunk({}, turn.stop or ("tool_calls" if turn.calls else "stop"))
    used = turn.usage
    tokens = {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.tokens,
        "prompt_tokens_details": {"cached_tokens": used.cache_read_tokens},
    }
    yield _data({**base, "choices": [], "usage": tokens})
    yield b"data: [DONE]\n\n"


def _responses(turn: Turn) -> Iterator[bytes]:
    number = iter(range(1_000_000))

    def event(type_: str, **fields: Any) -> bytes:
        return _event(type_, sequence_number=next(number), **fields)

    def response(status: str) -> dict[str, Any]:
        limit = {"reason": "max_output_tokens"} if status == "incomplete" else None
        used = turn.usage
        usage = {
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "total_tokens": used.tokens,
            "input_tokens_details": {"cached_tokens": used.cache_read_tokens},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": status,
            "model": "m",
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": None if status == "in_progress" else usage,
            "incomplete_details": limit,
        }

    output: list[dict[str, Any]] = []
    yield event("response.created", response=response("in_progress"))
    for item in _response_items(turn):
        place = {"output_index": len(output), "item_id": item["id"]}
        yield event("response.output_item.added", output_index=len(output), item=_opened(item))
        for type_, fields in _item_events(item, turn.chunk):
            yield event(type_, **place, **fields)
        if turn.cut and not turn.calls:
            return
        yield event("response.output_item.done", output_index=len(output), item=item)
        output.append(item)
    if turn.cut or turn.error is not None:
        return
    if turn.stop == LENGTH:
        yield event("response.incomplete", response=response("incomplete"))
    else:
        yield event("response.completed", response=response("completed"))


def _response_items(turn: Turn) -> Iterator[dict[str, Any]]:
    if turn.thinking:
        summary = [{"type": "summary_text", "text": turn.thinking}]
        yield {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "ENC=="}
    if turn.text:
        content = [{"type": "output_text", "text": turn.text, "annotations": []}]
        yield {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": content,
        }
    for index, call in enumerate(turn.calls):
        yield {
            "type": "function_call",
            "id": f"fc_{index}",
            "call_id": call.id or f"call_{index}",
            "name": call.tool,
            "arguments": _args(call.args),
            "status": "completed",
        }


def _opened(item: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"summary": [], "content": [], "arguments": ""}
    begun = {key: empty.get(key, value) for key, value in item.items()}
    return {key: value for key, value in begun.items() if key != "encrypted_content"}


def _item_events(item: dict[str, Any], chunk: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
    match item["type"]:
        case "reasoning":
            place: dict[str, Any] = {"summary_index": 0}
            empty: dict[str, Any] = {"type": "summary_text", "text": ""}
            yield "response.reasoning_summary_part.added", {**place, "part": empty}
            for piece in _split(item["summary"][0]["text"], chunk):
                yield "response.reasoning_summary_text.delta", {**place, "delta": piece}
        case "message":
            place = {"content_index": 0}
            empty = {"type": "output_text", "text": "", "annotations": []}
            yield "response.content_part.added", {**place, "part": empty}
            for piece in _split(item["content"][0]["text"], chunk):
                yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
        case _:
            for piece in _split(item["arguments"], chunk):
                yield "response.function_call_arguments.delta", {"delta": piece}


def _anthropic(turn: Turn) -> Iterator[bytes]:
    used = turn.usage
    fresh = used.input_tokens - used.cache_read_tokens - used.cache_write_tokens
    usage = {
        "input_tokens": fresh,
        "cache_creation_input_tokens": used.cache_write_tokens,
        "cache_read_input_tokens": used.cache_read_tokens,
        "output_tokens": 1,
    }
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    yield _event("message_start", message=message)
    for index, (block, delta, key, text) in enumerate(_blocks(turn)):
        yield _event("content_block_start", index=index, content_block=block)
        for piece in _split(text, turn.chunk):
            yield _event("content_block_delta", index=index, delta={"type": delta, key: piece})
        if block["type"] == "thinking":
            signed = {"type": "signature_delta", "signature": "SIG=="}
            yield _event("content_block_delta", index=index, delta=signed)
        yield _event("content_block_stop", index=index)
    if turn.cut or turn.error is not None:
        return
    reason = {LENGTH: "max_tokens", "content_filter": "refusal"}.get(turn.stop)
    reason = reason or ("tool_use" if turn.calls else "end_turn")
    ending = {"stop_reason": reason, "stop_sequence": None}
    yield _event("message_delta", delta=ending, usage={"output_tokens": used.output_tokens})
    yield _event("message_stop")


def _blocks(turn: Turn) -> Iterator[tuple[dict[str, Any], str, str, str]]:
    if turn.thinking:
        block: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
        yield block, "thinking_delta", "thinking", turn.thinking
    if turn.text:
        yield {"type": "text", "text": ""}, "text_delta", "text", turn.text
    for index, call in enumerate(turn.calls):
        id_ = call.id or f"toolu_{index}"
        block = {"type": "tool_use", "id": id_, "name": call.tool, "input": {}}
        yield block, "input_json_delta", "partial_json", _args(call.args)


def _google(turn: Turn) -> Iterator[bytes]:
    used = turn.usage
    usage = {
        "promptTokenCount": used.input_tokens,
        "candidatesTokenCount": used.output_tokens,
        "cachedContentTokenCount": used.cache_read_tokens,
        "totalTokenCount": used.tokens,
    }

    def chunk(parts: list[dict[str, Any]], finish: str | None = None) -> bytes:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        body: dict[str, Any] = {"candidates": [candidate], "modelVersion": "m", "responseId": "r"}
        if finish:
            candidate["finishReason"] = finish
            body["usageMetadata"] = usage
        return _data(body)

    for piece in _split(turn.thinking, turn.chunk):
        yield chunk([{"text": piece, "thought": True}])
    for piece in _split(turn.text, turn.chunk):
        yield chunk([{"text": piece}])
    calls: list[dict[str, Any]] = [
        {"functionCall": {"name": call.tool, "args": call.args if call.args else {}}}
        for call in turn.calls
    ]
    if calls:
        calls[0]["thoughtSignature"] = "U0lH"
        yield chunk(calls)
    if turn.cut or turn.error is not None:
        return
    yield chunk([{"text": ""}], {LENGTH: "MAX_TOKENS"}.get(turn.stop, "STOP"))
