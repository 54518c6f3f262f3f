"""Why a finding is listed: what it rests on, and without which events it would not be."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl

from audit.errors import NotFoundError
from audit.events.schema import (
    BEHAVIOUR,
    CONSENT,
    MESSAGING,
    PERSONALIZATION,
    REQUESTS,
    first_levels,
)
from audit.events.times import iso
from audit.findings.counts_until import counts_until
from audit.findings.excluded_events import passed_over
from audit.findings.registry import find, locate, unfinished
from audit.findings.removal_plans import last_resort, plans
from audit.findings.schema import worded
from audit.population.context import Context
from audit.why import counterfactual, data_sufficiency, reasons
from audit.why.expiry import End
from audit.why.minimal_removal import Removal
from audit.why.model import Counterfactual, Explanation, Reason, Subject
from audit.why.what_if_trials import Decide
from audit.why.wording import (
    Wording,
    day,
    kinds_in_words,
    several,
)

_NOTHING_HAPPENED: dict[str, tuple[str, ...]] = {
    "ignored-streak": ("message_clicked",),
    "browse-pursuit": BEHAVIOUR,
    "unexplained": BEHAVIOUR,
    "by-likeness": BEHAVIOUR,
}
"""Checks that find something because nothing happened, and the kinds of what did not."""

_OF_NO_THING = (
    *CONSENT, *REQUESTS, "registry_created", "registry_closed", "profile_updated", "segment_entered", "segment_left",
    "segment_snapshot",
)  # fmt: skip
"""Kinds that are kept where a finding is looked for among the events that have to do with it."""

_CART_DAYS = "3d"
"""House value: a cart that is mailed about began at most so long before; where it did not, all events are looked at."""

_SAME = ("case", "subject", "count", "messages", "cause")

Row = dict[str, Any]


def finding(
    events: pl.DataFrame,
    context: Context,
    ident: str,
    *,
    names_sensitive: bool = False,
    listed: pl.DataFrame | None = None,
) -> Explanation:
    """Explain the finding `ident` (its id in `audit`) of the customer of `events`.

    It is always derived: a check of ours finds it. A breach has no counterfactual. `listed`: all findings of theirs,
    where the caller has them already, as `find` gives them. Raises NotFoundError if it is not listed at `context.at`.
    """
    listed = locate(events, context, ident) if listed is None else listed.filter(pl.col("id") == ident)
    if listed.is_empty():
        raise NotFoundError(f"no finding {ident!r} of this customer at that time; `whysent audit` lists them")
    row = worded(listed, names_sensitive=True).row(0, named=True)
    shown = worded(listed, names_sensitive=names_sensitive).row(0, named=True)
    voice = Wording(names_sensitive=names_sensitive)
    return Explanation(
        customer=row["customer"],
        at=context.at,
        subject=Subject("finding", ident, shown["title"], row["to"]),
        standing="derived",
        because=tuple(_reasons(events, row, shown["text"], voice)),
        end=End(None, "happened", counts_until=counts_until(events, context, row)),
        counterfactual=None if row["verdict"] == "breach" else _without(events, context, row),
        left_out=tuple(passed_over(events, context, row)),
    )


def _reasons(events: pl.DataFrame, row: Row, text: str, voice: Wording) -> Iterator[Reason]:
    """The finding's sentence, and behind it the acts, the messages, and what did not happen."""
    sent = set(row["messages"])
    acts = [one for one in row["evidence"] if one not in sent]
    acts = list(dict.fromkeys([*row["cause"], *acts]))
    told = events.filter(pl.col("event_id").is_in(acts)).to_dicts()[::-1]
    behind = [*reasons.grouped(voice, told), *_messages(row), *_absences(row)]
    yield Reason(text, tuple(row["evidence"]), because=tuple(behind), facts={"check": row["check"]})
    yield Reason(f"it rests on: {'; '.join(row['sources'])}", facts={"verdict": row["verdict"]})


def _messages(row: Row) -> list[Reason]:
    if not row["messages"]:
        return []
    span = f"from {day(row['from'])} to {day(row['to'])}"
    return [Reason(f"{several(len(row['messages']), 'message')} {span}", tuple(row["messages"]))]


def _absences(row: Row) -> list[Reason]:
    kinds = _NOTHING_HAPPENED.get(row["check"])
    if kinds is None or row["verdict"] == "cannot_tell":
        return []
    absent = {"kinds": list(kinds), "from": iso(row["from"]), "to": iso(row["to"])}
    if row["check"] == "ignored-streak":
        return [Reason(f"no {kinds_in_words(kinds)} on any of them", absent=absent)]
    needed = data_sufficiency.kinds()
    text = f"no act that fits, such as {kinds_in_words(needed)}, before them"
    return [Reason(text, absent={**absent, "kinds": list(needed), "from": None})]


def _without(events: pl.DataFrame, context: Context, row: Row) -> Counterfactual | None:
    known = _for_anybody(_of_its_rule(context, row), row["customer"])
    decide = _decide(known, row)
    nearest = next((rows for rows in _nearer(events, row) if _agree(rows, known, row)), events)
    found = _search(nearest, known, decide, row)
    if nearest.height < events.height and not (found and counterfactual.holds_for(events, decide, found)):
        found = _search(events, known, decide, row)
    outcome = f"the check {row['check']} would not find it"
    return counterfactual.from_trials(found, _added(nearest, known, row), outcome)


def _search(events: pl.DataFrame, context: Context, decide: Decide, row: Row) -> Removal | None:
    """The customer's own acts first; what was decided about them only where acts alone do not end it."""
    decided = events.filter(pl.col("kind").is_in([*MESSAGING, *PERSONALIZATION]))["event_id"]
    rests = (*row["cause"], *row["evidence"], *row["messages"])
    acts = counterfactual.removal(events, decide, keep=decided, likely=rests) if row["cause"] else None
    planned = plans(events, context, row)
    found = acts or counterfactual.removal(events, decide, plans=planned, likely=rests)
    last = () if found else last_resort(events, context, row)
    return counterfactual.removal(events, decide, plans=last) if last else found


def _nearer(events: pl.DataFrame, row: Row) -> Iterator[pl.DataFrame]:
    """Fewer events to look among: the finding's own, where no other can step in for them, else the related ones: about
    the same messages, campaigns, items or areas, and what is about no thing.
    """
    own = events.filter(pl.col("event_id").is_in([*row["evidence"], *row["messages"], *row["cause"]]))
    if row["check"] == "duplicate-message":
        yield own
    if row["check"] == "ignored-streak":
        yield _of_campaigns(events, own)
    if row["check"] == "cart-burst":
        carts = pl.col("kind").is_in(["product_added", "order_completed"])
        campaigns = pl.col("campaign_id").is_in(own["campaign_id"].drop_nulls().implode())
        yield _shortly_before(events.filter(carts | campaigns), own)
    area = first_levels(pl.col("category"), 1)
    areas = own.select(area.alias("area"))["area"]
    same = [
        pl.col(name).is_in(own[name].drop_nulls().unique().implode())
        for name in ("message_id", "campaign_id", "campaign_name", "item_id", "segment_id", "event_id")
    ]
    shared = pl.any_horizontal(*same, area.is_in(areas.drop_nulls().unique().implode())).fill_null(
        value=False
    )
    related = events.filter(shared | pl.col("kind").is_in(_OF_NO_THING))
    if related.height < events.height:
        yield related


def _of_campaigns(events: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """The messages of the same campaigns, and what became of them."""
    same = events.filter(pl.col("campaign_id").is_in(own["campaign_id"].drop_nulls().implode()))
    ids = same["message_id"].drop_nulls().implode()
    return events.filter(
        pl.col("event_id").is_in(same["event_id"].implode()) | pl.col("message_id").is_in(ids)
    )


def _shortly_before(events: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """Those of `events` that lie in the days before one of the messages `own`."""
    moments = own.filter(pl.col("kind") == "message_sent").select(pl.col("occurred_at").alias("sent"))
    near = events.sort("occurred_at", maintain_order=True).join_asof(
        moments.sort("sent"), left_on="occurred_at", right_on="sent", strategy="forward", tolerance=_CART_DAYS
    )
    return near.filter(pl.col("sent").is_not_null()).drop("sent")


def _agree(related: pl.DataFrame, context: Context, row: Row) -> bool:
    """Whether the check finds in the related events what it finds in all."""
    found = worded(find(related, context, checks=[row["check"]]), names_sensitive=True)
    return any(all(one[name] == row[name] for name in _SAME) for one in found.iter_rows(named=True))


def _decide(context: Context, row: Row) -> Decide:
    same = (pl.col("case").eq_missing(row["case"])) & (pl.col("subject").eq_missing(row["subject"]))

    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        found = unfinished(copies, context, row["check"]).filter(same)
        behind = (pl.col(name).fill_null([]) for name in ("cause", "evidence", "messages"))
        return dict(found.select("customer_id", pl.concat_list(behind).list.unique()).rows())

    return decide


def _of_its_rule(context: Context, row: Row) -> Context:
    """The context with the one declared rule that the finding is about: the others find things of their own."""
    if row["check"] != "declared-vs-observed":
        return context
    return replace(context, declared=[rule for rule in context.declared if rule.id == row["subject"]])


def _for_anybody(context: Context, customer: str) -> Context:
    """The context with the declared rules that name `customer`, or nobody, made to hold for any copy of them."""
    rules = [
        replace(rule, customers=(), except_customers=())
        for rule in context.declared
        if (not rule.customers or customer in rule.customers) and customer not in rule.except_customers
    ]
    return replace(context, declared=rules)


def _added(events: pl.DataFrame, context: Context, row: Row) -> pl.DataFrame | None:
    """An event that would have kept the check from finding anything about the same thing."""
    if row["check"] not in _NOTHING_HAPPENED or row["verdict"] == "cannot_tell":
        return None
    same = pl.col("subject").eq_missing(row["subject"])

    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        found = unfinished(copies, context, row["check"]).filter(same)
        return dict(found.select("customer_id", "evidence").rows())

    return counterfactual.first_ending(events, decide, list(_could_end(events, row)))


def _could_end(events: pl.DataFrame, row: Row) -> Iterator[pl.DataFrame]:
    about = row["messages"] or row["evidence"]
    rows = events.filter(pl.col("event_id").is_in(about)).to_dicts()
    if row["check"] == "ignored-streak":
        yield from (_clicked(events, rows[place]) for place in _from_the_middle(len(rows)))
    elif rows:
        yield _looked(events, rows[0])


def _from_the_middle(number: int) -> Sequence[int]:
    return sorted(range(number), key=lambda place: abs(place - number // 2))[:9]


def _clicked(events: pl.DataFrame, message: Row) -> pl.DataFrame:
    kept = {
        name: message[name] for name in ("channel", "message_id", "campaign_id", "campaign_name", "sender")
    }
    at = message["occurred_at"] + timedelta(seconds=1)
    return counterfactual.event(events, kind="message_clicked", occurred_at=at, machine=False, **kept)


def _looked(events: pl.DataFrame, decision: Row) -> pl.DataFrame:
    about = {name: decision[name] for name in ("item_id", "category")}
    at = decision["occurred_at"] - timedelta(days=1)
    return counterfactual.event(events, kind="product_viewed", occurred_at=at, **about)
