"""What comes with the program has its words in every language; what somebody wrote stays as it is."""

import re
from functools import cache

import pytest

from audit import segments
from audit.events import sensitive_topics
from audit.events.schema import KINDS
from audit.findings import CHECKS, catalogue, suggested_rule
from audit.flows import shipped as shipped_flows
from audit.flows import triggers
from audit.queries.reports import shipped_words
from audit.queries.reports.language import language
from audit.segments.groups import dayparts

GERMAN = language("de")

SHIPPED = {
    "segment_title": {definition.id for definition in segments.definitions()},
    "flow_title": {*shipped_flows(), *triggers.definitions()},
    "topic": set(sensitive_topics.titles()),
    "source": {source for row in catalogue.rows() for source in row.sources},
    "columns": {column for row in catalogue.rows() for need in row.needs for column in need.columns},
    "segment_group": {*dayparts(), "low price", "middle price", "high price"},
}
"""Section of a language's file → the ids, or the English words, of what comes with the program."""


@pytest.mark.parametrize("section", SHIPPED)
def test_everything_shipped_has_its_words_in_german_and_nothing_else_has(section: str) -> None:
    assert set(GERMAN.texts[section]) - {"other"} == SHIPPED[section]


def test_every_kind_that_can_be_missing_is_named_in_every_language() -> None:
    needed = {kind for row in catalogue.rows() for need in row.needs for kind in need.kinds}
    assert needed <= set(GERMAN.texts["kinds"]) & set(KINDS)


@pytest.mark.parametrize(
    ("ident", "title", "said"),
    [
        ("lapsed", "Lapsed customer", "Lange nichts gekauft"),
        ("country:DE", "Shops from DE", "Land: DE"),
        ("micro-hour:Home | evening", "Keeps coming back to Home, evening", "Kommt immer wieder auf „Home“, abends zurück"),
        ("settlement:rural", "Lives in: rural", "Wohnort: ländlich"),
        ("lapsed", "Our sleeping friends", "„Our sleeping friends“"),
        ("vip-2026", "VIP 2026", "„VIP 2026“"),
        ("vip-2026", None, "„vip-2026“"),
    ],
)  # fmt: skip
def test_a_segment_of_ours_is_translated_and_one_that_somebody_wrote_is_quoted(
    ident: str, title: str | None, said: str
) -> None:
    assert shipped_words.segment(GERMAN, ident, title) == said
    assert shipped_words.segment(language("en"), ident, title) == (title or ident)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            suggested_rule.sunset(4, "click", "about shoes", categories=["Clothing > Shoes"]),
            "Nichts mehr zu „Shoes“ nach 4 hintereinander ohne Klick",
        ),
        (suggested_rule.mute("c_1", "of “news”", campaigns=["news"]), "Nichts mehr aus „news“ an c_1"),
        (
            {"id": "a", "kind": "frequency_cap", "channels": ["sms"], "limit": 1, "window": "1d"},
            "Höchstens eine SMS-Nachricht innerhalb von einem Tag",
        ),
        (
            {"id": "a", "kind": "cooldown", "after": "order_completed", "window": "repurchase", "fallback": "9d", "items": ["x"]},
            "Nichts zu „x“, bis es Zeit sein könnte, es wieder zu kaufen",
        ),
        (suggested_rule.without_consent("health", []), "Nichts zu Gesundheit ohne Einwilligung dazu"),
    ],
)  # fmt: skip
def test_a_suggested_rule_is_titled_by_what_it_does(rule: dict[str, object], said: str) -> None:
    made = shipped_words.suggested(GERMAN, rule, None, {})
    assert made["title"] == said
    named = shipped_words.suggested(GERMAN, rule, None, {"news": "The letter"})["title"]
    assert named == said.replace("„news“", "„The letter“")
    assert ("note" in made) == ("note" in rule)
    assert shipped_words.suggested(language("en"), rule, None, {}) == rule


DATA = re.compile(
    r"„[^“]*“|Larkfield \w+|\bscene-[\w-]+|\[[^\]]*\]|\([fgc]_\w+\)|\bc_\w+|^(?:Gesendet je|    (?!title|note)).*$",
    re.MULTILINE,
)
"""What a document has of the data: names in quotation marks and of senders, ids, the names of campaigns, the keys of a rule."""


def english_in(text: str) -> set[str]:
    """The words of what is shipped that a German document has in English, outside of what it has of the data."""
    words = {word.lower() for word in re.findall(r"[A-Za-zÄÖÜäöüß]+", DATA.sub("", text))}
    return words & _english_words()


@cache
def _english_words() -> frozenset[str]:
    texts = [
        *(row.title for row in catalogue.rows()),
        *(definition.title for definition in segments.definitions()),
        *(str(flow["title"]) for flow in shipped_flows().values()),
        *(trigger.title for trigger in triggers.definitions().values()),
        *language("en").texts["question"].values(),
        *sensitive_topics.titles().values(),
        *SHIPPED["columns"],
        *SHIPPED["segment_group"],
        *CHECKS,
        *KINDS,
    ]
    words = {word.lower() for text in texts for word in re.findall(r"[A-Za-z]+", text) if len(word) > 3}
    return frozenset(words - {"baby", "mail", "interest", "order", "person", "segment", "senior", "student", "trigger"} | {
        "house", "week", "yardstick", "would", "check", "trigger", "list",
    })  # fmt: skip
