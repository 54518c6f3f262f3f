"""Messages a person a week: held against a count in plain Python."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.population.message_pressure import EDGES, pressure
from tests.build import events

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
MONDAY = date(2026, 6, 8)


def mail(customer, days, **more):
    at = NOW - timedelta(days=days)
    return {"kind": "message_sent", "customer_id": customer, "at": at, **more}


def counted_plainly(rows):
    """(weeks, people) of each number of messages, person by person and week by week."""
    weeks, people = Counter(), Counter()
    mondays = {at: row["at"].date() - timedelta(days=row["at"].weekday()) for at, row in enumerate(rows)}
    earliest = max(min(mondays.values()), MONDAY - timedelta(weeks=52))
    for customer in {row["customer_id"] for row in rows}:
        own = [at for at, row in enumerate(rows) if row["customer_id"] == customer]
        since = min(mondays[at] for at in own)
        if since >= MONDAY:
            continue
        sent = {
            rows[at].get("message_id", at): mondays[at]
            for at in reversed(own)
            if rows[at]["kind"] == "message_sent"
        }
        mine, monday = [], max(since, earliest)
        while monday < MONDAY:
            mine.append(sum(week == monday for week in sent.values()))
            monday += timedelta(weeks=1)
        weeks.update(mine)
        people[max(mine, default=0)] += 1
    return weeks, people


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 500), st.booleans()), min_size=1, max_size=40)
)
def test_the_bars_are_a_plain_count_of_the_weeks_of_people(made):
    rows = [
        mail(name, days) if sent else mail(name, days) | {"kind": "product_viewed"}
        for name, days, sent in made
    ]
    rows.sort(key=lambda row: row["at"])
    told = pressure(events(*rows), NOW)
    weeks, people = counted_plainly(rows)
    for bar in told.bars:
        inside = [n for n in {*weeks, *people} if n >= bar.low and (bar.high is None or n <= bar.high)]
        assert (bar.weeks, bar.people) == (sum(weeks[n] for n in inside), sum(people[n] for n in inside))
    assert told.person_weeks == weeks.total()
    assert (told.people, told.messages) == (people.total(), sum(n * count for n, count in weeks.items()))


def test_repeated_rows_are_one_message_and_the_week_that_runs_is_left_out():
    told = pressure(events(mail("a", 9, message_id="m"), mail("a", 8, message_id="m"), mail("a", 0)), NOW)
    assert [(bar.low, bar.weeks, bar.people) for bar in told.bars] == [(0, 0, 0), (1, 1, 1)]


def test_bars_leave_no_gap_and_it_is_told_how_far_it_is():
    done = []
    told = pressure(events(*(mail("a", 9) for _ in range(30))), NOW, lambda part, of: done.append((part, of)))
    assert [bar.low for bar in told.bars] == list(EDGES)
    assert all(bar.high == after.low - 1 for bar, after in zip(told.bars, told.bars[1:], strict=False))
    assert told.bars[-1].high is None
    assert done[-1] == (16, 16)


def test_no_events_are_no_weeks():
    assert pressure(events(mail("a", 9)).clear(), NOW).person_weeks == 0
