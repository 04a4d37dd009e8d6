"""`submit_result`: how a session hands in its result; made for each session with its schema."""

import json
from typing import ClassVar

from crew.records import JsonObject
from crew.tools.protocol import Effect, Tool, ToolArgs, ToolContext, ToolOutput


class Submission(ToolArgs):
    """The submitted object, exactly as the model wrote it; the session judges it."""

    value: JsonObject


class SubmitResult(Tool[Submission]):
    """Takes one object, whose schema is the session's output schema, and ends the session.

    Args:
        output_schema: JSON schema of the result; the model sees it as the tool's parameters.
    """

    name = "submit_result"
    description = (
        "Submit the result of your work and end the session. Call it once, alone and last, when "
        "the work is done. The arguments are the result; an invalid one comes back with what to "
        "change."
    )
    effect = Effect.CONTROL
    args = Submission
    preview_limit: ClassVar[int] = 120

    def __init__(self, output_schema: JsonObject) -> None:
        self._output_schema = output_schema

    def parameters(self) -> JsonObject:
        """The session's output schema itself."""
        return self._output_schema

    def parse(self, args: JsonObject) -> Submission:
        """Keep the object as it is: the session's schema is the judge, not this tool."""
        return Submission.model_construct(value=args)

    def preview(self, args: Submission) -> str:
        """The summary or verdict where the result has one, else the head of its JSON."""
        for key in ("summary", "verdict", "answer"):
            if isinstance(word := args.value.get(key), str):
                return " ".join(word.split())[: self.preview_limit]
        return json.dumps(args.value, ensure_ascii=False, default=str)[: self.preview_limit]

    async def run(self, args: Submission, ctx: ToolContext) -> ToolOutput:
        """Hand the value to the session; a value that does not fit comes back as an error."""
        return ToolOutput(text=ctx.submit(args.value), summary="submitted", ends=True)
