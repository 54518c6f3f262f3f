"""Own acts, a segment, messages: a sensitive topic nobody consented to; and those without an act of their own."""

import json

import pytest

from tests.audit.findings.histories import act, found, mail, order

_SEGMENT = act(
    "segment_entered", "2026-03-01", segment_id="expecting-parents", event_id="s", source="inferred"
)
_SEARCH = act("products_searched", "2026-02-01", query="Prenatal vitamins", event_id="q")
_VIEW = act("product_viewed", "2026-02-02", category="Health > Vitamins > Prenatal", event_id="v")
_OTHER = act("product_viewed", "2025-01-01", category="Sport > Shoes", event_id="x")
_BOUGHT = order("2025-01-01T01:00", category="Sport > Shoes", event_id="y")


def _mail(at="2026-03-05", **columns):
    return mail(at, **{"topics": ["pregnancy"], "campaign_id": "little-one", **columns})


def test_the_whole_path_is_the_evidence():
    (finding,) = found("sensitive-inference", _SEARCH, _VIEW, _SEGMENT, _mail(event_id="m"))
    assert (finding["case"], finding["verdict"], finding["severity"]) == ("path", "risk", "high")
    assert (finding["cause"], finding["evidence"]) == (["q", "v"], ["q", "v", "s", "m"])
    assert finding["text"].startswith(
        "Inferred about pregnancy: 2 acts of their own since 2026-02-01, then a segment"
    )


def test_the_suggested_rule_holds_until_there_is_a_consent():
    (finding,) = found("sensitive-inference", _SEARCH, _SEGMENT, _mail())
    rule = json.loads(finding["suggested_rule"])
    assert (rule["kind"], rule["campaigns"], "customers" in rule) == ("sensitive", ["little-one"], False)
    assert rule["title"] == "Nothing about pregnancy (“little-one”) without consent to it"


def test_acts_without_a_decision_are_nobodys_business():
    assert found("sensitive-inference", _SEARCH, _VIEW) == []


def test_an_agent_is_not_told_the_topic():
    (finding,) = found("sensitive-inference", _SEARCH, _SEGMENT, _mail(), named=False)
    assert finding["subject"].startswith("withheld-")
    assert "pregnan" not in json.dumps(finding, default=str).lower()


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"topics": ["pregnancy"], "at": "2026-01-01"}, 0),
        ({"topics": ["pregnancy"], "at": "2026-04-01"}, 1),
        ({"topics": ["sport"], "at": "2026-01-01"}, 1),
        ({"at": "2026-01-01"}, 1),
    ],
)
def test_only_a_consent_that_names_the_topic_before_takes_it_out(given, count):
    rows = [{"kind": "consent_given", **given}, _SEARCH, _SEGMENT]
    assert len(found("sensitive-inference", *rows)) == count


def test_a_withdrawn_consent_counts_no_longer():
    consents = [
        act(kind, f"2026-01-0{day}", topics=["pregnancy"])
        for day, kind in ((1, "consent_given"), (2, "consent_withdrawn"))
    ]
    assert len(found("sensitive-inference", *consents, _SEARCH, _SEGMENT)) == 1


def test_without_one_act_of_ones_own_it_is_by_likeness():
    (finding,) = found("sensitive-inference", _OTHER, _SEGMENT, _mail())
    assert (finding["case"], finding["cause"]) == ("by_likeness", [])
    assert "not one act of their own" in finding["text"]


def test_by_likeness_is_said_only_where_the_data_would_hold_the_acts():
    (finding,) = found("sensitive-inference", _SEGMENT, _mail())
    assert finding["case"] == "no_act_known"
    assert found("by-likeness", _SEGMENT, _mail()) == []
    assert len(found("by-likeness", _OTHER, _BOUGHT, _SEGMENT, _mail())) == 1
    young = [row | {"at": "2026-02-25"} for row in (_OTHER, _BOUGHT)]
    assert found("by-likeness", *young, _SEGMENT) == []


def test_a_letter_from_a_list_one_is_on_is_no_inference():
    assert found("sensitive-inference", _mail(list_id="parents")) == []


@pytest.mark.parametrize(
    "query", ["baby names", "SCHWANGERSCHAFT", "test for pregnancy, cheap", "folsäure 400"]
)
def test_words_count_whole_in_english_and_german(query):
    rows = [act("products_searched", "2026-02-01", query=query), _SEGMENT]
    assert found("sensitive-inference", *rows)[0]["case"] == "path"


def test_parts_of_words_do_not_count():
    rows = [act("products_searched", "2026-02-01", query="burnt urnlike vase turning"), _OTHER]
    segment = act("segment_entered", "2026-03-01", segment_id="trauerfall")
    assert found("sensitive-inference", *rows, segment)[0]["case"] == "by_likeness"


@pytest.mark.parametrize(
    ("consent", "count"),
    [
        ({"event_id": "a"}, 0),  # of one instant what comes before in event_id is before
        ({"event_id": "z"}, 1),
        ({"event_id": "z", "at": "2026-03-04T23:59:59.999999"}, 0),
        ({"event_id": "a", "topics": ["sport", "pregnancy"]}, 0),
        ({"event_id": "a", "kind": "subscribed"}, 1),
    ],
)
def test_a_consent_covers_what_comes_after_it(consent, count):
    given = {"kind": "consent_given", "at": "2026-03-05", "topics": ["pregnancy"], **consent}
    assert len(found("sensitive-inference", given, _mail(event_id="m"))) == count


def test_a_withdrawal_of_another_topic_leaves_a_consent_in_force():
    given = act("consent_given", "2026-01-01", topics=["pregnancy"])
    other = act("consent_withdrawn", "2026-01-02", topics=["sport"])
    assert found("sensitive-inference", given, other, _mail()) == []
    again = act("consent_given", "2026-01-04", topics=["pregnancy"])
    withdrawn = act("consent_withdrawn", "2026-01-03", topics=["pregnancy"])
    assert found("sensitive-inference", given, withdrawn, again, _mail()) == []


def test_an_act_at_the_instant_of_the_first_decision_is_before_it_by_event_id():
    segment = _SEGMENT | {"event_id": "m"}
    for event_id, case in (("a", "path"), ("z", "by_likeness")):
        (finding,) = found(
            "sensitive-inference", _OTHER, _SEARCH | {"at": "2026-03-01", "event_id": event_id}, segment
        )
        assert finding["case"] == case


def test_only_what_was_decided_is_counted_in_words():
    (finding,) = found("sensitive-inference", _SEARCH, _SEGMENT)
    assert finding["text"] == (
        "Inferred about pregnancy: 1 act of their own since 2026-02-01, then a segment; no consent to it recorded."
    )
    assert finding["suggested_rule"] is None
    shown = act("recommendation_shown", "2026-03-02", topics=["pregnancy"])
    (finding,) = found("sensitive-inference", shown, _mail())
    assert finding["text"] == (
        "Inferred about pregnancy: not one act of their own, 1 recommendation, 1 message; no consent to it recorded."
    )
    assert finding["messages"] == ["e2"]
    assert json.loads(finding["suggested_rule"])["kind"] == "sensitive"


@pytest.mark.parametrize("kind", ["product_viewed", "order_completed"])
def test_views_or_orders_are_enough_to_know_that_there_was_no_act(kind):
    (finding,) = found("sensitive-inference", act(kind, "2025-01-01", category="Sport"), _mail())
    assert finding["case"] == "by_likeness"


def test_its_span_is_that_of_the_messages():
    mails = [_mail(), _mail("2026-04-05")]
    recommended = act("recommendation_shown", "2026-05-01", topics=["pregnancy"])
    (finding,) = found("sensitive-inference", _SEARCH, _SEGMENT, *mails, recommended)
    assert [f"{finding[end]:%m-%d}" for end in ("from", "to")] == ["03-05", "04-05"]
    (unsent,) = found("sensitive-inference", _SEARCH, _SEGMENT)
    assert [f"{unsent[end]:%m-%d}" for end in ("from", "to")] == ["03-01", "03-01"]
