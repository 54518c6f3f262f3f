"""Replay over a fleet: whole customers at a time from a lazy scan; totals are kept, decisions written as they are made.

Memory is bounded by the customers at hand. With the optional extra the kernel decides and no
message becomes a Python object; without it, or for rules it does not know, the reference does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import polars as pl

from audit.context import Context
from audit.events import SCHEMA, empty
from audit.facts import Facts
from audit.rules import outcomes, prepare, replay
from audit.rules.decisions import DECISION
from audit.rules.model import Rule
from audit.rules.relevant import COLUMNS
from audit.rules.replay import Progress
from audit.rules.scopes import RuleSet
from audit.rules.totals import FLAGS, Totals, cells, most_first
from audit.rules.written import whole

ROWS = 2_000_000
"""Events at hand at a time; a customer with more is still taken whole."""

ROWS_WITH_CAUSES = 250_000
"""The same where causes are asked for: they take all columns, and several rows for a message."""

Causes = Callable[[pl.DataFrame], pl.DataFrame]
"""Events of whole customers → why each message was sent, as `prepare.histories` reads it."""


def simulate(
    scan: pl.LazyFrame,
    rules: Iterable[Rule] | RuleSet,
    ctx: Context,
    *,
    ids: Mapping[str, str] | None = None,
    causes: Causes | None = None,
    decisions: Path | None = None,
    progress: Progress | None = None,
    rows: int | None = None,
) -> Totals:
    """Replay `rules`, or a set of them made before, over the events of `scan` (all customers, in `ORDER`): the totals that `replay.simulate` gives.

    `causes` tells why the messages of some customers were sent, out of all columns of their events; it is asked if a rule
    reads them, and InputError is raised if it is missing then. `decisions`: a Parquet file for what `replay.simulate`
    gives as `decisions`, which appears when all is done. `progress` is told how many events of how many are done, and may
    raise to stop it: then nothing is written.
    """
    taking_part = rules if isinstance(rules, RuleSet) else RuleSet(rules, ids)
    why = causes if any(rule.reads_causes for rule in taking_part.rules) else None
    prepare.refuse_without(None if why is None else events_of_none(), taking_part.rules)
    columns, at_hand = (COLUMNS, ROWS) if why is None else (tuple(SCHEMA), ROWS_WITH_CAUSES)
    total = scan.select(pl.len()).collect().item() if progress is not None else 0
    with whole(decisions) if decisions is not None else nullcontext() as keep:
        work = _Work(taking_part, ctx.facts, why, keep)
        done, parts = 0, [work.part(empty().select(columns))]
        for events in whole_customers(scan.select(columns), rows or at_hand):
            parts.append(work.part(events))
            done += events.height
            if progress is not None:
                progress(done, total)
    return _together(parts, taking_part, ctx)


def whole_customers(scan: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    """`scan` in parts of about `rows` rows, never cutting through a customer."""
    waiting: list[pl.DataFrame] = []
    for batch in scan.collect_batches(chunk_size=rows, maintain_order=True):
        waiting.append(batch)
        if sum(map(len, waiting)) >= rows and batch["customer_id"][0] != batch["customer_id"][-1]:
            everything = pl.concat(waiting)
            cut = everything["customer_id"].search_sorted(everything["customer_id"][-1], side="left")
            yield everything[:cut]
            waiting = [everything[cut:]]
    if sum(map(len, waiting)):
        yield pl.concat(waiting)


def events_of_none() -> pl.DataFrame:
    """No events, with the columns of `COLUMNS`."""
    return empty().select(COLUMNS)


class _Work:
    """What is done with the customers at hand; `keep` takes the decisions on their messages."""

    def __init__(
        self,
        rules: RuleSet,
        facts: Facts,
        causes: Causes | None,
        keep: Callable[[pl.DataFrame], None] | None,
    ) -> None:
        self._rules, self._facts, self._causes, self._keep = rules, facts, causes, keep
        self._fast = False

    def part(self, events: pl.DataFrame) -> dict[str, Any]:
        """Their totals: `cells` by provider, `by_rule, customers, affected, displaced`."""
        sent = int((events["kind"] == "message_sent").sum())
        self._fast = self._fast or replay.is_fleet(
            sent, self._rules
        )  # one large part, and the last goes with it
        causes = None if self._causes is None else self._causes(events)
        if self._fast:
            from audit.rules.kernel import sums

            return sums.fleet(events, self._rules, self._facts, causes, self._keep)
        return self._by_reference(events, causes)

    def _by_reference(self, events: pl.DataFrame, causes: pl.DataFrame | None) -> dict[str, Any]:
        messages = prepare.sent(events)
        decided = replay.by_reference(messages, events, self._rules, self._facts, causes=causes)
        if self._keep is not None:
            self._keep(decided)
        deferred = pl.col("deferred_to").is_not_null()
        became = outcomes.of(events, messages).select(FLAGS[:-1])
        cell = decided.select(pl.col("decision").cast(DECISION), deferred=deferred).hstack(became)
        affected = decided.filter((pl.col("decision") == "stop") | deferred)
        by_rule = decided.drop_nulls("deciding_rule").group_by("deciding_rule").len()
        return {
            "cells": cell.with_columns(provider=messages["mailbox_provider"])
            .group_by(pl.all())
            .agg(n=pl.len().cast(pl.Int64)),
            "by_rule": dict(by_rule.rows()),
            "customers": messages["customer_id"].n_unique(),
            "affected": affected["customer_id"].n_unique(),
            "displaced": replay.displaced(decided, messages, self._rules.rules),
        }


def _together(parts: list[dict[str, Any]], rules: RuleSet, ctx: Context) -> Totals:
    everything = pl.concat([part["cells"] for part in parts])
    complaints = everything.filter("complained")["provider"].unique().implode()
    known = pl.col("provider").is_in(complaints, nulls_equal=True).alias("complaint_known")
    return Totals(
        rules.rules,
        cells(everything.with_columns(known)),
        {rule.id: sum(part["by_rule"].get(rule.id, 0) for part in parts) for rule in rules.rules},
        sum(part["customers"] for part in parts),
        sum(part["affected"] for part in parts),
        most_first(pl.concat([part["displaced"] for part in parts])),
        ctx.coverage,
    )
