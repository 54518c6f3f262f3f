"""Customers as the screens see them: who is worst, one customer's picture, and why something was decided."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.rendering import timeline, verdict_text
from tui.rendering.text import number
from tui.rendering.wording import moment
from tui.session.replays import weekly_cap
from tui.session.view_models import (
    BETWEEN,
    Agreement,
    CaseReport,
    Document,
    OfferedText,
    Picture,
    RuleTrial,
    Subject,
    Triage,
    Verdict,
    agreement_frames,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from audit.population.message_pressure import Pressure
    from audit.queries.audience import AudienceDocument
    from audit.queries.case import Case
    from audit.queries.complaints.answer import CaseOfLetter
    from audit.queries.everybody import Everybody
    from audit.why import WhyDocument
    from tui.session import Pasted
    from tui.session.open_workspace import OpenWorkspace
    from tui.session.view_models import Progress

CACHED_CASES = 8
"""Cases held, so that moving through a timeline reads nothing again."""


BECAME = ("clicked", "delivered", "opened", "bounced", "complained")
"""What is counted of a campaign's messages: acts of people, not of machines."""

REPORTS = {"internal": "Internal note", "reply": "Reply to the customer"}


class Customers:
    """Answers about everybody and about one customer."""

    def __init__(self, opened: OpenWorkspace) -> None:
        self._opened = opened
        self._cases: OrderedDict[tuple[str, tuple[str, ...], str], Case] = OrderedDict()

    def recent(self) -> tuple[str, ...]:
        """The pseudonyms of the cases opened last, newest first, at most five."""
        return self._opened.recent_cases()

    # -- everybody -------------------------------------------------------------------------------------------------

    @property
    def _everybody(self) -> Everybody:
        """Everybody's findings, as long as what they rest on stands."""
        from audit.queries.everybody import read_everybody

        opened = self._opened
        return opened.cached("findings", opened.data_version(), lambda: read_everybody(opened.workspace))

    @property
    def _findings(self) -> pl.DataFrame:
        return self._everybody.found

    def triage(self) -> Triage:
        """Who is worst, and how many findings of each check; counted once as long as the data stands."""
        self._opened.viewer.require("list")
        return self._opened.cached("triage", self._opened.data_version(), self._triage)

    def _triage(self) -> Triage:
        import polars as pl

        from audit import findings
        from audit.queries import findings_documents
        from audit.queries.reports import in_one_line, language

        everybody = self._everybody
        key = pl.format("{} {}", "check", "severity").alias("key")
        checks = findings_documents.totals_of(everybody.found).with_columns(key)
        limits = in_one_line(language("en"), everybody.unanswered)
        customers = findings.ranked(everybody.people, everybody.found)
        return Triage(customers, checks, everybody.found.select(key, "customer").unique(), limits)

    def campaigns(self, counted_only: Callable[[pl.DataFrame], object] = lambda _: None) -> pl.DataFrame:
        """The worst flows first: `campaign, name, messages`, how many became what (`BECAME`: null where the data has no event that could
        say so), `findings, customers, severity`. `counted_only` is told before the findings are there, and they are null.
        """
        import polars as pl

        from audit.events.messages import messages
        from audit.events.vocabulary import campaign_expr
        from audit.findings import severity_rank

        self._opened.viewer.require("list")
        campaign = campaign_expr(pl.lit("(no campaign)")).alias("campaign")
        sent = messages(self._opened.everybody).filter("sent").with_columns(campaign)
        coverage = self._opened.workspace.context().coverage
        counted = [
            pl.col(name).sum() if coverage.holds(f"message_{name}") else pl.lit(None, pl.UInt32).alias(name)
            for name in BECAME
        ]
        name = pl.col("campaign_name").drop_nulls().last().fill_null(pl.col("campaign").first()).alias("name")
        flows = sent.group_by("campaign", maintain_order=True).agg(name, pl.len().alias("messages"), *counted)
        unknown = pl.Schema({"findings": pl.UInt32, "customers": pl.UInt32, "severity": pl.String})
        none = (pl.lit(None, dtype).alias(name) for name, dtype in unknown.items())
        counted_only(flows.with_columns(*none).sort("messages", "campaign", descending=[True, False]))
        decided = self._findings.filter(pl.col("verdict") != "cannot_tell")
        blamed = (
            decided.select("id", "customer", "severity", "messages")
            .explode("messages", empty_as_null=False)
            .join(sent.select("customer_id", "event_id", "campaign"), left_on=("customer", "messages"),
                  right_on=("customer_id", "event_id"))
            .group_by("campaign")
            .agg(pl.struct("customer", "id").n_unique().alias("findings"), pl.col("customer").n_unique().alias("customers"),
                 pl.col("severity").sort_by(severity_rank()).first())
        )  # fmt: skip
        worst = (severity_rank(), "findings", "messages", "campaign")
        return (
            flows.join(blamed, on="campaign", how="left")
            .with_columns(pl.col("findings", "customers").fill_null(0))
            .sort(*worst, descending=[False, True, True, False], nulls_last=True)
        )

    def pressure(self, progress: Progress) -> Pressure:
        """Messages a person a week, over all senders."""
        from audit.population.message_pressure import pressure

        self._opened.viewer.require("list")
        return pressure(self._opened.everybody, self._opened.workspace.at, progress)

    def audience(self, campaign: str) -> AudienceDocument:
        """Who got a campaign (its id, or its name), and what sets them apart."""
        from audit.queries import audience

        self._opened.viewer.require("why")
        return audience.audience(self._opened.workspace, campaign)

    def reconcile(self, only: str) -> Agreement:
        """How far log and definitions agree: of all segments and strips, or only of the one with that key."""
        from audit.queries import reconcile

        self._opened.viewer.require("list")
        kind, _, name = only.partition(BETWEEN)
        selection: dict[str, Any] = {kind: name} if only else {}
        return agreement_frames(reconcile.reconcile(self._opened.workspace, limit=LISTED, **selection))

    # -- one customer ----------------------------------------------------------------------------------------------

    def resolve(self, text: str) -> str:
        """The pseudonym for an e-mail, a source id or a pseudonym. The text is neither kept nor shown."""
        self._opened.viewer.require("find")
        return self._opened.workspace.resolve(text)

    def read_letter(self, pasted: Pasted, customer: str | None) -> CaseOfLetter:
        """Whose letter it is (or that `customer`'s it is), and what it is about. Nothing of it is kept."""
        from audit.queries.complaints import answer

        for action in ("find", "show", "why"):
            self._opened.viewer.require(action)
        return answer.read(self._opened.workspace, pasted.text, customer=customer, whole=False)

    def _case(self, customer: str, without: tuple[str, ...]) -> Case:
        from audit.queries.case import read_case

        book = self._opened.workspace.book.revision()
        key = (customer, without, f"{self._opened.data_version()} {book}")
        if key not in self._cases:
            self._cases[key] = read_case(self._opened.workspace, customer, without=without)
            while len(self._cases) > CACHED_CASES:
                self._cases.popitem(last=False)
        return self._cases[key]

    def picture(self, customer: str, without: tuple[str, ...], *, whole: bool = True) -> Picture:
        """One customer, without the events left out. Unless `whole`, recommendations that would take long are left out."""
        from audit.findings.suggested_rule import only_rule
        from audit.population import coverage
        from audit.queries import customer as queries
        from audit.queries.reports.limits import line

        self._opened.viewer.require("show")
        case = self._case(customer, without)
        if not without:
            self._opened.note_case(customer)
        strips = whole or self._opened.workspace.has_all_facts()
        document = queries.picture(case, strips=strips)
        return Picture(
            customer,
            self._about(customer, case),
            line(coverage.of_document(document.coverage)),
            verdict_text.quick(document),
            timeline.rows(case.view.events(case.events)),
            timeline.weeks(case.events, case.context.at),
            document,
            without,
            strips,
            weekly_cap(self._opened.workspace.book.enabled()),
            only_rule(case.events),
        )

    def _about(self, customer: str, case: Case) -> tuple[str, ...]:
        country = case.events["country"].drop_nulls()
        masked = self._opened.workspace.vault.masked(*case.context.persons.ids(customer))
        start = case.events["occurred_at"].head(1).to_list()
        parts = [*(f"in the data since {moment:%Y-%m}" for moment in start), *country.tail(1)]
        parts += [f"e-mail {masked['email']}" if "email" in masked else ""]
        joined = case.context.persons.ids_with_times(customer)
        parts += (
            [f"{len(joined)} ids, one person since {max(one.since for one in joined):%Y-%m-%d}"]
            if joined
            else []
        )
        others = case.context.namesakes.get(customer, ())
        parts += [f"{len(others) + 1} ids of one address" if others else ""]
        return tuple(part for part in parts if part)

    def verdict(self, picture: Picture, finding: str = "") -> Verdict:
        """The verdict of a picture, or of that finding, with its causes and its remedy, which take longer than the picture."""
        from audit.errors import NotFoundError
        from audit.queries import remedies

        worst = verdict_text.worst_finding(picture.document, finding)
        if worst is None:
            return picture.verdict
        case = self._case(picture.customer, picture.without)
        mails = case.events.filter(case.events["event_id"].is_in(worst.messages))
        named = case.view.events(mails)["campaign_name"].fill_null(mails["campaign_id"])
        campaigns: Counter[str] = Counter(named.drop_nulls())
        explained: WhyDocument | None = None
        if len(mails):
            try:
                explained = self.explain(
                    picture.customer, Subject("message", mails["event_id"][-1]), picture.without
                )
            except NotFoundError:
                explained = None
        remedy_state = remedies.remedy(self._opened.workspace, worst)
        return verdict_text.whole(picture.document, explained, campaigns, finding, remedy_state)

    def try_rules(self, customer: str, without: tuple[str, ...], suggested: Document | None) -> RuleTrial:
        """What the book's enabled rules do to one customer's messages; where none is enabled, the suggested rule."""
        from audit.errors import NotFoundError
        from audit.events.messages import sent_messages
        from audit.queries.case import named_in
        from audit.rules import model
        from audit.rules.reference import verdicts

        self._opened.viewer.require("why")
        case = self._case(customer, without)
        rules = [rule for rule in self._opened.workspace.book.enabled() if rule.takes_part]
        description = f"{number(len(rules))} rule{'s' * (len(rules) != 1)} of the book"
        if not rules and suggested is None:
            raise NotFoundError(
                "no rule is switched on in the book, and none is suggested here; switch one on under Rules (3)"
            )
        if not rules:
            rules = [model.from_dict({**(suggested or {}), "enabled": True})]
            description = f"the suggested {rules[0].id}, not in the book"
        held_messages = verdicts.held_messages(
            case.events,
            case.context,
            rules,
            ids=named_in(self._opened.workspace, rules),
            causes=case.causes_read_by(rules),
        )
        return RuleTrial(
            customer,
            without,
            description,
            {
                mail.event_id: f"stopped by {mail.rule}: {mail.text}"
                for mail in held_messages
                if mail.until is None
            },
            {
                mail.event_id: f"deferred to {moment(mail.until)}"
                for mail in held_messages
                if mail.until is not None
            },
            sent_messages(case.events).height,
        )

    def derivable_messages(self, customer: str, without: tuple[str, ...]) -> frozenset[str]:
        """The messages (event_ids) that our definitions give."""
        from audit import why
        from audit.events.messages import messages

        case = self._case(customer, without)
        sent = messages(case.events)["event_id"]
        return frozenset(
            event for event in sent if why.message(case.events, case.context, event).standing == "derived"
        )

    def explain(self, customer: str, subject: Subject, without: tuple[str, ...]) -> WhyDocument:
        """Why one message, segment or item was decided, or a finding is listed."""
        from audit.queries import documents

        self._opened.viewer.require("why")
        selection: dict[str, Any] = {subject.kind: subject.id}
        return documents.explanation(self._case(customer, without), **selection)

    def nearest_to_leave_out(self, customer: str, events: tuple[str, ...]) -> tuple[str, ...]:
        """Events without which some of the customer's messages would be stopped: those asked for, else the nearest; else none."""
        from audit.queries import remedies

        self._opened.viewer.require("propose")
        return remedies.nearest_to_leave_out(self._case(customer, ()), events)

    def languages(self, kind: str) -> tuple[str, ...]:
        """The codes of the languages of a kind of report, and of words to read out (`reply`), the preferred one first."""
        from audit.queries import locales

        first = locales.preferred(kind)
        return (first, *(code for code in locales.of_kind(kind) if code != first))

    def language(self, kind: str, wanted: str) -> str:
        """The language that is wanted, where this kind is written in it; else the preferred one."""
        languages = self.languages(kind)
        return wanted if wanted in languages else languages[0]

    def customer_wording(self, picture: Picture, document: WhyDocument, locale: str) -> OfferedText:
        """An explanation in words that one could read to the customer; a refusal where there are none."""
        from audit.errors import InputError
        from audit.queries import locales
        from audit.queries.reports import aloud

        self._opened.viewer.require("why")
        full_picture = picture if picture.whole else self.picture(picture.customer, ())
        title = f"Words for the customer · {locales.name(locale)}"
        try:
            return OfferedText(title, "\n".join(aloud(document, full_picture.document, locale=locale)))
        except InputError as error:
            return OfferedText(title, "", str(error))

    def report(self, customer: str, kind: str, locale: str, finding: str = "") -> CaseReport:
        """The internal note or the reply, in a language, about one finding; by default about the one that is asked for first."""
        from audit.errors import InputError
        from audit.queries import documents, locales, remedies, reports

        viewer, workspace = self._opened.viewer, self._opened.workspace
        viewer.require("report")
        title = f"{REPORTS[kind]} · {locales.name(locale)}"
        case = self._case(customer, ())
        findings = remedies.findings(case)
        answered = reports.chosen(findings, finding or None)
        about = CaseReport(
            title, "", findings=tuple(row.id for row in findings if row.verdict != "cannot_tell")
        )
        if answered is not None:
            remedy_state = remedies.remedy(workspace, answered)
            covered = remedy_state.covered_by.in_words if remedy_state.covered_by is not None else ""
            about = replace(
                about,
                finding=answered.id,
                about=answered.text,
                rule=answered.suggested_rule if remedy_state.state == "none" else None,
                no_rule=verdict_text.proposed(remedy_state) or covered or "no rule is suggested for this",
            )
        try:
            report = documents.written(
                case,
                workspace,
                kind=kind,
                locale=locale,
                finding=answered.id if answered is not None else None,
                ticket=viewer.ticket,
                reason=viewer.reason,
            )
        except InputError as error:
            return replace(about, refusal=str(error))
        return replace(about, text=report.written("txt" if kind == "reply" else "md"))


LISTED = 5_000
"""House value: so many disagreements are listed at once; how many there are is said."""
