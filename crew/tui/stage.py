"""What all screens about a run share: where one is in it, and what keys do to it."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.widget import Widget

from crew.tui.approval import ApprovalCard
from crew.tui.bars import Bar, Span, labels
from crew.tui.composer import Composer
from crew.tui.framed import Framed
from crew.tui.keys import BY_ID, Key
from crew.tui.palette import SIGNS
from crew.tui.result_screen import open_result, result_of
from crew.tui.run_model import Changes
from crew.view import (
    RUN,
    Deed,
    PermissionView,
    Tone,
    crumbs,
    ending_words,
    pause_deed,
    possible,
    run_state,
)

_ALTERNATIVES = {
    "pause": (Deed.PAUSE, Deed.PAUSE_HARD, Deed.RESUME),
    "pause_run": (Deed.PAUSE_RUN, Deed.RESUME_RUN),
}
_PAUSE_LABELS = {Deed.PAUSE_HARD: "pause now", Deed.RESUME: "resume"}


class Stage(Framed):
    """A screen about one run; a pane in the middle, the same lines around it."""

    TRAIL: ClassVar[tuple[str, ...]] = ()
    """Names behind the crumbs, for what is no session; the key of the first only goes back."""

    def __init__(self) -> None:
        super().__init__()
        self._card = ApprovalCard()

    @property
    @abstractmethod
    def session(self) -> str | None:
        """The session that keys are about."""

    def compose(self) -> ComposeResult:
        """The frame, and a card for what is asked."""
        yield from super().compose()
        yield self._card

    @property
    def parts(self) -> Sequence[Widget]:
        """The frame and the card over it."""
        return [*super().parts, self._card]

    def below(self) -> Iterable[Widget]:
        """The line where a person writes."""
        yield Composer()

    def head(self) -> tuple[Sequence[Span], Sequence[Span]]:
        """The way to what is shown, and how the run stands."""
        view, now = self.observer.view, self.observer.now()
        mark, words = run_state(view, now)
        left = [Span(text=" ")]
        if self.observer.runs is not None:
            left += [Span(text="runs", target="runs"), Span(text=" > ", look=Tone.SECONDARY)]
        for place, crumb in enumerate(crumbs(view, self.crumb)):
            if place:
                left.append(Span(text=" > ", look=Tone.SECONDARY))
            left.append(Span(text=crumb.name, strong=True, target=crumb.session or "run"))
        for name in self.TRAIL:
            left += [Span(text=" > ", look=Tone.SECONDARY), Span(text=name, strong=True)]
        state = [Span(text=f"{SIGNS[mark]} ", look=mark), Span(text=f"{words} ", look=mark)]
        return left, state

    @property
    def ready(self) -> bool:
        """Whether its parts are there, the card among them."""
        return super().ready and self._card.is_attached

    def show(self, changes: Changes) -> None:
        """Show what changed, and the lines around it."""
        if self.ready:
            self._show_card()
        super().show(changes)

    @property
    def crumb(self) -> str:
        """Where the crumbs lead to."""
        return RUN

    def ending(self) -> Span | None:
        """What the run came to."""
        observed = self.observer.observed
        ending = ending_words(observed.view, observed.outcome)
        if ending is None:
            return None
        tone, words = ending
        return Span(text=f" {words}", look=tone)

    def reply(self) -> Span | None:
        """What became of the last command to a run that goes on."""
        observed = self.observer.observed
        if observed.reply is None or observed.view.over:
            return None
        good, words = observed.reply
        return Span(text=f" {words}", look=Tone.PERSON if good else Tone.BAD)

    def pass_reply(self) -> None:
        """Something newer than the answer is said: on no screen does it come back."""
        self.observer.observed.pass_reply()

    def show_hints(self) -> None:
        """The keys that apply now; while one writes, those of the line."""
        composer = self.query_one(Composer)
        if composer.display:
            self._hints.say(labels(composer.keys))
            return
        super().show_hints()

    def on_descendant_focus(self) -> None:
        """Show the keys of the pane or card that has them now."""
        if self.ready:
            self.show_hints()

    def applies(self, key: Key) -> bool:
        """Whether a key would do something now."""
        if key.id == "result":
            return result_of(self.observer, self.crumb) is not None
        if key.deed is None:
            return True
        can = self.observer.possible(self.session)
        return any(deed in can for deed in _ALTERNATIVES.get(key.id, (key.deed,)))

    def why_not(self, key: Key) -> str:
        """A word on a deed that the session, or the run, is past or not ready for."""
        view, session = self.observer.view, self.session
        if key.id == "result":
            known = view if self.crumb == RUN else view.sessions.get(self.crumb)
            over = known is not None and known.over
            return "there is no result" if over else "there is no result yet"
        if key.deed is None:
            return ""
        if view.lost:
            return f"{key.help}: the run's process is gone"
        if view.over:
            return f"{key.help}: the run is over"
        known = view.sessions.get(session or "")
        if session is None or known is None:
            return f"{key.help}: it has not started"
        return f"{key.help}: {session} has ended" if known.over else f"{key.help}: not now"

    def label(self, key: Key) -> str:
        """What a key is called in the footer now."""
        if key.id in self.TRAIL or self._card.takes(self.observer.keys, key.id):
            return ""
        if key.id == "pause":
            deed = pause_deed(self.observer.view, self.session or "")
            return _PAUSE_LABELS.get(deed, key.label) if deed else key.label
        if key.id == "pause_run" and Deed.RESUME_RUN in possible(self.observer.view, None):
            return "resume run"
        return key.label

    # What the keys do on every screen.

    def do_steer(self) -> None:
        """Write a steer."""
        self._write_to("steer", Deed.STEER)

    def do_follow_up(self) -> None:
        """Write a follow-up."""
        self._write_to("follow-up to", Deed.FOLLOW_UP)

    def do_pause(self) -> None:
        """Hold the session, hold it harder, or let it go on."""
        if self.session and (deed := pause_deed(self.observer.view, self.session)):
            self.observer.command(deed, self.session)

    def do_step(self) -> None:
        """Let the session do one turn."""
        self.observer.command(Deed.STEP, self.session or "")

    def do_cancel(self) -> None:
        """Cancel the session, asking once."""
        if self.ask(
            "cancel", f"cancel {self.session}? {self._again('cancel')}, any other key keeps it"
        ):
            self.observer.command(Deed.CANCEL, self.session or "")

    def do_pause_run(self) -> None:
        """Hold the run, or let it go on."""
        paused = Deed.RESUME_RUN in self.observer.possible(None)
        self.observer.command(Deed.RESUME_RUN if paused else Deed.PAUSE_RUN)

    def do_cancel_run(self) -> None:
        """Cancel the run, asking once."""
        if self.ask(
            "cancel_run",
            f"cancel the whole run? {self._again('cancel_run')}, any other key keeps it",
        ):
            self.observer.command(Deed.CANCEL_RUN)

    def do_interrupt(self) -> None:
        """Cancel the run, asking once; leave when it is over."""
        if Deed.CANCEL_RUN not in self.observer.possible(None):
            self.observer.leave()
            return
        again, leave = self._again("interrupt"), self.observer.keys.shown("leave")
        if self.ask("interrupt", f"cancel the whole run? {again}; {leave} only leaves"):
            self.observer.command(Deed.CANCEL_RUN)

    def _again(self, name: str) -> str:
        return f"{self.observer.keys.shown(name)} again cancels it"

    def do_answer(self) -> None:
        """Show what is asked."""
        asks = self.observer.view.asks
        mine = [ask for ask in asks if ask.session == self.session]
        if asks:
            self._card.show((mine or list(asks))[0])

    def do_tasks(self) -> None:
        """Show the task board, the session's task selected."""
        self.observer.open_tasks(self.session)

    def do_messages(self) -> None:
        """Show what was said."""
        self.observer.open_messages()

    def do_result(self) -> None:
        """Show what it came to."""
        self.run_worker(open_result(self.observer, self.crumb), group="result", exclusive=True)

    def _write_to(self, prompt: str, deed: Deed) -> None:
        subject = self.session or ""
        self._write(f"{prompt} {subject}", purpose=deed.value, subject=subject)

    def _write(self, prompt: str, *, purpose: str, subject: str, empty: bool = False) -> None:
        self.query_one("#message", Bar).display = False
        self.query_one(Composer).ask(prompt, purpose=purpose, subject=subject, empty=empty)
        self.show_hints()

    # What comes back.

    def on_composer_written(self, event: Composer.Written) -> None:
        """Send what was written."""
        event.stop()
        self._written()
        self.written(event.purpose, event.subject, event.text)

    def written(self, purpose: str, subject: str, text: str) -> None:
        """Do what a line was written for."""
        if purpose == "deny":
            self.observer.answer(subject, "deny", text)
        elif purpose in {Deed.STEER, Deed.FOLLOW_UP}:
            self.observer.command(Deed(purpose), subject, text)

    def on_composer_left(self, event: Composer.Left) -> None:
        """Give the keys back to the pane."""
        event.stop()
        self._written()

    def on_approval_card_answered(self, event: ApprovalCard.Answered) -> None:
        """Send the word; a denial may have a reason."""
        event.stop()
        if event.decision == "deny":
            prompt = f"deny {event.ask.tool}, because (Enter for no reason)"
            self._write(prompt, purpose="deny", subject=event.ask.request, empty=True)
            return
        self.observer.answer(event.ask.request, event.decision)
        self.main.focus()

    def on_approval_card_left(self, event: ApprovalCard.Left) -> None:
        """Give the keys back to the pane."""
        event.stop()
        self.main.focus()

    def on_bar_clicked(self, event: Bar.Clicked) -> None:
        """Go where a crumb leads, or do what a key would."""
        event.stop()
        if event.bar.id == "crumbs" and event.target == "runs":
            self.observer.open_list()
        elif event.bar.id == "crumbs":
            self.observer.open(event.target if event.target != "run" else None)
        elif event.target in BY_ID and self.applies(BY_ID[event.target]):
            self.action_do(event.target)

    def _written(self) -> None:
        self.query_one("#message", Bar).display = True
        self.main.focus()
        self.show_hints()

    def _show_card(self) -> None:
        """Take the card away when its request was answered or its session ended."""
        card = self._card
        open_requests: list[PermissionView] = list(self.observer.view.asks)
        if card.request and card.request not in {ask.request for ask in open_requests}:
            card.close()
            self.main.focus()
