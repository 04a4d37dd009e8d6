"""What `crew models` puts on standard output."""

import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crew.config import Price
from crew.console import print_whole
from crew.plaintext import clean
from crew.records import Record
from crew.service.models import Catalog, ProviderRow, Trial
from crew.view import money

_KEYS = {"set": "key set", "missing": "no key", "none": "no key needed"}


def print_catalog(catalog: Catalog, *, json: bool) -> None:
    """Print the aliases and the providers."""
    if json:
        _put(catalog)
        return
    models = _table("name", "model", "context", "US$ a million tokens")
    for row in catalog.models:
        context = f"{row.context:,}" if row.context else "unknown"
        known = row.model != "rules"
        models.add_row(
            Text(row.alias, "bold"),
            Text(clean(row.model)),
            context if known else "",
            _price(row.price) if known else "free: built-in checks, no language model",
        )
    providers = _table("provider", "key", "format", "address")
    for provider in catalog.providers:
        style = "dim" if provider.key == "missing" else ""
        providers.add_row(
            Text(provider.name, style),
            Text(_key(provider), style),
            Text(provider.kind, style),
            Text(clean(provider.base_url) + _reached(provider), style),
        )
    console = _console()
    for table in (models, providers):
        print_whole(table, console)
        console.print()
    if all(row.model == "rules" for row in catalog.models):
        key = "for a language model set one provider's key, such as ANTHROPIC_API_KEY,"
        choice = '[models] default = "ollama:NAME" in config.toml'
        console.print(Text(f"{key} or choose: {choice}", "dim"), soft_wrap=True)
    console.print(Text("try one: crew models test NAME", "dim"), soft_wrap=True)


def print_trial(trial: Trial, *, json: bool) -> None:
    """Print how a test went."""
    if json:
        _put(trial)
        return
    used, cost = trial.usage, trial.usage.cost
    price = "cost unknown" if cost is None else money(cost)
    counted = "~" if used.estimated else ""
    lines = [
        f"{clean(trial.model)} answers: first piece after {trial.first:.1f} s, "
        f"done after {trial.seconds:.1f} s",
        "calls tools: " + ("yes" if trial.called else "no; a team can't work with it"),
        f"tokens: {counted}{used.input_tokens:,} in, {counted}{used.output_tokens:,} out, {price}",
        f"context: {f'{trial.context:,} tokens' if trial.context else 'unknown'}",
    ]
    console = _console()
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _key(provider: ProviderRow) -> str:
    where = f" ({provider.key_env[0]})" if provider.key_env and provider.key != "none" else ""
    return _KEYS[provider.key] + where


def _reached(provider: ProviderRow) -> str:
    return {None: "", True: "  reachable", False: "  no answer"}[provider.reachable]


def _price(price: Price | None) -> str:
    return "unknown" if price is None else f"{price.input:g} in, {price.output:g} out"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def _put(value: Record) -> None:
    out: Any = sys.stdout
    out.write(value.model_dump_json(indent=2) + "\n")
