"""A session without a core: fixed answers, so that the screens' tests see only the screens."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
from msgspec import structs

from audit.errors import InputError, NotFoundError
from audit.events.schema import conform
from audit.findings.anomaly import OutOfPattern
from audit.ingest.preview import MapLine
from audit.ingest.report import FileReport, ImportReport
from audit.population.audience import AtEqualBreadth, SetsApart
from audit.population.coverage import CoverageDocument
from audit.population.message_pressure import Bar, Pressure
from audit.queries.audience import NOTES, AudienceDocument
from audit.queries.customer import CustomerPicture, Membership, MessageCounts, Recommendation
from audit.queries.findings_documents import Finding
from audit.queries.rule_check import RuleCheck, RuleWarning
from audit.rules.book.plan import Effect
from audit.rules.replay.curve import curve
from audit.rules.replay.outcomes import Rates, share
from audit.rules.replay.totals import Displacement, Figures, ReplayDocument, SweepDocument, SweepPoint
from audit.rules.vendor_semantics.preset_comparison import ComparisonDocument
from audit.why import WhyDocument
from tui.rendering.text import listed
from tui.session import Name, Names
from tui.session.core import CoreSession
from tui.session.customers import Customers
from tui.session.intake import Looked
from tui.session.view_models import (
    Agreement,
    CaseReport,
    Change,
    Document,
    Draft,
    Drawing,
    Entry,
    Field,
    KeptRoom,
    OfferedText,
    Opening,
    Picture,
    Plan,
    ProposalCase,
    ProposalGroup,
    ProposalSummary,
    RuleTrial,
    Sample,
    Subject,
    Triage,
    Verdict,
    Week,
    WeeklyCap,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tui.session.view_models import Progress

DATA = "data: orders to 21 Nov 2026 09:12 · mails to 20 Nov 23:59 · no opens · gap 3–5 Oct"
BOUGHT = datetime(2025, 11, 4, 10, 12, tzinfo=UTC)
RULE = {
    "id": "until-repurchase", "kind": "cooldown", "title": "No mails about what was just bought", "after": "order_completed",
    "same": "category", "depth": 2, "window": "repurchase", "fallback": "365d",
}  # fmt: skip


def _followed(clicks: int, orders: int) -> Rates:
    """Clicks and orders that followed on some messages, and nothing else."""
    nothing = share(0, 0)
    return Rates(
        messages=100,
        response=share(clicks, 100),
        order=share(orders, 100),
        complaint=nothing,
        opt_out=nothing,
    )


class FakeIntake:
    """Knows `orders.csv` as one of ours; of any other file it suggests a map, of `bad.csv` it says what is wrong."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[tuple[Any, ...]] = []

    def formats(self) -> tuple[str, ...]:
        return ("Klaviyo", f"Shop of {self.name}")

    def entries(self, folder: str) -> dict[str, str]:
        return {"/data/": "the folder above", f"{folder}/old/": "folder", f"{folder}/mails.csv": "12 KB"}

    def look(self, path: str, choices: Mapping[str, str]) -> Looked:
        self.asked.append(("look", path, dict(choices)))
        if "bad" in path:
            raise InputError(
                f"{path}: has no readable header line; write the names of its columns into the first"
            )
        ours = ("kept as it is", "not kept", "customer_id", "occurred_at", "kind", "subject")
        lines = (
            ("column:Contact", "Contact", ("a•••@•••.com",), "customer_id", "customer_id: Contact holds addresses"),
            ("zone", "times are read in", (), "UTC", "times carry no offset: in which zone they are read must be said"),
            ("column:Sent", "Sent", ("03.11.2026 08:00", "05.11.2026 08:00"), "occurred_at", ""),
            ("column:Betreff", "Betreff", (self.name, "Nur noch heute"), "subject", ""),
            ("word:zugestellt", "“zugestellt” means", (), "message_delivered", ""),
        )  # fmt: skip
        form = tuple(MapLine(id=ident, name=name, values=values, becomes=choices.get(ident, becomes), doubt=doubt, may=ours) for ident, name, values, becomes, doubt in lines)  # fmt: skip
        sample = ImportReport(
            [FileReport(path=path, format="map", rows=1000, accepted=996, quarantined=4)],
            996,
            420,
            BOUGHT,
            BOUGHT + timedelta(days=9),
        )
        events = pl.DataFrame(
            {
                "occurred_at": [BOUGHT + timedelta(hours=at) for at in range(20)],
                "customer_id": [f"c_{at:08d}" for at in range(20)],
                "kind": ["message_delivered", "message_opened"] * 10,
                "subject": [f"{self.name} {at}" for at in range(20)],
            }
        )
        reads = "Shopify: orders export (shopify)" if "orders" in path else ""
        return Looked(
            path, reads, () if reads else form, (), sample.document(), False, conform(events), {}, {"occurred_at is no time": 4}, 1
        )  # fmt: skip


class FakeSession:
    """Answers every set of questions itself, at once. `name` stands in for every text that data could bring."""

    def __init__(self, name: str = "Nail clipper", *, people: int = 40) -> None:
        self.customers = self.rules = self.replays = self.proposals = self.catalogue = self
        self.intake = FakeIntake(name)
        self.name = name
        self.people = people
        self.odd: list[dict[str, Any]] = []
        self.asked: list[tuple[Any, ...]] = []
        self.kept: dict[str, str] = {}
        self.answered: set[str] = set()
        self.stands = "as it was"
        self.book = [
            Entry("email-weekly-cap", 3, True, {
                "id": "email-weekly-cap", "kind": "frequency_cap", "title": f"At most three a week ({name})",
                "channels": ["email"], "limit": 3, "window": "7d",
            }, f"3 in 7d · email · {name}", (
                Field("title", f"At most three a week ({name})"), Field("limit", "3", needed=True),
                Field("window", "7d", needed=True), Field("channels", "email", named=True), Field("except_campaigns", ""),
                Field("message_classes", "marketing", "marketing"), Field("on_fail", "", "drop", hint="drop, or defer: it goes out later", choices=("drop", "defer"), single=True), Field("note", name),
                Field("week_start", "", "monday", hint="first day of a calendar week", matters=False),
            )),
            Entry("until-repurchase", 1, True, dict(RULE), "until the re-purchase is due", (Field("window", "repurchase", needed=True),)),
            Entry("quiet-hours-us", 2, False, {"id": "quiet-hours-us", "kind": "quiet_hours", "quiet": "21:00-08:00"}, "21:00-08:00, deferred"),
        ]  # fmt: skip

    def open(self, _: object = None) -> Opening:
        return Opening("demo", 2013, 214332, DATA, role="operator")

    def data_version(self) -> str:
        return self.stands

    def warm(self) -> None:
        self.asked.append(("warm",))

    def recent(self) -> tuple[str, ...]:
        return ("c_00000007", "c_00000003")

    def names(self) -> tuple[Name, ...]:
        rules = (Name("rule", entry.key, str(entry.keys.get("title", "")), entry.gist) for entry in self.book)
        return (
            Name("campaign", "nail-weekly", f"{self.name} weekly", "980 mails to 120 customers"),
            Name("segment", "in-market", f"Interested in {self.name}", "marketing · behavioral"),
            *rules,
        )

    def customers_like(self, words: tuple[str, ...]) -> Names:
        frame = self.triage().customers
        fits = [
            Name("customer", row["customer"], "", row["headline"])
            for row in frame.iter_rows(named=True)
            if any(row["customer"].startswith(word) for word in words)
            or all(word in row["headline"].lower() for word in words)
        ]
        return Names(tuple(fits[:12]), len(fits))

    def triage(self) -> Triage:
        severities = ["high", "medium", "low", "info"]
        rows = [
            {
                "customer": f"c_{at:08d}",
                "severity": severities[min(at * 4 // self.people, 3)],
                "headline": f"{at + 3} mails about {self.name} since one was bought",
                "messages": 120 - at,
                "findings": 1 + at % 5,
                "last": BOUGHT + timedelta(days=300 + at),
            }
            for at in range(self.people)
        ]
        checks = pl.DataFrame(
            [
                {
                    "key": "repeat high",
                    "check": "repeat-after-purchase",
                    "severity": "high",
                    "findings": 214,
                    "customers": 180,
                },
                {
                    "key": "over medium",
                    "check": "over-frequency",
                    "severity": "medium",
                    "findings": 180,
                    "customers": 170,
                },
                {
                    "key": "out low",
                    "check": f"after-opt-out {self.name}",
                    "severity": "low",
                    "findings": 31,
                    "customers": 31,
                },
            ]
        )
        members = pl.DataFrame({"key": ["repeat high"] * 3, "customer": [f"c_{at:08d}" for at in range(3)]})
        return Triage(pl.DataFrame(rows), checks, members)

    def campaigns(self, counted_only: Callable[[pl.DataFrame], object] = lambda _: None) -> pl.DataFrame:
        del counted_only
        return pl.DataFrame(
            {
                "campaign": ["browse-retarget", "kindle-specials"],
                "name": [f"Browsed {self.name}", "kindle-specials"],
                "severity": ["high", "medium"],
                "findings": [120, 40],
                "customers": [110, 40],
                "messages": [12000, 4400],
                "clicked": [130, 2],
                "delivered": [11900, 4400],
                "opened": [3000, 0],
                "bounced": [100, 0],
                "complained": [0, 3],
            }
        )

    def pressure(self, progress: Progress) -> Pressure:
        self.asked.append(("pressure",))
        counts = (
            (0, 0, 52000, 12),
            (1, 1, 26000, 400),
            (2, 2, 9000, 700),
            (3, 5, 2400, 600),
            (6, None, 3, 1),
        )
        return Pressure(date(2025, 11, 17), 52, 2013, 55_000, tuple(Bar(*one) for one in counts))

    def audience(self, campaign: str) -> AudienceDocument:
        if campaign == "kindle-specials":
            raise NotFoundError("no campaign of that id or name was sent; `whysent map` lists them")
        facts = tuple(
            SetsApart(
                what="bought", value=f"Beauty > {self.name} {at}", level=2, item_id=None, window="90d", recipients=820 - at,
                recipients_share=0.82 - at / 10, others=100, others_share=0.05,
                at_equal_breadth=AtEqualBreadth(act="bought", window="90d", kinds=40, others_kinds=12, others_share=0.05 if at else 0.7, holds=at > 0), lift=16.4, interval=(12.0, 20.0),
                p_adjusted=0.001, median_days_before=12.0, sensitive=at == 1, topic="health" if at == 1 else None,
            )
            for at in range(5)
        )  # fmt: skip
        return AudienceDocument(
            campaign=campaign, title=f"{self.name} deals", at=BOUGHT, recipients=1000, others=2000, window="365d",
            sets_apart=facts, explains=0.97, withheld=0, outcome="apart", note=NOTES["apart"], first=BOUGHT,
            last=BOUGHT + timedelta(days=3),
        )  # fmt: skip

    def resolve(self, text: str) -> str:
        if text not in {"c_00000000", "mara@example.org", "4711"}:
            raise NotFoundError("no customer is known by that; nothing of it was kept")
        return "c_00000000"

    def picture(self, customer: str, without: tuple[str, ...], *, whole: bool = True) -> Picture:
        del whole
        self.asked.append(("picture", customer, without))
        return Picture(
            customer,
            ("customer since 2024-05", "DE", "e-mail m•••@•••.de"),
            DATA,
            self._verdict(full=False),
            self._timeline(),
            self._weeks(),
            self._document(customer, without),
            without,
            cap=WeeklyCap("email-weekly-cap", 3, "email, marketing"),
        )

    def verdict(self, picture: Picture, finding: str = "") -> Verdict:
        return self._verdict(full=True)

    def _verdict(self, *, full: bool) -> Verdict:
        text = f"11 mails about {self.name} since one was bought on 2025-11-04."
        if not full:
            return Verdict("high", text)
        return Verdict(
            "high",
            text,
            "Could be: browse-retarget-beauty (7), new-for-you (4).",
            "Neither ends by itself.",
            "A cooldown until a re-purchase is due would have stopped 11 of 11.",
            RULE,
        )

    def _timeline(self) -> pl.DataFrame:
        rows: list[dict[str, Any]] = [
            {
                "key": f"m-{at}", "events": [f"m-{at}", f"open-{at}"], "message": f"m-{at}", "campaign": "deals", "group": "mail",
                "at": BOUGHT + timedelta(days=30 * at + 20), "sign": "✉", "what": f"{self.name} deals",
                "note": "clicked" if at == 11 else "–",
            }
            for at in range(1, 12)
        ]  # fmt: skip
        rows += [
            {
                "key": key, "events": [key], "message": None, "campaign": None, "group": "behaviour", "at": when, "sign": sign,
                "what": what, "note": note,
            }
            for key, when, sign, what, note in (
                ("o-1841", BOUGHT, "●", f"bought {self.name}", "12.50 EUR"),
                ("v-1", BOUGHT + timedelta(days=350), "○", f"viewed {self.name} files", ""),
                ("s-1", BOUGHT + timedelta(days=3), "?", f"searched {self.name}", ""),
            )
        ]  # fmt: skip
        return pl.DataFrame(rows).sort("at", "key", descending=True)

    def _weeks(self) -> tuple[Week, ...]:
        monday = date(2025, 11, 3)
        return tuple(
            Week(
                monday + timedelta(weeks=at), 1 + at % 4 if at % 3 == 0 else 0, {0: "●", 50: "○"}.get(at, "")
            )
            for at in range(55)
        )

    def _document(self, customer: str, without: tuple[str, ...]) -> CustomerPicture:
        here = "o-1841" not in without
        segment: dict[str, Any] = {
            "id": "beauty", "title": f"Interested in {self.name}", "basis": "behavioral", "standing": "derived",
            "logged": False, "derived": True, "since": "2025-11-04T10:12:00Z", "until": None, "sensitive": False,
            "purpose": "personalization", "evidence": ["o-1841", "v-1"], "until_why": "lasting", "ends_with": [],
            "logged_as": None, "logged_events": None, "source": None, "reason": None, "absent": None,
            "until_text": "It goes on: nothing that we know of ends it.",
        }  # fmt: skip
        logged = segment | {
            "id": "autos", "title": "In-market: autos", "standing": "unexplained", "logged": True, "derived": False,
            "evidence": [],
        }  # fmt: skip
        new = segment | {"id": "new-customer", "title": "New customer", "evidence": ["v-1"]}
        recommendation = {
            "item_id": "i-1", "strategy": "also_bought", "title": f"{self.name} file set", "score": 0.4,
            "standing": "derived", "logged": False, "derived": True, "reason": "bought with what was bought",
            "evidence": ["o-1841"], "until": None, "own_items": None, "also_by": [], "shown": None, "last_shown": None,
            "until_why": "lasting", "until_text": "", "ends_with": [],
        }  # fmt: skip
        shown = recommendation | {
            "item_id": "i-2",
            "title": "Camera X100",
            "standing": "stated",
            "logged": True,
            "evidence": ["v-1"],
        }
        finding = {
            "id": "repeat-after-purchase-beauty", "customer": customer, "check": "repeat-after-purchase",
            "title": "Mails about what was just bought", "severity": "high", "verdict": "risk", "case": "beauty",
            "text": f"11 mails about {self.name} since one was bought on 2025-11-04.",
            "from": "2025-11-24T10:12:00Z", "to": "2026-10-20T10:12:00Z", "count": 11,
            "total": 11, "excess": None,
            "messages": [f"m-{at}" for at in range(1, 12)], "cause": ["o-1841"], "evidence": ["o-1841"],
            "subject": "beauty", "sources": ["house value: five in a year"], "suggested_rule": RULE,
        }  # fmt: skip
        streak = finding | {
            "id": "ignored-streak", "check": "ignored-streak", "title": "No click recorded", "severity": "medium",
            "text": "8 mails in a row without a click recorded.", "count": 8, "total": 8, "cause": [], "suggested_rule": None,
        }  # fmt: skip
        counts = ("attempted", "sent", "suppressed", "opened", "machine_opened", "clicked", "orphans")
        odd = [one for one in self.odd if not set(one["evidence"]) <= set(without)]
        return CustomerPicture(
            customer=customer,
            at=BOUGHT + timedelta(days=382),
            events=40,
            first=BOUGHT,
            last=BOUGHT,
            coverage=CoverageDocument(sources=(), kinds={}, absent=(), gaps=(), ends={}),
            messages=MessageCounts(**dict.fromkeys(counts, 11), by_channel={}, by_campaign={}),
            segments=msgspec.convert([segment, logged] if here else [logged, new], tuple[Membership, ...]),
            recommendations=msgspec.convert(
                [shown, recommendation] if here else [shown], tuple[Recommendation, ...]
            ),
            findings=msgspec.convert([finding, streak] if here else [streak], tuple[Finding, ...]),
            personas=(),
            unanswered=(),
            out_of_pattern=msgspec.convert(odd, tuple[OutOfPattern, ...]),
        )

    def try_rules(self, customer: str, without: tuple[str, ...], suggested: Document | None) -> RuleTrial:
        self.asked.append(("try_rules", customer, without, suggested))
        stopped = {
            f"m-{at}": f"stopped by {self.name}: 3 messages had gone out in the 7 days before it, and 3 may"
            for at in (11, 9)
        }
        return RuleTrial(
            customer, without, "2 rules of the book", stopped, {"m-10": "deferred to 2026-09-28 08:00"}, 11
        )

    def derivable_messages(self, customer: str, without: tuple[str, ...]) -> frozenset[str]:
        return frozenset() if "o-1841" in without else frozenset({"m-7", "m-8"})

    def explain(self, customer: str, subject: Subject, without: tuple[str, ...]) -> WhyDocument:
        self.asked.append(("explain", customer, subject, without))
        document = {
            "customer": customer, "at": "2026-11-21T09:12:00Z", "until_why": "unknown", "ends_with": [], "counts_until": None,
            "reconstruction": None, "left_out": [],
            "subject": {"type": subject.kind, "id": subject.id, "title": f"{self.name} deals", "at": "2026-11-03T09:00:00Z"},
            "standing": "inferred",
            "until": None,
            "until_text": "Nothing in this data says when it stops.",
            "because": [
                {"text": f"it is about Beauty > Nails ({self.name})", "events": ["m-8"], "absent": None, "because": []},
                {
                    "text": f"could be: bought {self.name} on 2025-11-04, the only order of that kind in the data",
                    "events": ["o-1841"],
                    "absent": None,
                    "because": [{"text": "no order since", "events": [], "absent": None, "because": []}],
                },
                {"text": f"could be: viewed {self.name} files", "events": ["v-1"], "absent": None, "because": []},
            ],
            "evidence": ["o-1841", "v-1"],
            "counterfactual": {
                "remove": ["o-1841"], "add": [], "outcome": "the segment would not be there", "minimal": True,
                "smallest": True, "method": "exact",
            },
            "rules": [
                {
                    "id": "until-repurchase", "version": 1, "verdict": "stops", "counted": ["o-1841"],
                    "text": f"an order of the same kind ({self.name}) lies in the window", "next_allowed_at": None,
                }
            ],
        }  # fmt: skip
        return msgspec.convert(document, WhyDocument)

    def nearest_to_leave_out(self, customer: str, events: tuple[str, ...]) -> tuple[str, ...]:
        self.asked.append(("nearest_to_leave_out", customer, events))
        first = events[0]
        return () if first == "s-1" else ("o-1841",) if first.startswith("m-") else events

    def languages(self, kind: str) -> tuple[str, ...]:
        return ("en", "de") if kind == "internal" else ("en", "de", "fr")

    language = Customers.language

    def customer_wording(self, picture: Picture, document: WhyDocument, locale: str) -> OfferedText:
        self.asked.append(("customer_wording", picture.customer, document.subject.id, locale))
        said = {"en": "We sent you", "de": "Wir haben Ihnen geschickt:", "fr": "Nous vous avons envoyé"}[
            locale
        ]
        return OfferedText(f"Words · {locale}", f"{said} {self.name} deals.\n– you bought {self.name}")

    def report(self, customer: str, kind: str, locale: str, finding: str = "") -> CaseReport:
        self.asked.append(("report", customer, kind, locale, finding))
        findings = ("f_1", "f_2")
        about = finding or findings[0]
        rule = (
            None
            if any(asked[0] == "propose" for asked in self.asked)
            else {"id": "cap", "title": "At most three"}
        )
        return CaseReport(
            f"{kind} · {locale}",
            f"# {self.name}\n\nA note about {customer}, {locale}.",
            finding=about,
            findings=findings,
            about=f"Eleven mails, {about}.",
            rule=rule,
        )

    def reconcile(self, only: str) -> Agreement:
        self.asked.append(("reconcile", only))
        agreed = [
            {
                "key": "segment:beauty",
                "title": f"Interested in {self.name}",
                "both": 90,
                "logged_only": 8,
                "derived_only": 2,
                "agreement": 0.9,
            },
            {
                "key": "strip:also_bought",
                "title": "strip: also bought",
                "both": 0,
                "logged_only": 0,
                "derived_only": 400,
                "agreement": None,
            },
        ]
        apart = [
            {
                "key": f"apart-{at}",
                "customer": f"c_{at:08d}",
                "where": f"Interested in {self.name}",
                "title": self.name,
                "side": "derived_only" if at % 3 else "logged_only",
                "since": f"2026-10-{at + 10}T09:00:00Z",
                "text": f"no act of theirs that our definition looks at ({self.name})",
            }
            for at in range(10)
        ]
        return Agreement(pl.DataFrame(agreed), pl.DataFrame(apart[:2] if only else apart), 410)

    def entries(self) -> tuple[Entry, ...]:
        if "p1" in self.answered:
            return tuple(self.book)
        asked = {"id": "sunset-kindle", "kind": "sunset", "unengaged": 5}
        fields = (Field("unengaged", "5", needed=True),)
        return (
            *self.book,
            Entry(
                "sunset-kindle",
                0,
                False,
                asked,
                "ticket 4711 · 5 without a response",
                fields,
                "p1",
                "proposed",
            ),
        )

    def kinds(self) -> Mapping[str, str]:
        return {
            "frequency_cap": "At most so many messages go out in some time.\nFor example: At most 3 marketing e-mails in any 7 days.",
            "cooldown": "Nothing goes out for some time after something the customer did.\nFor example: No marketing after an order.",
            "mute": "Nothing at all goes out of what it is about.\nFor example: No marketing messages of the campaign spring-sale.",
        }  # fmt: skip

    def blank(self, kind: str) -> Entry:
        return Entry(
            "",
            0,
            False,
            {"kind": kind},
            "",
            (Field("id", "", needed=True), Field("title", ""), Field("limit", "", needed=True)),
        )

    def draft(self, texts: Mapping[str, str]) -> Draft:
        self.asked.append(("draft", dict(texts)))
        keys = {
            key: int(text) if key == "limit" and text.isdigit() else text
            for key, text in texts.items()
            if text
        }
        wrong = (
            {"limit": f"{keys['limit']!r} is no whole number"} if isinstance(keys.get("limit"), str) else {}
        )
        return Draft(
            keys, wrong, "" if wrong else f"At most {keys.get('limit')} marketing e-mails in any 7 days."
        )

    def named(self, key: str) -> Mapping[str, int]:
        self.asked.append(("named", key))
        return {"newsletter": 120, "cart": 40, '"a, b"': 2}

    def check(self, keys: Document) -> RuleCheck:
        self.asked.append(("check", dict(keys)))
        odd = RuleWarning(kind="unknown", key="channels", name="carrot", nearest="cart")
        needless = RuleWarning(kind="covered", key="", rule="until-repurchase")
        return RuleCheck(
            id=str(keys["id"]), kind=str(keys["kind"]), reads=f"At most {keys.get('limit')} marketing e-mails in any 7 days.",
            messages=88_000, of=106_771, warnings=(odd, needless) if keys.get("channels") == "carrot" else (),
        )  # fmt: skip

    def prepare(self, running: Callable[[], bool]) -> None:
        self.asked.append(("ready",))

    def replay(
        self,
        keys: Document,
        customer: str | None,
        progress: Progress | None = None,
        sampled: Callable[[Sample], None] | None = None,
    ) -> ReplayDocument:
        self.asked.append(("replay", dict(keys), customer))
        rate = {"n": 100, "of": 16000, "rate": 0.006, "low": 0.004, "high": 0.009}
        rates = {"messages": 16000, **dict.fromkeys(("response", "order", "complaint", "opt_out"), rate)}
        document = {
            "rules": [], "messages": 1204511, "stopped": 214090, "deferred": 3120, "let_through": 980421, "exempt": 10000,
            "customers": 2013, "customers_affected": 1200, "by_rule": {keys["id"]: 214090},
            "displaced": [{"by": f"newsletter {self.name}", "stopped": "cart", "n": 12}],
            "stopped_wanted": {"opened": 10, "responded": 4, "converted": 2},
            "stopped_unwanted": {"complained": 1, "unsubscribed_next": 3},
            "rates": {"stopped": rates, "let_through": rates, "random_same_number": rates}, "complaints_known_for": 0.61,
        }  # fmt: skip
        return msgspec.convert(document, ReplayDocument)

    def keep_room(self, keys: Document, campaign: str, progress: Progress | None = None) -> KeptRoom:
        self.asked.append(("room", dict(keys), campaign))
        left = Displacement(by=f"newsletter {self.name}", stopped=campaign, n=3)
        extra = Displacement(by="cart", stopped=f"newsletter {self.name}", n=7)
        after = structs.replace(self.replay(keys, None), stopped=214_200, displaced=(extra, left))
        rule = {**keys, "id": "room-for-cart", "limit": 2, "except_campaigns": [campaign]}
        return KeptRoom(campaign, rule, apart=False, after=after)

    def offered(self, keys: Document) -> Entry:
        fields = tuple(Field(key, listed(value)) for key, value in keys.items() if key != "kind")
        return Entry("", 0, enabled=False, keys={"kind": keys["kind"]}, fields=fields)

    def beside_the_others(
        self, keys: Document, proposal: str, progress: Progress | None = None
    ) -> Effect | None:
        self.asked.append(("within", dict(keys), proposal))
        return Effect(stopped=1204, freed=30, moved=2, people_directly=800, people_indirectly=10)

    def curve(self, keys: Document, by: str, progress: Progress, drawn: Callable[[Drawing], None]) -> Drawing:
        self.asked.append(("curve", dict(keys), by))
        labels = (
            ("1", "2", "3", "4", "5", "6", "7", "8") if by == "limit" else ("1d", "3d", "7d", "14d", "28d")
        )
        replay = FakeSession().replay({"id": keys["id"]}, None)
        of_replay = {name: getattr(replay, name) for name in Figures.__struct_fields__}
        points = tuple(
            SweepPoint(
                **{
                    **of_replay,
                    "limit": int(label) if by == "limit" else 3,
                    "window": "7d" if by == "limit" else label,
                    "messages": 1000,
                    "customers": 2013,
                    "stopped": 600 // (at + 1),
                    "rates": structs.replace(
                        replay.rates,
                        stopped=_followed(60 // (at + 1), 30 // (at + 1) ** 2),
                        let_through=_followed(100 - 60 // (at + 1), 50),
                    ),
                }
            )
            for at, label in enumerate(labels)
        )
        now = str(keys.get("limit", 3)) if by == "limit" else str(keys.get("window", "7d"))
        return Drawing(curve(SweepDocument(rule=keys["id"], points=points)), now)

    def vendors(self, keys: Document) -> Mapping[str, str]:
        self.asked.append(("vendors", dict(keys)))
        return {
            "braze": "Braze: frequency capping\n3 in 7d, the same there",
            "klaviyo": "Klaviyo: Smart Sending\nnot at all: Klaviyo counts over 16h, not over 7d",
        }

    def compare_with_vendor(self, keys: Document, vendor: str, progress: Progress) -> ComparisonDocument:
        self.asked.append(("compare_with_vendor", dict(keys), vendor))
        rule = {
            "id": keys["id"],
            "text": "3 in 7d → 3 in 7 calendar days",
            "notes": ["the zone is the customer's"],
        }
        document = {
            "id": vendor, "title": "Braze", "feature": "frequency capping", "zone": None, "examples": [],
            "rules": [{**rule, "exact": {}, "carried_out": {}, "why_not": None}],
            "messages": 1204511, "differ": 2140, "only_exact": 2000, "only_preset": 100, "moved": 40, "both": 1000,
            "neither": 1201371, "customers_differ": 512,
            "differs": [{"text": f"it counts canvas steps ({self.name})", "quote": "", "source": "https://braze.com/docs"}],
        }  # fmt: skip
        return msgspec.convert(document, ComparisonDocument)

    def inbox(self) -> tuple[ProposalGroup, ...]:
        rule = {"id": "sunset-kindle", "kind": "sunset", "unengaged": 5}
        asked = [
            ProposalSummary("p1", "new rule sunset-kindle", "mara on 2026-11-19 · ticket 4711 · c_00000000", f"again ({self.name})",
                  ("+ sunset-kindle", "    unengaged: 5"), rule, customer="c_00000000", finding="f_1"),
            ProposalSummary("p2", "handover", "jo on 2026-11-20", "", ("handover as csv: email-weekly-cap v3",), None, approvable=False),
        ]  # fmt: skip
        left = [one for one in asked if one.id not in self.answered]
        return (ProposalGroup("kindle-specials", tuple(left), 1, 1),) if left else ()

    def propose(self, keys: Document, case: ProposalCase) -> str:
        self.asked.append(("propose", dict(keys), case))
        return "proposed as p3; whoever may change rules finds it in the inbox"

    def finding_text(self, customer: str, finding: str) -> str:
        return f"84 mails of {self.name} in a row, and no click is recorded"

    def reject(self, proposal: str, note: str) -> str:
        self.asked.append(("reject", proposal, note))
        self.answered.add(proposal)
        return f"{proposal} is rejected"

    def history(self, rule: str) -> tuple[str, ...]:
        return (
            f"v3  2026-11-20 09:00  operator  limit 4 → 3  {self.name}",
            "v2  2026-10-01 09:00  operator  made",
        )

    def plan(self, change: Change) -> Plan:
        return Plan(
            f"{change.kind} {change.id}",
            ("214,090 messages more would be stopped", f"1,200 people ({self.name})"),
        )

    def plan_back(self) -> Plan:
        return self.plan(Change("undo", ""))

    def take_back(self) -> str:
        return self.apply(Change("undo", ""))

    def apply(self, change: Change, note: str = "") -> str:
        self.asked.append(("apply", change, note))
        if change.kind == "approve":
            self.answered.add(change.id)
        return f"{change.kind} {change.id}: done"

    def write_export(self, name: str, text: str) -> str:
        self.kept[name] = text
        return f"/exports/{name}"

    export_case = CoreSession.export_case
