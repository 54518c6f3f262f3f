"""The check catalogue keeps its own promises."""

from datetime import date

import pytest

from audit.errors import NotFoundError
from audit.findings import catalogue, registry


def test_every_check_stands_in_the_catalogue_with_a_source():
    rows = {row.id: row for row in catalogue.rows()}
    assert len(rows) == len(catalogue.rows())
    own = {row.id for row in rows.values() if row.reported_as is None}
    assert own == set(registry.CHECKS)
    for row in rows.values():
        lent = [other for other in rows.values() if other.reported_as == row.id]
        assert row.sources or lent, row.id
        assert row.needs, row.id


def test_only_a_source_that_was_read_says_breach():
    for row in catalogue.rows():
        if row.max_verdict == "breach":
            assert row.text_read
            assert row.basis_kind in ("statute", "ruling", "regulator")


def test_the_gdpr_applies_in_the_eea_and_the_can_spam_act_in_the_us():
    assert {"DE", "FR", "NO"} <= catalogue.countries("OBJ-DM")
    assert catalogue.countries("OPT-EMAIL-US") == {"US"}
    assert catalogue.countries("over-frequency") == frozenset()


def test_an_unknown_check_is_named():
    with pytest.raises(NotFoundError, match="no-such"):
        catalogue.row("no-such")


@pytest.mark.parametrize(
    "day",
    # as published by the US Office of Personnel Management
    [
        date(2021, 6, 18),
        date(2021, 12, 31),
        date(2022, 12, 26),
        date(2023, 11, 10),
        date(2025, 11, 27),
        date(2026, 7, 3),
    ],
)
def test_the_calendar_holds_holidays_on_the_day_they_are_observed(day):
    assert day in catalogue.data("us_federal_holidays.toml")["days"]


def test_the_calendar_holds_ten_or_eleven_weekdays_a_year():
    days = catalogue.data("us_federal_holidays.toml")["days"]
    assert days == sorted(set(days))
    assert all(day.weekday() < 5 for day in days)
    for year in range(2015, 2032):
        assert sum(day.year == year for day in days) in (9, 10, 11, 12), year
