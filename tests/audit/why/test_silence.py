"""None of this kind has come since: only as far as the log of messages goes on, and never across a gap."""

from datetime import UTC, datetime, timedelta

from audit.why.expiry import Silence, silence_after
from tests.build import context, events

BEGIN = datetime(2026, 1, 1, 6, tzinfo=UTC)


def mails(*days: int) -> list[dict[str, object]]:
    return [
        {"kind": "message_sent", "customer_id": "c_2", "at": BEGIN + timedelta(days=day), "channel": "email"}
        for day in days
    ]


def silence(sent: list[datetime], *days: int) -> Silence | None:
    return silence_after(context(events(*mails(*days))), sent)


def at(day: int) -> datetime:
    return BEGIN + timedelta(days=day)


def test_none_has_come_since_where_the_log_goes_on_for_longer_than_any_pause_and_a_month() -> None:
    told = silence([at(0), at(20)], *range(60))
    assert told == Silence(at(20), at(59), over=True)
    assert told.in_words == "None of this kind has come since 2026-01-21; mails are known to 2026-03-01."


def test_a_shorter_silence_is_none_that_one_could_tell() -> None:
    longest_pause = silence([at(0), at(45)], *range(80))
    month = silence([at(50)], *range(80))
    assert longest_pause is not None
    assert month is not None
    assert (longest_pause.over, month.over) == (False, False)


def test_a_log_that_ends_with_the_message_says_nothing_of_what_came_after() -> None:
    assert silence([at(59)], *range(60)) is None
    assert silence([], *range(60)) is None


def test_a_gap_ends_what_is_known() -> None:
    told = silence([at(10)], *range(60), *range(90, 120))
    assert told is not None
    assert told.until < at(60)
    assert (told.since, told.over) == (at(10), True)
