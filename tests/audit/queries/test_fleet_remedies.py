"""What the findings of everybody suggest is what each customer's screen suggests."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from audit.population import stats
from audit.queries import fleet_remedies, remedies
from audit.queries.case import Case, named_in, read_case
from audit.queries.everybody import Everybody, read_everybody, whole_customers
from audit.queries.findings_documents import Finding
from audit.workspace.workspace import Workspace
from tests import build
from tests.audit.findings.histories import mail, order


def told(finding: Finding) -> tuple[str | None, object]:
    covered = finding.covered_by and finding.covered_by.id
    return covered, finding.suggested_rule


def suggested(
    audited: Everybody | Case, parts: Iterable[pl.DataFrame] | None = None, periods=(), ids=None
) -> dict[str, tuple[str | None, object]]:
    parts = [audited.events] if parts is None else parts
    rows = fleet_remedies.with_remedies(audited.found, parts, audited.context, periods, ids or {})
    assert rows.columns[-1] == "covered_by"
    return {
        row["id"]: (row["covered_by"], row["suggested_rule"] and json.loads(row["suggested_rule"]))
        for row in rows.iter_rows(named=True)
    }


@pytest.mark.parametrize("with_book", [True, False])
def test_everybody_is_told_what_each_is_told(scenes: Path, monkeypatch, *, with_book: bool) -> None:
    ws = Workspace.open(scenes)
    monkeypatch.setattr("audit.queries.everybody.ROWS", 500)
    periods = ws.book.in_force() if with_book else ()
    everybody = read_everybody(ws)
    at_once = suggested(
        everybody,
        whole_customers(ws, ws.at),
        periods,
        named_in(ws, (period.rule for period in periods)),
    )
    one_by_one = {}
    for customer in everybody.found["customer"].unique():
        case = replace(read_case(ws, customer), rules=periods)
        one_by_one |= {finding.id: told(finding) for finding in remedies.findings(case)}
    assert at_once == one_by_one
    assert any(covered for covered, _ in at_once.values()) == with_book
    assert any(rule for _, rule in at_once.values())


def case_of(*rows: dict[str, object]) -> Case:
    frame = build.events(*rows)
    facts = replace(stats.none(), engaged=stats.engagement(frame.lazy()))
    return Case("c_1", frame, build.context(frame, facts=facts))


def letters(days: int = 40) -> list[dict[str, object]]:
    """A letter every third day, none clicked but the one before them."""
    click = {"kind": "message_clicked", "at": "2025-12-01T10:00", "message_id": "m0", "channel": "email"}
    sent = [
        mail(
            f"2026-{1 + (3 * n) // 28:02}-{1 + (3 * n) % 28:02}",
            campaign_id="news",
            message_id=f"m{n + 1}",
            event_id=f"e{n + 1}",
        )
        for n in range(days)
    ]
    return [mail("2025-12-01", campaign_id="news", message_id="m0", event_id="e0"), click, *sent]


def test_where_orders_begin_a_sunset_anew_another_rule_on_the_flow_is_suggested() -> None:
    """Goods that came without an order are no sign of the customer, but any order begins a sunset anew."""
    often = [
        order(f"2026-{1 + (6 * n) // 28:02}-{1 + (6 * n) % 28:02}", item_id=f"i{n}", source="inferred")
        for n in range(20)
    ]
    case = case_of(*letters(), *often)
    (finding,) = [row for row in remedies.findings(case) if row.check == "ignored-streak"]
    first = case.found.filter(pl.col("check") == "ignored-streak")["suggested_rule"].item()
    assert json.loads(first)["kind"] == "sunset"
    assert finding.suggested_rule is not None
    assert (finding.suggested_rule["campaigns"], finding.suggested_rule.get("customers")) == (["news"], None)
    assert finding.suggested_rule["id"] == "at-most-1-in-7d-news"
    assert finding.suggested_rule["title"] == "At most 1 of “news” in 7 days"
    assert finding.suggested_effect is not None
    assert finding.suggested_effect.stops * 2 >= finding.suggested_effect.of
    assert not finding.suggested_effect.last_resort
    assert suggested(case)[finding.id] == told(finding)


def test_without_orders_the_streak_itself_ends_it() -> None:
    case = case_of(*letters())
    (finding,) = [row for row in remedies.findings(case) if row.check == "ignored-streak"]
    assert finding.suggested_rule is not None
    assert finding.suggested_rule["id"] == "sunset-4-news"
    assert suggested(case)[finding.id] == told(finding)


def test_nobody_is_spared_alone_where_a_rule_on_the_flow_stops_some() -> None:
    """A letter a month: no rule stops half of them and none is a last resort."""
    monthly = [mail(f"2026-{n:02}-01", campaign_id="news", message_id=f"m{n}") for n in range(1, 12)]
    click = {"kind": "message_clicked", "at": "2025-12-01T10:00", "message_id": "m0", "channel": "email"}
    case = case_of(mail("2025-12-01", campaign_id="news", message_id="m0"), click, *monthly)
    for finding in remedies.findings(case):
        assert finding.suggested_effect is None or not finding.suggested_effect.last_resort
        assert suggested(case)[finding.id] == told(finding)


def test_two_rules_of_one_id_are_replayed_each_for_itself() -> None:
    """The name of a campaign stands in the rule's title: as the campaign is renamed, one id has two texts."""
    twice = ("2026-01-01T08:00", "2026-01-01T09:00")
    rows = [
        mail(at, customer_id=person, campaign_id="news", campaign_name=name, event_id=f"{person}-{at}")
        for person, name in (("c_1", "News"), ("c_2", "The news"))
        for at in twice
    ]
    frame = build.events(*rows)
    case = Case("c_1", frame, build.context(frame))
    (part,) = (
        fleet_remedies._Part(found, frame, case.context, (), {})
        for found in (case.found.filter(check="duplicate-message"),)
    )
    suggested = part._rows.select("id", pl.col("customer").alias("customer_id"), text="suggested_rule")
    both = pl.concat([suggested, suggested.with_columns(text=pl.col("text").reverse())])
    assert suggested["text"].n_unique() == 2
    assert {json.loads(text)["id"] for text in suggested["text"]} == {"not-twice-news-email"}
    effects = part._effects(both)
    assert effects.select("of", "stops", "stopped").unique().rows() == [(1, 1, 1)]
