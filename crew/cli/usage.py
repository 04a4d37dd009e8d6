"""What is wrong with a command line, in crew's words: what, where, and the mend."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise, takewhile
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from crew.errors import UsageError

# Typer hands on only one of its parser's errors by name; they all have its base.
_ParserError: type[Exception] = typer.BadParameter.__mro__[1]

_COUNT = re.compile(r"[0-9]{1,18}")
_FREE = {"TEXT", "GOAL"}
"""Values that are anybody's words, and may be none."""

_EXTRA = re.compile(r"unexpected extra arguments?(?:\(s\))? \((?P<words>.*)\)", re.DOTALL)


class Room(typer.Typer):
    """Commands which say in crew's words what is wrong with their line."""

    def command(self, name: str | None = None, **more: Any) -> Callable[[Any], Any]:
        """Add a command."""
        return super().command(name, cls=WordedCommand, **more)


class WordedCommand(TyperCommand):
    """A command whose line is read in crew's words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words after the command."""
        given = list(args)
        with _in_own_words(ctx):
            rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            _refuse_empty(ctx, given)
        return rest


class WordedGroup(TyperGroup):
    """A group of commands whose line is read in crew's words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words up to the command."""
        with _in_own_words(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called, and what is left of the words."""
        known = ctx.resilient_parsing or self.get_command(ctx, args[0]) is not None
        if not known:
            near = nearest(args[0], self.commands)
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(
                f"{ctx.command_path} has no command {args[0]!r}",
                hint=f"{hint}see {ctx.command_path} --help",
            )
        return super().resolve_command(ctx, args)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was likely meant, dashes aside; empty where none is near."""
    bare = {each.lstrip("-"): each for each in known}
    found = difflib.get_close_matches(word.lstrip("-")[:100], bare, n=1)
    return bare[found[0]] if found else ""


def whole_number(text: str) -> int | None:
    """A count as a person writes it; None if it is not a whole number from 0."""
    return int(text) if _COUNT.fullmatch(text) else None


@contextmanager
def _in_own_words(ctx: Any) -> Iterator[None]:
    try:
        yield
    except _ParserError as error:
        raise _worded(error, ctx) from error


def _worded(error: Any, ctx: Any) -> UsageError:
    """A parser's error, told by its kind: each version of Typer words them another way."""
    where, see = ctx.command_path, f"see {ctx.command_path} --help"
    match type(error).__name__:
        case "NoSuchOption":
            options = [name for option in _options(ctx) for name in option.opts]
            near = nearest(error.option_name, options) if error.option_name[1:2] == "-" else ""
            hint = f"did you mean {near}? {see}" if near else see
            return UsageError(f"{where} has no option {error.option_name}", hint=hint)
        case "BadOptionUsage":
            option = next(one for one in _options(ctx) if error.option_name in one.opts)
            if option.is_flag:
                said = f"{where} {error.option_name} takes no value"
                return UsageError(said, hint=f"write {error.option_name} alone")
            said = f"{where} {error.option_name}: its value is missing"
            return UsageError(said, hint=f"write {error.option_name} {_value_name(option)}")
        case "MissingParameter":
            what = _value_name(error.param)
            if error.param.param_type_name == "option":
                what = f"{error.param.opts[-1]} {what}"
            return UsageError(f"{where}: {what} is missing", hint=_pattern(ctx))
        case "BadParameter":
            named = f" {error.param.opts[-1]}" if error.param is not None else ""
            return UsageError(f"{where}{named}: {_began_small(error.message)}", hint=see)
    if extra := _EXTRA.search(error.message):
        return UsageError(f"{where}: {extra['words']!r} is more than it takes", hint=_pattern(ctx))
    return UsageError(f"{where}: {_began_small(error.message)}", hint=see)


def _refuse_empty(ctx: Any, given: Sequence[str]) -> None:
    """Refuse nothing where something is named: most likely a variable of a script is not set."""
    before = list(takewhile(lambda word: word != "--", given))
    for one in ctx.command.get_params(ctx):
        name = _value_name(one)
        if name in _FREE or getattr(one, "is_flag", False):
            continue
        if one.param_type_name == "argument":
            empty = ctx.params.get(one.name) == ""
            said = f"{ctx.command_path}: {name} is empty"
        else:
            empty = any(f"{opt}=" in before or (opt, "") in pairwise(before) for opt in one.opts)
            said = f"{ctx.command_path} {one.opts[-1]}: its value is empty"
            name = f"{one.opts[-1]} {name}"
        if empty:
            raise UsageError(said, hint=f"write {name}; is a variable not set?")


def _options(ctx: Any) -> list[Any]:
    """The options of a command that its help shows."""
    known = ctx.command.get_params(ctx)
    return [one for one in known if one.param_type_name == "option" and not one.hidden]


def _value_name(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _pattern(ctx: Any) -> str:
    """How the command is written."""
    words = [ctx.command_path]
    for one in ctx.command.get_params(ctx):
        name = _value_name(one)
        if one.param_type_name == "argument":
            name += "..." if one.nargs == -1 else ""
        elif one.required:
            name = f"{one.opts[-1]} {name}"
        else:
            continue
        words.append(name if one.required else f"[{name}]")
    return f"write {' '.join(words)}, see {ctx.command_path} --help"


def _began_small(message: str) -> str:
    return f"{message[:1].lower()}{message[1:].rstrip('.')}"
