"""Replay over a fleet: whole customers at a time from a lazy scan, and only totals are kept.

Memory is bounded by the customers at hand and some bytes a message. With the optional extra the kernel decides and no
message becomes a Python object; without it, or for rules it does not know, the reference does.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from audit.context import Context
from audit.facts import Facts
from audit.rules import outcomes, prepare, replay
from audit.rules.decisions import DECISION
from audit.rules.model import Rule
from audit.rules.relevant import COLUMNS
from audit.rules.replay import Progress
from audit.rules.scopes import RuleSet
from audit.rules.totals import FLAGS, Totals, cells, most_first

ROWS = 2_000_000
"""Events at hand at a time; a customer with more is still taken whole."""


def simulate(
    scan: pl.LazyFrame,
    rules: Iterable[Rule] | RuleSet,
    ctx: Context,
    *,
    ids: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    rows: int = ROWS,
) -> Totals:
    """Replay `rules`, or a set of them made before, over the events of `scan` (all customers, in `ORDER`): the totals that `replay.simulate` gives.

    `progress` is told how many events of how many are done, and may raise to stop it; nothing is written.
    """
    taking_part = rules if isinstance(rules, RuleSet) else RuleSet(rules, ids)
    prepare.refuse_without(None, taking_part.rules)
    total = scan.select(pl.len()).collect().item() if progress is not None else 0
    done, parts, fast = 0, [_part(events_of_none(), taking_part, ctx.facts, fast=False)], False
    for events in whole_customers(scan.select(COLUMNS), rows):
        fast = fast or replay.is_fleet(int((events["kind"] == "message_sent").sum()), taking_part)
        parts.append(_part(events, taking_part, ctx.facts, fast=fast))
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
    from audit.events import empty

    return empty().select(COLUMNS)


def _part(events: pl.DataFrame, rules: RuleSet, facts: Facts, *, fast: bool) -> dict[str, Any]:
    """Totals of some customers: `cells` by provider, `by_rule, customers, affected, displaced`."""
    if fast:
        from audit.rules.kernel import sums

        return sums.fleet(events, rules, facts)
    messages = prepare.sent(events)
    became = outcomes.of(events, messages).select(FLAGS[:-1])
    made = _by_reference(messages, events, rules, facts)
    made["cells"] = (
        made.pop("decided")
        .hstack(became)
        .with_columns(provider=messages["mailbox_provider"])
        .group_by(pl.all())
        .agg(n=pl.len().cast(pl.Int64))
    )
    made["customers"] = messages["customer_id"].n_unique()
    return made


def _by_reference(
    messages: pl.DataFrame, events: pl.DataFrame, rules: RuleSet, facts: Facts
) -> dict[str, Any]:
    decisions = replay.by_reference(messages, events, rules, facts)
    deferred = pl.col("deferred_to").is_not_null()
    made = decisions.select(pl.col("decision").cast(DECISION), deferred=deferred)
    affected = decisions.filter((pl.col("decision") == "stop") | deferred)
    return {
        "decided": made,
        "by_rule": dict(decisions.drop_nulls("deciding_rule").group_by("deciding_rule").len().rows()),
        "affected": affected["customer_id"].n_unique(),
        "displaced": replay.displaced(decisions, messages, rules.rules),
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
