"""Reports: what the note holds, what the reply says and never says, and hostile text as data."""

import html.parser
import json
import re
from dataclasses import replace as replace_facts
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from audit.errors import InputError
from audit.events.times import parse_iso
from audit.events.vocabulary import NAMELESS
from audit.population.coverage import CoverageDocument
from audit.queries import reports
from audit.queries.customer import CustomerPicture, Membership, MessageCounts, Recommendation
from audit.queries.findings_documents import Finding
from audit.queries.remedies import Remedy
from audit.queries.reports import shipped_words
from audit.queries.reports.case_facts import Behind, CaseFacts, Origin, Purchase, SentMessage
from audit.queries.reports.customer_facts import handed_over
from audit.queries.reports.language import language
from audit.rules.book.documents import CoveringRule
from audit.why import Facts, Reason, WhyDocument
from audit.why.model import AudienceFacts, SegmentFacts
from audit.why.silence import Silence
from tests import golden

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = "Clipper [/] <script src=//evil.example/x.js> \x1b]52;c;AAAA\x07 \u202e *b* | `c` [x](http://evil.example) & #1"
RULE = {
    "id": "until-repurchase",
    "kind": "cooldown",
    "title": "Nothing about Beauty > Nails until a re-purchase is due",
    "categories": ["Beauty > Nails"],
    "after": "order_completed",
    "window": "repurchase",
    "fallback": "730d",
}


def finding(check: str = "repeat-after-purchase", **fields: Any) -> Finding:
    document = {
        "id": f"f_{check}", "customer": "c_7Q2M", "check": check, "title": "A title", "severity": "high",
        "verdict": "breach", "case": None, "text": f"3 mails about {HOSTILE}.", "from": "2025-11-18T07:00:00Z",
        "to": "2026-03-17T07:00:00Z", "count": 3, "total": 3, "excess": None, "messages": ["m-1", "m-2", "m-3"], "cause": ["o-1"],
        "evidence": ["o-1", "m-1", "m-2", "m-3"], "subject": "Beauty > Nails", "sources": ["15 USC 7704(a)(4)"],
        "suggested_rule": RULE, **fields,
    }  # fmt: skip
    return msgspec.convert(document, Finding)


def reason(
    text: str, *events: str, because: tuple[Reason, ...] = (), shape: type[Facts] = Facts, **facts: Any
) -> Reason:
    return Reason(text, events, because=because, facts=msgspec.convert(facts, shape) if facts else None)


def explanation(ident: str, at: str, standing: str = "inferred", **fields: Any) -> WhyDocument:
    bought = reason(
        f"could be: bought {HOSTILE} on 2025-11-04", "o-1",
        act="order_completed", thing=HOSTILE, at="2025-11-04T18:20:00Z", times=1,
    )  # fmt: skip
    entered = reason(
        "could be: was put into the segment “beauty-lovers”", "s-1",
        act="segment_entered", thing="the segment “beauty-lovers”", at="2025-11-05T00:00:00Z", times=1, shape=SegmentFacts,
    )  # fmt: skip
    document = {
        "customer": "c_7Q2M", "at": "2026-11-21T09:12:00Z",
        "subject": {"type": "message", "id": ident, "title": HOSTILE, "at": at}, "standing": standing, "until": None,
        "until_why": "unknown", "until_text": "Nothing in this data says when it stops.",
        "ends_with": [], "counts_until": None, "reconstruction": None, "left_out": [],
        "because": [], "evidence": ["o-1", "s-1"],
        "counterfactual": None,
        "rules": [{"id": "weekly-cap", "version": 1, "verdict": "stops", "text": "", "counted": [], "next_allowed_at": None}],
        **fields,
    }  # fmt: skip
    because = fields.get("because", (reason(f"it is about {HOSTILE}", about=HOSTILE), bought, entered))
    return replace(msgspec.convert(document | {"because": []}, WhyDocument), because=tuple(because))


_DECISION = {
    "basis": None, "since": None, "until": None, "sensitive": False, "purpose": None, "evidence": [], "logged_as": None,
    "logged_events": None, "source": None, "reason": None, "absent": None, "until_why": "unknown", "until_text": "",
    "ends_with": [], "strategy": "also_bought", "score": None, "own_items": None, "also_by": [], "shown": None, "last_shown": None,
}  # fmt: skip
_PICTURE: dict[str, Any] = {
    "first": None, "last": None, "personas": [], "customer": "c_7Q2M", "at": "2026-11-21T09:12:00Z", "events": 30,
    "coverage": {
        "sources": [{"source": "shop", "last": "2026-11-21T09:12:00Z"}],
        "kinds": {"order_completed": {"first": "2025-10-01T00:00:00Z", "last": "2026-11-21T09:12:00Z", "rows": 4}},
        "absent": [], "gaps": [{"from": "2026-10-03", "to": "2026-10-05"}], "ends": {},
    },
    "messages": {
        "attempted": 3, "sent": 3, "suppressed": 0, "opened": 0, "machine_opened": 0, "clicked": 1, "orphans": 0,
        "by_channel": {"email": 3}, "by_campaign": {"nail-deals": 3},
    },
    "segments": [
        {"id": "beauty-lovers", "title": "Beauty lovers", "logged": True, "derived": False, "standing": "inferred"},
        {"id": "lapsed", "title": "Lapsed customer", "logged": False, "derived": True, "standing": "derived"},
    ],
    "recommendations": [
        {"item_id": "files", "title": "Nail files", "logged": False, "derived": True, "standing": "derived"}
    ],
    "findings": [],
    "unanswered": (),
    "out_of_pattern": [],
}  # fmt: skip


def picture(**fields: Any) -> CustomerPicture:
    """The picture of a customer with a segment, a recommendation and nothing found."""
    segments = tuple(msgspec.convert(_DECISION | row, Membership) for row in _PICTURE["segments"])
    items = tuple(msgspec.convert(_DECISION | row, Recommendation) for row in _PICTURE["recommendations"])
    parts = {
        **_PICTURE,
        "at": datetime(2026, 11, 21, 9, 12, tzinfo=UTC),
        "coverage": msgspec.convert(_PICTURE["coverage"], CoverageDocument),
        "messages": msgspec.convert(_PICTURE["messages"], MessageCounts),
        "segments": segments,
        "recommendations": items,
    }
    return CustomerPicture(**parts | fields)


PICTURE = picture()
EXPLANATIONS = [
    explanation("m-2", "2026-01-20T07:00:00Z"),
    explanation("m-1", "2025-11-18T07:00:00Z"),
    explanation("m-3", "2026-03-17T07:00:00Z"),
]
FACTS = CaseFacts(
    sent=tuple(
        SentMessage(
            ident, parse_iso(at), HOSTILE, about=HOSTILE, sender=HOSTILE, channel="email", marketing=True
        )
        for ident, at in (
            ("m-1", "2025-11-18T07:00:00Z"),
            ("m-2", "2026-01-20T07:00:00Z"),
            ("m-3", "2026-03-17T07:00:00Z"),
        )
    ),
    purchase=Purchase(HOSTILE, parse_iso("2025-11-04T18:20:00Z")),
)
FORBIDDEN = (
    "breach", "segment", "beauty-lovers", "beauty lovers", "lapsed", "reconstruction", "rekonstruktion", "nail files",
    "nail-deals", "until-repurchase", "verstoß",
)  # fmt: skip


def written(kind: str, locale: str, form: str, **options: Any) -> str:
    if kind == "reply":
        return reports.reply(
            PICTURE, [finding()], EXPLANATIONS, facts=FACTS, locale=locale, **options
        ).written(form)
    return reports.internal(PICTURE, [finding()], EXPLANATIONS, locale=locale, **options).written(form)


@pytest.mark.parametrize("form", ["md", "html"])
@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("kind", ["internal", "reply"])
def test_it_is_written_as_the_golden_file_has_it(kind: str, locale: str, form: str) -> None:
    golden.hold(GOLDEN / f"report-{kind}-{locale}.{form}", written(kind, locale, form))


class Tags(html.parser.HTMLParser):
    """Collects what a browser would see as tags, and every address it could call."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in {"src", "href", "action", "srcset"}
        ]


@pytest.mark.parametrize("kind", ["internal", "reply"])
def test_html_holds_hostile_text_as_text_and_calls_no_other_host(kind: str) -> None:
    tags = Tags()
    made = written(kind, "en", "html")
    tags.feed(made)
    assert tags.seen <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "ul", "li", "pre",
    }  # fmt: skip
    assert tags.addresses == []
    assert "@import" not in made
    assert "url(" not in made


@pytest.mark.parametrize("form", reports.FORMATS)
@pytest.mark.parametrize("kind", ["internal", "reply"])
def test_nothing_in_any_form_can_act_on_a_terminal(kind: str, form: str) -> None:
    made = written(kind, "de", form)
    assert not any(sign in made for sign in "\x1b\x07\u202e")


def test_markdown_makes_no_link_no_markup_and_no_heading_of_data() -> None:
    lines = written("reply", "en", "md").splitlines()
    about = next(line for line in lines if "evil" in line)
    assert "](http:" not in about
    assert "\\[x\\]" in about
    assert "\\*b\\*" in about
    assert "<script" not in about.replace("\\<", "")


@pytest.mark.parametrize("locale", reports.LOCALES)
@pytest.mark.parametrize("standing", ["stated", "derived", "inferred", "broadcast", "unexplained"])
def test_a_reply_never_says_what_only_colleagues_may_read(locale: str, standing: str) -> None:
    stated = reason(
        "the sender recorded: “segment:beauty-lovers”, and that fits", trigger="segment", fits="yes"
    )
    told = [explanation(one, "2026-01-20T07:00:00Z", standing) for one in ("m-1", "m-2")]
    told[0] = replace(told[0], because=(*told[0].because, stated))
    for case in (None, "breach"):
        found = finding("after-opt-out" if case else "over-frequency", case=case)
        text = reports.reply(PICTURE, [found], told, locale=locale).written("json").lower()
        assert not [word for word in FORBIDDEN if word in text]


@pytest.mark.parametrize("check", ["sensitive-inference", "life-changed", "shared-account", "by-likeness"])
def test_no_reply_is_offered_where_privacy_or_care_must_answer(check: str) -> None:
    with pytest.raises(InputError, match="hand this case over to privacy"):
        reports.reply(PICTURE, [finding(), finding(check)], EXPLANATIONS)


def test_a_message_that_is_for_privacy_gets_no_reply_even_without_a_finding() -> None:
    topic = reason("it touches a sensitive topic; hand to privacy", hand_over="sensitive topic")
    told = explanation("m-1", "2026-01-20T07:00:00Z", because=(topic,))
    with pytest.raises(InputError, match="hand this case over"):
        reports.reply(PICTURE, [finding()], [told])


def test_a_mere_hint_of_a_shared_account_does_not_stand_in_the_way_of_another_answer() -> None:
    hint = finding("shared-account", severity="info")
    assert reports.reply(PICTURE, [finding(), hint], EXPLANATIONS).kind == "reply"
    with pytest.raises(InputError, match="no reply"):
        reports.reply(PICTURE, [finding(), hint], EXPLANATIONS, finding=hint.id)


def test_a_change_is_only_promised_where_the_rule_is_on() -> None:
    since = datetime(2026, 11, 22, tzinfo=UTC)
    nothing = written("reply", "en", "md", remedy=Remedy(rule=RULE))
    assert "At present nothing is changed." in nothing
    assert "passed it on" not in nothing
    proposed = written("reply", "en", "md", remedy=Remedy(state="proposed", rule=RULE, proposed_at=since))
    assert "since 22 November 2026 the colleagues who decide" in proposed
    made = written("reply", "en", "md", remedy=Remedy(state="in_force", rule=RULE, since=since))
    assert "We have decided to change this. Since 22 November 2026 this holds with us" in made
    assert "It has not been handed over to the system that sends yet" in made
    given = Remedy(state="handed_over", rule=RULE, since=since, handed_over_at=since, handed_over_to="Braze")
    there = written("reply", "de", "md", remedy=given)
    assert "Wir haben das geändert. Seit dem 22. November 2026 gilt" in there
    assert "noch nicht übergeben" not in there
    assert "proposal" not in made


def test_who_said_no_is_not_asked_to_say_it_again() -> None:
    found = finding("after-opt-out", case="queued_before", suggested_rule=None)
    text = reports.reply(PICTURE, [found], EXPLANATIONS, facts=FACTS).written("md")
    assert "When you told us to stop, it had already been handed over for sending." in text
    assert "just answer this message" not in text
    assert "just answer this message" in reports.reply(PICTURE, [finding()], [], facts=FACTS).written("md")


def test_the_end_is_said_as_the_explanations_have_it() -> None:
    def ends(*untils: str | None, basis: str = "defined", silence: Silence | None = None) -> str:
        told = [
            explanation(f"m-{n}", "2026-01-20T07:00:00Z", until=end, until_basis=end and basis)
            for n, end in enumerate(untils, 1)
        ]
        facts = replace_facts(FACTS, silence=silence)
        return reports.reply(PICTURE, [finding()], told, facts=facts).written("md")

    assert "such e-mails end by themselves on 1 December 2026" in ends(
        "2026-12-01T00:00:00Z", "2026-11-30T00:00:00Z"
    )
    assert "by themselves" not in ends("2026-12-01T00:00:00Z", None), (
        "where no day is known, nothing is said of it"
    )
    assert "by themselves" not in ends("2026-12-01T00:00:00Z", basis="default")
    long = Silence(datetime(2026, 3, 17, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC), over=True)
    assert "None of this kind has come since 17 March 2026" in ends(None, silence=long)
    short = Silence(datetime(2026, 3, 17, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC), over=False)
    assert "after 17 March 2026 they hold no further one of this kind" in ends(None, silence=short)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (True, "Others like them came until 22 July 2026, and none has come since; our"),
        (False, "Others like them came until 22 July 2026; after that our records"),
    ],
)
def test_those_that_came_after_the_last_of_a_finding_are_others(over: bool, said: str) -> None:
    late = Silence(datetime(2026, 7, 22, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC), over=over)
    facts = replace_facts(FACTS, silence=late)
    letter = reports.reply(PICTURE, [finding()], EXPLANATIONS, facts=facts).written("md")
    assert said in letter
    assert "of this kind" not in letter.partition(said)[2]


@pytest.mark.parametrize(
    ("stops", "of", "said"),
    [(3, 3, "This would have prevented it:"), (1, 3, "This would have stopped 1 of the 3:")],
)
def test_a_rule_prevents_only_what_it_stops(stops: int, of: int, said: str) -> None:
    wanted = {"opened": 0, "responded": 0, "converted": 0}
    effect = {"stops": stops, "of": of, "messages": stops, "wanted": wanted, "last_resort": False}
    letter = reports.reply(
        PICTURE, [finding(suggested_effect=effect)], EXPLANATIONS, remedy=Remedy(rule=RULE)
    )
    assert said in letter.written("txt")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"limit": 1}, "you get at most one advertising e-mail within 14 days"),
        ({"limit": 2}, "you get at most 2 advertising e-mails within 14 days"),
        (
            {"limit": 2, "message_classes": ["marketing", "transactional"]},
            "you get at most 2 e-mails within 14 days",
        ),
        ({"limit": 1, "campaigns": ["news"]}, "you get at most one e-mail of this kind within 14 days"),
        ({"limit": 2, "campaigns": ["news"]}, "you get at most 2 e-mails of this kind within 14 days"),
    ],
)
def test_a_cap_says_how_many_and_of_what(keys: dict[str, object], said: str) -> None:
    rule = {"id": "cap", "kind": "frequency_cap", "window": "14d", **keys}
    assert said in reports.reply(PICTURE, [finding()], EXPLANATIONS, remedy=Remedy(rule=rule)).written("txt")


@pytest.mark.parametrize(
    ("of", "said"), [(1, "stopped it."), (2, "stopped both of them."), (3, "stopped all 3 of them.")]
)
def test_all_of_two_are_both(of: int, said: str) -> None:
    covering = {
        "id": "r",
        "title": "R",
        "version": 1,
        "since": "2026-01-01T00:00:00Z",
        "stops": of,
        "of": of,
        "together": of,
        "sent_since": 0,
    }
    since = datetime(2026, 1, 1, tzinfo=UTC)
    remedy = Remedy(
        state="in_force", rule=RULE, since=since, covered_by=msgspec.convert(covering, CoveringRule)
    )
    assert said in reports.reply(PICTURE, [finding()], EXPLANATIONS, remedy=remedy).written("txt")


def test_an_act_behind_few_of_the_messages_is_not_named_for_all() -> None:
    bought, seen = (
        reason("could be", act=act, thing="a cot", at="2026-01-01T00:00:00Z")
        for act in ("order_completed", "product_viewed")
    )
    told = [
        explanation(
            f"m-{n}",
            f"2026-01-2{n}T07:00:00Z",
            standing="inferred",
            because=[bought, seen] if n == 3 else [bought],
        )
        for n in (1, 2, 3)
    ]
    letter = reports.reply(PICTURE, [finding()], told).written("txt")
    assert ("You bought “a cot” on 1 January 2026." in letter, "You looked at" in letter) == (True, False)


def test_what_could_be_behind_one_of_two_messages_is_not_told_of_both() -> None:
    bought = reason("could be", act="order_completed", thing="a cot", at="2026-01-01T00:00:00Z")
    known = explanation("m-1", "2026-01-21T07:00:00Z", standing="inferred", because=[bought])
    unknown = explanation("m-2", "2026-01-22T07:00:00Z", standing="cannot_tell", because=[])
    for told, some in (([known, unknown], True), ([known], False)):
        letter = reports.reply(PICTURE, [finding()], told).written("txt")
        assert ("Only for 1 of the 2 that we looked at" in letter, "You bought “a cot”" in letter) == (
            some,
            True,
        )


def test_a_letter_names_at_most_three_of_many_possible_causes() -> None:
    acts = [
        reason("could be", act="order_completed", thing=f"cot {n}", at="2026-01-01T00:00:00Z")
        for n in range(6)
    ]
    told = [
        explanation(f"m-{n}", f"2026-01-2{n}T07:00:00Z", because=[acts[n], acts[n + 1]]) for n in (1, 2, 3)
    ]
    letter = reports.reply(PICTURE, [finding()], told).written("txt")
    named = [n for n in range(6) if f"You bought “cot {n}”" in letter]
    assert ("one or several of the things you did" in letter, named) == (True, [1, 2, 3])


def test_the_causes_named_first_are_those_that_set_the_recipients_apart_most() -> None:
    def act(name: str, recipients: float, others: float) -> Reason:
        audience = {
            "what": "bought", "value": name, "level": 2, "item_id": None, "window": "90d", "recipients": 90, "others": 40,
            "recipients_share": recipients, "others_share": others, "lift": None, "interval": None, "p_adjusted": None,
            "at_equal_breadth": None, "median_days_before": 3.0, "sensitive": False, "topic": None,
        }  # fmt: skip
        told = {"act": "order_completed", "thing": name, "at": "2026-01-01T00:00:00Z"}
        return reason("could be", shape=AudienceFacts, audience=audience, **told)

    often = [act("bread", 0.30, 0.20)]
    told = [explanation(f"m-{n}", f"2026-01-2{n}T07:00:00Z", because=often) for n in (1, 2)]
    rare = [act(name, share, 0.10) for name, share in (("diapers", 0.85), ("juice", 0.7), ("soup", 0.5))]
    told.append(explanation("m-3", "2026-01-20T07:00:00Z", because=rare))
    letter = reports.reply(PICTURE, [finding()], told).written("txt")
    places = {name: letter.find(f"“{name}”") for name in ("diapers", "juice", "soup", "bread")}
    assert sorted(name for name, place in places.items() if place >= 0) == ["bread", "diapers", "juice"]
    assert places["diapers"] < places["juice"] < places["bread"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"m-1": "news", "m-2": "news", "m-3": "news"}, ["These e-mails went to a mailing list; you signed up for it on"]),
        ({"m-1": "news", "m-2": "news", "m-3": None}, ["Some of these e-mails went to a mailing list;"]),
        (
            {"m-1": "news", "m-2": "sport", "m-3": "news"},
            ["Some of these e-mails went to the mailing list “news”;", "Some of these e-mails went to the mailing list “sport”;"],
        ),
    ],
)  # fmt: skip
def test_a_list_that_only_some_went_to_is_not_told_of_all(
    told: dict[str, str | None], said: list[str]
) -> None:
    explained = [
        explanation(ident, "2026-01-20T07:00:00Z", "unexplained", because=())
        if name is None
        else explanation(
            ident, "2026-01-20T07:00:00Z", "broadcast",
            because=(reason("on this list", list=name, since="2025-12-15T00:00:00Z"),),
        )
        for ident, name in told.items()
    ]  # fmt: skip
    letter = reports.reply(PICTURE, [finding()], explained).written("txt")
    assert letter.count("mailing list") == len(said)
    assert all(sentence in letter for sentence in said)


def test_messages_of_which_some_name_no_goods_are_not_said_to_be_about_these() -> None:
    assert f"3 e-mails about “{HOSTILE[:10]}" in reports.reply(
        PICTURE, [finding()], EXPLANATIONS, facts=FACTS
    ).written("txt")
    some = replace_facts(FACTS, sent=(replace_facts(FACTS.sent[0], about=None), *FACTS.sent[1:]))
    assert "3 e-mails about" not in reports.reply(PICTURE, [finding()], EXPLANATIONS, facts=some).written(
        "txt"
    )


def test_a_finding_is_answered_by_its_own_messages_only() -> None:
    other = explanation("m-9", "2026-01-20T07:00:00Z")
    other = replace(other, subject=replace(other.subject, title="Something else"))
    assert "Something else" not in reports.reply(PICTURE, [finding()], [*EXPLANATIONS, other]).written("md")


def test_the_messages_worth_explaining_are_the_newest_of_the_worst_finding() -> None:
    unsure = finding("over-frequency", verdict="cannot_tell", messages=["x"])
    assert reports.messages_to_explain([unsure, finding()], most=2) == ["m-2", "m-3"]
    assert reports.messages_to_explain([unsure, finding()], finding=unsure.id) == ["x"]
    assert reports.messages_to_explain([]) == []


def test_a_hint_is_answered_only_where_there_is_nothing_else() -> None:
    hint = finding("after-opt-out", case="wrong_scope", severity="info", messages=["m-1"])
    assert "another kind of message" in reports.reply(PICTURE, [hint], EXPLANATIONS).written("md")
    assert "another kind of message" not in reports.reply(PICTURE, [hint, finding()], EXPLANATIONS).written(
        "md"
    )


def test_json_has_the_same_text_as_the_other_forms() -> None:
    made = json.loads(written("internal", "en", "json"))
    assert (made["schema"], made["kind"], made["locale"]) == ("whysent.report/1", "internal", "en")
    assert any(
        "“weekly-cap” would have stopped 3 of the 3 messages looked at here" in item
        for one in made["sections"]
        for item in one["items"]
    )


def test_an_unknown_language_form_or_finding_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'xx'"):
        written("reply", "xx", "md")
    with pytest.raises(InputError, match="'pdf'"):
        written("reply", "en", "pdf")
    with pytest.raises(InputError, match="'nope'"):
        reports.reply(PICTURE, [finding()], EXPLANATIONS, finding="nope")


SHIPPED = (
    "segment_title", "segment_group", "flow_title", "topic", "source", "rule_title", "channel",
)  # fmt: skip
"""What stands in English where it is defined."""


def test_notes_say_the_same_things_in_both_languages() -> None:
    from audit.queries.reports.language import language

    def keys(texts: dict[str, Any], path: str = "") -> set[str]:
        return {
            where
            for name, value in texts.items()
            for where in (keys(value, f"{path}{name}.") if isinstance(value, dict) else {f"{path}{name}"})
        }

    german = dict(language("de").texts)
    for made_of_facts in (
        "coverage",
        "noted",
        "did",
        "subject",
        "close",
        "audience",
        "why_not",
        "condition",
        "condition_not",
        "ends",
        "case",
        "said_about",
        "did_on_them",
        "place",
        "delay",
        *SHIPPED,
    ):  # in English the explanations have them, and what they are about
        del german[made_of_facts]
    english = dict(language("en").texts)
    assert keys(english.pop("unusual")) < keys(german.pop("unusual")), "the rest is the finder's sentence"
    assert keys(english) == keys(german)


def test_a_note_names_ticket_and_reason_and_what_was_done() -> None:
    since = datetime(2026, 11, 22, tzinfo=UTC)
    done = Remedy(state="proposed", rule=RULE, proposal="p3", proposed_at=since)
    made = reports.internal(
        PICTURE, [finding()], EXPLANATIONS, ticket="T-4711", reason="complaint", remedies={finding().id: done}
    ).written("txt")
    assert "Ticket: T-4711" in made
    assert "Reason: complaint" in made
    assert f"“{RULE['title']}” is proposed as p3 since 22 November 2026" in made
    assert "[[rule]]" not in made


def test_a_note_on_somebody_who_got_nothing_does_not_say_that_nothing_was_found() -> None:
    counts = replace(PICTURE.messages, sent=0, attempted=0)
    made = reports.internal(picture(messages=counts), [], [], locale="en").written("txt")
    assert "This data holds no message to this customer." in made
    assert "found nothing" not in made


@pytest.mark.parametrize(
    ("of_export", "said"),
    [
        (False, "Since 18 November 2025 our records have you in a group of customers. We owe you"),
        (
            True,
            "Our records of 18 November 2025 have you in a group of customers; they do not say since when. We",
        ),
    ],
)
def test_a_letter_about_a_group_alone_counts_no_messages(of_export: bool, said: str) -> None:
    groups = tuple(replace(one, of_export=of_export) for one in PICTURE.segments)
    found = finding("unexplained", subject=groups[0].id, count=0, total=0, messages=[], verdict="risk")
    letter = reports.reply(picture(segments=groups), [found], []).written("txt")
    assert said in letter
    assert " 0 " not in letter


def test_a_note_names_the_first_of_many_campaigns_and_segments_and_counts_the_rest() -> None:
    once = replace(PICTURE.messages, by_campaign={f"c{number}": 1 for number in range(13)})
    twice = replace(once, by_campaign=once.by_campaign | {"c0": 2})
    segments = tuple(replace(PICTURE.segments[0], title=f"Segment {letter}") for letter in "ABCDEFGHIJKLMN")
    made = reports.internal(picture(messages=once, segments=segments), [], []).written("txt")
    assert "Sent by campaign: one message of each of 13 campaigns" in made
    assert "Segment K; Segment L and 2 more" in made
    made = reports.internal(picture(messages=twice), [], []).written("txt")
    assert "Sent by campaign: “c0” (2); “c1” (1)" in made
    assert "“c8” (1) and 1 more" in made


def test_a_german_note_says_what_a_no_was_for_and_counts_no_messages_of_a_group() -> None:
    other = finding("after-opt-out", case="wrong_scope", suggested_rule=None)
    group = finding("unexplained", case="third_party", total=0, count=0, messages=[], suggested_rule=None)
    made = reports.internal(PICTURE, [other, group], [], locale="de").written("txt")
    assert "das Nein galt einem anderen Kanal, Absender, Verteiler oder Thema" in made
    assert "von dritter Seite" in made
    assert "0 Nachrichten" not in made
    assert "keine Abmeldungen" in made, "what is absent is named as in English"


def test_nobody_is_asked_to_unsubscribe_from_what_comes_on_paper() -> None:
    for channels, paper in ((("mail", "mail"), True), (("mail", "email"), False)):
        sent = tuple(
            replace_facts(message, channel=channel)
            for message, channel in zip(FACTS.sent, channels, strict=False)
        )
        text = reports.reply(PICTURE, [finding()], [], facts=replace_facts(FACTS, sent=sent)).written("txt")
        assert ("unsubscribe from" not in text) is paper
        assert "just answer this message" in text


def test_an_item_without_a_name_is_told_in_the_language_of_the_note() -> None:
    told = [shipped_words.item(language(locale), NAMELESS.format("x-1")) for locale in ("en", "de")]
    assert told == ["item x-1, without a name in the data", "Artikel x-1, ohne Namen in den Daten"]
    assert shipped_words.item(language("de"), "Kamm") == "„Kamm“"


def test_an_id_is_no_subject_and_a_day_stands_alone() -> None:
    unnamed = tuple(replace_facts(message, title="") for message in FACTS.sent)
    text = reports.reply(PICTURE, [finding()], [], facts=replace_facts(FACTS, sent=unnamed)).written("txt")
    assert "“”" not in text
    assert "18 November 2025: " in text


def test_a_note_says_once_where_what_it_lists_comes_from() -> None:
    made = reports.internal(PICTURE, [finding()], [], locale="en").written("txt")
    assert made.count("our reconstruction; the customer did not see this") <= 1, "recommendations"


@pytest.mark.parametrize(
    ("absent", "english", "german"),
    [
        (
            ("segment_entered", "segment_snapshot"),
            "which groups the sender had is not in this data",
            "welche Gruppen der Absender hatte, steht nicht in diesen Daten",
        ),
        (
            ("segment_entered",),
            "the sender recorded no such group of this customer",
            "der Absender hat dieses Kundenkonto in keiner solchen Gruppe verzeichnet",
        ),
    ],
)
def test_of_a_segment_that_is_ours_alone_it_is_said_what_the_data_knows(
    absent: tuple[str, ...], english: str, german: str
) -> None:
    known = replace(PICTURE, coverage=replace(PICTURE.coverage, absent=absent))
    for locale, said in (("en", english), ("de", german)):
        assert said in reports.internal(known, [finding()], [], locale=locale).written("txt")


@pytest.mark.parametrize("covered", [True, False])
def test_a_list_of_a_third_party_says_nothing_of_since_when_and_no_more_than_the_data(covered: bool) -> None:
    listed = Origin(datetime(2026, 11, 21, tzinfo=UTC), "Broker", listed=True, covered=covered)
    facts = replace_facts(FACTS, origin=listed)
    text = reports.reply(PICTURE, [finding("unexplained", case="third_party")], [], facts=facts).written(
        "txt"
    )
    assert "A list of 21 November 2026 has you in it." in text
    assert "since 21 November" not in text
    assert ("Nothing in our records that you did with us led to it." in text) == covered


def test_whoever_asked_for_their_data_is_answered_by_privacy_and_the_bereaved_by_care() -> None:
    asked = replace_facts(FACTS, legal_request=datetime(2026, 11, 20, tzinfo=UTC))
    with pytest.raises(InputError, match=r"hand this case over to privacy \(.*on 20 November 2026\)"):
        reports.reply(PICTURE, [finding()], EXPLANATIONS, facts=asked)
    with pytest.raises(InputError, match="hand this case over to privacy or care"):
        reports.reply(PICTURE, [finding()], EXPLANATIONS, facts=replace_facts(FACTS, bereaved=True))


def test_a_rule_that_was_on_and_not_kept_to_is_not_told_as_the_end_of_it() -> None:
    covering = CoveringRule(
        id="until-repurchase", title="", version=1, since=datetime(2025, 12, 1, tzinfo=UTC), stops=3, of=3, together=3,
        sent_since=2,
    )  # fmt: skip
    done = Remedy(state="in_force", rule=RULE, since=covering.since, covered_by=covering)
    assert "Even so, 2 of them went out after that." in written("reply", "en", "txt", remedy=done)


def test_a_letter_says_how_many_there_were_and_how_many_were_too_many() -> None:
    found = finding("over-frequency", total=5, excess=3)
    text = reports.reply(PICTURE, [found], EXPLANATIONS, facts=FACTS).written("txt")
    assert "we sent you 5 e-mails" in text
    assert "3 of them were too many." in text


@pytest.mark.parametrize(
    ("locale", "led_up", "title"),
    [
        ("en", "we sent you “Tool set, 94 pieces” without an order of yours.", "Messages about what was sent without an order"),
        ("de", "haben wir Ihnen „Tool set, 94 pieces“ geschickt, ohne dass Sie es bestellt hatten.", "unbestellt"),
    ],
)  # fmt: skip
def test_nobody_is_told_that_they_bought_what_was_sent_without_an_order(
    locale: str, led_up: str, title: str
) -> None:
    sent = Purchase("Tool set, 94 pieces", datetime(2026, 5, 6, tzinfo=UTC), unasked=True)
    facts = replace_facts(FACTS, purchase=sent)
    letter = reports.reply(PICTURE, [finding()], [], facts=facts, remedy=Remedy(rule=RULE), locale=locale)
    text = letter.written("txt")
    assert led_up in text
    assert not re.search("bought|gekauft|could need it again|wieder brauchen", text)
    known = {
        finding().id: Behind(
            causes=(Facts(act="order_completed", unasked=True, thing="Tool set, 94 pieces", at=sent.at),)
        )
    }
    done = {finding().id: Remedy(rule=RULE)}
    note = reports.internal(PICTURE, [finding()], [], behind=known, remedies=done, locale=locale).written(
        "txt"
    )
    assert title in note


def test_a_note_says_who_answers_where_we_do_not() -> None:
    refusal = handed_over(language("en"), [finding()], [], None, replace_facts(FACTS, bereaved=True))
    note = reports.internal(PICTURE, [finding()], [], refusal=refusal).written("txt")
    assert "Who answers here: privacy or care (somebody has died)." in note
    assert handed_over(language("en"), [finding()], [], None, FACTS) is None
