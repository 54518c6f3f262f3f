"""The replay: what a set of rules would have done to the real past, and what became of those messages.

Counts of what happened; no promise of what would have happened.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from audit.context import Context
from audit.coverage import Coverage
from audit.events import TIME
from audit.rules import outcomes, prepare
from audit.rules.model import Rule
from audit.rules.reference import Decision, judge
from audit.rules.scopes import RuleSet

DECISIONS: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "customer_id": pl.String(),
    "occurred_at": TIME,
    "decision": pl.String(),
    "deferred_to": TIME,
    "deciding_rule": pl.String(),
    "failing_rules": pl.List(pl.String()),
    "counted": pl.List(pl.String()),
    "cannot_tell": pl.List(pl.String()),
    "assumed": pl.List(pl.String()),
    "next_allowed_at": TIME,
}
"""The columns of `simulate --decisions`."""

Progress = Callable[[int, int], None]
"""Told how many messages of how many are decided, once a customer; it may raise to stop the replay."""

_SEED = 20260101
"""Where the choice of as many messages at random starts, so that two runs choose the same."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that was made.

    - `rules`: those that took part, in the order they were checked;
    - `decisions`: a row a message, columns of `DECISIONS`, in order `(customer_id, occurred_at, event_id)`;
    - `messages`: the messages themselves (`prepare.sent`), row by row beside the decisions;
    - `outcomes`: what became of them (`outcomes.of`), row by row beside the decisions;
    - `coverage`: of the data replayed.
    """

    rules: Sequence[Rule]
    decisions: pl.DataFrame
    messages: pl.DataFrame
    outcomes: pl.DataFrame
    coverage: Coverage

    def to_json(self) -> dict[str, Any]:
        """The document `whysent.replay/1`."""
        stopped, exempt = self._is("stop"), self._is("exempt")
        deferred = self.decisions["deferred_to"].is_not_null()
        among = self.outcomes.filter(stopped)
        return {
            "schema": "whysent.replay/1",
            "rules": [{"id": rule.id, "version": rule.version} for rule in self.rules],
            "messages": self.decisions.height,
            "stopped": int(stopped.sum()),
            "deferred": int(deferred.sum()),
            "let_through": int(self._is("allow").sum()),
            "exempt": int(exempt.sum()),
            "by_rule": self.by_rule(),
            "customers": self.decisions["customer_id"].n_unique(),
            "customers_affected": self.decisions.filter(stopped | deferred)["customer_id"].n_unique(),
            "displaced": self.displaced().to_dicts(),
            "stopped_wanted": {name: int(among[name].sum()) for name in ("opened", "clicked", "converted")},
            "stopped_unwanted": {
                "complained": int(among["complained"].sum()),
                "unsubscribed_next": int(among["opted_out"].sum()),
            },
            "rates": {
                "stopped": outcomes.rates(among, self.coverage),
                "let_through": outcomes.rates(self.outcomes.filter(self._is("allow")), self.coverage),
                "random_same_number": outcomes.rates(self._at_random(among.height), self.coverage),
            },
            "complaints_known_for": _mean(self.outcomes["complaint_known"]),
        }

    def by_rule(self) -> dict[str, int]:
        """How many messages each rule decided to stop."""
        counts = dict(self.decisions.drop_nulls("deciding_rule").group_by("deciding_rule").len().rows())
        return {rule.id: counts.get(rule.id, 0) for rule in self.rules}

    def displaced(self) -> pl.DataFrame:
        """Which campaign's messages used the room of a cap that which campaign's then lacked.

        Columns `by, stopped` (campaigns, null where a message names none) and `n`: messages of `stopped` that a
        cap stopped while it counted at least one of `by`; most first.
        """
        caps = [rule.id for rule in self.rules if rule.kind == "frequency_cap"]
        campaigns = self.messages.select("customer_id", "event_id", "campaign")
        return (
            self.decisions.filter(pl.col("deciding_rule").is_in(caps))
            .select("customer_id", "event_id", "counted")
            .join(campaigns.rename({"campaign": "stopped"}), on=("customer_id", "event_id"))
            .explode("counted", empty_as_null=False)
            .join(campaigns.rename({"campaign": "by", "event_id": "counted"}), on=("customer_id", "counted"))
            .group_by("by", "stopped")
            .agg(pl.struct("customer_id", "event_id").n_unique().alias("n"))
            .sort("n", "by", "stopped", descending=[True, False, False])
        )

    def _is(self, decision: str) -> pl.Series:
        return self.decisions["decision"] == decision

    def _at_random(self, number: int) -> pl.DataFrame:
        judged = self.outcomes.filter(~self._is("exempt"))
        return judged[sorted(random.Random(_SEED).sample(range(judged.height), number))]  # noqa: S311


def simulate(
    events: pl.DataFrame,
    rules: Iterable[Rule] | RuleSet,
    ctx: Context,
    *,
    ids: Mapping[str, str] | None = None,
    causes: pl.DataFrame | None = None,
    progress: Progress | None = None,
) -> Replay:
    """Replay `rules`, or a set of them made before, over the messages of `events` (whole customers, in order).

    Disabled and declared rules take no part. `ids`: the source's own customer ids → pseudonyms, for rules that
    name customers by them. `causes`: why each message was sent, as `prepare.histories` reads it. Raises InputError if
    a rule reads causes and none are given.
    """
    taking_part = rules if isinstance(rules, RuleSet) else RuleSet(rules, ids)
    prepare.refuse_without(causes, taking_part.rules)
    messages = prepare.sent(events)
    decided: list[Decision] = []
    for history in prepare.histories(messages, events, taking_part.rules, ctx.facts, causes=causes):
        decided.extend(judge(history, taking_part))
        if progress is not None:
            progress(len(decided), messages.height)
    return Replay(taking_part.rules, frame(decided), messages, outcomes.of(events, messages), ctx.coverage)


def frame(decided: Sequence[Decision]) -> pl.DataFrame:
    """Decisions as a frame, columns of `DECISIONS`."""
    columns = {name: [getattr(one, name) for one in decided] for name in DECISIONS}
    return pl.DataFrame(
        {
            name: _lists(columns[name])
            if isinstance(dtype, pl.List)
            else pl.Series(columns[name], dtype=dtype)
            for name, dtype in DECISIONS.items()
        }
    )


def _lists(values: Sequence[Sequence[str]]) -> pl.Series:
    """A column of lists; one that is made of Python lists directly costs a column each."""
    flat = pl.DataFrame(
        {
            "row": pl.Series([row for row, some in enumerate(values) for _ in some], dtype=pl.UInt32),
            "value": pl.Series([one for some in values for one in some], dtype=pl.String),
        }
    )
    filled = flat.group_by("row", maintain_order=True).agg("value")
    return (
        pl.DataFrame({"row": pl.int_range(len(values), dtype=pl.UInt32, eager=True)})
        .join(filled, on="row", how="left", maintain_order="left")["value"]
        .fill_null([])
    )


def _mean(flags: pl.Series) -> float | None:
    return round(int(flags.sum()) / flags.len(), 6) if flags.len() else None
