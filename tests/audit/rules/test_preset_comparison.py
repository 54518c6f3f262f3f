"""The exact rules beside the sender's: numbers that were counted by hand, and an account of every message."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError
from audit.events.schema import SCHEMA
from audit.rules import kernel, vendor_semantics
from audit.rules.model import from_dict
from audit.rules.replay import simulation
from audit.rules.vendor_semantics import preset_comparison
from tests.audit.rules.build import cap, causes, message
from tests.audit.rules.test_properties import caps, rows
from tests.build import context, events

BERLIN = {"time_zone": "Europe/Berlin"}


def beside(history, name, *documents, **more):
    frame = events(*history)
    rules = [from_dict(one) for one in documents]
    return preset_comparison.compare(
        frame.lazy(), rules, vendor_semantics.preset(name), context(frame), **more
    )


def counts(made):
    return {
        name: getattr(made, name)
        for name in ("both", "only_exact", "only_preset", "moved", "neither", "customers_differ")
    }


def nobody(**more):
    return {
        **dict.fromkeys(("both", "only_exact", "only_preset", "moved", "neither", "customers_differ"), 0),
        **more,
    }


def test_eleven_at_night_and_midnight_are_one_day_apart_on_the_calendar():
    """In Berlin 23:00 and 00:00 are two days, so Braze's one-a-day passes both; within 24 hours only one passes."""
    history = [message("2026-01-05T22:00", **BERLIN), message("2026-01-05T23:00", **BERLIN)]
    made = beside(history, "braze", cap(1, "24h"))
    assert counts(made) == nobody(only_exact=1, neither=1, customers_differ=1)
    (example,) = made.to_json()["examples"]
    assert (example["kind"], example["event_id"], example["exact"]["counted"]) == ("only_exact", "e2", ["e1"])
    assert example["preset"] == {"rule": None, "counted": [], "deferred_to": None}


def test_a_day_is_the_senders_own():
    """00:30 and 23:30 in Berlin are one day there; in UTC, Adobe's day, they are two."""
    history = [message("2026-01-05T23:30", **BERLIN), message("2026-01-06T22:30", **BERLIN)]
    daily = cap(1, "1d", window_kind="calendar")
    assert counts(beside(history, "adobe-journey-optimizer", daily)) == nobody(
        only_exact=1, neither=1, customers_differ=1
    )
    assert counts(beside(history, "braze", daily)) == nobody(both=1, neither=1)


def test_a_week_that_starts_on_sunday_parts_saturday_from_sunday():
    """Of Fri 9, Sat 10, Sun 11 and Mon 12 Jan, two a rolling week pass Fri and Sat; Sunday begins Iterable's next week."""
    history = [message(f"2026-01-{day:02d}T12:00") for day in (9, 10, 11, 12)]
    made = beside(history, "iterable", cap(2, "7d"), zone="UTC")
    assert counts(made) == nobody(only_exact=2, neither=2, customers_differ=1)
    monday = beside(history, "iterable", cap(2, "1w", window_kind="calendar"), zone="UTC")
    assert counts(monday) == nobody(only_exact=1, neither=3, customers_differ=1)
    (sunday,) = monday.to_json()["examples"]
    assert (sunday["event_id"], sunday["exact"]["counted"]) == ("e3", ["e1", "e2"])


def test_a_sunday_start_can_stop_what_a_monday_start_lets_through():
    """Sun 11, Mon 12 and Tue 13 Jan: Monday begins a week of ours, and is the second day of Iterable's."""
    history = [message(f"2026-01-{day:02d}T12:00") for day in (11, 12, 13)]
    made = beside(history, "iterable", cap(2, "1w", window_kind="calendar"), zone="UTC")
    assert counts(made) == nobody(only_preset=1, neither=2, customers_differ=1)


def test_the_accounts_zone_decides_which_sunday_it_is():
    """Sunday 04:00 in UTC is Saturday in New York: there the week is still the one of Friday and Saturday."""
    history = [message(f"2026-01-{moment}") for moment in ("09T12:00", "10T12:00", "11T04:00")]
    assert beside(history, "iterable", cap(2, "7d"), zone="UTC").only_exact == 1
    assert beside(history, "iterable", cap(2, "7d"), zone="America/New_York").both == 1


def test_seven_calendar_days_hold_less_than_seven_times_twenty_four_hours():
    """Mon 12:00 to the next Mon 10:00 is less than 7 days, and 8 calendar days."""
    history = [message("2026-01-05T12:00"), message("2026-01-12T10:00")]
    assert beside(history, "braze", cap(1, "7d")).only_exact == 1


def test_each_channel_by_itself_lets_a_text_follow_a_mail():
    history = [message("2026-01-05T10:00"), message("2026-01-05T11:00", channel="sms")]
    made = beside(history, "klaviyo", {"id": "gap", "kind": "min_gap", "window": "16h"})
    assert counts(made) == nobody(only_exact=1, neither=1, customers_differ=1)


def test_what_is_put_off_there_is_stopped_here_and_may_go_out_at_another_time():
    history = [message("2026-01-05T10:00"), message("2026-01-05T11:00")]
    assert beside(history, "mautic", cap(1, "1d")).only_exact == 1
    made = beside(history, "mautic", cap(1, "1d", window_kind="calendar", time_zone="UTC", on_fail="defer"))
    assert counts(made) == nobody(moved=1, neither=1, customers_differ=1)
    (moved,) = made.to_json()["examples"]
    assert (moved["exact"]["deferred_to"], moved["preset"]["deferred_to"]) == (
        "2026-01-06T00:00:00Z",
        "2026-01-06T10:00:00Z",
    )


def test_a_cap_that_the_sender_lacks_stops_nothing_there():
    history = [message(f"2026-01-05T{hour}:00") for hour in (10, 11, 12)]
    weekly, daily = cap(2, "7d", id="weekly"), cap(1, "1h", id="hourly")
    made = beside(history, "klaviyo", weekly, daily)
    assert [one.carried_out is None for one in made.rules] == [True, False]
    assert counts(made) == nobody(only_exact=1, neither=2, customers_differ=1)


def test_other_rules_stand_in_both_sets():
    history = [message("2026-01-05T10:00"), message("2026-01-05T12:00", campaign_id="cart")]
    mute = {"id": "mute", "kind": "mute", "campaigns": ["cart"]}
    assert counts(beside(history, "customer-io", cap(5, "7d"), mute)) == nobody(both=1, neither=1)


def test_rules_that_read_causes_are_given_them():
    history = [message("2026-01-05T10:00"), message("2026-01-05T12:00")]
    rule = {"id": "out", "kind": "exclude_event", "events": ["x"]}
    why = causes(e2=(["x"], []))

    def asked(some):
        assert some.columns == list(SCHEMA)
        return why.filter(pl.col("customer_id").is_in(some["customer_id"].unique().implode()))

    assert beside(history, "customer-io", cap(5, "7d"), rule, causes=asked, rows=1).both == 1
    with pytest.raises(InputError, match="causes"):
        beside(history, "customer-io", cap(5, "7d"), rule)


def test_disabled_and_declared_rules_take_no_part():
    history = [message("2026-01-05T10:00"), message("2026-01-05T12:00")]
    off, told = cap(1, "7d", id="off", enabled=False), cap(1, "7d", id="told", declared=True)
    assert counts(beside(history, "braze", cap(5, "7d"), off, told)) == nobody(neither=2)


@pytest.mark.parametrize(
    ("name", "documents", "more", "said"),
    [
        ("braze", [{"id": "mute", "kind": "mute"}], {}, "no frequency_cap or min_gap"),
        ("klaviyo", [cap(3, "7d")], {}, "Klaviyo has none of these caps: cap: Klaviyo lets one"),
        ("braze", [cap(3, "7d")], {"zone": "UTC"}, "leave --zone away"),
        ("iterable", [cap(3, "7d")], {"zone": "Mars/Base"}, "no time zone"),
    ],
)
def test_what_cannot_be_compared_is_refused(name, documents, more, said):
    with pytest.raises(InputError, match=said):
        beside([message("2026-01-05T10:00")], name, *documents, **more)


def test_nobody_at_all_is_all_zero():
    made = beside([{"kind": "product_viewed", "at": "2026-01-05"}], "braze", cap(3, "7d"))
    assert (made.messages, counts(made), made.to_json()["examples"]) == (0, nobody(), [])


@settings(max_examples=25, deadline=None)
@given(
    rows.filter(bool),
    caps,
    st.sampled_from([preset.id for preset in vendor_semantics.presets()]),
    st.integers(1, 40),
)
def test_every_message_is_in_one_of_the_counts_however_the_past_is_cut(history, rule, name, at_hand):
    frame = events(*history)
    ours = from_dict(rule)
    theirs = vendor_semantics.translate(ours, vendor_semantics.preset(name))
    if theirs.rule is None:
        return
    made = preset_comparison.compare(
        frame.lazy(), [ours], vendor_semantics.preset(name), context(frame), rows=at_hand
    )
    now, then = (
        {(row["customer_id"], row["event_id"]): row for row in one.decisions.iter_rows(named=True)}
        for one in (simulation.simulate(frame, [rule], context(frame)) for rule in (ours, theirs.rule))
    )
    told = nobody()
    people = set()
    for key, exact in now.items():
        stops = exact["decision"] == "stop", then[key]["decision"] == "stop"
        kind = {(True, True): "both", (True, False): "only_exact", (False, True): "only_preset"}.get(stops)
        moved = kind is None and exact["deferred_to"] != then[key]["deferred_to"]
        told[kind or ("moved" if moved else "neither")] += 1
        if kind in {"only_exact", "only_preset"} or moved:
            people.add(key[0])
    assert counts(made) == {**told, "customers_differ": len(people)}
    assert made.messages == len(now)


def test_progress_is_told_and_can_stop_the_work():
    sent = [message("2026-01-05T10:00", customer_id=f"c_{number}") for number in range(1, 5)]
    frame, preset, told = events(*sent), vendor_semantics.preset("braze"), []
    rules = [from_dict(cap(1, "7d"))]
    preset_comparison.compare(
        frame.lazy(), rules, preset, context(frame), progress=lambda done, of: told.append((done, of))
    )
    assert told == [(half // 2, 4) for half in range(1, 9)] + [(4, 4)]

    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preset_comparison.compare(frame.lazy(), rules, preset, context(frame), progress=stop)


@pytest.mark.parametrize("name", ["iterable", "mautic", "braze"])
def test_a_fleet_is_compared_as_a_few_are(name, monkeypatch):
    """The kernel decides where there are many messages; the calendar days of Braze it leaves to the reference."""
    pytest.importorskip("numba")
    days = [
        message(f"2026-01-{day:02d}T{hour}:00", customer_id=f"c_{day % 3}", **BERLIN)
        for day in range(1, 29)
        for hour in ("09", "23")
    ]
    frame, rules = events(*days), [from_dict(cap(2, "3d", id="three")), from_dict(cap(3, "7d"))]
    few = preset_comparison.compare(
        frame.lazy(), rules, vendor_semantics.preset(name), context(frame)
    ).to_json()
    monkeypatch.setattr(kernel, "MIN_MESSAGES", 1)
    assert (
        preset_comparison.compare(
            frame.lazy(), rules, vendor_semantics.preset(name), context(frame)
        ).to_json()
        == few
    )
    assert few["both"] > 0
