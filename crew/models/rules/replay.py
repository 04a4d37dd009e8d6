"""Running a play up to where the conversation stands: the same request, the same answer."""

from collections.abc import Sequence

from crew.entries import Outcome
from crew.models.rules.play import Call, Part, Reply, Turn
from crew.models.rules.talk import Exchange, Talk

_TRIES = 3
_LONGEST = 200
"""Turns after which a play that only waits for the end is cut short."""

_UNHEARD = Reply(ok=False, text="the call was cut short", ran=False)
_TOO_LATE = Reply(ok=False, text="not run: the result is due", ran=False)


def current_turn(play: Part[None], talk: Talk) -> Turn:
    """The turn that a play takes now."""
    stage = _Stage(play)
    for exchanges in talk.rounds:
        stage.hear(exchanges)
    return stage.hurry() if talk.due else stage.turn()


class _Stage:
    """A play in progress, and which calls of its turn are still open."""

    def __init__(self, play: Part[None]) -> None:
        self._play = play
        self._turn = Turn("")
        self._replies: list[Reply | None] = []
        self._tries = 0
        self._refusal = ""
        self._over = False
        self._advance(None)

    def hear(self, exchanges: Sequence[Exchange]) -> None:
        """Take in one earlier answer's calls and results."""
        left = list(exchanges)
        matched = False
        for index, call in enumerate(self._turn.calls):
            found = _exchange_of(call, left, self._turn.calls)
            if found is None or self._replies[index] is not None:
                continue
            matched = True
            left.remove(found)
            if not found.unheard:
                self._replies[index] = _reply(found)
        if not matched:
            return
        if None in self._replies and self._tries < _TRIES:
            self._tries += 1
            return
        self._settle()

    def turn(self) -> Turn:
        """The answer: the play's turn, or what of it has to be done again."""
        if self._refusal:
            return Turn(f"The result was refused, so this session ends here: {self._refusal}")
        if self._over:
            return Turn("There is nothing left to do.")
        if not self._tries:
            return self._turn
        open_calls = tuple(
            call
            for call, reply in zip(self._turn.calls, self._replies, strict=True)
            if reply is None
        )
        return Turn("Going on with what was cut short.", open_calls)

    def hurry(self) -> Turn:
        """The turn that submits, with whatever is known by now."""
        for _ in range(_LONGEST):
            if self._refusal or self._turn.submits or not self._turn.calls:
                break
            self._replies = [reply or _TOO_LATE for reply in self._replies]
            self._settle()
        return self.turn()

    def _settle(self) -> None:
        replies = tuple(reply or _UNHEARD for reply in self._replies)
        if self._turn.submits and not all(reply.ok for reply in replies):
            self._refusal = next(reply.text for reply in replies if not reply.ok)[:500]
            return
        self._advance(replies)

    def _advance(self, replies: tuple[Reply, ...] | None) -> None:
        try:
            self._turn = next(self._play) if replies is None else self._play.send(replies)
        except StopIteration:
            self._over = True
            self._turn = Turn("")
        self._replies = [None] * len(self._turn.calls)
        self._tries = 0


def _exchange_of(
    call: Call, exchanges: Sequence[Exchange], calls: Sequence[Call]
) -> Exchange | None:
    """The exchange of a call. Its arguments may come back changed, by redaction for one."""
    same_tool = [each for each in exchanges if each.call.tool == call.tool]
    exact = next((each for each in same_tool if each.call.args == call.args), None)
    if exact is not None:
        return exact
    wanted = [each.args for each in calls if each.tool == call.tool]
    return next((each for each in same_tool if each.call.args not in wanted), None)


def _reply(exchange: Exchange) -> Reply:
    result = exchange.result
    return Reply(ok=result.outcome is Outcome.OK, text=result.text, cut=result.artifact is not None)
