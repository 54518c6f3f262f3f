"""Thresholds that are a place among all customers become numbers here."""

from dataclasses import replace
from datetime import timedelta

from audit.population.stats import Facts
from audit.segments.model import Condition, Definition


def resolved(definitions: tuple[Definition, ...], facts: Facts) -> tuple[Definition, ...]:
    """The definitions with the numbers of `facts.standing` in place of fifths.

    One whose numbers are not known, because too few customers have an order, is left out. The numbers are group
    facts: they stay as they are stored when events of one customer are left out.
    """
    if not any(_asks(condition) for one in definitions for condition in one.when):
        return definitions
    known = {(measure, share): value for measure, share, value in facts.standing.iter_rows()}
    made = (
        replace(one, when=tuple(_number(condition, known) for condition in one.when))
        for one in definitions
        if known or not any(_asks(condition) for condition in one.when)
    )
    return tuple(made)


def _asks(condition: Condition) -> bool:
    return condition.fifth is not None or condition.window_fifth is not None


def _number(condition: Condition, known: dict[tuple[str, float], float]) -> Condition:
    if condition.fifth is not None:
        measure = "spent" if condition.test == "sum" else "orders"
        condition = replace(condition, at_least=max(known[measure, condition.fifth], 1.0))
    if condition.window_fifth is not None:
        days = known["recency", condition.window_fifth]
        condition = replace(condition, window=timedelta(days=int(days) + 1))
    return condition
