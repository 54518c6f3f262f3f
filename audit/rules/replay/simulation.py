"""The replay: what a set of rules would have done to the real past, and what became of those messages.

Counts of what happened; no promise of what would have happened.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl

from audit.events.schema import TIME
from audit.population.coverage import Coverage
from audit.population.stats import Facts, PopulationContext
from audit.rules import kernel
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.rules.reference.evaluate import Decision, judge
from audit.rules.replay import outcomes
from audit.rules.replay.event_pruning import texts
from audit.rules.replay.totals import FLAGS, ReplayDocument, Sums, Totals, cells
from audit.rules.scopes import RuleSet

Progress = Callable[[int, int], None]
"""Told how many messages of how many are decided, once a customer; it may raise to stop the replay."""

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

DECISION = pl.Enum(["allow", "stop", "exempt"])
"""What becomes of a message, where millions are kept."""

BECAME = pl.col("decision").cast(DECISION), pl.col("deferred_to").is_not_null().alias("deferred")
"""`decision` and `deferred` out of columns of `DECISIONS`."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that was made.

    - `rules`: those that took part, in the order they were checked;
    - `decisions`: a row a message, columns of `DECISIONS`, in order `(customer_id, occurred_at, event_id)`;
    - `messages`: the messages themselves (`histories.sent`), row by row beside the decisions;
    - `outcomes`: what became of them (`outcomes.of`), row by row beside the decisions;
    - `coverage`: of the data replayed.
    """

    rules: Sequence[Rule]
    decisions: pl.DataFrame
    messages: pl.DataFrame
    outcomes: pl.DataFrame
    coverage: Coverage

    def document(self) -> ReplayDocument:
        """What is printed of it."""
        return self.totals().document()

    def totals(self) -> Totals:
        """What it adds up to."""
        return Totals(
            self.rules,
            cells(self.decisions.select(BECAME).hstack(self.outcomes.select(FLAGS))),
            self.decisions["customer_id"].n_unique(),
            sums(self.decisions, self.messages, self.rules),
            self.coverage,
        )


def simulate(
    events: pl.DataFrame,
    rules: Iterable[Rule] | RuleSet,
    ctx: PopulationContext,
    *,
    ids: Mapping[str, str] | None = None,
    causes: pl.DataFrame | None = None,
    progress: Progress | None = None,
    became: pl.DataFrame | None = None,
) -> Replay:
    """Replay `rules`, or a set of them made before, over the messages of `events` (whole customers, in order).

    Disabled and declared rules take no part. `ids`: the source's own customer ids → pseudonyms, for rules that
    name customers by them. `causes`: why each message was sent, as `histories.histories` reads it; `became`: what became of
    the messages (`outcomes.of`), where it is at hand. Raises InputError if a rule reads causes and none are given.
    """
    taking_part = rules if isinstance(rules, RuleSet) else RuleSet(rules, ids)
    histories.refuse_without(causes, taking_part.rules)
    messages = histories.sent(events)
    decided = decide(messages, events, taking_part, ctx.facts, progress, causes=causes)
    if became is None:
        became = outcomes.of(events, messages)
    return Replay(taking_part.rules, decided, messages, became, ctx.coverage)


def decide(
    messages: pl.DataFrame,
    events: pl.DataFrame,
    rules: RuleSet,
    facts: Facts,
    progress: Progress | None = None,
    *,
    causes: pl.DataFrame | None = None,
    compiled: bool | None = None,
) -> pl.DataFrame:
    """The decisions on `messages` (`histories.sent` of `events`), by the evaluator in plain Python, or `compiled` by the kernel.

    By default the kernel decides where they are many; then `progress` is told once some thousand customers.
    """
    if is_fleet(messages.height, rules) if compiled is None else compiled:
        return _by_kernel(events, rules, facts, progress, causes)
    decided: list[Decision] = []
    for history in histories.histories(messages, events, rules.rules, facts, causes=causes):
        decided.extend(judge(history, rules))
        if progress is not None:
            progress(len(decided), messages.height)
    return frame(decided)


def _by_kernel(
    events: pl.DataFrame,
    rules: RuleSet,
    facts: Facts,
    progress: Progress | None,
    causes: pl.DataFrame | None,
) -> pl.DataFrame:
    from audit.rules.kernel import run
    from audit.rules.kernel.encoded_events import EncodedEvents

    numbered = events.with_row_index("row")
    standing = histories.sent(numbered)
    tell = None if progress is None else (lambda done: progress(done, standing.height))
    row = standing["row"].cast(pl.Int32).to_numpy(writable=True)
    encoded = EncodedEvents(events, texts(rules.rules))
    decided = run.decide(encoded, row, rules, facts, causes=causes, progress=tell or (lambda _: None))
    return run.frame(decided, standing, numbered, rules)


def is_fleet(messages: int, rules: RuleSet) -> bool:
    """Whether so many messages are for the kernel, if it is installed and knows these rules."""
    return messages >= kernel.MIN_MESSAGES and kernel.knows(rules) and kernel.installed()


def sums(decided: pl.DataFrame, messages: pl.DataFrame, rules: Sequence[Rule]) -> Sums:
    """What the decisions `decided` on `messages` add up to; those on messages that just went out may be left out."""
    stopped_or_deferred = (pl.col("decision") == "stop") | pl.col("deferred_to").is_not_null()
    return Sums(
        dict(decided.drop_nulls("deciding_rule").group_by("deciding_rule").len().rows()),
        decided.filter(stopped_or_deferred)["customer_id"].n_unique(),
        displaced(decided, messages, rules),
    )


def displaced(decided: pl.DataFrame, messages: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """Which campaign's messages used the room of a cap that which campaign's then lacked.

    Columns `by, stopped` (campaigns, null where a message names none) and `n`: messages of `stopped` that a
    cap stopped while it counted at least one of `by`.
    """
    caps = [rule.id for rule in rules if rule.displaces]
    campaigns = messages.select("customer_id", "event_id", "campaign")
    return (
        decided.filter(pl.col("deciding_rule").is_in(caps))
        .select("customer_id", "event_id", "counted")
        .join(campaigns.rename({"campaign": "stopped"}), on=("customer_id", "event_id"))
        .explode("counted", empty_as_null=False)
        .join(campaigns.rename({"campaign": "by", "event_id": "counted"}), on=("customer_id", "counted"))
        .group_by("by", "stopped")
        .agg(pl.struct("customer_id", "event_id").n_unique().alias("n"))
    )


def frame(decided: Sequence[Decision]) -> pl.DataFrame:
    """`decided` as a frame with the columns of `DECISIONS`, in the order given."""
    columns = {name: [getattr(one, name) for one in decided] for name in DECISIONS}
    return pl.DataFrame(
        {
            name: _list_column(columns[name])
            if isinstance(dtype, pl.List)
            else pl.Series(columns[name], dtype=dtype)
            for name, dtype in DECISIONS.items()
        }
    )


def lists(rows: pl.Series, values: pl.Series, height: int) -> pl.Series:
    """A column of `height` lists: `values`, each in the list of its row (of `rows`, which ascend)."""
    if values.is_empty():
        return pl.repeat([], n=height, dtype=pl.List(values.dtype), eager=True).alias("value")
    flat = pl.DataFrame({"row": rows, "value": values})
    filled = flat.group_by("row", maintain_order=True).agg("value")
    return (
        pl.DataFrame({"row": pl.int_range(height, dtype=pl.UInt32, eager=True)})
        .join(filled, on="row", how="left", maintain_order="left")["value"]
        .fill_null([])
    )


def _list_column(values: Sequence[Sequence[str]]) -> pl.Series:
    """A column of lists; one that is made of Python lists directly costs a column each."""
    rows = pl.Series([row for row, texts in enumerate(values) for _ in texts], dtype=pl.UInt32)
    return lists(rows, pl.Series(list(chain.from_iterable(values)), dtype=pl.String), len(values))
