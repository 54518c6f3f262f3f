"""Who is worst off."""

import polars as pl
import pytest

from audit import findings
from audit.findings import schema
from audit.findings.registry import TRIAGE_SCHEMA
from audit.privacy.role_view import MARK, RoleView
from tests import build
from tests.audit.findings.histories import act, mail, order


def _frame():
    return build.events(
        *(mail(f"2026-01-01T{hour:02}:00", customer_id="c_capped") for hour in range(4)),
        act("unsubscribed", "2026-01-01", channel="email", customer_id="c_breach", country="DE"),
        mail("2026-02-01", customer_id="c_breach"),
        order("2026-01-01", customer_id="c_quiet"),
        act("product_viewed", "2026-01-02", customer_id="c_a_quiet"),
        *(mail(f"2026-01-{day:02}", customer_id="c_untold", campaign_id="x") for day in range(1, 32, 6)),
    )


def test_the_worst_come_first_and_those_without_findings_last():
    frame = _frame()
    listed = findings.triage(frame, build.context(frame))
    assert dict(listed.schema) == dict(TRIAGE_SCHEMA)
    assert listed["customer"].to_list() == ["c_breach", "c_capped", "c_untold", "c_a_quiet", "c_quiet"]
    assert listed["severity"].to_list() == ["high", "medium", None, None, None]
    assert listed["events"].sum() == frame.height
    assert listed.row(0, named=True)["headline"] == "1 mail after the opt-out of 2026-01-01 (unsubscribed)."


def test_of_one_severity_the_worst_of_each_check_come_in_turn():
    frame = build.events(*(mail("2026-01-01", customer_id=f"c_{number}") for number in range(6)))
    template = findings.find(_frame(), build.context(_frame()), checks=["after-opt-out"]).head(1)
    planted = [
        ("a", 9, "high"),
        ("a", 8, "high"),
        ("a", 7, "high"),
        ("b", 5, "high"),
        ("b", 4, "high"),
        ("c", 99, "low"),
    ]
    rows = [
        template.with_columns(
            customer=pl.lit(f"c_{number}"), check=pl.lit(check), severity=pl.lit(severity),
            count=pl.lit(count, template.schema["count"]),
        )
        for number, (check, count, severity) in enumerate(planted)
    ]  # fmt: skip
    listed = findings.triage(frame, build.context(frame), pl.concat(rows))
    assert listed["customer"].to_list() == ["c_0", "c_3", "c_1", "c_4", "c_2", "c_5"]


def test_what_cannot_be_told_ranks_nobody():
    frame = _frame()
    made = findings.find(frame, build.context(frame))
    untold = made.filter(customer="c_untold")
    assert untold["verdict"].to_list() == ["cannot_tell"]
    (row,) = findings.triage(frame, build.context(frame), made).filter(customer="c_untold").to_dicts()
    assert (row["headline"], row["findings"]) == (None, 0)


def test_the_headline_is_that_of_the_worst_finding():
    frame = _frame()
    made = findings.find(frame, build.context(frame))
    triaged = findings.triage(frame, build.context(frame), made).filter(customer="c_breach")
    assert triaged["headline"].item() == made.filter(customer="c_breach")["text"][0]


@pytest.mark.parametrize(("others", "headline"), [(11, "rare"), (10, "newer")])
def test_of_findings_as_severe_the_rarest_here_is_the_headline_where_rare_means_something_else_the_newest(
    others, headline
):
    """Ten and one of a handful of people are alike rare."""
    frame = build.events(*(mail("2026-01-01", customer_id=f"c_{number}") for number in range(others + 1)))
    template = findings.find(_frame(), build.context(_frame()), checks=["after-opt-out"]).head(1)
    days = pl.col("to").dt.offset_by("1d")
    newer = template.with_columns(text=pl.lit("newer"), to=days)
    rows = [newer.with_columns(customer=pl.lit(f"c_{number}")) for number in range(others + 1)]
    rare = template.with_columns(customer=pl.lit("c_0"), check=pl.lit("life-changed"), text=pl.lit("rare"))
    (entry,) = (
        findings.triage(frame, build.context(frame), pl.concat([*rows, rare]))
        .filter(customer="c_0")
        .to_dicts()
    )
    assert (entry["headline"], entry["people"]) == (headline, 1 if headline == "rare" else others + 1)


@pytest.mark.parametrize(("named", "text"), [(False, MARK), (True, "pregnancy")])
def test_headlines_name_sensitive_topics_only_to_those_who_may_know(named, text):
    rows = [
        act("products_searched", "2026-01-01", query="prenatal vitamins"),
        mail("2026-01-02", topics=["pregnancy"]),
    ]
    frame = build.events(*rows)
    view = RoleView(names_sensitive=named)
    (headline,) = view.shown(findings.triage(frame, build.context(frame)))["headline"]
    assert headline.startswith(f"Inferred about {text}:")


def test_severities_sort_worst_first():
    frame = _frame()
    made = findings.find(frame, build.context(frame)).select(schema.severity_rank()).to_series()
    assert sorted(made.to_list(), key=findings.SEVERITIES.index) == made.sort().to_list()
