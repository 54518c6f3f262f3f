"""Every figure of every headline is what the events give: of the scenes, and of a part of the fleet."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl

from audit.rules.model import from_dict
from audit.workspace.workspace import Workspace
from fixtures import demo
from fixtures import scenes as told
from tests import build
from tests.audit.rules.build import cap
from tests.figures.cases import Case, cases, cases_of
from tests.figures.findings import expected, total_and_excess
from tests.figures.reading import figures


def wrong_figures(case: Case) -> Iterable[str]:
    """What a finding's sentence says, and what the events give, wherever these differ."""
    for finding in case.findings:
        read, worked_out = figures(finding.text, case.names), expected(finding, case.history, case.facts)
        if read != worked_out:
            yield f"{finding.text!r} reads {read}, the events give {worked_out}"
        total, excess = total_and_excess(finding, case.history, case.facts)
        if (finding.excess, finding.total) != (excess, total or finding.total):
            yield f"{finding.text!r} has {finding.total}, {finding.excess}; the events give {total}, {excess}"


def test_every_figure_of_every_headline_of_the_scenes_is_that_of_the_events(scenes: Path) -> None:
    read = cases(Workspace.open(scenes))
    assert [text for case in read for text in wrong_figures(case)] == []
    assert sum(len(figures(finding.text, case.names)) for case in read for finding in case.findings) > 100


def test_every_figure_of_every_headline_of_a_fleet_is_that_of_the_events() -> None:
    events = demo.demo_events()
    chosen = events["customer_id"].unique().sort().sample(300, seed=11)
    read = cases(None, events.filter(pl.col("customer_id").is_in(chosen.implode())))
    assert [text for case in read for text in wrong_figures(case)] == []


def test_every_figure_of_what_broke_a_declared_rule_is_that_of_the_events() -> None:
    events = told.events()
    rules = (
        cap(3, "7d", id="three-a-week", title="At most 3 a week", channels=["email"]),
        {"id": "a-day-between", "kind": "min_gap", "title": "A day between two", "window": "24h"},
    )
    declared = tuple(from_dict({**rule, "declared": True}) for rule in rules)
    read = list(cases_of(events, replace(build.context(events), declared=declared)))
    found = [row for case in read for row in case.findings if row.check == "declared-vs-observed"]
    assert {row.subject for row in found} == {"three-a-week", "a-day-between"}
    assert [text for case in read for text in wrong_figures(case)] == []
