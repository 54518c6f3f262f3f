"""UCI Online Retail: 305 dirty CSVs as found, imported with a map; every figure adds up."""

import tarfile
from pathlib import Path

import polars as pl
import pytest

from audit import ingest
from audit.workspace.workspace import Workspace
from tests.audit.ingest.files import counts
from tests.real.data import folder as real_data

ARCHIVE = real_data("uci_online_retail.tar.gz")
MAP = Path(__file__).parents[2] / "fixtures" / "maps" / "uci_online_retail.toml"
pytestmark = [
    pytest.mark.skipif(
        ARCHIVE is None, reason="uci_online_retail.tar.gz is absent; name its folder with WHYSENT_DATA"
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("uci")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(place, filter="data")
    return place


@pytest.fixture(scope="module")
def raw(folder):
    """What is in the files, counted without any of our code."""
    return pl.concat([pl.read_csv(path, infer_schema=False) for path in sorted(folder.rglob("*.csv"))])


@pytest.fixture(scope="module")
def imported(folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WHYSENT_KEY_FILE", str(place / "key"))
        ws = Workspace.create(place / "ws")
        report = ingest.import_paths(ws, [folder], map_file=MAP)
        yield ws, report, ingest.import_paths(ws, [folder], map_file=MAP)


def test_the_files_are_what_their_publisher_says(raw):
    assert raw.height == 541_909
    assert raw["CustomerID"].null_count() == 135_080
    assert raw["InvoiceNo"].str.starts_with("C").sum() == 9_288
    assert raw.height - raw.unique().height == 5_268


def test_every_row_is_accounted_for(raw, imported):
    _, report, _ = imported
    known = raw.drop_nulls("CustomerID")
    equal = known.height - known.unique().height

    assert len(report.files) == 305
    assert counts(report) == (541_909, 541_909 - 135_080, 0, 0, 135_080)
    assert equal == 5_225, "the other 43 of 5,268 have no customer"
    assert report.skipped_by_reason == {"no customer": 135_080}
    assert report.customers == 4_372


def test_cancellations_are_those_of_known_customers(raw, imported):
    ws, _, _ = imported
    cancelled = raw.drop_nulls("CustomerID")["InvoiceNo"].str.starts_with("C").sum()
    kinds = dict(ws.scan().collect()["kind"].value_counts().rows())

    assert kinds == {"order_cancelled": cancelled, "order_completed": 406_829 - cancelled}
    assert cancelled == 8_905, "the others of 9,288 have no customer"


def test_amounts_are_those_of_the_files(raw, imported):
    ws, _, _ = imported
    amount = (pl.col("Quantity").cast(pl.Float64) * pl.col("UnitPrice").cast(pl.Float64)).sum()
    expected = raw.drop_nulls("CustomerID").select(amount).item()
    assert ws.scan().select((pl.col("quantity") * pl.col("price")).sum()).collect().item() == pytest.approx(
        expected
    )


def test_a_second_import_adds_nothing(imported):
    ws, report, again = imported
    assert counts(again) == (541_909, 0, 541_909 - 135_080, 0, 135_080)
    assert ws.info.events == report.total("accepted")
