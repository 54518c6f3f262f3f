"""customers, show, why, audit, link, report, doctor: the questions, answered as text, JSON or a page."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import InputError
from tui import Exit
from tui.commands import options, output, text_output
from tui.commands.options import (
    ANSWER,
    CASE,
    HISTORY,
    CustomerArgument,
    Invocation,
    LocaleOption,
    OutOption,
    shares,
)

if TYPE_CHECKING:
    import polars as pl

    from audit.privacy.links import Links
    from audit.queries.audience import AudienceDocument
    from audit.queries.everybody import Everybody
    from audit.queries.findings_documents import Findings, FindingTotals

IdArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="ID",
        help="A pseudonym, the source's own id or an e-mail; - reads it from stdin.",
        show_default=False,
        autocompletion=options.customers,
    ),
]

SEVERITIES = ("info", "low", "medium", "high")


@shares(*ANSWER)
def customers(
    invocation: Invocation,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many to list.")] = 50,
    sort: Annotated[str, typer.Option("--sort", help="severity, messages or recent.")] = "severity",
) -> None:
    """The triage list: who has the worst findings."""
    from audit.queries import documents

    invocation.require("list")
    ws = invocation.open()
    triage = documents.customers(ws, limit=limit, sort=sort, progress=output.Progress("checking"))
    invocation.answer(triage, partial(text_output.customers, coverage=ws.coverage))


@shares("known_at", *HISTORY)
def show(invocation: Invocation, customer: CustomerArgument = None) -> None:
    """The whole picture of one customer."""
    from audit.queries import documents

    invocation.require("show")
    picture = documents.show(
        invocation.open(), options.customer(customer), at=invocation.at, without=invocation.without
    )
    invocation.answer(picture, text_output.customer)


@shares("known_at", *HISTORY)
def why(
    invocation: Invocation,
    customer: CustomerArgument = None,
    message: Annotated[
        str | None, typer.Option("--message", metavar="ID", help="A message_id or event_id.")
    ] = None,
    segment: Annotated[
        str | None,
        typer.Option("--segment", metavar="ID", help="A segment.", autocompletion=options.segments),
    ] = None,
    item: Annotated[str | None, typer.Option("--item", metavar="ID", help="A recommended item.")] = None,
    finding: Annotated[
        str | None, typer.Option("--finding", metavar="ID", help="A finding, by its id in `audit`.")
    ] = None,
) -> None:
    """Why one message, segment, recommendation or finding: the evidence, and when it ends."""
    from audit.queries import documents

    if sum(ident is not None for ident in (message, segment, item, finding)) != 1:
        raise InputError(documents.NAME_ONE)
    invocation.require("why")
    explanation = documents.explain(
        invocation.open(),
        options.customer(customer),
        message=message,
        segment=segment,
        item=item,
        finding=finding,
        at=invocation.at,
        without=invocation.without,
    )
    invocation.answer(explanation, text_output.explanation)


@shares(*CASE)
def audience(
    invocation: Invocation,
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign's id, or its name.")],
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="90d",
            help="How far back acts are looked for; by default 30, 90 and 365 days.",
        ),
    ] = None,
) -> None:
    """Who got a campaign, and what sets them apart from those who could have got it and did not."""
    from audit.queries import audience as audiences

    invocation.require("why")
    invocation.answer(audiences.audience(invocation.open(), campaign, window=window), _audience_page)


@shares(*HISTORY)
def audit(
    invocation: Invocation,
    customer: CustomerArgument = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every customer of the workspace.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.parquet", help="Write the findings.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="SEVERITY",
            help="Exit 1 where a finding is at least this bad.",
            autocompletion=options.of("high", "medium", "low", "info"),
        ),
    ] = None,
) -> None:
    """The findings of one customer, or of everybody."""
    if fail_on is not None and fail_on not in SEVERITIES:
        raise InputError(f"--fail-on {fail_on}: one of {', '.join(SEVERITIES)}")
    if everybody and (customer is not None or invocation.without):
        raise InputError("--all asks about everybody; leave CUSTOMER and --without away")
    import msgspec

    from audit.queries import documents, findings_documents, fleet_remedies
    from audit.queries.case import Case, named_in, read_case
    from audit.queries.everybody import read_everybody, whole_customers

    invocation.require("audit_all" if everybody else "show")
    ws = invocation.open()
    answer: Findings | FindingTotals
    if everybody:
        people = read_everybody(ws, at=invocation.at, progress=output.Progress("checking"))
        audited: Case | Everybody = people
        answer = findings_documents.totals_document(people)
    else:
        audited = read_case(ws, options.customer(customer), at=invocation.at, without=invocation.without)
        answer = documents.audited(audited)
    frame = audited.found
    if out is not None:
        periods = ws.book.in_force(invocation.at)
        ids = named_in(ws, (period.rule for period in periods))
        parts = [audited.events] if isinstance(audited, Case) else whole_customers(ws, audited.context.at)
        found = fleet_remedies.with_remedies(frame, parts, audited.context, periods, ids)
        output.parquet(found, out)
        answer = msgspec.structs.replace(answer, out=str(out.resolve()))
    invocation.answer(answer, partial(text_output.findings, coverage=audited.coverage))
    if fail_on is not None and _at_least(frame, fail_on):
        raise typer.Exit(Exit.NO)


def _at_least(findings: "pl.DataFrame", severity: str) -> bool:
    bad = SEVERITIES[SEVERITIES.index(severity) :]
    return not findings.is_empty() and bool(findings["severity"].is_in(bad).any())


@shares("at", *CASE[:-1])
def report(
    invocation: Invocation,
    customer: CustomerArgument = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="internal (the note) or reply (to the customer).",
            autocompletion=options.of("internal", "reply"),
        ),
    ] = "internal",
    locale: LocaleOption = None,
    form: Annotated[
        str,
        typer.Option(
            "--format", help="md, txt, html or json.", autocompletion=options.of("md", "txt", "html", "json")
        ),
    ] = "md",
    finding: Annotated[
        str | None,
        typer.Option("--finding", metavar="ID", help="The finding it is about; by default the worst."),
    ] = None,
    out: OutOption = None,
) -> None:
    """Write the case down, or the reply."""
    from audit.queries import documents, locales

    viewer = invocation.require("report")
    text = documents.report(
        invocation.open(),
        options.customer(customer),
        kind=kind,
        locale=locale or locales.preferred(kind),
        finding=finding,
        at=invocation.at,
        ticket=viewer.ticket,
        reason=viewer.reason,
    ).written(form)
    output.page(text if out is not None or text.endswith("\n") else f"{text}\n", out)


def _audience_page(answer: "AudienceDocument") -> None:
    from tui.rendering import audience

    for text in audience.page(answer, audience.AT_FIRST, "--json names them all"):
        output.line(text)


@shares("workspace", "as_json")
def doctor(invocation: Invocation) -> None:
    """Check the program, this machine and the workspace; exit 1 where something is wrong."""
    from audit.queries.doctor import examine

    health = examine(invocation.folder)
    invocation.answer(health, text_output.health)
    if not all(check.ok for check in health.checks):
        raise typer.Exit(Exit.NO)


@shares("note", *ANSWER)
def link(
    invocation: Invocation,
    ident: IdArgument = None,
    another: IdArgument = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="From when on they are one; by default the newest event here."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--list", help="Every link that was made, and what was parted.")
    ] = False,
) -> None:
    """Two ids are one person from now on; every look and every count takes both histories."""
    from audit.privacy.links import Links
    from audit.queries import links

    if everything:
        if ident or another or since:
            raise InputError("give either two ids or --list")
        invocation.require("list")
        invocation.answer(links.listed(invocation.open()), _links)
        return
    invocation.require("link")
    link_made = links.link(
        invocation.open(), *_two(ident, another), since=options.moment(since), note=invocation.note
    )
    invocation.answer(Links(links=(link_made,)), _links)


@shares("note", *ANSWER)
def unlink(invocation: Invocation, ident: IdArgument = None, another: IdArgument = None) -> None:
    """Two ids are two people again, as if they had never been linked."""
    from audit.privacy.links import Links
    from audit.queries import links

    invocation.require("link")
    parted = links.unlink(invocation.open(), *_two(ident, another), note=invocation.note)
    invocation.answer(Links(links=(parted,)), _links)


def _two(ident: str | None, another: str | None) -> tuple[str, str]:
    if ident is None or another is None:
        raise InputError("name two ids: pseudonyms, source ids or addresses; - reads one from stdin")
    return options.customer(ident), options.customer(another)


def _links(answer: "Links") -> None:
    """The links of ids, the newest last."""
    output.table(
        ("id", "id", "one person since", "by", "linked", "parted"),
        [
            (
                *link.ids,
                f"{link.since:%Y-%m-%d %H:%M}",
                f"{link.by} ({link.source})",
                f"{link.at:%Y-%m-%d}",
                f"{link.undone_at:%Y-%m-%d} by {link.undone_by}" if link.undone_at else "",
            )
            for link in answer.links
        ],
    )
    output.line(f"{len(answer.links)} link{'s' * (len(answer.links) != 1)}")
