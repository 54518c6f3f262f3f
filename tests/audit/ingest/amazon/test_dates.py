from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.events.times import parse_iso
from audit.ingest.amazon.datasets import dates_only, moments

MOMENTS = st.integers(800_000_000, 3_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def read(text):
    return moments(pl.Series("at", [text], dtype=pl.String))[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("04/25/2021 14:09", "2021-04-25T14:09:00"),
        ("04/25/2021 14:09:08", "2021-04-25T14:09:08"),
        ("11/11/2021 22:32:48 UTC", "2021-11-11T22:32:48"),
        ("2021-03-01 08:00:40.5", "2021-03-01T08:00:40.500000"),
        ("2024-08-15T12:30:00Z", "2024-08-15T12:30:00"),
        ("2025-05-25T14:40:35.316Z", "2025-05-25T14:40:35.316000"),
        ("2024-08-15T12:30:00+02:00", "2024-08-15T10:30:00"),
        ("Tue Mar 02 10:15:00 UTC 2021", "2021-03-02T10:15:00"),
        ("3/9/21 4:05:06 PM UTC", "2021-03-09T16:05:06"),
        ("12/31/21 12:00:00 AM GMT", "2021-12-31T00:00:00"),
        ("02-Jan-2020", "2020-01-02T00:00:00"),
        ("2020-05-06", "2020-05-06T00:00:00"),
        ("01/02/2019", "2019-01-02T00:00:00"),
        ("2016-12-31 23:59:60", "2017-01-01T00:00:00"),
    ],
)
def test_every_mask(text, moment):
    assert read(text) == parse_iso(moment)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "junk",
        "13/45/2020",
        "2020-02-30",
        "Z",
        "UTC",
        "12:30",
        "1",
        "9" * 5000,
        None,
        "Tue Mar 02 10:15:00 CET 2021",
    ],
)
def test_what_is_no_moment_is_absent(text):
    assert read(text) is None


@given(
    st.lists(
        st.tuples(
            MOMENTS,
            st.sampled_from(
                [
                    "%m/%d/%Y %H:%M:%S UTC",
                    "%Y-%m-%d %H:%M:%S",
                    "%Y-%m-%dT%H:%M:%SZ",
                    "%a %b %d %H:%M:%S UTC %Y",
                    "%m/%d/%y %I:%M:%S %p UTC",
                ]
            ),
        ),
        max_size=8,
    )
)
def test_masks_may_be_mixed(written):
    column = pl.Series("at", [moment.strftime(form) for moment, form in written], dtype=pl.String)
    assert moments(column).to_list() == [moment for moment, _ in written]


def test_says_which_are_dates_only():
    assert dates_only(pl.Series(["02-Jan-2020", "04/25/2021 14:09", None])).to_list() == [True, False, None]
