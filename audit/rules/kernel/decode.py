"""What the kernel decided, as the frame of decisions."""

import numpy as np
import polars as pl

from audit.rules.kernel import run
from audit.rules.kernel.layout import NEVER, PUT_OFF, STOPPED, Int8, Int64
from audit.rules.kernel.run import Outcome
from audit.rules.replay import decisions
from audit.rules.scopes import RuleSet


def frame(outcome: Outcome, messages: pl.DataFrame, events: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """A row a message, columns of `decisions.DECISIONS`, in the order of `messages`."""
    decided = outcome.decided
    stopped, moved = pl.Series(decided.decision == STOPPED), pl.Series(decided.deciding == PUT_OFF)
    out = pl.when(moved).then(_moments(decided.out))
    pass_from = pl.when(pl.Series(decided.next_allowed != NEVER)).then(_moments(decided.next_allowed))
    made = messages.select("event_id", "customer_id", "occurred_at").with_columns(
        decision=names(decided.decision),
        deferred_to=out,
        deciding_rule=_ids(decided.deciding, rules),
        failing_rules=_listed(decided.failing, rules),
        counted=_counted(outcome, events["event_id"]),
        cannot_tell=_listed(decided.cannot_tell, rules),
        assumed=_assumed(messages["message_class"]),
        next_allowed_at=pl.when(stopped).then(pass_from).otherwise(pl.coalesce(out, "occurred_at")),
    )
    if not outcome.others:
        return made
    place = pl.Series("row", np.arange(messages.height), dtype=pl.UInt32)
    left_over = pl.Series(outcome.left_over)
    return (
        pl.concat(
            [
                made.with_columns(place).filter(~left_over),
                decisions.frame(outcome.others).with_columns(place.filter(left_over)),
            ]
        )
        .sort("row")
        .drop("row")
    )


def names(decisions_: Int8) -> pl.Series:
    """`allow`, `stop` or `exempt` for each number."""
    return pl.Series(decisions.DECISION.categories).gather(pl.Series(decisions_, dtype=pl.UInt32))


def _moments(micros: Int64) -> pl.Series:
    return pl.Series(micros).cast(decisions.DECISIONS["deferred_to"])


def _ids(numbers: Int8, rules: RuleSet) -> pl.Series:
    ids = pl.Series([None, *(rule.id for rule in rules.rules)], dtype=pl.String)
    return ids.gather(pl.Series(numbers).clip(0).cast(pl.UInt32))


def _listed(masks: Int64, rules: RuleSet) -> pl.Series:
    """Lists of rule ids for numbers, of which there are few different ones."""
    numbers = pl.Series("mask", masks)
    known = numbers.unique()
    names = pl.Series("ids", [run.bits(mask, rules) for mask in known], dtype=pl.List(pl.String))
    return pl.DataFrame({"mask": numbers}).join(
        pl.DataFrame({"mask": known, "ids": names}), on="mask", how="left", maintain_order="left"
    )["ids"]


def _counted(outcome: Outcome, event_ids: pl.Series) -> pl.Series:
    of, rows = run.counted_rows(outcome.decided)
    return decisions.lists(
        pl.Series(of, dtype=pl.UInt32),
        event_ids.gather(pl.Series(rows, dtype=pl.UInt32)),
        outcome.decided.counts.size,
    )


def _assumed(classes: pl.Series) -> pl.Series:
    none, named = pl.Series([[]], dtype=pl.List(pl.String)), pl.Series([["message_class"]])
    return pl.select(
        pl.when(classes.is_null() | (classes == "")).then(pl.lit(named)).otherwise(pl.lit(none))
    ).to_series()
