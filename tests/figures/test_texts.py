"""Every figure of every explanation, letter and note is what the events give: of scenes, and of some of the fleet."""

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from audit.ingest import import_paths
from audit.population import audience_comparison
from audit.workspace.workspace import Workspace
from fixtures import demo
from fixtures import scenes as told
from tests import build
from tests.audit.population.test_audience import shoppers
from tests.figures.audiences import wrong_audiences
from tests.figures.letters import wrong_in_letter
from tests.figures.notes import told_in_one_language_only
from tests.figures.said import Data, Said, data_of, said, wrong
from tests.figures.slips import every_sentence, slips

EVERYTHING = os.environ.get("WHYSENT_FIGURES") == "all"
"""Whether all are read, which takes minutes: by default some."""

SCENES = sorted(person.id for person in told.people())
READ = SCENES if EVERYTHING else SCENES[::4]
FLEET = 40 if EVERYTHING else 3


@pytest.fixture(scope="module")
def ws(scenes: Path) -> Workspace:
    return Workspace.open(scenes)


@pytest.fixture(scope="module")
def data(ws: Workspace) -> Data:
    return data_of(ws)


def wrong_in_texts(about: Said) -> Iterator[str]:
    """The sentences of explanations, notes and letters of one customer with a figure that the events do not give."""
    yield from wrong(every_sentence(about), about.names)
    yield from told_in_one_language_only(about)
    for (kind, _), report in about.reports.items():
        if kind == "reply":
            yield from wrong_in_letter(report, about)


@pytest.mark.parametrize("name", READ)
def test_every_figure_of_what_is_said_of_a_customer_is_that_of_the_events(
    ws: Workspace, data: Data, name: str
) -> None:
    assert list(wrong_in_texts(said(ws, data, ws.resolve(name)))) == []


def test_every_figure_of_what_is_said_of_some_of_the_fleet_is_that_of_the_events(
    tmp_path: Path, key_file: Path
) -> None:
    events = demo.demo_events()
    chosen = events["customer_id"].unique().sort().sample(FLEET, seed=7)
    events.filter(pl.col("customer_id").is_in(chosen.implode())).write_parquet(tmp_path / "fleet.parquet")
    ws = Workspace.create(tmp_path / "ws", synthetic=True)
    import_paths(ws, [tmp_path / "fleet.parquet"])
    ws.set_map(demo.demo_campaigns(), demo.demo_flows())
    data = data_of(ws)
    customers = data.events["customer_id"].unique().sort()
    assert [text for name in customers for text in wrong_in_texts(said(ws, data, name))] == []


def test_every_figure_of_what_sets_recipients_apart_is_that_of_the_events() -> None:
    frame = build.events(*shoppers())
    found = audience_comparison.count(frame.lazy())
    assert {fact.is_breadth for fact in found.sets_apart("m", 1)} == {True, False}
    assert list(wrong_audiences(frame, found, ["c007", "c009", "c010"])) == []


@pytest.mark.parametrize("name", SCENES if EVERYTHING else ["scene-07-cart-burst"])
def test_a_figure_that_is_one_too_many_is_noticed(ws: Workspace, data: Data, name: str) -> None:
    found = list(slips(said(ws, data, ws.resolve(name))))
    missed = [(text, figure) for text, figure, noticed in found if not noticed]
    assert len(found) > 20
    assert len(missed) <= len(found) * 0.05, missed
