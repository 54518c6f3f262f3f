"""Totals of what the kernel decided, without a text or an object for a message."""

from typing import Any

import numpy as np
import polars as pl

from audit.facts import Facts
from audit.rules import decisions, replay
from audit.rules.decisions import DECISION
from audit.rules.kernel import run
from audit.rules.kernel.codes import Coded
from audit.rules.kernel.layout import PUT_OFF, STOPPED
from audit.rules.kernel.run import Outcome
from audit.rules.scopes import RuleSet

_WORDS = pl.Series(DECISION.categories, dtype=DECISION)


def of(
    messages: pl.DataFrame,
    events: pl.DataFrame,
    rules: RuleSet,
    facts: Facts,
    causes: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """`decided` (columns `decision, deferred`), `by_rule`, `affected`, `displaced` of whole customers.

    `messages`: as `prepare.sent` gives them, with `row`, their row in `events`. `causes`: why each was sent,
    as `prepare.histories` reads it.
    """
    outcome = run.decide(messages, events, rules, facts, causes=causes, foresees=False)
    decided = outcome.decided
    _copy_others(outcome, rules)
    deferred = decided.deciding == PUT_OFF
    touched = pl.Series(deferred | (decided.decision == STOPPED))
    counts = np.bincount(np.maximum(decided.deciding, 0), minlength=len(rules.rules) + 1)
    others = decisions.frame(outcome.others)
    shown = messages.select("customer_id", "event_id", "campaign")
    return {
        "decided": pl.DataFrame(
            {"decision": _WORDS.gather(pl.Series(decided.decision, dtype=pl.UInt32)), "deferred": deferred}
        ),
        "by_rule": {rule.id: int(counts[number + 1]) for number, rule in enumerate(rules.rules)},
        "affected": messages["customer_id"].rle_id().filter(touched).n_unique(),
        "displaced": pl.concat(
            [
                _displaced(outcome, messages, events.height, rules),
                replay.displaced(others, shown.filter(pl.Series(outcome.left_over)), rules.rules),
            ]
        ),
    }


def _copy_others(outcome: Outcome, rules: RuleSet) -> None:
    """Write what the reference decided beside what the kernel did."""
    number = {"allow": 0, "stop": 1, "exempt": 2}
    position = {rule.id: place + 1 for place, rule in enumerate(rules.rules)}
    decided = outcome.decided
    for place, other in zip(np.flatnonzero(outcome.left_over), outcome.others, strict=True):
        decided.decision[place] = number[other.decision]
        put_off = PUT_OFF if other.deferred_to else 0
        decided.deciding[place] = position[other.deciding_rule] if other.deciding_rule else put_off
        decided.counts[place] = 0


def _displaced(outcome: Outcome, messages: pl.DataFrame, height: int, rules: RuleSet) -> pl.DataFrame:
    """Columns `by, stopped, n`: a stopped message once for each campaign that its cap counted."""
    caps = np.array([False, *(rule.kind == "frequency_cap" for rule in rules.rules)])
    decided = outcome.decided
    counts = np.where(caps[np.maximum(decided.deciding, 0)], decided.counts, 0).astype(np.int32)
    stopped, event = run.counted_rows(decided._replace(counts=counts))
    campaigns = Coded(messages["campaign"])
    of_event = np.full(height, -1, np.int32)
    of_event[messages["row"].to_numpy()] = campaigns.codes
    size = len(campaigns.values) + 1
    once = pl.Series(stopped * size + of_event[event] + 1, dtype=pl.Int64).unique().to_numpy()
    pairs = (campaigns.codes[once // size].astype(np.int64) + 1) * size + once % size
    names = pl.Series([None, *campaigns.values], dtype=pl.String)
    counted = pl.Series("pair", pairs).value_counts(name="n")
    return counted.select(
        by=names.gather(counted["pair"] % size), stopped=names.gather(counted["pair"] // size), n="n"
    )
