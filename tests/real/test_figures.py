"""Every figure of every headline of an export as it came is that of its events."""

from pathlib import Path

import pytest

from audit import ingest
from audit.workspace.workspace import Workspace
from tests.figures.cases import cases
from tests.figures.test_findings import wrong_figures
from tests.real.data import folder as real_data

EXPORT = real_data("amazon_export")


@pytest.mark.skipif(EXPORT is None, reason="amazon_export is absent; name its folder with WHYSENT_DATA")
def test_every_figure_of_every_headline_of_an_export_is_that_of_the_events(tmp_path: Path) -> None:
    assert EXPORT is not None
    ws = Workspace.create(tmp_path / "ws")
    ingest.import_paths(ws, sorted(EXPORT.glob("*.zip")), customer="me")
    assert [text for case in cases(ws) for text in wrong_figures(case)] == []
