"""The questions people ask, answered as the documents that other people's scripts read.

Each function takes an open workspace and returns the plain dict that `whysent ... --json` prints. The screens
and the reports are made from the same dicts, so nobody ever sees two answers.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit import (
    findings,
    flows,
    segments,
    why,
)
from audit.errors import InputError
from audit.events.messages import messages, orphans
from audit.events.times import iso
from audit.events.vocabulary import campaign_expr
from audit.findings import anomaly
from audit.flows import campaign_map as campaigns
from audit.queries.case import Case, read_case
from audit.rules.model import Rule, to_dict
from audit.rules.reference import verdicts
from audit.workspace.context import Context

if TYPE_CHECKING:
    from audit.queries.reports import Report
    from audit.workspace.workspace import Workspace

SORTS = {"severity": ("rank", False), "messages": ("messages", True), "recent": ("last", True)}
"""How `customers` may be sorted: the column, and whether the largest comes first."""

NAME_ONE = "name one thing to explain: --message ID, --segment ID, --item ID or --finding ID"


def show(
    ws: "Workspace",
    customer: str,
    *,
    at: datetime | None = None,
    without: Iterable[str] = (),
    names_sensitive: bool = True,
) -> dict[str, Any]:
    """`whysent.customer/1`: the whole picture of one customer."""
    return picture(read_case(ws, customer, at=at, without=without), names_sensitive=names_sensitive)


def picture(asked: Case, *, names_sensitive: bool = True, strips: bool = True) -> dict[str, Any]:
    """The document of `show` for a case already read; without `strips` it has nothing that rests on all group facts:
    no recommendations, and nothing out of pattern.
    """
    events, context = asked.events, asked.context
    return {
        "schema": "whysent.customer/1",
        "customer": asked.customer,
        "at": iso(context.at),
        "events": events.height,
        "first": iso(_moment(events["occurred_at"].min())),
        "last": iso(_moment(events["occurred_at"].max())),
        "coverage": context.coverage.to_json(),
        "messages": message_counts(events),
        "segments": [
            _segment(row, context, names_sensitive=names_sensitive)
            for row in asked.memberships.iter_rows(named=True)
        ],
        "recommendations": _strips(asked) if strips else [],
        "findings": finding_rows(asked.found, names_sensitive=names_sensitive),
        "personas": personas(events),
        "out_of_pattern": anomaly.out_of_pattern(events, context, names_sensitive=names_sensitive)
        if strips
        else [],
    }


def _strips(asked: Case) -> list[dict[str, Any]]:
    made = asked.recommended.strips.drop("customer_id")
    at = asked.context.at
    return [_plain(row) | why.recommendation_end(row).to_json(at) for row in made.iter_rows(named=True)]


def message_counts(events: pl.DataFrame) -> dict[str, Any]:
    """Numbers of distinct messages, as `show` counts them."""
    sent = messages(events)
    return {
        "attempted": sent.height,
        **{
            name: int(sent[column].sum())
            for name, column in (
                ("sent", "sent"),
                ("suppressed", "suppressed"),
                ("opened", "opened"),
                ("machine_opened", "machine_opened"),
                ("clicked", "clicked"),
            )
        },
        "orphans": orphans(events).height,
        "by_channel": _counted(sent.filter("sent"), pl.col("channel")),
        "by_campaign": _counted(sent.filter("sent"), campaign_expr()),
    }


def personas(events: pl.DataFrame) -> list[dict[str, Any]]:
    """The personas that the source recorded on this account, with their share of the events that carry one."""
    marked = events.filter(pl.col("persona").is_not_null())
    grouped = marked.group_by("persona", maintain_order=True).agg("event_id").sort("persona")
    return [
        {"id": persona, "share": round(len(evidence) / marked.height, 4), "evidence": evidence}
        for persona, evidence in grouped.rows()
    ]


def explain(
    ws: "Workspace",
    customer: str,
    *,
    message: str | None = None,
    segment: str | None = None,
    item: str | None = None,
    finding: str | None = None,
    at: datetime | None = None,
    without: Iterable[str] = (),
    names_sensitive: bool = True,
) -> dict[str, Any]:
    """`whysent.why/1`: one explanation, of exactly one of `message`, `segment`, `item`, `finding`.

    Raises InputError if not exactly one is named, NotFoundError if the customer has no such thing.
    """
    asked = read_case(ws, customer, at=at, without=without)
    return explanation(
        asked,
        ws,
        message=message,
        segment=segment,
        item=item,
        finding=finding,
        names_sensitive=names_sensitive,
    )


def explanation(
    asked: Case,
    ws: "Workspace",
    *,
    message: str | None = None,
    segment: str | None = None,
    item: str | None = None,
    finding: str | None = None,
    names_sensitive: bool = True,
) -> dict[str, Any]:
    """The document of `explain` for a case already read."""
    named = {"message": message, "segment": segment, "item": item, "finding": finding}
    asked_for = [(subject, ident) for subject, ident in named.items() if ident is not None]
    if len(asked_for) != 1:
        raise InputError(NAME_ONE)
    ((subject, ident),) = asked_for
    made = asked.why(subject, ident, names_sensitive=names_sensitive)
    if subject != "message":
        return made.to_json()
    events, context, rules = asked.events, asked.context, ws.book.enabled()
    judged = verdicts.of(
        events,
        context,
        rules,
        made.subject.id,
        ids=named_in(ws, rules),
        causes=causes_for(rules, events, context),
    )
    return {**made.to_json(), "rules": judged}


def named_in(ws: "Workspace", rules: Iterable[Rule]) -> dict[str, str]:
    """Source ids → pseudonyms, for the customers that rules name by the source's own id."""
    named = {one for rule in rules for one in (*rule.customers, *rule.except_customers)}
    found = {one: ws.vault.resolve(one) for one in sorted(named)}
    return {one: pseudonym for one, pseudonym in found.items() if pseudonym is not None}


def causes_for(rules: Iterable[Rule], events: pl.DataFrame, context: Context) -> pl.DataFrame | None:
    """The causes of every message in `events` (see `why.causes`), where one of `rules` reads them; else None."""
    return (
        why.causes(events, context) if any(rule.takes_part and rule.reads_causes for rule in rules) else None
    )


def audit(
    ws: "Workspace",
    customer: str,
    *,
    at: datetime | None = None,
    without: Iterable[str] = (),
    names_sensitive: bool = True,
) -> dict[str, Any]:
    """`whysent.findings/1` of one customer."""
    asked = read_case(ws, customer, at=at, without=without)
    return findings_document(asked.found, asked.context, customers=1, names_sensitive=names_sensitive)


def everybody(ws: "Workspace", *, at: datetime | None = None) -> tuple[pl.DataFrame, Context]:
    """The findings of all customers, in the shape of `findings.SCHEMA`, and the context they were made in."""
    context = ws.context(at)
    return findings.find(ws.events(at), context), context


def findings_document(
    frame: pl.DataFrame, context: Context, *, customers: int, names_sensitive: bool = True
) -> dict[str, Any]:
    """`whysent.findings/1` from findings already made."""
    return {
        "schema": "whysent.findings/1",
        "at": iso(context.at),
        "customers": customers,
        "findings": finding_rows(frame, names_sensitive=names_sensitive),
    }


def totals_document(frame: pl.DataFrame, context: Context, *, customers: int) -> dict[str, Any]:
    """`whysent.findings/1` of everybody: how many, in the place of each one."""
    return {
        "schema": "whysent.findings/1",
        "at": iso(context.at),
        "customers": customers,
        "totals": totals(frame),
    }


def totals(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """How many findings of each check and severity, worst and most first."""
    return (
        frame.group_by("check", "severity")
        .agg(pl.len().alias("findings"), pl.col("customer").n_unique().alias("customers"))
        .with_columns(findings.severity_rank().alias("rank"))
        .sort("rank", "findings", "check", descending=[False, True, False])
        .drop("rank")
        .to_dicts()
    )


def customers(
    ws: "Workspace", *, limit: int | None = None, sort: str = "severity", names_sensitive: bool = True
) -> dict[str, Any]:
    """`whysent.customers/1`: the triage list, worst first; `sort` is one of `SORTS`."""
    if sort not in SORTS:
        raise InputError(f"cannot sort by {sort!r}; one of {', '.join(SORTS)}")
    listed = findings.triage(ws.events(), ws.context(), names_sensitive=names_sensitive)
    if sort != "severity":
        column, descending = SORTS[sort]
        listed = listed.sort(column, "customer", descending=[descending, False], maintain_order=True)
    shown = listed if limit is None else listed.head(limit)
    return {
        "schema": "whysent.customers/1",
        "total": listed.height,
        "customers": [_plain(row) for row in shown.iter_rows(named=True)],
    }


def campaign_map(ws: "Workspace") -> dict[str, Any]:
    """`whysent.map/1`: the campaigns seen, and of each flow how many of its messages its definition gives."""
    rows = campaigns.volumes(ws.scan(), ws.campaigns)
    return {
        "schema": "whysent.map/1",
        "campaigns": [_plain(row) for row in rows.iter_rows(named=True)],
        "mapped": int(rows["mapped"].sum()),
        "unmapped": int((~rows["mapped"]).sum()),
        "entries": ws.campaigns.height,
        "flows": flows.seen(ws.scan(), ws.flows),
    }


def finding_rows(frame: pl.DataFrame, *, names_sensitive: bool = True) -> list[dict[str, Any]]:
    """Findings as the contract writes them."""
    shown = findings.worded(frame, names_sensitive=names_sensitive)
    return [
        {**_plain(row), "suggested_rule": findings.suggested_rule(row["suggested_rule"])}
        for row in shown.iter_rows(named=True)
    ]


def _segment(row: Mapping[str, Any], context: Context, *, names_sensitive: bool) -> dict[str, Any]:
    ends = why.membership_end(row, context.definitions or segments.definitions()).to_json(context.at)
    made = _plain({name: value for name, value in row.items() if name != "customer_id"}) | ends
    made["absent"] = None if row["absent"] is None else why.absence(row["absent"], context.at)
    if made["sensitive"] and not names_sensitive:
        unnamed = {name: made[name] for name in _UNNAMED}
        return {"id": "sensitive", "title": "a sensitive topic; hand to privacy", **unnamed, "evidence": []}
    return made


_UNNAMED = (
    "basis", "standing", "logged", "derived", "since", "until", "until_why", "until_text", "ends_with", "sensitive",
    "purpose",
)  # fmt: skip
"""What of a sensitive segment does not name its topic."""


def _counted(frame: pl.DataFrame, by: pl.Expr) -> dict[str, int]:
    counts = frame.group_by(by.fill_null("unknown").alias("by")).agg(pl.len()).sort("by")
    return {str(name): int(count) for name, count in counts.rows()}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def report(
    ws: "Workspace",
    customer: str,
    *,
    kind: str = "internal",
    locale: str = "en",
    finding: str | None = None,
    at: datetime | None = None,
    names_sensitive: bool = True,
) -> "Report":
    """The case as a note for colleagues (`internal`) or as an answer to the customer (`reply`).

    `finding` is the id of the finding it is about, by default the worst. Raises InputError for another kind, and
    where no reply is offered.
    """
    asked = read_case(ws, customer, at=at)
    return written(asked, ws, kind=kind, locale=locale, finding=finding, names_sensitive=names_sensitive)


def written(
    asked: Case,
    ws: "Workspace",
    *,
    kind: str,
    locale: str,
    finding: str | None = None,
    names_sensitive: bool = True,
) -> "Report":
    """The report of a case already read."""
    from audit.queries import reports

    told = picture(asked, names_sensitive=names_sensitive)
    about = reports.messages_to_explain(told["findings"], finding=finding)
    explained = [
        explanation(asked, ws, message=message, names_sensitive=names_sensitive) for message in about
    ]
    if kind == "internal":
        worst = reports.chosen(told["findings"], finding)
        if worst is not None:
            explained.append(explanation(asked, ws, finding=worst["id"], names_sensitive=names_sensitive))
        evidence = [event for one in explained for event in (one["subject"]["id"], *one["evidence"])]
        chart = reports.weekly(asked.events, asked.context.at, evidence, names_sensitive=names_sensitive)
        return reports.internal(told, told["findings"], explained, chart=chart, locale=locale)
    if kind == "reply":
        rules = [to_dict(rule) for rule in ws.book.enabled()]
        return reports.reply(told, told["findings"], explained, finding=finding, rules=rules, locale=locale)
    raise InputError(f"no report of kind {kind!r}; internal or reply")
