"""Whatever stands in a file, every row of it is accounted for and nothing worse than a clear error comes out."""

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.errors import InputError
from audit.ingest.amazon.datasets import book
from tests.audit.ingest.amazon import exports as ex

READ = [dataset for dataset in book().datasets if dataset.refine or dataset.constants]
CELL = st.one_of(
    st.sampled_from(
        ["", "Yes", "No", "Email", "Delivery", "Email Open", "04/25/2021 14:09", "2025-04-09T08:00:00Z", "400-1", "$1", "a:b", "IT:OptedOut", '"', "\n", ",", "[/]", "\x00", "k=%FF%00", "9" * 5000]
    ),
    st.text(max_size=5),
)  # fmt: skip


def headers(dataset):
    return [names[0] for names in (*dataset.columns.values(), *dataset.identifiers.values())]


def accounted(path):
    for batch in ex.batches(path):
        made = set(batch.events["row"]) if batch.events.height else set()
        refused = set(batch.rejected["row"])
        assert not made & refused
        assert batch.rows == len(made) + len(refused) + sum(batch.skipped.values())
        if batch.events.height:
            assert batch.events["event_id"].null_count() == 0
            assert batch.events["occurred_at"].null_count() == 0
            assert batch.events["kind"].null_count() == 0


@pytest.mark.parametrize("dataset", READ, ids=lambda dataset: dataset.name)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_cells_are_accounted_for(tmp_path, dataset, data):
    header = headers(dataset)
    rows = data.draw(st.lists(st.lists(CELL, min_size=1, max_size=len(header) + 1), max_size=4))
    content = (
        ex.table(header, *rows).replace(b"\x00", b"\\0")
        if data.draw(st.booleans())
        else ex.table(header, *rows)
    )
    accounted(ex.folder(tmp_path, {f"{dataset.files[0]}.csv": content}) / f"{dataset.files[0]}.csv")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_accounted_for_or_refused(tmp_path, content):
    path = (
        ex.folder(tmp_path, {"Retail.OrderHistory.1.csv": b"Order Date,Order ID,ASIN\n" + content})
        / "Retail.OrderHistory.1.csv"
    )
    accounted(path)
    path.write_bytes(content)
    try:
        accounted(path)
    except InputError as error:
        assert str(path) in str(error)


def test_every_known_file_is_read_by_its_own_words(tmp_path):
    for dataset in READ:
        assert not pl.Series(headers(dataset)).is_duplicated().any(), dataset.name
        for name in dataset.files:
            assert book().named(name) is dataset
