"""Fold: the results of a `foreach` made one."""

from collections.abc import Sequence
from typing import Any

from crew.definitions.types import Step


def concat(results: Sequence[Any]) -> Any:
    """Join results in item order: lists follow each other, texts are paragraphs.

    Objects are joined key by key; a key whose values are neither all lists, all texts nor all
    objects keeps each of its values, as a list. Nothing is left out.
    """
    if all(isinstance(value, list) for value in results):
        return [item for value in results for item in value]
    if all(isinstance(value, str) for value in results):
        return "\n\n".join(results)
    if all(isinstance(value, dict) for value in results):
        keys = dict.fromkeys(key for value in results for key in value)
        return {key: concat([value[key] for value in results if key in value]) for key in keys}
    return list(results)


def fold_results(step: Step, results: list[Any]) -> Any:
    """What the items of a step come to."""
    return concat(results) if step.fold == "concat" else results
