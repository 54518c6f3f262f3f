"""Times as files write them, to UTC; what no clock shows once is settled and flagged."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.events.times import iso
from audit.ingest import timestamps


def read(text, zone="UTC"):
    times, flags, _ = timestamps.read(pl.Series("occurred_at", [text]), zone)
    return iso(times[0]), flags[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T10:00:00Z", "2026-01-05T10:00:00Z"),
        ("2026-01-05T10:00:00+02:00", "2026-01-05T08:00:00Z"),
        ("2026-01-05T10:00:00+0200", "2026-01-05T08:00:00Z"),
        ("2026-01-05 10:00:00 +02:00", "2026-01-05T08:00:00Z"),
        ("2026-01-05 10:00:00+02:00", "2026-01-05T08:00:00Z"),
        ("2026-01-05T10:00:00.123456Z", "2026-01-05T10:00:00.123456Z"),
        ("2026-01-05T10:00:00", "2026-01-05T10:00:00Z"),
        ("2026-01-05 10:00", "2026-01-05T10:00:00Z"),
        ("2026-01-05", "2026-01-05T00:00:00Z"),
        ("20260105T100000Z", "2026-01-05T10:00:00Z"),
        ("2026-W02-1", "2026-01-05T00:00:00Z"),
        ("2026-02-30", None),
        ("2026-01-05T25:00:00Z", None),
        ("2026-02-28T24:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-12-31 24:00", "2027-01-01T00:00:00Z"),
        ("2026-01-05T24:00:00.000+02:00", "2026-01-05T22:00:00Z"),
        ("2026-01-05 24:00:00 UTC", "2026-01-06T00:00:00Z"),
        ("2026-01-05T24:00:30Z", None),
        ("2026-01-05T24:01Z", None),
        ("2026-01-05T10:24:00 noon", None),
        ("9999-12-31T24:00:00Z", None),
        ("0000-01-01", None),
        ("tomorrow", None),
        ("1767607200", None),
    ],
)
def test_iso_8601_is_read_and_nothing_else(text, moment):
    assert read(text) == (moment, None)


def test_local_times_are_read_in_the_zone_asked_for():
    assert read("2026-01-05T10:00:00", "Europe/Berlin") == ("2026-01-05T09:00:00Z", None)
    assert read("2026-01-05T10:00:00Z", "Europe/Berlin") == ("2026-01-05T10:00:00Z", None)


def test_the_end_of_a_day_is_the_beginning_of_the_next():
    assert read("2026-03-28 24:00", "Europe/Berlin") == ("2026-03-28T23:00:00Z", None)
    times, flags, bare = timestamps.read(pl.Series(["2026-10-24 24:00", "x", None]), "Europe/Berlin")
    assert (iso(times[0]), times[1], flags[0], bare) == ("2026-10-24T22:00:00Z", None, None, 1)
    columns = pl.Series("t", ["31.12.2026 24:00", "05.01.2026 10:24", "05.01.2026 24:30"])
    written = timestamps.written(columns, ["%d.%m.%Y %H:%M"])
    assert [iso(moment) for moment in timestamps.read(written, "UTC").values] == [
        "2027-01-01T00:00:00Z", "2026-01-05T10:24:00Z", None,
    ]  # fmt: skip


def test_an_ambiguous_time_takes_its_earlier_reading():
    assert read("2026-10-25T02:30:00", "Europe/Berlin") == ("2026-10-25T00:30:00Z", "ambiguous")


def test_a_time_that_never_was_is_moved_on():
    assert read("2026-03-29T02:30:00", "Europe/Berlin") == ("2026-03-29T01:30:00Z", "skipped")
    assert read("2026-10-04T02:15:00", "Australia/Lord_Howe") == ("2026-10-03T15:45:00Z", "skipped")


@pytest.mark.parametrize(
    ("text", "moment"),
    [("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"), ("2017-01-01 00:59:60+01:00", "2017-01-01T00:00:00Z")],
)
def test_second_sixty_is_the_next_second(text, moment):
    assert read(text) == (moment, "leap_second")


@given(
    st.lists(
        st.datetimes(
            datetime(1990, 1, 1),  # noqa: DTZ001  some of them have a zone, some not
            datetime(2035, 1, 1),  # noqa: DTZ001
            timezones=st.sampled_from([None, UTC, ZoneInfo("Asia/Kolkata")]),
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"]),
)
def test_every_time_is_what_pythons_own_reading_gives(times, zone):
    found, flags, _ = timestamps.read(pl.Series("occurred_at", [time.isoformat() for time in times]), zone)
    for time, moment, flag in zip(times, found, flags, strict=True):
        placed = time if time.tzinfo else time.replace(tzinfo=ZoneInfo(zone), fold=0)
        assert moment == placed.astimezone(UTC)
        if time.tzinfo is None:
            again = placed.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            later = time.replace(tzinfo=ZoneInfo(zone), fold=1).utcoffset()
            expected = (
                "skipped"
                if again != time
                else "ambiguous"
                if placed.utcoffset() - later > timedelta(0)
                else None
            )
            assert flag == expected
