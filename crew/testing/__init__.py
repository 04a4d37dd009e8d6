"""For tests of one's own teams, without a key: a scripted model and a provider on loopback.

    client = Scripted.of({"*": [Turn(calls=(Call(tool="submit_result", args={...}),))]})
    async with start(RunRequest(..., model="mine", clients={"mine": client})) as run: ...

    async with LoopbackProvider.serve([Turn(text="Hello")]) as provider:
        request = RunRequest(..., model=provider.model("anthropic"), config=provider.config)

The loopback provider is asked by the providers' own SDKs over a real socket, in each of the four
formats that crew speaks.
"""

from crew.models.script import Call, Script, ScriptedFault, Turn, load_script
from crew.models.scripted import Scripted
from crew.testing.loopback import CUT, RESET, LoopbackProvider, Raw, Received, Reply

__all__ = [
    "CUT",
    "RESET",
    "Call",
    "LoopbackProvider",
    "Raw",
    "Received",
    "Reply",
    "Script",
    "Scripted",
    "ScriptedFault",
    "Turn",
    "load_script",
]
