"""What customers said, and what brought messages about, as the arrays that the compiled code reads."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from audit.events.messages import KEY, human
from audit.rules.kernel import dictionary_encoding
from audit.rules.kernel.columns import Columns
from audit.rules.kernel.dictionary_encoding import Coded
from audit.rules.kernel.layout import GIVEN, NEVER, NO, WITHDRAWN, YES, Int32, Int64, Said
from audit.rules.kinds.consent import CONSENT_ACTS
from audit.rules.kinds.consent import NO as SAYS_NO
from audit.rules.kinds.consent import YES as SAYS_YES
from audit.rules.kinds.exclude_event import ExcludeEvent
from audit.rules.kinds.mute import Mute
from audit.rules.kinds.sensitive import Sensitive
from audit.rules.kinds.sunset import Sunset
from audit.rules.model import Rule

_SAYS = {**dict.fromkeys(SAYS_NO, NO), **dict.fromkeys(SAYS_YES, YES)} | {
    "consent_withdrawn": WITHDRAWN,
    "consent_given": GIVEN,
}
_NONE: Int32 = np.zeros(0, np.int32)


def kinds(rules: Sequence[Rule]) -> tuple[str, ...]:
    """The kinds of saying no and yes, if any rule reads them."""
    return CONSENT_ACTS.kinds if any(CONSENT_ACTS in rule.acts_read() for rule in rules) else ()


def said(
    columns: Columns, acts: Int32, messages: Int32, sensitive: pl.Series, places: tuple[Int64, Int64, Int32, Int32]
) -> Said:  # fmt: skip
    """What was said in the rows `acts`, and what of `messages` it is held against; `places`: their `first, at, rank, row`.

    `sensitive`: lists of the sensitive topics of each message.
    """
    ours = messages if acts.size else messages[:0]
    asked, heard = columns.trait[ours], columns.trait[acts]
    channel, sender = (columns.coded(name).codes if acts.size else acts for name in ("channel", "sender"))
    listed = columns.frame["topics"] if acts.size else pl.Series(dtype=pl.List(pl.String))
    (topics, topic), (of_message, message_topic), (sensitives, message_sensitive) = _lists(
        listed.gather(acts), listed.gather(ours), sensitive
    )
    says = columns.coded("kind").meaning(lambda kind: _SAYS.get(kind or "", 0))[heard]
    first, at, rank, row = places
    return Said(
        first, at, rank, row, says.astype(np.int8), channel[heard], sender[heard], topics, topic, channel[asked],
        sender[asked], of_message, message_topic, sensitives, message_sensitive,
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


def caused(events: pl.DataFrame, row: Int32, causes: pl.DataFrame | None) -> pl.DataFrame | None:
    """The causes and sensitive topics of each message, empty where none are told; None if nothing is told at all."""
    if causes is None:
        return None
    return (
        events.select("customer_id", "event_id")[row]
        .join(
            causes.select("customer_id", "event_id", "causes", "sensitive"),
            on=("customer_id", "event_id"), how="left", maintain_order="left",
        )
        .select(pl.col("causes", "sensitive").fill_null(pl.lit([], pl.List(pl.String))))
    )  # fmt: skip


def sensitive(rules: Sequence[Rule], messages: int, causes: pl.DataFrame | None) -> pl.Series:
    """The sensitive topics of each message, where a rule asks for them; null where they are not told."""
    asked = any(isinstance(rule, Sensitive) for rule in rules)
    if asked and causes is not None:
        return causes["sensitive"]
    return pl.repeat(None, messages if asked else 0, dtype=pl.List(pl.String), eager=True)


def stopping(rules: Sequence[Rule], messages: int, causes: pl.DataFrame | None) -> Int64:
    """The rules that stop each message whatever came before it: a mute, and one of whose `events` all its causes are."""
    made = np.zeros(messages if any(isinstance(rule, Mute | ExcludeEvent) for rule in rules) else 0, np.int64)
    for number, rule in enumerate(rules):
        if isinstance(rule, Mute):
            made |= 1 << number
        elif isinstance(rule, ExcludeEvent) and causes is not None:
            named = pl.element().is_in(list(rule.events)).fill_null(value=False)
            excluded = causes.select(
                (pl.col("causes").list.len() > 0) & pl.col("causes").list.eval(named).list.all()
            )
            made |= dictionary_encoding.of(excluded.to_series(), np.int64) << number
    return made


def unsure(
    rules: Sequence[Rule],
    columns: Columns,
    causes: pl.DataFrame | None,
    recorded: frozenset[tuple[str, str | None]],
) -> Int64:
    """The rules that lack what they need to judge a message of each trait: its causes, any response of its channel."""
    made = np.zeros(columns.examples.height, np.int64)
    if causes is None:
        made |= sum(1 << number for number, rule in enumerate(rules) if rule.reads_causes)
    sunsets = [(number, rule.response) for number, rule in enumerate(rules) if isinstance(rule, Sunset)]
    if sunsets:
        made |= columns.coded("channel").meaning(
            lambda value: sum(
                1 << number for number, response in sunsets if (response, value) not in recorded
            )
        )
    return made


def responses(rules: Sequence[Rule]) -> list[str]:
    """The kinds of events that the rules take for a response."""
    return list(dict.fromkeys(rule.response for rule in rules if isinstance(rule, Sunset)))


def replied(
    kinds: Sequence[str], events: pl.DataFrame, row: Int32, rank: Callable[[Int32], Int32]
) -> tuple[Int64, Int32]:
    """A row for each kind of response: when the first by a human came to each message, and its rank."""
    at = np.full((len(kinds), row.size), NEVER, np.int64)
    ranks = np.zeros((len(kinds), row.size), np.int32)
    if not kinds:
        return at, ranks
    messages = events.select("customer_id", "message_id", "event_id")[row].select("customer_id", KEY)
    for number, kind in enumerate(kinds):
        first = (
            events.select("customer_id", "event_id", "message_id", "kind", "machine", "occurred_at")
            .with_row_index("row")
            .filter((pl.col("kind") == kind) & human())
            .select("customer_id", KEY, "occurred_at", "row")
            .unique(("customer_id", "message_key"), keep="first", maintain_order=True)
        )
        found = messages.join(first, on=("customer_id", "message_key"), how="left", maintain_order="left")
        at[number] = dictionary_encoding.of(found["occurred_at"].to_physical().fill_null(NEVER), np.int64)
        ranks[number] = rank(dictionary_encoding.of(found["row"].fill_null(0), np.int32))
    return at, ranks
