"""What the data cannot answer is listed, with what would help; of the rest it may be said that nothing was found."""

from datetime import UTC, datetime
from typing import Any

import pytest

from audit import findings
from audit.findings import catalogue
from audit.findings.unanswered import Unanswered
from audit.population import coverage
from tests import build
from tests.audit.findings.histories import act, mail, order


def lacking(*rows: dict[str, Any], **context: Any) -> dict[str, list[Unanswered]]:
    """Check → what it lacks in the history of one customer."""
    frame = build.events(*rows)
    answers: dict[str, list[Unanswered]] = {}
    for row in findings.unanswered_checks(frame, build.context(frame, **context)):
        answers.setdefault(row.check, []).append(row)
    return answers


def clippers(*, described: bool) -> list[dict[str, Any]]:
    about = {"category": "Beauty > Nails"} if described else {}
    return [
        order("2026-01-01", category="Beauty > Nails", item_id="clipper"),
        *(mail(f"2026-01-0{day}", campaign_id="nails", **about) for day in range(2, 8)),
    ]


def test_without_a_message_no_question_about_messages_is_answered():
    made = lacking(order("2026-01-01", item_id="clipper"))
    for check in ("over-frequency", "repeat-after-purchase", "after-opt-out", "unexplained"):
        kinds = [row.kinds for row in made[check] if (row.lacks, row.how) == ("kinds", "import")]
        assert any("message_sent" in names for names in kinds), check


def test_a_campaign_that_nobody_mapped_is_named():
    (row,) = lacking(*clippers(described=False))["repeat-after-purchase"]
    assert (row.lacks, row.how, row.campaigns, row.events, row.of) == ("columns", "map", ("nails",), 6, 6)
    assert "repeat-after-purchase" not in lacking(*clippers(described=True))


def test_what_is_there_is_answered():
    made = lacking(*clippers(described=True))
    assert not {"over-frequency", "repeat-after-purchase", "duplicate-message", "cart-burst"} & set(made)


def test_a_kind_that_is_absent_is_named_with_the_kinds_that_would_do():
    (row,) = lacking(*clippers(described=True))["after-opt-out"]
    assert (row.lacks, row.how) == ("kinds", "import")
    assert {"unsubscribed", "objected", "consent_withdrawn"} <= set(row.kinds)


def test_a_mark_in_the_order_of_another_customer_shows_that_orders_without_it_have_none():
    own = [order("2026-01-01", item_id="i", category="A"), mail("2026-01-02", category="A")]
    elsewhere = order("2026-01-01", item_id="i", category="A", customer_id="c_2", gift=True)
    whole, alone = build.events(*own, elsewhere), build.events(*own)
    asked = findings.unanswered_checks(alone, build.context(whole))
    assert "shared-account" not in {row.check for row in asked}
    (row,) = [row for row in findings.unanswered_checks(alone, build.context(alone)) if "gift" in row.columns]
    assert (row.check, row.events, row.of) == ("shared-account", 1, 1)


def test_columns_that_are_filled_only_where_there_is_something_to_say_are_counted_with_the_coverage():
    needs = [need for check in findings.CHECKS for need in catalogue.row(check).needs if need.somewhere]
    assert {column for need in needs for column in need.columns} == set(coverage.MARKS)


def test_a_gap_after_the_first_event_is_named():
    days = [*range(1, 20), *range(25, 32)]
    daily = [mail(f"2026-01-{day:02}", customer_id="c_2", campaign_id="x") for day in days]
    (row,) = lacking(*daily)["over-frequency"]
    assert row.lacks == "gap"
    assert [(gap.begin.day, gap.end.day) for gap in row.gaps] == [(20, 24)]


def test_orders_that_end_before_the_messages_do_are_known_no_longer():
    daily = [
        order(f"2026-01-{day:02}", item_id="i", category="A", source_name="shop") for day in range(1, 29)
    ]
    rows = [*daily, mail("2026-06-01", category="A", source_name="mail log")]
    (row,) = lacking(*rows)["repeat-after-purchase"]
    assert (row.lacks, row.how, row.kinds) == ("end", "import", ("order_completed",))
    assert row.until == datetime(2026, 1, 28, tzinfo=UTC)


def test_a_message_before_the_orders_end_needs_no_later_ones():
    daily = [
        order(f"2026-01-{day:02}", item_id="i", category="A", source_name="shop") for day in range(1, 29)
    ]
    rows = [*daily, mail("2026-01-20", category="A"), act("product_viewed", "2026-06-01")]
    assert "end" not in {
        row.lacks for row in lacking(*rows).get("repeat-after-purchase", []) if "order_completed" in row.kinds
    }


def test_a_check_of_declared_rules_has_no_question_where_none_is_declared():
    assert "declared-vs-observed" not in lacking(order("2026-01-01"))


def test_refused_rows_that_look_like_a_no_leave_the_opt_outs_open():
    frame = build.events(*clippers(described=True), act("unsubscribed", "2026-01-03", customer_id="c_2"))
    context = build.context(frame)
    assert not [row for row in findings.unanswered_checks(frame, context) if row.check == "after-opt-out"]
    rows = findings.unanswered_checks(frame, context, lost_opt_outs=2)
    (row,) = [row for row in rows if row.check == "after-opt-out"]
    assert (row.lacks, row.how, row.events) == ("opt_outs", "quarantine", 2)


def test_what_several_checks_lack_is_said_once():
    frame = build.events(order("2026-01-01", item_id="clipper"))
    rows = findings.by_lack(findings.unanswered_checks(frame, build.context(frame)))
    lacks = [(lack.lacks, lack.kinds, lack.columns) for lack, _ in rows]
    assert len(lacks) == len(set(lacks))
    (checks,) = [checks for lack, checks in rows if lack.kinds == ("message_sent",)]
    assert {"over-frequency", "duplicate-message"} <= set(checks)


@pytest.mark.parametrize("check", findings.CHECKS)
def test_every_check_says_what_it_needs(check):
    assert catalogue.row(check).needs


@pytest.mark.parametrize(
    ("segment", "source", "lacks"),
    [("loyal", "inferred", 1), ("expecting-parents", "inferred", 0), ("loyal", "third_party", 0)],
)
def test_a_segment_lacks_its_topic_only_where_nothing_says_what_it_is_about(segment, source, lacks):
    """What a check finds of a segment, it does not say that it cannot tell."""
    entered = act("segment_entered", "2026-01-05", segment_id=segment, source=source)
    acts = [
        order("2026-01-01", category="Sport"),
        act("product_viewed", "2026-01-02", category="Sport"),
        entered,
    ]
    made = lacking(*acts).get("by-likeness", [])
    assert sum(row.lacks == "columns" for row in made) == lacks
