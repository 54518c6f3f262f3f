"""The session on a real workspace: the one module of the screens that calls the core.

polars and the databases are loaded inside the methods, that is: in workers, after the first paint.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any

from tui import recent
from tui.rendering import timeline, verdict_text
from tui.rendering.text import number
from tui.rendering.wording import moment
from tui.session.rules import RuleDesk
from tui.session.view_models import (
    Agreement,
    Document,
    Opening,
    Picture,
    Subject,
    Triage,
    Tried,
    Verdict,
    Written,
)

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from audit.privacy.roles import Viewer
    from audit.queries.case import Case

KEPT_CASES = 8
"""Histories kept, so that moving through a timeline reads nothing again."""


CHECKS = ("check", "severity", "findings", "customers")
"""The columns of the findings by check."""

REPORTS = {"internal": "Internal note", "reply": "Reply to the customer"}
LANGUAGES = {"en": "English", "de": "German"}


class CoreSession(RuleDesk):
    """Answers from `audit`. `viewer` says who looks, in which role and for which ticket."""

    def __init__(self, folder: Path, viewer: Viewer, *, first: str | None = None) -> None:
        super().__init__(folder, viewer)
        self._first = first
        self._finding = threading.Lock()
        self._findings: tuple[str, pl.DataFrame] | None = None
        self._cases: OrderedDict[tuple[str, tuple[str, ...], str], Case] = OrderedDict()

    def open(self) -> Opening:
        from audit.population.coverage import line

        info = self.workspace.info
        return Opening(
            info.path.name,
            info.customers,
            info.events,
            line(self.workspace.coverage),
            self._viewer.name,
            self._viewer.ticket,
            self._viewer.may("list"),
            self._viewer.reason,
            None if self._first is None else self.workspace.resolve(self._first),
        )

    def recent(self) -> tuple[str, ...]:
        return recent.read(self._folder)

    def warm(self) -> None:
        from audit.queries import documents  # noqa: F401 - what is wanted is that it is loaded

        self.workspace.vault.resolve("")
        facts = self.workspace.facts()
        _ = (
            facts.also_bought,
            facts.bought_together,
            facts.usual,
        )  # seconds where much was bought, once a generation

    # -- everybody -------------------------------------------------------------------------------------------------

    def standing(self) -> str:
        from hashlib import sha256

        from audit.rules import files

        declared = files.dump(self.workspace.context().declared)
        return f"{self.workspace.version}-{sha256(declared.encode()).hexdigest()}"

    @property
    def _found(self) -> pl.DataFrame:
        """Everybody's findings, as long as what they rest on stands."""
        from audit import findings

        with self._finding:
            standing = self.standing()
            if self._findings is None or self._findings[0] != standing:
                self._findings = (standing, findings.find(self.everybody, self.workspace.context()))
            return self._findings[1]

    def triage(self) -> Triage:
        import polars as pl

        from audit import findings
        from audit.queries import findings_documents

        self._viewer.require("list")
        sensitive = self._viewer.names_sensitive
        listed = findings.triage(
            self.everybody, self.workspace.context(), self._found, names_sensitive=sensitive
        )
        key = pl.format("{} {}", "check", "severity").alias("key")
        checks = findings_documents.totals_of(self._found).with_columns(key)
        return Triage(listed, checks, self._found.select(key, "customer").unique())

    def campaigns(self) -> pl.DataFrame:
        import polars as pl

        from audit.events.messages import messages
        from audit.events.vocabulary import campaign_expr
        from audit.findings import severity_rank

        self._viewer.require("list")
        campaign = campaign_expr(pl.lit("(no campaign)")).alias("campaign")
        sent = messages(self.everybody).filter("sent").with_columns(campaign)
        told = self._found.filter(pl.col("verdict") != "cannot_tell").select(
            "id", "customer", "severity", "messages"
        )
        blamed = (
            told.explode("messages", empty_as_null=False)
            .join(sent.select("customer_id", "event_id", "campaign"), left_on=("customer", "messages"),
                  right_on=("customer_id", "event_id"))
            .group_by("campaign")
            .agg(pl.struct("customer", "id").n_unique().alias("findings"), pl.col("customer").n_unique().alias("customers"),
                 pl.col("severity").sort_by(severity_rank()).first())
        )  # fmt: skip
        flows = sent.group_by("campaign").agg(pl.len().alias("messages"), pl.col("clicked").sum())
        return (
            flows.join(blamed, on="campaign", how="left")
            .with_columns(pl.col("findings", "customers").fill_null(0))
            .sort(
                severity_rank(),
                "findings",
                "messages",
                "campaign",
                descending=[False, True, True, False],
                nulls_last=True,
            )
        )

    def reconcile(self, only: str) -> Agreement:
        from audit.queries import reconcile
        from tui.rendering import reconcile_frames

        self._viewer.require("list")
        what, _, name = only.partition(reconcile_frames.BETWEEN)
        asked: dict[str, Any] = {what: name} if only else {}
        sensitive = self._viewer.names_sensitive
        return reconcile_frames.frames(
            reconcile.reconcile(
                self.workspace, limit=reconcile_frames.LISTED, names_sensitive=sensitive, **asked
            )
        )

    # -- one customer ----------------------------------------------------------------------------------------------

    def resolve(self, text: str) -> str:
        self._viewer.require("find")
        return self.workspace.resolve(text)

    def _case(self, customer: str, without: tuple[str, ...]) -> Case:
        from audit.queries.case import read_case

        key = (customer, without, self.standing())
        if key not in self._cases:
            self._cases[key] = read_case(self.workspace, customer, without=without)
            while len(self._cases) > KEPT_CASES:
                self._cases.popitem(last=False)
        return self._cases[key]

    def picture(self, customer: str, without: tuple[str, ...], *, whole: bool = True) -> Picture:
        from audit.population.coverage import line
        from audit.queries import customer as queries

        self._viewer.require("show")
        case = self._case(customer, without)
        if not without:
            recent.note(self._folder, customer)
        strips = whole or self.workspace.has_all_facts()
        document = queries.picture(case, names_sensitive=self._viewer.names_sensitive, strips=strips)
        return Picture(
            customer,
            self._about(customer, case),
            line(self.workspace.coverage),
            verdict_text.quick(document),
            timeline.rows(case.events),
            timeline.weeks(case.events, case.context.at),
            document,
            without,
            strips,
        )

    def _about(self, customer: str, case: Case) -> tuple[str, ...]:
        country = case.events["country"].drop_nulls()
        masked = self.workspace.identity(customer)
        first = case.events["occurred_at"].head(1).to_list()
        said = [*(f"in the data since {moment:%Y-%m}" for moment in first), *country.tail(1)]
        said += [f"e-mail {masked['email']}" if "email" in masked else ""]
        return tuple(text for text in said if text)

    def verdict(self, picture: Picture) -> Verdict:
        from audit.errors import NotFoundError

        worst = verdict_text.worst_finding(picture.document)
        if worst is None:
            return picture.verdict
        case = self._case(picture.customer, picture.without)
        mails = case.events.filter(case.events["event_id"].is_in(worst.messages))
        campaigns: Counter[str] = Counter(mails["campaign_id"].drop_nulls())
        explained: Document | None = None
        if len(mails):
            try:
                explained = self.explain(
                    picture.customer, Subject("message", mails["event_id"][-1]), picture.without
                )
            except NotFoundError:
                explained = None
        stopped = self._stopped_by(case, worst.suggested_rule)
        proven = len(stopped & set(worst.messages))
        return verdict_text.whole(picture.document, explained, campaigns, proven, len(worst.messages))

    def _stopped_by(self, case: Case, keys: Document | None) -> set[str]:
        from audit.queries import documents
        from audit.rules import model
        from audit.rules.reference import verdicts

        if keys is None:
            return set()
        rule = model.from_dict({**keys, "enabled": True})
        causes = documents.causes_for([rule], case.events, case.context)
        return set(verdicts.stopped_by(case.events, case.context, rule, causes=causes))

    def tried(self, customer: str, without: tuple[str, ...], suggested: Document | None) -> Tried:
        from audit.errors import NotFoundError
        from audit.events.messages import sent_messages
        from audit.queries import documents
        from audit.rules import model
        from audit.rules.reference import verdicts

        self._viewer.require("why")
        case = self._case(customer, without)
        rules = [rule for rule in self.workspace.book.enabled() if rule.takes_part]
        named = f"{number(len(rules))} rule{'s' * (len(rules) != 1)} of the book"
        if not rules and suggested is None:
            raise NotFoundError("no rule is switched on in the book, and none is suggested here")
        if not rules:
            rules = [model.from_dict({**(suggested or {}), "enabled": True})]
            named = f"the suggested {rules[0].id}, not in the book"
        held = verdicts.held_messages(
            case.events,
            case.context,
            rules,
            ids=documents.named_in(self.workspace, rules),
            causes=documents.causes_for(rules, case.events, case.context),
        )
        return Tried(
            customer,
            without,
            named,
            {one.event_id: f"stopped: {one.text} ({one.rule})" for one in held if one.until is None},
            {one.event_id: f"deferred to {moment(one.until)}" for one in held if one.until is not None},
            sent_messages(case.events).height,
        )

    def derived(self, customer: str, without: tuple[str, ...]) -> frozenset[str]:
        from audit import why
        from audit.events.messages import messages

        case = self._case(customer, without)
        sent = messages(case.events)["event_id"]
        return frozenset(
            event for event in sent if why.message(case.events, case.context, event).standing == "derived"
        )

    def explain(self, customer: str, subject: Subject, without: tuple[str, ...]) -> Document:
        from audit.queries import documents

        self._viewer.require("why")
        asked: dict[str, Any] = {subject.kind: subject.id}
        return documents.explanation(
            self._case(customer, without),
            self.workspace,
            **asked,
            names_sensitive=self._viewer.names_sensitive,
        )

    def words(self, picture: Picture, document: Document, locale: str) -> Written:
        from audit.errors import InputError
        from audit.queries.reports import aloud

        self._viewer.require("why")
        whole = picture if picture.whole else self.picture(picture.customer, ())
        title = f"Words for the customer · {LANGUAGES[locale]}"
        try:
            return Written(title, "\n".join(aloud(document, whole.document.to_json(), locale=locale)))
        except InputError as error:
            return Written(title, "", str(error))

    def report(self, customer: str, kind: str, locale: str) -> Written:
        from audit.errors import InputError
        from audit.queries import documents

        self._viewer.require("report")
        title = f"{REPORTS[kind]} · {LANGUAGES[locale]}"
        try:
            made = documents.written(
                self._case(customer, ()),
                self.workspace,
                kind=kind,
                locale=locale,
                names_sensitive=self._viewer.names_sensitive,
            )
        except InputError as error:
            return Written(title, "", str(error))
        return Written(title, made.written("md"))

    # -- files -----------------------------------------------------------------------------------------------------

    def keep(self, name: str, text: str) -> str:
        from audit.errors import WorkspaceError

        folder = self._folder / "exports"
        path = folder / name.replace("/", "_")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise WorkspaceError(f"{path}: cannot be written: {error.strerror}") from error
        return str(path)
