"""Every figure of what is said of exports and a shop's order lines as they came is that of their events."""

import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from audit import ingest
from audit.population import audience_comparison
from audit.workspace.workspace import Workspace
from fixtures import complete_journey
from tests.figures.audiences import wrong_audiences
from tests.figures.cases import cases
from tests.figures.said import data_of, said
from tests.figures.test_findings import wrong_figures
from tests.figures.test_texts import EVERYTHING, wrong_in_texts
from tests.real.data import folder as real_data

EXPORT = real_data("amazon_export")
ORDER_LINES = real_data("uci_online_retail.tar.gz")
MAP = Path(__file__).parents[2] / "fixtures" / "maps" / "uci_online_retail.toml"


def wrong(ws: Workspace, customers: int) -> list[str]:
    """The headlines of everybody, and the other texts of so many, with a figure that the events do not give."""
    data = data_of(ws)
    read = data.events["customer_id"].unique().sort().head(customers)
    texts = [text for name in read for text in wrong_in_texts(said(ws, data, name))]
    return texts + [text for case in cases(ws) for text in wrong_figures(case)]


@pytest.mark.skipif(EXPORT is None, reason="amazon_export is absent; name its folder with WHYSENT_DATA")
@pytest.mark.parametrize("name", ["*2021*.zip", "All*.zip"])
def test_every_figure_of_what_is_said_of_an_export_is_that_of_the_events(tmp_path: Path, name: str) -> None:
    assert EXPORT is not None
    ws = Workspace.create(tmp_path / "ws")
    ingest.import_paths(ws, sorted(EXPORT.glob(name)), customer="me")
    assert wrong(ws, 1) == []


@pytest.mark.skipif(
    ORDER_LINES is None, reason="uci_online_retail.tar.gz is absent; name its folder with WHYSENT_DATA"
)
def test_every_figure_of_what_is_said_of_order_lines_is_that_of_the_events(tmp_path: Path) -> None:
    """The first days' files, all by `WHYSENT_FIGURES=all`; they hold no messages."""
    assert ORDER_LINES is not None
    with tarfile.open(ORDER_LINES) as archive:
        archive.extractall(tmp_path / "files", filter="data")
    files = sorted((tmp_path / "files").rglob("*.csv"))
    ws = Workspace.create(tmp_path / "ws")
    ingest.import_paths(ws, files if EVERYTHING else files[:6], map_file=MAP)
    assert wrong(ws, 40 if EVERYTHING else 3) == []


@pytest.mark.skipif(
    find_spec(complete_journey.PACKAGE) is None, reason=f"{complete_journey.PACKAGE} is not installed"
)
def test_every_figure_of_what_sets_recipients_of_a_grocer_apart_is_that_of_the_events() -> None:
    events = complete_journey.events(complete_journey.data())
    found = audience_comparison.count(events.lazy())
    assert found.apart.height > 40
    mailed = events.filter(kind="message_sent")["customer_id"].unique().sort()
    read = mailed.sample(30 if EVERYTHING else 3, seed=5).to_list()
    assert list(wrong_audiences(events, found, read)) == []
