"""The sentences of an explanation: acts, absences, what a message is about, that a life has changed, what does not count."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from msgspec import UNSET, UnsetType, structs

from audit.events import vocabulary
from audit.events.purchases import ORDER, TAKEN_BACK, order_of, with_return
from audit.events.sensitive_topics import titles, topic_of_row
from audit.events.times import duration
from audit.flows.triggers import Trigger
from audit.population.audience import AtEqualBreadth, SetsApart
from audit.population.candidate_acts import ACTS, kind_of_thing
from audit.why import data_sufficiency
from audit.why.message_context import MessageContext, order
from audit.why.model import (
    Absence,
    AudienceFacts,
    BreadthFacts,
    CountedFacts,
    Counterfactual,
    Facts,
    LifeChange,
    Reason,
    SaidAbout,
    SegmentFacts,
)
from audit.why.related_acts import LEVELS
from audit.why.removed_events import FEW, by_kind, is_everything
from audit.why.wording import (
    HAND_OVER,
    Wording,
    day,
    days,
    kinds_in_words,
    minute,
    several,
    wide_audience_in_words,
)
from audit.why.wording import set_apart as figures_of

Row = Mapping[str, Any]

_OWN_LEAVES = 6
"""House value: so many things of one kind are named; more of them would hide the rest."""

_SHOWN = 3
"""So many causes are shown; the rest is one key away."""

_OTHERS = {"item_name": "other things", "query": None, "segment_id": "others"}


def about(message: MessageContext) -> list[Reason]:
    """What the message is about, where its row says so."""
    row = message.row
    topics = ", ".join(row["topics"] or ())
    subject = row["item_name"] or row["category"] or (row["item_id"] and f"item {row['item_id']}") or topics
    if not subject:
        return []
    return [Reason(f"it is about {subject}", facts=Facts(about=subject.rpartition(" > ")[2]))]


def acts(message: MessageContext, live: pl.DataFrame) -> list[Reason]:
    """A leaf for each of the acts `live` (shape of `triggers.LIVE`), the newest first."""
    ids = reversed(live["act"].unique(maintain_order=True).to_list())
    return grouped(message.wording, [message.event(event_id) for event_id in ids])


def could_be(wording: Wording, candidates: pl.DataFrame) -> list[Reason]:
    """A leaf for each candidate (rows with `level`), the likeliest first."""
    return grouped(wording, candidates.to_dicts(), "could be: ")


def set_apart(wording: Wording, acts: pl.DataFrame, facts: Sequence[SetsApart]) -> list[Reason]:
    """A leaf for each of `facts` that the customer has (rows with `place`, its place among them), with its figures."""
    leaves = []
    for place in acts["place"].unique(maintain_order=True):
        rows = acts.filter(place=place).to_dicts()
        fact, newest = facts[place], max(rows, key=order)
        thing = {"item_name": fact.value} if len(rows) > 1 and fact.level is not None else {}
        times = _times(rows)
        did = f"{wording.act(newest | thing)}{when(times, newest['occurred_at'])}"
        about = structs.replace(_act_facts(wording, newest, times), thing=wording.thing(newest | thing))
        stated = structs.asdict(about)
        leaves.append(
            Reason(
                f"could be: {did}; {figures_of(fact)}",
                tuple(row["event_id"] for row in rows),
                facts=AudienceFacts(
                    **{name: stated[name] for name in stated if name != "segment"}, audience=fact
                ),
            )
        )
    return leaves


def wide_audience(message: MessageContext, breadth: AtEqualBreadth) -> Reason:
    """That the campaign went to those who do many different things, and how many the customer did."""
    before = message.sent_at - pl.col("occurred_at")
    acts = message.events.filter(
        pl.col("kind").replace_strict(ACTS, default=None) == breadth.act,
        before > timedelta(0), before <= duration(breadth.window),
    )  # fmt: skip
    stood = (pl.col("returned_at") >= message.sent_at).fill_null(value=True)
    acts = with_return(acts, message.events).filter(stood)
    kinds = acts.select(kind_of_thing().drop_nulls().n_unique()).item()
    return Reason(
        wide_audience_in_words(breadth, kinds), facts=BreadthFacts(breadth=breadth, customer_kinds=kinds)
    )


def is_broad(reason: Reason) -> bool:
    """Whether the customer does more different things than half of those who did not get it, which `reason` says they do who did."""
    return isinstance(reason.facts, BreadthFacts) and reason.facts.is_broad


def first_few(leaves: Sequence[Reason]) -> list[Reason]:
    """The first leaves, and all others under one line."""
    if len(leaves) <= _SHOWN:
        return list(leaves)
    return [*leaves[:_SHOWN], further(tuple(leaves[_SHOWN:]))]


def further(leaves: tuple[Reason, ...]) -> Reason:
    """The line that stands for these leaves."""
    return Reason(f"{len(leaves)} more that could be", because=leaves, facts=Facts(further=len(leaves)))


def excluded(
    events: pl.DataFrame, acts: pl.DataFrame, wording: Wording, *, by_order: bool = False
) -> Iterator[Reason]:
    """A leaf for each kind of act in `acts` (`event_id, why`), or of orders `by_order`, the newest first, with why it does not
    count.
    """
    for (why,), ids in acts.group_by("why", maintain_order=True):
        rows = events.filter(pl.col("event_id").is_in(ids["event_id"].implode())).to_dicts()[::-1]
        for leaf in (orders if by_order else grouped)(wording, rows):
            yield structs.replace(leaf, text=f"{leaf.text}: {why}")


def grouped(wording: Wording, rows: Iterable[Row], lead: str = "") -> list[Reason]:
    """A leaf for each act; acts of one kind on one thing stand together, with the newest one's time.

    Of one kind only the first few things have a leaf of their own; all others share the next one.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    things: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        kind = (row.get("level"), row["kind"])
        act = (*kind, wording.act(row))
        if act not in groups:
            things[kind] += 1
        groups.setdefault(act if act in groups or things[kind] <= _OWN_LEAVES else kind, []).append(row)
    return [_leaf(wording, group, lead, others=len(key) == 2) for key, group in groups.items()]


def orders(wording: Wording, rows: Sequence[Row]) -> list[Reason]:
    """A leaf for each order of several lines among `rows`, the newest first, and for what else was bought; one for many orders."""
    by_order: dict[str, list[Row]] = {}
    for row in rows:
        by_order.setdefault(order_of(row["order_id"], row["event_id"]), []).append(row)
    if len(by_order) > _OWN_LEAVES:
        return [counted(wording, rows)]
    places = {row["event_id"]: place for place, row in enumerate(rows)}
    single = [lines[0] for lines in by_order.values() if len(lines) == 1]
    leaves = [counted(wording, lines) for lines in by_order.values() if len(lines) > 1] + grouped(
        wording, single
    )
    return sorted(leaves, key=lambda leaf: places[leaf.events[0]])


def counted(wording: Wording, rows: Sequence[Row], says: str = "") -> Reason:
    """One leaf for all `rows`, of one kind, the newest first: how many orders or acts, when, and what each of them `says`."""
    if len(rows) == 1:
        leaf = _leaf(wording, rows, "", others=False)
        return structs.replace(leaf, text=", ".join(filter(None, (leaf.text, says))))
    first, last, number = rows[-1]["occurred_at"], rows[0]["occurred_at"], _times(rows)
    is_order = rows[0]["kind"] == ORDER
    called = several(number, "order") if is_order else f"{number} {kinds_in_words([rows[0]['kind']])}"
    lines = f" ({len(rows)} lines)" if is_order and len(rows) > number else ""
    facts = CountedFacts(counted="orders" if is_order else "acts", number=number, first=first, last=last)
    each = f", {'all ' if number > 1 else ''}{says}" if says else ""
    return Reason(
        f"{called}{lines} {days(first, last)}{each}", tuple(row["event_id"] for row in rows), facts=facts
    )


def _leaf(wording: Wording, rows: Sequence[Row], lead: str, *, others: bool) -> Reason:
    newest, times = max(rows, key=order), _times(rows)
    close = _close(newest)
    level = "" if close is UNSET else f" ({close})"
    act = wording.act({**newest, **_OTHERS}) if others and len(rows) > 1 else wording.act(newest)
    return Reason(
        f"{lead}{act}{when(times, newest['occurred_at'])}{level}",
        tuple(row["event_id"] for row in rows),
        facts=structs.replace(_act_facts(wording, newest, times), close=close),
    )


def when(times: int, newest: datetime) -> str:
    """` on 2026-03-01 10:00`, of several `, 3 times, last on 2026-03-01 10:00`."""
    return f"{f', {times} times, last' if times > 1 else ''} on {minute(newest)}"


def _times(rows: Iterable[Row]) -> int:
    """How often the acts `rows` happened: the lines of one order are one act."""
    return len({order_of(row.get("order_id"), row["event_id"]) for row in rows})


def _close(row: Row) -> str | UnsetType:
    """How an act is related to the message."""
    return UNSET if row.get("level") is None else LEVELS[row["level"]]


def end(message: MessageContext, row: Row) -> Reason:
    """The leaf of the act that ended what a message rests on."""
    return Reason(
        f"{message.wording.act(row)} on {minute(row['occurred_at'])}",
        (row["event_id"],),
        facts=structs.replace(_act_facts(message.wording, row, 1), ended_it=True),
    )


def _act_facts(wording: Wording, row: Row, times: int) -> Facts:
    facts = Facts(
        act=row["kind"],
        thing=wording.thing(row),
        at=row["occurred_at"],
        times=times,
        unasked=True if wording.unasked(row) else UNSET,
        undone=True if row["event_id"] in wording.undone else UNSET,
        sensitive=UNSET if topic_of_row(row) is None else True,
        said_about=_said_about(row),
    )
    if not wording.names_segment(row):
        return facts
    return SegmentFacts(**structs.asdict(facts), segment=row["segment_id"])


def _said_about(row: Row) -> SaidAbout | UnsetType:
    """What a no or a yes is about; nothing of other acts, and of one that is about everything."""
    if row["kind"] not in {*vocabulary.NOES, *vocabulary.OPT_INS}:
        return UNSET
    topics = tuple(topic for topic in row["topics"] or () if topic not in titles())
    about = SaidAbout(channel=row["channel"], sender=row["sender"], list_id=row["list_id"], topics=topics)
    return UNSET if about == SaidAbout() else about


def absences(message: MessageContext, trigger: Trigger, live: pl.DataFrame) -> list[Reason]:
    """What did not happen, where the definition rests on that."""
    newest = message.event(live["act"][-1])
    leaves = []
    if trigger.quiet:
        since = message.sent_at - trigger.quiet_for
        text = f"no {kinds_in_words(trigger.quiet)} since {day(newest['occurred_at'])}"
        leaves.append(Reason(text, absent=absent(trigger.quiet, since, message.row)))
    if trigger.waits:
        thing = message.wording.thing(newest)
        undone = message.events["kind"].is_in([kind for kind in trigger.ending if kind in TAKEN_BACK])
        but = ", but for what was refunded or cancelled" if undone.any() else ""
        leaves.append(_not_ended(message, trigger, newest, thing, but))
    return leaves


def _not_ended(message: MessageContext, trigger: Trigger, act: Row, thing: str, but: str) -> Reason:
    """That nothing had ended `act` when the message was sent, as far as the data reaches."""
    kinds, since, sent_at = kinds_in_words(trigger.ended_by), act["occurred_at"], message.sent_at
    coverage, facts = message.context.coverage, _things_facts(message.wording, act)
    unknown = data_sufficiency.unknown_in_words(coverage, trigger.ended_by, since, sent_at)
    known_through = coverage.known_through(trigger.ended_by, since, sent_at)
    if unknown and known_through <= since:
        text = f"whether there were {kinds} of {thing} after that, this data cannot tell: {unknown}"
        return Reason(text, facts=structs.replace(facts, covered=False))
    until = f"until {day(known_through)}{but}; {unknown}" if unknown else f"until this message{but}"
    not_ended = absent(trigger.ended_by, since, {**message.row, "occurred_at": known_through}, act)
    return Reason(f"no {kinds} of {thing} after that, {until}", absent=not_ended, facts=facts)


def _things_facts(wording: Wording, row: Row) -> Facts:
    """What `row` is about."""
    if wording.names_segment(row):
        return SegmentFacts(thing=wording.thing(row), segment=row["segment_id"])
    return Facts(thing=wording.thing(row))


def absent(kinds: Sequence[str], since: datetime | None, message: Row, about: Row | None = None) -> Absence:
    """The `absent` of a leaf: these kinds did not occur from `since` until `message`, of the thing of `about` if given."""
    item, category = (None, None) if about is None else (about["item_id"] or None, about["category"] or None)
    return Absence(
        kinds=tuple(kinds), since=since, until=message["occurred_at"], item_id=item, category=category
    )


def life_changed(message: MessageContext) -> list[Reason]:
    """That somebody died or a registry was closed for that reason, up to the moment asked about."""
    changes = message.events.filter(vocabulary.life_changed())
    if changes.is_empty():
        return []
    change = changes.row(0, named=True)
    relation = "before" if order(change) < order(message.row) else "after"
    ids = tuple(changes["event_id"])
    text = f"the customer's life has changed on {day(change['occurred_at'])}, {relation} this message; {HAND_OVER}"
    what = LifeChange(message.wording.life(change), ids, facts=Facts(life=change["kind"]))
    return [
        Reason(
            text,
            ids,
            because=(what,),
            facts=Facts(hand_over="life changed", changed=change["occurred_at"], before=relation == "before"),
        )
    ]


def sensitive(message: MessageContext) -> list[Reason]:
    """That the message, or what the sender states as its reason, touches a sensitive topic."""
    text, topic = message.wording.topic(message.row), topic_of_row(message.row)
    if text is None or topic is None:
        return []
    return [Reason(text, facts=Facts(hand_over="sensitive topic", topic=topic))]


def besides(
    wording: Wording,
    left_out: Sequence[str],
    named: Collection[str],
    events: pl.DataFrame,
    lead: str = "besides",
) -> tuple[Reason, ...]:
    """A leaf for each of the events `left_out` that nothing has `named`, the newest first; none where they are told by kind."""
    if len(left_out) > FEW:
        return ()
    others = events.filter(pl.col("event_id").is_in(list({*left_out} - {*named})))
    return tuple(grouped(wording, others.to_dicts()[::-1], f"{lead}: "))


def told_by_kind(
    proof: Counterfactual | None,
    events: pl.DataFrame,
    called: Mapping[str, str] | None = None,
    rests_on: Collection[str] | None = None,
    *,
    by_worth: bool = False,
) -> Counterfactual | None:
    """The counterfactual, with what its events are where they are too many to be named, and what it adds named. `events`: the whole
    history; `called`: item_id → name, of what is not in it; `rests_on`: all events that the decision rests on; `by_worth`: it goes by what they cost.
    """
    if proof is None:
        return None
    remove = proof.remove
    all_of_it = not proof.instead and (set(remove) == set(rests_on or ()) or is_everything(remove, events))
    removed = by_kind(remove, events, proof.limit, rests_on, by_worth=by_worth)
    if len(remove) <= FEW and not any(group.lines or group.which == "dearest" for group in removed):
        removed = ()
    return structs.replace(
        proof,
        add=tuple(_named(event, events, called or {}) for event in proof.add),
        removed=removed,
        everything=bool(remove) and all_of_it,
    )


def _named(event: Mapping[str, Any], events: pl.DataFrame, called: Mapping[str, str]) -> Mapping[str, Any]:
    """An event that a counterfactual adds, with the name of its item, where one is known."""
    item = event.get("item_id")
    if item is None or "item_name" in event:
        return event
    own = events.filter(pl.col("item_id") == item)["item_name"].drop_nulls()
    name = own[-1] if len(own) else called.get(item)
    return event if name is None else {**event, "item_name": name}
