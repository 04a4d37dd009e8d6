"""`crew models`: the language models that are set up, and `crew models test NAME`.

`--json` of the list prints one object:

    {"models": [{"alias", "model", "context", "price": {"input", "output", ...}}],
     "providers": [{"name", "kind", "base_url", "key", "key_env", "configured", "reachable"}]}

`context`, `price` and `reachable` are null where they are not known. `--json` of a test prints

    {"model", "called", "text", "first", "seconds", "usage", "context"}

with times in seconds. No key is ever printed.
"""

import os
from functools import partial
from typing import Annotated

import typer

from crew.cli.usage import Room, WordedGroup
from crew.errors import ExitCode

_Reach = Annotated[bool, typer.Option("--reach", help="Try to connect to each server.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as fast, or ollama:qwen3.")]

_models = Room(cls=WordedGroup, invoke_without_command=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add `models`."""
    app.add_typer(_models, name="models")


@_models.callback()
def models(context: typer.Context, *, reach: _Reach = False, json: _Json = False) -> None:
    """List the language models that are set up."""
    if context.invoked_subcommand is not None:
        return
    import anyio

    from crew.cli import model_pages
    from crew.service.models import model_catalog

    catalog = anyio.run(partial(model_catalog, os.environ, reach=reach))
    model_pages.print_catalog(catalog, json=json)


@_models.command("test")
def try_one(name: _Name, *, json: _Json = False) -> None:
    """Ask a model one tiny question with a tool, and say what works; exit code 3 if it does not."""
    import anyio

    from crew.cli import model_pages
    from crew.service.models import try_model

    trial = anyio.run(partial(try_model, name, os.environ))
    model_pages.print_trial(trial, json=json)
    if not trial.called:
        raise typer.Exit(ExitCode.RUN_FAILED)
