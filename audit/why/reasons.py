"""The sentences of an explanation: acts, absences, what a message is about, and that a life has changed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from audit.events import bereavement
from audit.events.sensitive_topics import topic_of_row
from audit.events.times import iso
from audit.flows.triggers import Trigger
from audit.why.candidates import LEVELS
from audit.why.message_context import Told
from audit.why.model import Reason
from audit.why.wording import (
    HAND_OVER,
    Voice,
    day,
    kinds_in_words,
    minute,
)

Row = Mapping[str, Any]

_OWN_LEAVES = 6
"""House value: so many things of one kind are named; more of them would hide the rest."""

_OTHERS = {"item_name": "other things", "query": None, "segment_id": "others"}


def about(one: Told) -> list[Reason]:
    """What the message is about, where its row says so."""
    row = one.row
    topics = ", ".join(row["topics"] or ())
    thing = row["item_name"] or row["category"] or (row["item_id"] and f"item {row['item_id']}") or topics
    if not thing:
        return []
    shown = one.voice.title(thing, row)
    short = shown.rpartition(" > ")[2]
    return [Reason(f"it is about {shown}", facts={"about": short})]


def acts(one: Told, found: pl.DataFrame) -> list[Reason]:
    """A leaf for each of the acts `found` (shape of `triggers.LIVE`), the newest first."""
    ids = reversed(found["act"].unique(maintain_order=True).to_list())
    return together(one.voice, [one.event(event_id) for event_id in ids])


def could_be(voice: Voice, found: pl.DataFrame) -> list[Reason]:
    """A leaf for each candidate (rows with `level`), the likeliest first."""
    return together(voice, found.to_dicts(), "could be: ")


def together(voice: Voice, rows: Iterable[Row], lead: str = "") -> list[Reason]:
    """A leaf for each act; acts of one kind on one thing stand together, with the newest one's time.

    Of one kind only the first few things have a leaf of their own; all others share the next one.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    things: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        kind = (row.get("level"), row["kind"])
        said = (*kind, voice.act(row))
        if said not in groups:
            things[kind] += 1
        groups.setdefault(said if said in groups or things[kind] <= _OWN_LEAVES else kind, []).append(row)
    return [_leaf(voice, group, lead, others=len(said) == 2) for said, group in groups.items()]


def _leaf(voice: Voice, rows: Sequence[Row], lead: str, *, others: bool) -> Reason:
    newest = max(rows, key=order)
    times = f" {len(rows)} times, last" if len(rows) > 1 else ""
    how = f" ({LEVELS[newest['level']]})" if newest.get("level") is not None else ""
    act = voice.act({**newest, **_OTHERS}) if others and len(rows) > 1 else voice.act(newest)
    return Reason(
        f"{lead}{act}{times} on {minute(newest['occurred_at'])}{how}",
        tuple(row["event_id"] for row in rows),
        facts=_act_facts(voice, newest, len(rows)),
    )


def end(one: Told, row: Row) -> Reason:
    """The leaf of the act that ended what a message rests on."""
    return Reason(
        f"{one.voice.act(row)} on {minute(row['occurred_at'])}",
        (row["event_id"],),
        facts={**_act_facts(one.voice, row, 1), "ended_it": True},
    )


def _act_facts(voice: Voice, row: Row, times: int) -> dict[str, Any]:
    facts = {"act": row["kind"], "thing": voice.thing(row), "at": iso(row["occurred_at"]), "times": times}
    return facts | ({"sensitive": True} if topic_of_row(row) is not None else {})


def absences(one: Told, trigger: Trigger, live: pl.DataFrame) -> list[Reason]:
    """What did not happen, where the definition rests on that."""
    newest = one.event(live["act"][-1])
    leaves = []
    if trigger.quiet:
        since = one.row["occurred_at"] - trigger.quiet_for
        text = f"no {kinds_in_words(trigger.quiet)} since {day(newest['occurred_at'])}"
        leaves.append(Reason(text, absent=absent(trigger.quiet, since, one.row)))
    if trigger.waits:
        text = f"no {kinds_in_words(trigger.ended_by)} of {one.voice.thing(newest)} after that, until this message"
        leaves.append(Reason(text, absent=absent(trigger.ended_by, newest["occurred_at"], one.row, newest)))
    return leaves


def absent(
    kinds: Sequence[str], since: datetime | None, message: Row, thing: Row | None = None
) -> dict[str, Any]:
    """The `absent` of a leaf: these kinds did not occur from `since` until `message`, of `thing` if given."""
    made: dict[str, Any] = {"kinds": list(kinds), "from": iso(since), "to": iso(message["occurred_at"])}
    return made | {name: thing[name] for name in ("item_id", "category") if thing is not None and thing[name]}


def life_changed(one: Told) -> list[Reason]:
    """That somebody died or a registry was closed for that reason, up to the moment asked about."""
    found = one.events.filter(bereavement.changed())
    if found.is_empty():
        return []
    first = found.row(0, named=True)
    before = order(first) < order(one.row)
    when = f"on {day(first['occurred_at'])}, {'before' if before else 'after'} this message"
    what = one.voice.life(first)
    return [
        Reason(f"{what} {when}; {HAND_OVER}", tuple(found["event_id"]), facts={"hand_over": "life changed"})
    ]


def sensitive(one: Told) -> list[Reason]:
    """That the message, or what the sender states as its reason, touches a sensitive topic."""
    text = one.voice.topic(one.row)
    return [Reason(text, facts={"hand_over": "sensitive topic"})] if text else []


def order(row: Row) -> tuple[datetime, str]:
    """The order of the house: by time, then event_id as text."""
    return row["occurred_at"], row["event_id"]
