"""What a step may refer to: the goal, its item, and results of steps that end before it begins."""

import re
from collections.abc import Collection, Mapping, Sequence

from crew.definitions.conditions import ConditionError, compile_condition
from crew.definitions.graph import transitive_needs
from crew.definitions.placeholders import PATH, Placeholder, find, split_path
from crew.definitions.report import Place, Report, nearest, shown
from crew.definitions.types import Step

_PATH = re.compile(rf"{PATH}\Z")
_FORMS = "known are: {goal}, {item}, {steps.ID.result}; double the braces for literal text"

Places = Mapping[tuple[str, ...], Place]


def check_references(
    steps: Sequence[Step], headings: Collection[str], report: Report, places: Places
) -> None:
    """Report every placeholder, condition and list path that can't be resolved at run time.

    Args:
        steps: The steps that could be read.
        headings: Ids of all steps.
        report: Takes the problems.
        places: Where the keys of the steps stand.
    """
    needs = transitive_needs(steps)
    # What a step that can't be read needs is unknown, and so is what needs it.
    certain = len(needs) == len(headings)
    for step in steps:
        earlier = needs[step.id] if certain else frozenset(headings)
        checker = _Checker(step, earlier, headings, report, places)
        checker.prompt()
        checker.when()
        checker.foreach()


class _Checker:
    def __init__(
        self,
        step: Step,
        needs: frozenset[str],
        known: Collection[str],
        report: Report,
        places: Places,
    ) -> None:
        self._step = step
        self._needs = needs
        self._known = known
        self._report = report
        self._places = places

    def prompt(self) -> None:
        """Check the placeholders of the prompt."""
        step = self._step
        first = self._places["steps", step.id, "prompt"]
        for number, line in enumerate(step.prompt.split("\n"), start=first.line):
            for found in find(line):
                self._placeholder(found, Place(number, found.start + 1))

    def _placeholder(self, found: Placeholder, at: Place) -> None:
        text = "{" + shown(".".join(found.path)) + "}"
        match found.path:
            case ("goal",):
                return
            case ("item", *_):
                if self._step.foreach is None:
                    hint = "add `foreach: steps.ID.result...` to the step"
                    self._report.add(at, f"{text} has a value only with `foreach`", hint)
            case ("steps", _, "result", *_):
                self._earlier(found.path[1], at)
            case _:
                self._report.add(at, f"unknown placeholder {text}", _FORMS)

    def when(self) -> None:
        """Check the condition."""
        text = self._step.when
        if text is None:
            return
        at = self._places["steps", self._step.id, "when"]
        try:
            condition = compile_condition(text)
        except ConditionError as error:
            message = f"`when`: {shown(error.message)} (character {error.column})"
            self._report.add(at, message, error.hint)
            return
        for path, _ in condition.reads:
            if path != ("goal",):
                self._result(path, at, "when")
        if not condition.reads:
            holds = condition.evaluate(lambda _path: None)
            message = "`when` never changes" if holds else "unreachable: `when` is never true"
            self._report.add(at, message, "refer to an earlier result, or remove it")

    def foreach(self) -> None:
        """Check the path of the list."""
        text = self._step.foreach
        if text is None:
            return
        at = self._places["steps", self._step.id, "foreach"]
        if _PATH.match(text):
            self._result(split_path(text), at, "foreach")
        else:
            message = f"`foreach` must be a path, not `{shown(text)}`"
            self._report.add(at, message, "write `steps.ID.result...`")

    def _result(self, path: tuple[str, ...], at: Place, key: str) -> None:
        match path:
            case ("steps", step, "result", *_):
                self._earlier(step, at)
            case _:
                message = f"`{key}` refers to the unknown path `{shown('.'.join(path))}`"
                self._report.add(at, message, "write `steps.ID.result...`")

    def _earlier(self, step: str, at: Place) -> None:
        if step in self._needs:
            return
        if step not in self._known:
            hint = nearest(step, self._known) or f"the steps are: {', '.join(sorted(self._known))}"
            self._report.add(at, f"unknown step `{shown(step)}`", hint)
            return
        message = f"`{step}` may not have a result yet when `{self._step.id}` begins"
        self._report.add(at, message, f"add `{step}` to the step's `needs`")
