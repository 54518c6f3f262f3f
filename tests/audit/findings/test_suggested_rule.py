"""What findings suggest: rules for a flow, each worth proposing; a mute of one customer only where nothing else helps."""

import json
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import findings, why
from audit.findings import suggested_rule
from audit.findings.schema import category_name, category_title
from audit.findings.suggested_rule import LAST_RESORT, last_resort, slug
from audit.flows import campaign_map
from audit.queries import remedies
from audit.queries.case import Case
from audit.rules.model import from_dict
from audit.rules.replay.simulation import simulate
from fixtures import demo, scenes
from tests import build
from tests.audit.findings.histories import act, found, mail, order

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SOME = 400
"""Customers of the demo beside those of the scenes."""


@pytest.fixture(scope="module")
def told() -> tuple[pl.DataFrame, object]:
    """The scenes' customers and some of the fleet, mapped as in the demo, and what is known beside them."""
    everybody, campaigns = demo.demo_events(), demo.demo_campaigns()
    customers = everybody["customer_id"].unique(maintain_order=True)
    chosen = {*customers.tail(SOME), *(person.id for person in scenes.people())}
    events = campaign_map.fill(everybody.lazy(), campaigns).collect()
    context = build.context(events, campaigns=campaigns)
    return events.filter(pl.col("customer_id").is_in(chosen)), context


@pytest.fixture(scope="module")
def suggestions(told) -> list[dict]:
    """The finding, and its rule, of all that suggest one."""
    rows = findings.find(*told).drop_nulls("suggested_rule")
    return [row | {"rule": json.loads(row["suggested_rule"])} for row in rows.iter_rows(named=True)]


def test_every_suggestion_of_the_scenes_stops_what_it_is_suggested_for(told) -> None:
    events, context = told
    for person in scenes.people():
        case = Case(person.id, events.filter(pl.col("customer_id") == person.id), context)
        raw = dict(case.found.select("id", "suggested_rule").iter_rows())
        for finding in remedies.findings(case):
            effect = finding.suggested_effect
            assert (effect is None) == (raw[finding.id] is None)
            if effect is not None and finding.check in {"ignored-streak", "browse-pursuit"}:
                assert 0 < effect.stops < effect.of
            elif effect is not None:
                assert effect.stops == effect.of == len(finding.messages), finding.text


def test_no_suggestion_stops_a_reminder_of_the_happy_customer(told, suggestions) -> None:
    events, context = told
    happy = events.filter(pl.col("customer_id") == "scene-10-happy-diapers")
    causes = why.causes(happy, context)
    texts = {json.dumps(row["rule"]) for row in suggestions if not row["rule"].get("customers")}
    rules = [from_dict({**json.loads(text), "id": f"r{n}"}) for n, text in enumerate(sorted(texts))]
    decisions = simulate(
        happy, rules, context, causes=causes
    ).decisions  # where all let pass, each alone does
    assert set(decisions["decision"]) <= {"allow", "exempt"}, decisions["failing_rules"].explode().unique()


def test_a_flow_is_stopped_for_everybody_and_one_customer_only_as_the_last_resort(suggestions) -> None:
    for row in suggestions:
        rule = row["rule"]
        if rule.get("customers"):
            assert rule["kind"] == "mute"
            assert rule["customers"] == [row["customer"]]
            assert rule.get("note") == LAST_RESORT or rule["id"].startswith("nothing-more-to-")
        else:
            assert rule["kind"] != "mute"
    kinds = {row["check"]: row["rule"]["kind"] for row in suggestions if not row["rule"].get("customers")}
    assert kinds["ignored-streak"] == kinds["browse-pursuit"] == "sunset"
    assert kinds["over-frequency"] == "frequency_cap"
    assert kinds["life-changed"] == "cooldown"
    assert kinds["sensitive-inference"] == kinds["by-likeness"] == "sensitive"


def test_ids_are_slugs_and_the_same_rule_has_the_same_id(suggestions) -> None:
    rules: dict[str, dict] = {}
    for row in suggestions:
        rule = row["rule"]
        assert SLUG.fullmatch(rule["id"]), rule["id"]
        assert rules.setdefault(rule["id"], rule) == rule
        assert rule["title"][0].isupper()
        assert " > " not in rule["title"]
    by_content = {json.dumps({**rule, "id": ""}) for rule in rules.values()}
    assert len(by_content) == len(rules)


def test_titles_stand_alone(suggestions) -> None:
    titles = {
        row["check"]: row["rule"]["title"] for row in suggestions if row["customer"].startswith("scene-0")
    }
    assert "Nothing about nail clippers until a re-purchase is due" in {
        row["rule"]["title"] for row in suggestions
    }
    assert titles["life-changed"] in {
        "Nothing of “baby-news” about baby for 365 days after a registry was closed",
        "Nothing more to scene-04-tool-set",
    }
    silence = r"Nothing more of “[^”]+”.* after 4 in a row without a click"
    assert re.fullmatch(silence, titles["ignored-streak"])


def test_for_somebody_who_died_there_is_nothing_but_silence() -> None:
    rows = [
        order("2026-01-01", category="Tools > Saws"),
        *(mail(f"2026-01-0{day}", category="Tools > Saws") for day in range(2, 6)),
        act("customer_deceased", "2026-02-01"),
        *(mail(f"2026-02-0{day}", category="Tools > Saws") for day in range(2, 8)),
    ]
    for check in ("life-changed", "repeat-after-purchase", "over-frequency"):
        for finding in found(check, *rows):
            rule = json.loads(finding["suggested_rule"])
            assert (rule["kind"], rule["customers"], rule["valid_from"]) == (
                "mute",
                ["c_1"],
                "2026-02-01T00:00:00Z",
            )
            assert not suggested_rule.is_last_resort(rule)
    before = [row for row in rows if row["at"] < "2026-02"] + [act("customer_deceased", "2026-03-01")]
    assert [finding["suggested_rule"] for finding in found("repeat-after-purchase", *before)] == [None]


def test_in_the_place_of_a_rule_that_helps_nothing_one_customer_is_spared_what_it_names() -> None:
    sunset = suggested_rule.sunset(4, "click", "of “Deals”", campaigns=["deals"])
    spared = last_resort(sunset, "c_1")
    assert (spared["kind"], spared["campaigns"], spared["customers"]) == ("mute", ["deals"], ["c_1"])
    assert spared["note"] == LAST_RESORT
    assert last_resort({"kind": "frequency_cap", "channels": ["email"]}, "c_1") is None
    assert last_resort(spared, "c_1") is None


NAMES = st.one_of(
    st.text(alphabet="aB 1-_>é", max_size=9),
    st.lists(
        st.sampled_from(["Beauty", "beauty", "Nails", "Nail clippers", "Made in", "A", "a b"]),
        min_size=1,
        max_size=3,
    ).map(" > ".join),
    st.text(max_size=90),
)


@given(NAMES, NAMES)
def test_two_names_share_no_slug(name: str, other: str) -> None:
    assert SLUG.fullmatch(slug(name))
    assert (slug(name) == slug(other)) == (name == other)


def test_a_slug_can_be_read() -> None:
    assert slug("Beauty > Nails > Nail clippers") == "nail-clippers-in-nails-in-beauty"
    assert slug("kindle-specials") == "kindle-specials"
    assert slug("c_q6889tvh") == "c-q6889tvh"
    assert slug("Kindle specials").startswith("kindle-specials-")
    assert slug("Ü > ß").startswith("u-")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Beauty > Nail clippers", "nail clippers"),
        ("Electronics > DVD", "DVD"),
        ("Electronics > USB cables", "USB cables"),
        ("DVD", "DVD"),
        ("GROCERY > CANDY BARS", "candy bars"),
    ],
)
def test_an_abbreviation_keeps_its_capitals(path: str, said: str) -> None:
    assert category_title(path) == said
    named = pl.Series("path", [path]).to_frame().select(category_name(pl.col("path"))).item()
    above = path.rpartition(" > ")[0]
    assert named == (f"{said} ({above})" if above else said)


def test_a_level_that_begins_with_a_number_is_named_with_what_it_stands_under() -> None:
    path = "Electronics > Tablets > 10 inch"
    assert category_title(path) == "tablets, 10 inch"
    named = pl.Series("path", [path, "10 inch"]).to_frame().select(category_name(pl.col("path")))
    assert named["path"].to_list() == ["tablets, 10 inch (Electronics)", "10 inch"]
