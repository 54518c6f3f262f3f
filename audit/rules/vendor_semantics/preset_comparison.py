"""The exact rules beside the same rules as a sender would keep them: how many decisions differ, and which.

Both sets are replayed over the same past, customer by customer, each with its own closed loop: what one of them stops
frees room there and not in the other. Counts of what happened; no promise of what the sender would have done.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.events.document import Document
from audit.events.schema import SCHEMA, empty
from audit.population.stats import PopulationContext
from audit.rules.kinds.counting import Cap
from audit.rules.model import Rule, to_dict
from audit.rules.reference import histories
from audit.rules.replay import fleet, simulation
from audit.rules.replay.event_pruning import COLUMNS
from audit.rules.replay.fleet import Causes
from audit.rules.replay.simulation import Progress
from audit.rules.replay.totals import ReplayDocument
from audit.rules.scopes import RuleSet
from audit.rules.vendor_semantics import Preset, Translation, translate
from audit.rules.vendor_semantics.catalogue import Difference

EXAMPLES = 5
"""Messages of each kind of difference that are named."""

KINDS = ("only_exact", "only_preset", "moved")
"""How a decision may differ: stopped by the exact rules alone; by the sender's alone; let through at another time."""

_KEY = ("customer_id", "occurred_at", "event_id")


class RuleThere(Document):
    """A rule of the exact set, and what the sender keeps in its place."""

    id: str
    text: str
    exact: Mapping[str, Any]
    """As in a rule file."""
    carried_out: Mapping[str, Any] | None
    """Likewise; null: the sender has none."""
    why_not: str | None
    notes: tuple[str, ...]
    """What was taken for granted."""


class ExampleDecision(Document):
    """What one set decided on a message."""

    rule: str | None
    counted: tuple[str, ...]
    deferred_to: datetime | None


class DifferenceExample(Document):
    """A message whose decision differs."""

    kind: str
    """`only_exact`, `only_preset` or `moved`."""
    customer: str
    event_id: str
    at: datetime
    exact: ExampleDecision
    preset: ExampleDecision


class ComparisonDocument(Document):
    """The same rules as a sender would carry them out; numbers of messages, but for `customers_differ`."""

    id: str
    title: str
    feature: str
    zone: str | None
    """Of the sender's account."""
    rules: tuple[RuleThere, ...]
    messages: int
    differ: int
    """`only_exact`, `only_preset` and `moved` together."""
    only_exact: int
    """Stopped by the exact rules alone."""
    only_preset: int
    """Stopped by the sender's alone."""
    moved: int
    """Let through by both, at different times."""
    both: int
    """Stopped by both."""
    neither: int
    customers_differ: int
    examples: tuple[DifferenceExample, ...]
    """The first five of each kind, in order of customer and time."""
    differs: tuple[Difference, ...]
    """What no rule can say of the sender."""


class ComparedReplay(ReplayDocument, schema="whysent.replay/1"):
    """The same, with `simulate --preset`."""

    preset: ComparisonDocument


def compare(
    events: pl.LazyFrame,
    rules: Iterable[Rule],
    preset: Preset,
    ctx: PopulationContext,
    *,
    zone: str | None = None,
    ids: Mapping[str, str] | None = None,
    causes: Causes | None = None,
    progress: Progress | None = None,
    rows: int | None = None,
) -> ComparisonDocument:
    """Replay `rules` over `events` (whole customers, in `ORDER`), and again as the sender of `preset` would keep them.

    Rules that are no caps stand in both sets; a cap that the sender does not have stands in the exact set alone.
    `zone`: the zone of the sender's account. `ids`, `causes` as for `fleet.simulate`. `progress` is told how many events
    of how many are done, as often as a replay tells it, and may raise to stop. Raises InputError if the set holds no cap, if the sender has none of
    them, or if `zone` is none or of no use.
    """
    exact = [rule for rule in rules if rule.takes_part]
    translations = carried_out(exact, preset, zone=zone)
    sender_rules = [translation.rule for translation in translations if translation.rule is not None]
    sets = (RuleSet(exact, ids), RuleSet(sender_rules, ids))
    causes_read = causes if any(rule.reads_causes for rule in exact) else None
    histories.refuse_without(causes_read, sets[0].rules)
    total = events.select(pl.len()).collect().item() if progress is not None else 0
    columns, part_rows = (
        (COLUMNS, fleet.ROWS) if causes_read is None else (tuple(SCHEMA), fleet.ROWS_WITH_CAUSES)
    )
    done, parts = 0, [_compare_part(empty().select(columns), sets, ctx, causes_read, None)]
    for part in fleet.whole_customers(events.select(columns), rows or part_rows):
        tell = None if progress is None else _part_of(progress, done, part.height, total)
        parts.append(_compare_part(part, sets, ctx, causes_read, tell))
        done += part.height
        if progress is not None:
            progress(done, total)
    counts = pl.concat([part_counts for part_counts, _ in parts]).sum().row(0, named=True)
    return ComparisonDocument(
        id=preset.id,
        title=preset.title,
        feature=preset.feature,
        zone=zone,
        rules=tuple(map(_rule_there, translations)),
        **counts,
        differ=sum(counts[kind] for kind in KINDS),
        examples=_examples(pl.concat([part_examples for _, part_examples in parts])),
        differs=preset.differs,
    )


def carried_out(rules: Iterable[Rule], preset: Preset, *, zone: str | None = None) -> list[Translation]:
    """Each rule with what the sender keeps in its place. Raises InputError as `compare` does."""
    if zone is not None and preset.semantics.zone != "account":
        raise InputError(f"{preset.id} does not count in the zone of an account; leave --zone away")
    translations = [translate(rule, preset, zone=zone) for rule in rules]
    caps = [translation for translation in translations if isinstance(translation.exact, Cap)]
    if not caps:
        raise InputError(
            f"no frequency_cap or min_gap is switched on; {preset.title}'s semantics are about these"
        )
    if all(cap.rule is None for cap in caps):
        reasons = "; ".join(f"{cap.exact.id}: {cap.no_equivalent}" for cap in caps)
        raise InputError(f"{preset.title} has none of these caps: {reasons}")
    return translations


def _part_of(progress: Progress, before: int, height: int, total: int) -> Progress:
    """What tells of messages decided, twice each, in a part of so many events after so many others."""

    def tell(decided: int, of: int) -> None:
        progress(before + height * decided // of if of else before, total)

    return tell


def _compare_part(
    events: pl.DataFrame,
    sets: Sequence[RuleSet],
    ctx: PopulationContext,
    causes: Causes | None,
    progress: Progress | None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The counts (one row) and some examples of these customers; `sets`: the exact rules, the sender's.

    `progress` is told of messages, twice each: once for either set.
    """
    messages = histories.sent(events)
    why_sent = None if causes is None else causes(events)

    def decided(side: int) -> pl.DataFrame:
        """What becomes of each message by a set, in order; the columns called `exact_...`."""
        before, total = side * messages.height, 2 * messages.height
        tell = None if progress is None else (lambda done, _: progress(before + done, total))
        return simulation.decide(messages, events, sets[side], ctx.facts, tell, causes=why_sent).select(
            *_KEY,
            exact_stops=pl.col("decision") == "stop",
            exact_rule="deciding_rule",
            exact_counted="counted",
            exact_to="deferred_to",
        )

    decisions = decided(0).hstack(decided(1).drop(_KEY).rename(lambda name: name.replace("exact", "preset")))
    sent_by_both = ~pl.col("exact_stops") & ~pl.col("preset_stops")
    kind = (
        pl.when(pl.col("exact_stops") & ~pl.col("preset_stops"))
        .then(pl.lit("only_exact"))
        .when(~pl.col("exact_stops") & pl.col("preset_stops"))
        .then(pl.lit("only_preset"))
        .when(sent_by_both & pl.col("exact_to").ne_missing(pl.col("preset_to")))
        .then(pl.lit("moved"))
    )
    decisions = decisions.with_columns(kind=kind)
    counts = decisions.select(
        messages=pl.len(),
        both=(pl.col("exact_stops") & pl.col("preset_stops")).sum(),
        **{name: (pl.col("kind") == name).sum() for name in KINDS},
        neither=(sent_by_both & pl.col("kind").is_null()).sum(),
        customers_differ=pl.col("customer_id").filter(pl.col("kind").is_not_null()).n_unique(),
    ).cast(pl.Int64)
    differing = (
        decisions.filter(pl.col("kind").is_not_null()).group_by("kind", maintain_order=True).head(EXAMPLES)
    )
    return counts, differing.drop("exact_stops", "preset_stops")


def _rule_there(translation: Translation) -> RuleThere:
    return RuleThere(
        id=translation.exact.id,
        text=translation.text,
        exact=to_dict(translation.exact),
        carried_out=None if translation.rule is None else to_dict(translation.rule),
        why_not=translation.no_equivalent or None,
        notes=translation.notes,
    )


def _examples(differing: pl.DataFrame) -> tuple[DifferenceExample, ...]:
    """The first few of each kind, in order."""
    order = pl.col("kind").replace_strict(KINDS, range(len(KINDS)), return_dtype=pl.UInt8)
    examples = differing.group_by("kind", maintain_order=True).head(EXAMPLES).sort(order, maintain_order=True)
    return tuple(map(_example, examples.iter_rows(named=True)))


def _example(row: Mapping[str, Any]) -> DifferenceExample:
    exact, preset = (
        ExampleDecision(
            rule=row[f"{side}_rule"], counted=tuple(row[f"{side}_counted"]), deferred_to=row[f"{side}_to"]
        )
        for side in ("exact", "preset")
    )
    return DifferenceExample(
        kind=row["kind"],
        customer=row["customer_id"],
        event_id=row["event_id"],
        at=row["occurred_at"],
        exact=exact,
        preset=preset,
    )
