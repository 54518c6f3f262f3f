"""What would stop each finding of many customers: the same as `remedies` says of one, worked out a rule at a time.

A rule is replayed once over all customers whose findings suggest it; memory is bounded by the customers at hand.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import polars as pl

from audit import why
from audit.findings import suggested_rule
from audit.queries.remedies import is_meant_for
from audit.rules.book.versions import RulePeriod
from audit.rules.kinds.mute import Mute
from audit.rules.model import Rule, from_dict
from audit.rules.reference import histories
from audit.rules.replay import outcomes, simulation
from audit.rules.scopes import RuleSet
from audit.workspace.context import Context

_MUTES = 50
"""Mutes, each of one customer, that are replayed at a time: none has to do with another."""

_KEY = ("customer_id", "event_id")
_NOTHING = pl.DataFrame(schema={"customer_id": pl.String, "event_id": pl.String, "rule": pl.String})
_REMEDY = {"id": pl.String, "covered_by": pl.String, "suggested_rule": pl.String}


def with_remedies(
    found: pl.DataFrame,
    parts: Iterable[pl.DataFrame],
    context: Context,
    periods: Sequence[RulePeriod],
    ids: Mapping[str, str],
) -> pl.DataFrame:
    """The findings of customers whose events are in `parts`, no customer in two, with `covered_by` and the rule that is worth proposing.

    `covered_by`: the id of the rule of the book, among `periods`, that already stops it; `suggested_rule` is then null, as
    where no rule helps. `ids`: as for `simulate`, for these rules.
    """
    remedies = [pl.DataFrame(schema=_REMEDY)]
    for events in parts:
        rows = found.drop_nulls("suggested_rule").filter(
            pl.col("customer").is_in(events["customer_id"].unique().implode())
        )
        if rows.height:
            remedies.append(_Part(rows, events, context, periods, ids).remedies())
    known = found.drop("suggested_rule").join(
        pl.concat(remedies), on="id", how="left", maintain_order="left", validate="1:1"
    )
    return known.select(*found.columns, "covered_by")


class _Part:
    """Some whole customers, and the findings of theirs that suggest a rule."""

    def __init__(
        self,
        rows: pl.DataFrame,
        events: pl.DataFrame,
        context: Context,
        periods: Sequence[RulePeriod],
        ids: Mapping[str, str],
    ) -> None:
        self._rows, self._context, self._periods, self._ids = rows, context, periods, ids
        customers = rows["customer"].unique().implode()
        self._events = events.filter(pl.col("customer_id").is_in(customers))
        self._sizes = rows.select("id", of=pl.col("messages").list.len().cast(pl.Int64))
        self._messages = rows.select("id", "case", pl.col("customer").alias("customer_id"), "messages").explode(
            "messages", empty_as_null=False
        ).rename({"messages": "event_id"})  # fmt: skip

    def remedies(self) -> pl.DataFrame:
        """The columns of `_REMEDY`, a row a finding."""
        best = self._best()
        covering = self._covering()
        covered = (pl.col("together") >= pl.when(pl.col("stops") > 0).then("stops").otherwise("of")).fill_null(
            value=False
        )  # fmt: skip
        helps = ~covered & (pl.col("stops") > 0)
        return (
            best.join(self._sizes, on="id")
            .join(covering, on="id", how="left")
            .select(
                "id",
                pl.when(covered).then("rule").alias("covered_by"),
                pl.when(helps).then(self._named(pl.col("text"))).alias("suggested_rule"),
            )
        )

    def _named(self, text: pl.Expr) -> pl.Expr:
        titles = self._context.facts.audiences.titles

        def named(rule: str) -> str:
            return json.dumps(suggested_rule.named(json.loads(rule), titles), ensure_ascii=False)

        return text.map_elements(named, return_dtype=pl.String, skip_nulls=True)

    def _best(self) -> pl.DataFrame:
        """The rule that is worth proposing, as `remedies` chooses it: `id, text, stops`."""
        suggested = self._rows.select("id", pl.col("customer").alias("customer_id"), text="suggested_rule")
        tried = self._effects(suggested)
        few = suggested.join(tried.filter(~_ENOUGH), on="id", how="semi")
        others = few.with_columns(
            pl.col("text").map_elements(_alternatives, return_dtype=pl.List(pl.String), skip_nulls=True)
        ).explode("text", empty_as_null=False)
        tried = pl.concat([tried, self._effects(others)])
        chosen = (
            tried.with_row_index("nth")
            .with_columns(enough=_ENOUGH)
            .sort(
                "id", ~pl.col("enough"), pl.when("enough").then("lost").otherwise(-pl.col("stops")),
                pl.when("enough").then("stopped").otherwise(pl.lit(0)), "nth",
            )
            .unique("id", keep="first", maintain_order=True)
        )  # fmt: skip
        helpless = suggested.join(chosen.filter(pl.col("stops") == 0), on="id", how="semi")
        spared = helpless.with_columns(
            pl.Series("text", [_last_resort(*row) for row in helpless.select("text", "customer_id").rows()], pl.String)
        ).drop_nulls("text")  # fmt: skip
        muted = self._effects(spared)
        kept = chosen.join(muted, on="id", how="anti")
        return pl.concat([kept.select(muted.columns), muted]).select("id", "text", "stops")

    def _effects(self, suggested: pl.DataFrame) -> pl.DataFrame:
        """What each rule does to the customer of its finding (`id, customer_id, text`): `id, text, of, stops, lost, stopped`.

        A rule goes by its text here: two of one id can have another title each.
        """
        rules = [
            replace(from_dict(json.loads(text)), id=text)
            for text in suggested["text"].unique(maintain_order=True)
        ]
        stopped = pl.concat(
            [_NOTHING, *(self._failing(batch, suggested) for batch in _batches(rules))]
        ).rename({"rule": "text"})
        by_customer = (
            stopped.join(self._lost, on=_KEY, how="left")
            .group_by("customer_id", "text")
            .agg(pl.len().cast(pl.Int64).alias("stopped"), pl.col("lost").sum())
        )
        stops = (
            self._stoppable.join(suggested.select("id", "text"), on="id")
            .join(stopped, on=(*_KEY, "text"))
            .group_by("id", "text")
            .agg(pl.len().cast(pl.Int64).alias("stops"))
        )
        return (
            suggested.join(self._sizes, on="id")
            .join(by_customer, on=("customer_id", "text"), how="left")
            .join(stops, on=("id", "text"), how="left", maintain_order="left")
            .select("id", "text", "of", *(pl.col(name).fill_null(0) for name in ("stops", "lost", "stopped")))
        )

    def _failing(self, batch: Sequence[Rule], suggested: pl.DataFrame) -> pl.DataFrame:
        customers = suggested.filter(pl.col("text").is_in([rule.id for rule in batch]))[
            "customer_id"
        ].unique()
        of_them = self._events.filter(pl.col("customer_id").is_in(customers.implode()))
        return self._stopped(batch, of_them)

    def _stopped(self, rules: Sequence[Rule], events: pl.DataFrame) -> pl.DataFrame:
        """The messages that `rules` stop, a row for every rule that fails them: the columns of `_NOTHING`."""
        taking_part = RuleSet([rule for rule in rules if rule.takes_part], self._ids)
        causes = why.causes(events, self._context) if any(rule.reads_causes for rule in rules) else None
        decided = simulation.decide(
            histories.sent(events), events, taking_part, self._context.facts, causes=causes
        ).filter(pl.col("decision") == "stop")
        return decided.select(*_KEY, rule="failing_rules").explode("rule", empty_as_null=False)

    def _covering(self) -> pl.DataFrame:
        """The rule of the book that stops most of each finding's messages, and how many all do: `id, rule, together`."""
        if not self._periods:
            return pl.DataFrame(schema={"id": pl.String, "rule": pl.String, "together": pl.Int64})
        failing = self._stopped([period.rule for period in self._periods], self._events)
        order = {period.rule.id: place for place, period in enumerate(self._periods)}
        always = [
            period.rule.id for period in self._periods if is_meant_for("customer_deceased", period.rule)
        ]
        meant = (pl.col("case") != "customer_deceased").fill_null(value=True) | pl.col("rule").is_in(always)
        rows = self._messages.join(failing, on=_KEY).filter(meant)
        together = rows.group_by("id").agg(pl.col("event_id").n_unique().cast(pl.Int64).alias("together"))
        most = (
            rows.group_by("id", "rule")
            .len()
            .with_columns(pl.col("rule").replace_strict(order, return_dtype=pl.Int64).alias("place"))
            .sort("id", "len", "place", descending=[False, True, False])
            .unique("id", keep="first", maintain_order=True)
        )
        return most.join(together, on="id").select("id", "rule", "together")

    @cached_property
    def _lost(self) -> pl.DataFrame:
        """How much of what a message brought would be lost without it: clicked, and an order after that."""
        became = outcomes.of(self._events, histories.sent(self._events))
        return became.select(
            *_KEY, lost=pl.col("clicked").cast(pl.Int64) + pl.col("converted").cast(pl.Int64)
        )

    @cached_property
    def _stoppable(self) -> pl.DataFrame:
        """The findings' messages (`id, customer_id, event_id`) that were not handed over before their first cause."""
        at = self._events.select(*_KEY, "occurred_at", "message_id")
        causes = self._rows.select("id", pl.col("customer").alias("customer_id"), event_id="cause").explode(
            "event_id", empty_as_null=False
        )
        began = causes.join(at, on=_KEY).group_by("id").agg(pl.col("occurred_at").min().alias("began"))
        attempts = (
            self._events.filter(pl.col("kind") == "message_attempted")
            .drop_nulls("message_id")
            .group_by("customer_id", "message_id")
            .agg(pl.col("occurred_at").min().alias("attempted"))
        )
        early = (
            self._messages.join(at.drop("occurred_at"), on=_KEY)
            .join(began, on="id")
            .join(attempts, on=("customer_id", "message_id"))
            .filter(pl.col("attempted") < pl.col("began"))
        )
        return self._messages.select("id", *_KEY).join(early, on=("id", *_KEY), how="anti")


_ENOUGH = pl.col("stops") * 2 >= pl.col("of")


def _batches(rules: Sequence[Rule]) -> Iterator[Sequence[Rule]]:
    """Rules that can be replayed at a time without one having to do with another."""
    mutes = [rule for rule in rules if isinstance(rule, Mute) and len(rule.customers) == 1]
    yield from (mutes[begin : begin + _MUTES] for begin in range(0, len(mutes), _MUTES))
    yield from ([rule] for rule in rules if rule not in mutes)


def _alternatives(text: str) -> list[str]:
    return [_json(rule) for rule in suggested_rule.alternatives(json.loads(text))]


def _last_resort(text: str, customer: str) -> str | None:
    rule = suggested_rule.last_resort(json.loads(text), customer)
    return None if rule is None else _json(rule)


def _json(rule: suggested_rule.Rule) -> str:
    return json.dumps(rule, ensure_ascii=False)
