"""Why a finding is listed: what it rests on, and without which events it would not be."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

import polars as pl
from msgspec import UNSET, structs

from audit.errors import NotFoundError
from audit.events.purchases import ORDER_OF, undone
from audit.events.schema import CONSENT, MESSAGING, PERSONALIZATION, REQUESTS, first_levels
from audit.findings.check import Check, ExcludedEvents, Finding
from audit.findings.check_context import CheckContext
from audit.findings.registry import check, find, locate
from audit.why import counterfactual, reasons
from audit.why.counterfactual import Removal
from audit.why.expiry import End
from audit.why.model import CountedFacts, Counterfactual, Explanation, Facts, Reason, Subject
from audit.why.silence import silence_after_finding
from audit.why.what_if_trials import Decide
from audit.why.wording import MESSAGE_NOUNS, Wording, days, several, titles_in_words
from audit.workspace.context import Context

_ABOUT_NO_ITEM = (
    *CONSENT, *REQUESTS, "registry_created", "registry_closed", "profile_updated", "segment_entered", "segment_left",
    "segment_snapshot",
)  # fmt: skip
"""Kinds that are kept where a finding is looked for among the events that have to do with it."""

_RELATED_BY = ("message_id", "campaign_id", "campaign_name", "item_id", "segment_id", "event_id")
_IDENTITY = ("case", "subject", "count", "messages", "cause")
_COUNTED: dict[str, Literal["messages", "acts", "orders"]] = {
    "message": "messages",
    "act": "acts",
    "order": "orders",
}
"""What a check calls the events that it did not count."""

_OTHERWISE = (
    "this would not be found, but the same check would then find the same messages for another reason"
)
"""What is said of a finding that has a second reason."""

_MICROSECOND = timedelta(microseconds=1)
_EXTRA_MESSAGE = "\U0010ffff-one-more"


def finding(
    events: pl.DataFrame,
    context: Context,
    finding_id: str,
    *,
    listed: pl.DataFrame | None = None,
) -> Explanation:
    """Explain the finding `finding_id` (its id in `audit`) of the customer of `events`.

    It is derived: a check of ours finds it; but where the check cannot tell, so can nobody. A breach has no counterfactual,
    nor has what cannot be told. `listed`: all findings of theirs,
    where the caller has them already, as `find` gives them. Raises NotFoundError if it is not listed at `context.at`.
    """
    is_it = pl.col("id") == finding_id
    rows = locate(events, context, finding_id) if listed is None else listed.filter(is_it)
    if rows.is_empty():
        raise NotFoundError(
            f"no finding {finding_id!r} of this customer at that time; `whysent audit` lists them"
        )
    row: Finding = rows.row(0, named=True)
    found_by = check(row["check"])
    untold = row["verdict"] == "cannot_tell"
    checked = CheckContext(events, context)
    return Explanation(
        customer=row["customer"],
        at=context.at,
        subject=Subject("finding", finding_id, row["title"], row["to"]),
        standing="cannot_tell" if untold else "derived",
        because=tuple(_reasons(found_by, checked, row)),
        end=End(
            None,
            "unknown" if untold else "happened",
            counts_until=_counts_until(found_by, checked, row),
            silence=silence_after_finding(
                context,
                events,
                [*row["messages"], *found_by.newest_of_its_kind(checked, row["case"], row["subject"])],
                alike=found_by.alike,
                words=found_by.again,
            ),
        ),
        counterfactual=None
        if untold or row["verdict"] == "breach"
        else reasons.told_by_kind(
            _counterfactual(found_by, checked, row),
            events,
            rests_on=[*row["cause"], *row["evidence"], *row["messages"]],
        ),
        left_out=tuple(_excluded(found_by, checked, row)),
    )


def _reasons(check: Check, context: CheckContext, row: Finding) -> Iterator[Reason]:
    """The finding's sentence, and behind it the acts, the messages, and what else it rests on."""
    names = [*row["cause"], *row["evidence"]]
    is_act = pl.col("event_id").is_in(names) & (pl.col("kind") != "message_sent")
    acts = context.events.filter(is_act, ~pl.col("event_id").is_in(row["messages"])).to_dicts()[::-1]
    leaves = [*reasons.grouped(Wording(undone(context.events)), acts), *_messages(context, row)]
    beside = None if row["verdict"] == "cannot_tell" else check.beside_events(context, row)
    yield Reason(
        row["text"],
        tuple(row["evidence"]),
        because=tuple(leaves) if beside is None else (*leaves, beside),
        facts=Facts(check=row["check"]),
    )
    yield Reason(f"it rests on: {'; '.join(row['sources'])}", facts=Facts(verdict=row["verdict"]))


def _messages(context: CheckContext, row: Finding) -> list[Reason]:
    """The messages, those that the ones too many were counted with among them: how many, of which campaigns, and when."""
    if not row["messages"]:
        return []
    begins, ends, too_many = row["from"], row["to"], ""
    is_sent = pl.col("kind") == "message_sent"
    named = pl.col("event_id").is_in(row["messages"])
    sent = context.events.filter(named | (is_sent & pl.col("event_id").is_in(row["evidence"])))
    if row["excess"] is None:  # it may speak of more than messages
        begins, ends = sent["occurred_at"][0], sent["occurred_at"][-1]
    else:
        too_many = f": {row['excess']} too many"
    channels = sent["channel"].unique().to_list()
    (channel,) = channels if len(channels) == 1 else (None,)
    within = pl.col("occurred_at").is_between(begins, ends) & pl.col("channel").is_in(
        channels, nulls_equal=True
    )
    counted = (sent, context.mailings.filter(within), context.messages.filter(within))
    titles = next((_titles(frame) for frame in counted if frame.height == row["total"]), ())
    facts = CountedFacts(
        channel=channel or UNSET, number=row["total"], first=begins, last=ends, excess=row["excess"], titles=titles or UNSET
    )  # fmt: skip
    number = several(row["total"], MESSAGE_NOUNS.get(channel or "", "message"))
    of = f" ({titles_in_words(titles)})" if titles else ""
    return [Reason(f"{number}{of} {days(begins, ends)}{too_many}", tuple(sent["event_id"]), facts=facts)]


def _titles(sent: pl.DataFrame) -> tuple[str, ...]:
    """What the campaigns of messages are called, else their subjects: the commonest first; none where one has but a number."""
    title = pl.coalesce("campaign_name", "subject", "campaign_id").alias("title")
    counted = sent.select(title).group_by("title", maintain_order=True).len()
    titles = counted.sort("len", descending=True, maintain_order=True)["title"]
    return tuple(titles) if titles.str.contains(r"\p{L}").fill_null(value=False).all() else ()


def _excluded(check: Check, context: CheckContext, row: Finding) -> Iterator[Reason]:
    """What the check looked at and did not count, and why not; nothing where it cannot tell."""
    if row["verdict"] == "cannot_tell":
        return
    counted = [*row["messages"], *row["evidence"], *row["cause"]]
    for excluded in check.excluded_events(context, row):
        not_counted = excluded.events.filter(~pl.col("event_id").is_in(counted))
        yield from _excluded_reason(excluded, not_counted.unique("event_id", maintain_order=True))


def _excluded_reason(excluded: ExcludedEvents, events: pl.DataFrame) -> Iterator[Reason]:
    if events.height:
        first, last = events["occurred_at"][0], events["occurred_at"][-1]
        counted = _COUNTED[excluded.noun]
        distinct = events.select(ORDER_OF.n_unique()).item() if counted == "orders" else events.height
        number = several(distinct, f"other {excluded.noun}")
        reason = excluded.reason.format(*excluded.figures)
        facts = CountedFacts(
            counted=counted,
            number=distinct,
            first=first,
            last=last,
            why=excluded.reason,
            figures=excluded.figures or UNSET,
        )
        yield Reason(f"{number} {days(first, last)}: {reason}", tuple(events["event_id"]), facts=facts)


def _counts_until(check: Check, context: CheckContext, row: Finding) -> datetime | None:
    """Until when (UTC) one more message of the same kind would count to a finding; what happened stays, whatever comes.

    The check works it out from its own window, and it is then tried: one more message like the newest just before it
    counts, one at it does not. None where that is not so, where it is over, where no day ends it or none is known.
    """
    if row["verdict"] == "cannot_tell" or not row["messages"]:
        return None
    until = check.counts_until(context, row)
    if until is None or until <= context.population.at:
        return None
    newest = context.events.filter(pl.col("event_id") == row["messages"][-1])
    moments = {"before": until - _MICROSECOND, "then": until}
    copies = pl.concat(_with_extra(context.events, newest, name, at) for name, at in moments.items())
    findings = find(copies, context.population, checks=[check.id]).filter(
        pl.col("subject").eq_missing(row["subject"]), pl.col("messages").list.contains(_EXTRA_MESSAGE)
    )
    return until if findings["customer"].to_list() == ["before"] else None


def _with_extra(events: pl.DataFrame, message: pl.DataFrame, customer: str, at: datetime) -> pl.DataFrame:
    """A copy of the customer, under another name, with one more message like `message`."""
    extra = message.with_columns(
        pl.lit(at).cast(events.schema["occurred_at"]).alias("occurred_at"),
        pl.lit(_EXTRA_MESSAGE).alias("event_id"),
        pl.lit(_EXTRA_MESSAGE).alias("message_id"),
    )
    copy = pl.concat([events, extra]).with_columns(pl.lit(customer).alias("customer_id"))
    return copy.sort("occurred_at", "event_id")


def _counterfactual(check: Check, context: CheckContext, row: Finding) -> Counterfactual | None:
    """Without which events the finding would not be, and with which."""
    events = context.events
    copied = CheckContext(events, check.context_of_copies(context.population, row))
    is_finding = pl.col("case").eq_missing(row["case"]) & pl.col("subject").eq_missing(row["subject"])
    decide = _decide(check, copied.population, is_finding)
    narrower = (near for near in _related(check, copied, row) if _same_finding(check, near, row))
    related = next(narrower, copied)
    removal = _removal(check, related, decide, row)
    if related.events.height < events.height and not (
        removal and counterfactual.holds_for(events, decide, removal)
    ):
        removal = _removal(check, copied, decide, row)
    added = _added(check, related, row)
    if removal is None or not _found_otherwise(check, context, row, removal):
        return counterfactual.from_trials(removal, added, "this would not be found")
    proof = counterfactual.from_trials(removal, added, _OTHERWISE)
    return None if proof is None else structs.replace(proof, found_otherwise=True)


def _found_otherwise(check: Check, context: CheckContext, row: Finding, removal: Removal) -> bool:
    """Whether the check would find something else of the same messages, without what is left out."""
    rest = context.events.filter(~pl.col("event_id").is_in(removal.events))
    found = check.detect(CheckContext(rest, context.population))
    shared = pl.col("messages").list.set_intersection(list(row["messages"])).list.len() > 0
    return not found.filter(shared).is_empty()


def _removal(check: Check, context: CheckContext, decide: Decide, row: Finding) -> Removal | None:
    """The customer's own acts first; what was decided about them only where acts alone do not end it."""
    events = context.events
    decisions = events.filter(pl.col("kind").is_in([*MESSAGING, *PERSONALIZATION]))["event_id"]
    likely = (*row["cause"], *row["evidence"], *row["messages"])
    acts = counterfactual.removal(events, decide, keep=decisions, likely=likely) if row["cause"] else None
    if acts:
        return acts
    plans = check.removal_plans(context, row)
    removal = counterfactual.removal(events, decide, plans=plans, likely=likely)
    last_resort = () if removal else check.last_resort(context, row)
    return counterfactual.removal(events, decide, plans=last_resort) if last_resort else removal


def _related(check: Check, context: CheckContext, row: Finding) -> Iterator[CheckContext]:
    """Fewer events to look among, the fewest first: those the check names, then those that have to do with it."""
    evidence = context.events.filter(
        pl.col("event_id").is_in([*row["evidence"], *row["messages"], *row["cause"]])
    )
    for nearest in check.nearest_events(context.events, evidence):
        yield CheckContext(nearest, context.population)
    area = first_levels(pl.col("category"), 1)
    areas = evidence.select(area.alias("area"))["area"].drop_nulls().unique()
    shared = pl.any_horizontal(
        *(pl.col(name).is_in(evidence[name].drop_nulls().unique().implode()) for name in _RELATED_BY),
        area.is_in(areas.implode()),
    )
    related = context.events.filter(shared.fill_null(value=False) | pl.col("kind").is_in(_ABOUT_NO_ITEM))
    yield CheckContext(related, context.population)


def _same_finding(check: Check, context: CheckContext, row: Finding) -> bool:
    """Whether the check finds in these events what it finds in all."""
    findings = find(context.events, context.population, checks=[check.id])
    candidates = findings.iter_rows(named=True)
    return any(all(candidate[name] == row[name] for name in _IDENTITY) for candidate in candidates)


def _decide(check: Check, population: Context, is_finding: pl.Expr) -> Decide:
    """Which copies of a customer still have the finding (a row of which `is_finding` holds), and what it then rests on."""

    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        rows = check.detect(CheckContext(copies, population)).filter(is_finding)
        rests_on = (pl.col(name).fill_null([]) for name in ("cause", "evidence", "messages"))
        return dict(rows.select("customer_id", pl.concat_list(rests_on).list.unique()).rows())

    return decide


def _added(check: Check, context: CheckContext, row: Finding) -> pl.DataFrame | None:
    """An event that would have kept the check from finding anything about the same thing."""
    if row["verdict"] == "cannot_tell":
        return None
    decide = _decide(check, context.population, pl.col("subject").eq_missing(row["subject"]))
    messages = context.events.filter(pl.col("event_id").is_in(row["messages"] or row["evidence"]))
    candidates = list(check.events_that_end_it(row, messages))
    return counterfactual.first_ending(context.events, decide, candidates)
