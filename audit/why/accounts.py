"""The five standings of a message: each account says why it was sent, or that it cannot."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit.times import iso
from audit.why import counterfactual, cover
from audit.why.candidates import LEVELS, candidates, says_what_it_is_about
from audit.why.model import Counterfactual, Explanation, Reason, Subject
from audit.why.told import Told, acts_at
from audit.why.triggers import Trigger, named
from audit.why.words import day, kinds_in_words, minute, quoted, span


def stated(one: Told) -> Explanation | None:
    """The sender recorded why: quoted, and checked against the events at the time it was sent."""
    if one.stated_trigger is None:
        return None
    trigger = named(one.stated_trigger)
    if trigger is not None and trigger.broadcast:
        return None
    says = f"the sender recorded: {quoted(one.stated_trigger)}"
    if trigger is None:
        reason = Reason(f"{says}; we have no definition of that, so it is quoted and not checked")
    else:
        reason = _checked(one, trigger, says)
    return explanation(one, "stated", [*about(one), reason])


def derived(one: Told) -> Explanation | None:
    """Our definition of the trigger that the campaign map names gives it, and the events satisfy it."""
    trigger = named(one.mapped_trigger)
    if trigger is None or trigger.broadcast:
        return None
    acts = one.acts(trigger)
    live = acts.filter(pl.col("ended_by").is_null())
    if live.is_empty():
        return None
    leaves = [*_act_reasons(one, live), *_absences(one, trigger, live)]
    reason = Reason(f"our definition gives it: {quoted(trigger.title)}", because=tuple(leaves))
    newest: datetime = live["act_at"].max()  # type: ignore[assignment]
    return explanation(
        one,
        "derived",
        [*about(one), reason],
        until=newest + trigger.window,
        proof=_counterfactual(one, trigger, live),
    )


def broadcast(one: Told) -> Explanation | None:
    """Sent to everybody on a list this customer is on."""
    words = (named(one.stated_trigger), named(one.mapped_trigger))
    if not one.row["list_id"] and not any(trigger is not None and trigger.broadcast for trigger in words):
        return None
    which = (
        f"the list {quoted(one.row['list_id'])}"
        if one.row["list_id"]
        else "a list everybody on it is written to"
    )
    joined = _list_acts(one, ("subscribed", "consent_given"))
    if joined is None:
        _, lack = cover.unaccounted(
            one.context.coverage,
            ("subscribed",),
            datetime.min.replace(tzinfo=one.context.at.tzinfo),
            one.row["occurred_at"],
        )
        reason = Reason(
            f"you are on this list: {which}; since when is not recorded ({lack.removeprefix('this data cannot tell: ')})"
        )
    else:
        reason = Reason(
            f"you are on this list since {day(joined['occurred_at'])}: {which}", (joined["event_id"],)
        )
    left = _list_acts(one, ("unsubscribed", "objected", "consent_withdrawn"))
    reasons = [*about(one), reason]
    if left is not None and (joined is None or _key(left) > _key(joined)):
        reasons.append(
            Reason(
                f"but the customer {one.voice.act(left)} on {minute(left['occurred_at'])}, before this message",
                (left["event_id"],),
            )
        )
    return explanation(one, "broadcast", reasons)


def inferred(one: Told) -> Explanation | None:
    """Every act in the history that could be behind it, the likeliest first."""
    found = candidates(one.events, one.row)
    if found.is_empty():
        return None
    return explanation(one, "inferred", [*about(one), *_unmet(one), *_could_be(one, found)])


def unexplained(one: Told) -> Explanation:
    """Nothing accounts for it; said so only where the data would hold what does."""
    if not says_what_it_is_about(one.row):
        campaign = one.row["campaign_name"] or one.row["campaign_id"] or "its campaign"
        text = f"this data cannot tell: nothing says what {campaign} is about; the campaign map can"
    else:
        _, text = cover.of_a_message(one.context.coverage, one.row["occurred_at"])
    return explanation(
        one, "unexplained", [*about(one), *_unmet(one), Reason(text, absent=_nothing_before(one))]
    )


def explanation(
    one: Told,
    standing: Any,
    reasons: list[Reason],
    *,
    until: datetime | None = None,
    proof: Counterfactual | None = None,
) -> Explanation:
    """The explanation of this message with this standing."""
    title = one.row["subject"] or one.row["campaign_name"] or one.row["campaign_id"] or one.row["event_id"]
    return Explanation(
        customer=one.row["customer_id"],
        at=one.context.at,
        subject=Subject(
            "message", one.row["event_id"], one.voice.title(title, one.row), one.row["occurred_at"]
        ),
        standing=standing,
        because=tuple(reasons),
        until=until,
        counterfactual=proof,
    )


def about(one: Told) -> list[Reason]:
    """What the message is about, where its row says so."""
    row = one.row
    thing = (
        row["item_name"]
        or row["category"]
        or (row["item_id"] and f"item {row['item_id']}")
        or ", ".join(row["topics"] or ())
    )
    return [Reason(f"it is about {one.voice.title(thing, row)}")] if thing else []


def _checked(one: Told, trigger: Trigger, says: str) -> Reason:
    acts = one.acts(trigger)
    live = acts.filter(pl.col("ended_by").is_null())
    if live.height:
        return Reason(
            f"{says}, and that fits", because=(*_act_reasons(one, live), *_absences(one, trigger, live))
        )
    if acts.height:
        end = one.event(acts["ended_by"][-1])
        happened = f"but the customer had already {one.voice.act(end)} on {minute(end['occurred_at'])}, before this message"
        return Reason(
            f"{says}, {happened}",
            because=(*_act_reasons(one, acts), Reason(_dated(one, end), (end["event_id"],))),
        )
    since = one.row["occurred_at"] - trigger.window
    known, lack = cover.unaccounted(one.context.coverage, trigger.kinds, since, one.row["occurred_at"])
    text = f"but no such act in the {span(trigger.window)} before it" if known else lack
    return Reason(f"{says}, {text}", absent=_absent(trigger.kinds, since, one.row))


def _act_reasons(one: Told, acts: pl.DataFrame) -> list[Reason]:
    """A leaf for each act, the newest first; acts of one kind on one thing stand together."""
    rows = [one.event(event_id) for event_id in reversed(acts["act"].unique(maintain_order=True).to_list())]
    return [_together(one, group, "") for group in _grouped(one, rows)]


def _could_be(one: Told, found: pl.DataFrame) -> list[Reason]:
    rows = found.to_dicts()
    return [_together(one, group, "could be: ", LEVELS[group[0]["level"]]) for group in _grouped(one, rows)]


def _grouped(one: Told, rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row.get("level"), one.voice.act(row)), []).append(row)
    return list(groups.values())


def _together(one: Told, rows: list[dict[str, Any]], lead: str, how: str = "") -> Reason:
    newest = max(rows, key=_key)
    times = f" {len(rows)} times, last" if len(rows) > 1 else ""
    tail = f" ({how})" if how else ""
    return Reason(
        f"{lead}{one.voice.act(newest)}{times} on {minute(newest['occurred_at'])}{tail}",
        tuple(row["event_id"] for row in rows),
    )


def _absences(one: Told, trigger: Trigger, live: pl.DataFrame) -> list[Reason]:
    """What did not happen, where the definition needs that it did not."""
    newest = one.event(live["act"][-1])
    leaves = []
    if trigger.quiet:
        since = one.row["occurred_at"] - trigger.quiet_for
        leaves.append(
            Reason(
                f"no {kinds_in_words(trigger.quiet)} since {day(newest['occurred_at'])}",
                absent=_absent(trigger.quiet, since, one.row),
            )
        )
    if trigger.waits:
        thing = one.voice.thing(newest)
        leaves.append(
            Reason(
                f"no {kinds_in_words(trigger.ended_by)} of {thing} after that, until this message",
                absent=_absent(trigger.ended_by, newest["occurred_at"], one.row, newest),
            )
        )
    return leaves


def _absent(
    kinds: tuple[str, ...], since: datetime, row: Mapping[str, Any], thing: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    made: dict[str, Any] = {"kinds": list(kinds), "from": iso(since), "to": iso(row["occurred_at"])}
    of = thing or {}
    return made | {name: of[name] for name in ("item_id", "category") if of.get(name)}


def _nothing_before(one: Told) -> dict[str, Any]:
    return {"kinds": ["order_completed", "product_viewed"], "to": iso(one.row["occurred_at"])} | {
        name: one.row[name] for name in ("item_id", "category") if one.row[name]
    }


def _unmet(one: Told) -> list[Reason]:
    """That the campaign map names a trigger which the events do not satisfy."""
    trigger = named(one.mapped_trigger)
    if trigger is None or trigger.broadcast:
        return []
    since = one.row["occurred_at"] - trigger.window
    acts = one.acts(trigger)
    if acts.height:
        end = one.event(acts["ended_by"][-1])
        why = f"the customer had already {one.voice.act(end)} on {minute(end['occurred_at'])}"
        return [Reason(f"our definition {quoted(trigger.title)} does not give it: {why}", (end["event_id"],))]
    why = f"no {kinds_in_words(trigger.kinds)} that fit in the {span(trigger.window)} before it"
    return [
        Reason(
            f"our definition {quoted(trigger.title)} does not give it: {why}",
            absent=_absent(trigger.kinds, since, one.row),
        )
    ]


def _counterfactual(one: Told, trigger: Trigger, live: pl.DataFrame) -> Counterfactual | None:
    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        acts = acts_at(copies, one.row, trigger, one.stated_trigger).filter(pl.col("ended_by").is_null())
        return dict(acts.group_by("customer_id", maintain_order=True).agg("act").rows())

    found = counterfactual.removal(one.events, decide, keep=one.own)
    added = _ending(one, trigger, live)
    ends = added is not None and counterfactual.ends_with(one.events, decide, added)
    if found is None and not ends:
        return None
    return Counterfactual(
        remove=() if found is None else found.events,
        add=(_as_added(added),) if ends and added is not None else (),
        outcome=f"our definition {quoted(trigger.title)} would not have given this message",
        smallest=found is not None and found.smallest,
        method="search" if found is None else found.method,
    )


def _ending(one: Told, trigger: Trigger, live: pl.DataFrame) -> pl.DataFrame | None:
    """An event that would have ended it, one row between the newest act and the message."""
    kinds = trigger.ended_by or trigger.quiet
    if not kinds:
        return None
    newest = one.event(live["act"][-1])
    gap = max((one.row["occurred_at"] - newest["occurred_at"]) / 2, timedelta(microseconds=1))
    row = dict.fromkeys(one.events.columns) | {
        "event_id": f"{newest['event_id']}~",
        "customer_id": one.row["customer_id"],
        "occurred_at": one.row["occurred_at"] - min(gap, timedelta(minutes=1)),
        "kind": kinds[0],
        "item_id": newest["item_id"],
        "category": newest["category"],
    }
    return pl.DataFrame([row], schema=one.events.schema)


def _as_added(added: pl.DataFrame) -> dict[str, Any]:
    row = added.row(0, named=True)
    made = {name: row[name] for name in ("kind", "item_id", "category") if row[name] is not None}
    return made | {"before": iso(row["occurred_at"])}


def _list_acts(one: Told, kinds: tuple[str, ...]) -> dict[str, Any] | None:
    """The newest act of `kinds` before the message that bears on its list, channel and sender."""
    row = one.row
    bears = [
        pl.col(name).is_null() | (pl.col(name) == row[name]) if row[name] else pl.lit(value=True)
        for name in ("list_id", "channel", "sender")
    ]
    found = one.events.filter(
        pl.col("kind").is_in(kinds), pl.col("occurred_at") <= row["occurred_at"], *bears
    )
    return found.row(-1, named=True) if found.height else None


def _dated(one: Told, row: Mapping[str, Any]) -> str:
    return f"{one.voice.act(row)} on {minute(row['occurred_at'])}"


def _key(row: Mapping[str, Any]) -> tuple[datetime, str]:
    return row["occurred_at"], row["event_id"]
