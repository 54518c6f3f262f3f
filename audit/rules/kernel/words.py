"""What customers said, and what brought messages about, as the arrays that the compiled code reads."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from audit.messages import KEY, human
from audit.rules.consents import NO as SAYS_NO
from audit.rules.consents import YES as SAYS_YES
from audit.rules.kernel import codes
from audit.rules.kernel.codes import Coded
from audit.rules.kernel.layout import GIVEN, NEVER, NO, WITHDRAWN, YES, Int8, Int32, Int64, Said
from audit.rules.model import ENGAGEMENT, Rule

_SAYS = {**dict.fromkeys(SAYS_NO, NO), **dict.fromkeys(SAYS_YES, YES)} | {
    "consent_withdrawn": WITHDRAWN,
    "consent_given": GIVEN,
}
_NONE: Int32 = np.zeros(0, np.int32)


def acts(events: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """The acts of saying no and yes among `events`, if any rule reads them."""
    if not any(rule.kind in {"consent", "sensitive"} for rule in rules):
        return events.clear()
    return events.filter(pl.col("kind").is_in([*SAYS_NO, *SAYS_YES]))


def said(
    acts: pl.DataFrame, messages: pl.DataFrame, sensitive: pl.Series, places: tuple[Int64, Int64, Int32, Int32]
) -> Said:  # fmt: skip
    """`acts` and what of `messages` they are held against; `places`: their `first, at, rank, row`.

    `sensitive`: lists of the sensitive topics of each message.
    """
    ours = messages if acts.height else messages.clear()
    channel, sender = (
        Coded(pl.concat([acts[name], ours[name]]), cut=acts.height) for name in ("channel", "sender")
    )
    (topics, topic), (of_message, message_topic), (sensitives, message_sensitive) = _lists(
        acts["topics"], ours["topics"], sensitive
    )
    says: Int8 = Coded(acts["kind"]).meaning(lambda kind: _SAYS.get(kind or "", 0)).astype(np.int8)
    first, at, rank, row = places
    return Said(
        first, at, rank, row, says, channel.head, sender.head, topics, topic, channel.tail, sender.tail,
        of_message, message_topic, sensitives, message_sensitive,
    )  # fmt: skip


def _lists(*columns: pl.Series) -> list[tuple[Int64, Int32]]:
    """Lists of texts as numbers that all columns share: where each row's begin, and the numbers."""
    flat = [column.filter(column.list.len() > 0).explode() for column in columns]
    numbers = Coded(pl.concat(flat)).codes
    cuts = np.cumsum([one.len() for one in flat])
    return [
        (np.concatenate(([0], np.cumsum(column.list.len().fill_null(0).to_numpy()))).astype(np.int64), part)
        for column, part in zip(columns, np.split(numbers, cuts[:-1]), strict=True)
    ]


def caused(messages: pl.DataFrame, causes: pl.DataFrame | None) -> pl.DataFrame | None:
    """The causes and sensitive topics of each message, empty where none are told; None if nothing is told at all."""
    if causes is None:
        return None
    return (
        messages.select("customer_id", "event_id")
        .join(
            causes.select("customer_id", "event_id", "causes", "sensitive"),
            on=("customer_id", "event_id"), how="left", maintain_order="left",
        )
        .select(pl.col("causes", "sensitive").fill_null(pl.lit([], pl.List(pl.String))))
    )  # fmt: skip


def sensitive(rules: Sequence[Rule], messages: int, causes: pl.DataFrame | None) -> pl.Series:
    """The sensitive topics of each message, where a rule asks for them; null where they are not told."""
    asked = any(rule.kind == "sensitive" for rule in rules)
    if asked and causes is not None:
        return causes["sensitive"]
    return pl.repeat(None, messages if asked else 0, dtype=pl.List(pl.String), eager=True)


def stopping(rules: Sequence[Rule], messages: int, causes: pl.DataFrame | None) -> Int64:
    """The rules that stop each message whatever came before it: a mute, and one of whose `events` all its causes are."""
    made = np.zeros(
        messages if any(rule.kind in {"mute", "exclude_event"} for rule in rules) else 0, np.int64
    )
    for number, rule in enumerate(rules):
        if rule.kind == "mute":
            made |= 1 << number
        elif rule.kind == "exclude_event" and causes is not None:
            named = pl.element().is_in(list(rule.events)).fill_null(value=False)
            excluded = causes.select(
                (pl.col("causes").list.len() > 0) & pl.col("causes").list.eval(named).list.all()
            )
            made |= codes.of(excluded.to_series(), np.int64) << number
    return made


def unsure(
    rules: Sequence[Rule],
    channel: pl.Series,
    causes: pl.DataFrame | None,
    recorded: frozenset[tuple[str, str | None]],
) -> Int64:
    """The rules that lack what they need to judge each message: its causes, any response of its channel."""
    asked = [rule.kind in {"mute", "exclude_event", "sensitive", "sunset"} for rule in rules]
    made = np.zeros(channel.len() if any(asked) else 0, np.int64)
    if causes is None:
        made |= sum(1 << number for number, rule in enumerate(rules) if rule.reads_causes)
    sunsets = [
        (number, ENGAGEMENT[rule.engagement]) for number, rule in enumerate(rules) if rule.kind == "sunset"
    ]
    if sunsets:
        made |= Coded(channel).meaning(
            lambda value: sum(
                1 << number for number, response in sunsets if (response, value) not in recorded
            )
        )
    return made


def responses(rules: Sequence[Rule]) -> list[str]:
    """The kinds of events that the rules take for a response."""
    return list(dict.fromkeys(ENGAGEMENT[rule.engagement] for rule in rules if rule.kind == "sunset"))


def replied(
    kinds: Sequence[str], messages: pl.DataFrame, events: pl.DataFrame, rank: Int32
) -> tuple[Int64, Int32]:
    """A row for each kind of response: when the first by a human came to each message, and its rank."""
    at = np.full((len(kinds), messages.height), NEVER, np.int64)
    ranks = np.zeros((len(kinds), messages.height), np.int32)
    for number, kind in enumerate(kinds):
        first = (
            events.filter((pl.col("kind") == kind) & human())
            .select("customer_id", KEY, "occurred_at", "row")
            .unique(("customer_id", "message_key"), keep="first", maintain_order=True)
        )
        found = messages.select("customer_id", "message_key").join(
            first, on=("customer_id", "message_key"), how="left", maintain_order="left"
        )
        at[number] = codes.of(found["occurred_at"].to_physical().fill_null(NEVER), np.int64)
        ranks[number] = rank[codes.of(found["row"].fill_null(0), np.int64)] if rank.size else 0
    return at, ranks
