"""Frequency caps and minimum gaps: what is counted, to the microsecond and on the days the clocks change."""

import pytest

from tests.audit.rules.build import cap, decided, message, stopped

GAP = {"id": "gap", "kind": "min_gap", "window": "1d"}


def daily(days, **more):
    return [message(f"2026-01-{day:02d}T10:00", **more) for day in range(1, days + 1)]


def test_a_cap_of_k_stops_the_next_one_after_k():
    assert stopped(daily(4), cap(3, "7d")) == ["e4"]


def test_a_stopped_message_frees_room_for_a_later_one():
    assert stopped(daily(9), cap(3, "7d")) == ["e4", "e5", "e6", "e7"]


def test_a_limit_of_zero_stops_everything_in_scope():
    made = decided(daily(2), cap(0, "7d"))
    assert [row["decision"] for row in made.values()] == ["stop", "stop"]
    assert [row["next_allowed_at"] for row in made.values()] == [None, None]
    assert [row["counted"] for row in made.values()] == [[], []]


@pytest.mark.parametrize(
    ("second", "stops"),
    [
        ("2026-01-08T10:00:00", False),
        ("2026-01-08T09:59:59.999999", True),
        ("2026-01-08T10:00:00.000001", False),
    ],
)
def test_a_window_is_half_open_to_the_microsecond(second, stops):
    rows = [message("2026-01-01T10:00"), message(second)]
    assert stopped(rows, cap(1, "7d")) == (["e2"] if stops else [])
    assert stopped(rows, {**GAP, "window": "7d"}) == (["e2"] if stops else [])


def test_of_two_sends_in_one_instant_the_smaller_event_id_goes_first():
    rows = [message("2026-01-01T10:00", event_id="b"), message("2026-01-01T10:00", event_id="a")]
    made = decided(rows, cap(1, "7d"))
    assert (made["a"]["decision"], made["b"]["decision"]) == ("allow", "stop")
    assert made["b"]["counted"] == ["a"]


def test_a_stopped_message_names_what_used_the_cap_up_and_when_it_would_pass():
    row = decided(daily(4), cap(3, "7d"))["e4"]
    assert (row["deciding_rule"], row["failing_rules"], row["counted"]) == (
        "cap",
        ["cap"],
        ["e1", "e2", "e3"],
    )
    assert row["next_allowed_at"].isoformat() == "2026-01-08T10:00:00+00:00"


def test_more_than_a_hundred_sends_in_a_window():
    rows = [message(f"2026-01-01T{minute // 60:02d}:{minute % 60:02d}") for minute in range(150)]
    assert len(stopped(rows, cap(120, "1d"))) == 30


def test_rows_are_not_messages():
    rows = [message("2026-01-01T10:00", message_id="m1")] * 5 + [message("2026-01-01T11:00", message_id="m2")]
    made = decided(rows, cap(2, "7d"))
    assert list(made) == ["e1", "e6"]
    assert [row["decision"] for row in made.values()] == ["allow", "allow"]


def test_a_message_has_the_fields_of_its_first_row_alone():
    rows = [
        message("2026-01-01T10:00", message_id="m1", campaign_id="cart"),
        message("2026-01-01T11:00", message_id="m1", campaign_id="news"),
    ]
    assert stopped(rows, cap(0, "7d", campaigns=["news"])) == []
    assert stopped(rows, cap(0, "7d", campaigns=["cart"])) == ["e1"]


def test_a_send_time_on_a_row_that_was_not_sent_counts_nothing():
    rows = [{**message("2026-01-01T10:00"), "kind": "message_suppressed"}, message("2026-01-02T10:00")]
    assert decided(rows, cap(1, "7d"))["e2"]["decision"] == "allow"


def test_customers_are_counted_apart():
    rows = [message("2026-01-01T10:00"), message("2026-01-01T11:00", customer_id="c_2")]
    assert stopped(rows, cap(1, "7d")) == []


def test_a_rule_on_one_channel_leaves_the_other_alone():
    rows = [
        message("2026-01-01T10:00"),
        message("2026-01-01T11:00", channel="push"),
        message("2026-01-01T12:00"),
    ]
    assert stopped(rows, cap(1, "7d", channels=["email"])) == ["e3"]


def test_per_counts_each_value_apart_and_leaves_out_what_has_none():
    rows = [
        message("2026-01-01T10:00", category="A"), message("2026-01-01T11:00", category="A > B"),
        message("2026-01-01T12:00", category="A"), message("2026-01-01T13:00"), message("2026-01-01T14:00"),
    ]  # fmt: skip
    assert stopped(rows, cap(1, "7d", per=["category"])) == ["e3"]


def test_what_another_rule_stops_uses_no_room():
    rows = [message("2026-01-01T10:00", campaign_id="kindle"), message("2026-01-01T11:00")]
    mute = {"id": "mute", "kind": "mute", "campaigns": ["kindle"]}
    assert stopped(rows, cap(1, "7d"), mute) == ["e1"]


def test_all_failing_rules_are_told_in_checking_order_and_the_first_decides():
    rows = [message("2026-01-01T10:00"), message("2026-01-01T11:00")]
    row = decided(rows, cap(1, "7d"), GAP, {"id": "b", "kind": "mute", "valid_from": "2026-01-01T10:30Z"})[
        "e2"
    ]
    assert row["failing_rules"] == ["b", "gap", "cap"]
    assert (row["deciding_rule"], row["counted"]) == ("b", [])


def test_inside_a_kind_the_order_of_the_file_holds():
    rows = daily(2)
    first, second = cap(1, "7d"), {**cap(1, "7d"), "id": "a"}
    assert decided(rows, first, second)["e2"]["failing_rules"] == ["cap", "a"]
    assert decided(rows, second, first)["e2"]["failing_rules"] == ["a", "cap"]


def test_exempt_messages_pass_and_do_not_count():
    rows = [message("2026-01-01T10:00", message_class="transactional"), message("2026-01-01T11:00")]
    made = decided(rows, cap(1, "7d"))
    assert [row["decision"] for row in made.values()] == ["exempt", "allow"]


def test_exempt_messages_count_where_the_rule_says_so_and_are_never_stopped():
    rows = [message("2026-01-01T10:00", message_class="transactional"), message("2026-01-01T11:00")]
    rows += [message("2026-01-01T12:00", message_class="transactional")]
    made = decided(rows, cap(1, "7d", exempt_counts=True))
    assert [row["decision"] for row in made.values()] == ["exempt", "stop", "exempt"]
    assert made["e2"]["counted"] == ["e1"]


def test_a_class_another_rule_names_is_not_exempt_and_is_not_counted():
    rows = [message("2026-01-01T10:00", message_class="service"), message("2026-01-01T11:00")]
    other = {"id": "other", "kind": "mute", "message_classes": ["service"], "channels": ["push"]}
    made = decided(rows, cap(1, "7d"), other)
    assert [row["decision"] for row in made.values()] == ["allow", "allow"]


def test_a_missing_class_is_treated_as_marketing_and_says_so():
    made = decided([message("2026-01-01T10:00", message_class=None)], cap(0, "7d"))["e1"]
    assert (made["decision"], made["assumed"]) == ("stop", ["message_class"])


def test_counted_are_those_in_scope_at_their_own_time():
    rows = daily(3)
    assert stopped(rows, cap(1, "7d", valid_from="2026-01-02T00:00Z")) == ["e3"]
    assert stopped(rows, cap(1, "7d", valid_until="2026-01-03T10:00Z")) == ["e2"]


def test_a_rule_that_ends_lets_the_message_pass_then():
    row = decided(daily(2), cap(1, "4w", valid_until="2026-01-05T00:00Z"))["e2"]
    assert row["next_allowed_at"].isoformat() == "2026-01-05T00:00:00+00:00"


def test_declared_and_disabled_rules_stop_nothing():
    assert stopped(daily(2), cap(0, "7d", declared=True), {**cap(0, "7d", enabled=False), "id": "off"}) == []


@pytest.mark.parametrize(
    ("zone", "kind", "stops"),
    [("Europe/Berlin", "calendar", []), ("Europe/Berlin", "rolling", ["e2"]), ("UTC", "calendar", ["e2"])],
)
def test_eleven_at_night_and_midnight_are_two_days_on_the_calendar_and_one_rolling(zone, kind, stops):
    rows = [message("2026-01-01T22:00"), message("2026-01-01T23:00")]  # 23:00 and 00:00 in Berlin
    assert stopped(rows, cap(1, "1d", window_kind=kind, time_zone=zone)) == stops


@pytest.mark.parametrize(("start", "stops"), [("monday", ["e2"]), ("sunday", [])])
def test_a_week_starts_when_the_rule_says(start, stops):
    rows = [message("2026-01-03T12:00"), message("2026-01-04T12:00")]  # Saturday and Sunday
    assert stopped(rows, cap(1, "1w", window_kind="calendar", time_zone="UTC", week_start=start)) == stops


def test_a_month_ends_with_its_last_day():
    rows = [message("2026-02-01T00:00"), message("2026-02-28T23:59:59.999999"), message("2026-03-01T00:00")]
    made = decided(rows, cap(1, "1mo", window_kind="calendar", time_zone="UTC"))
    assert [row["decision"] for row in made.values()] == ["allow", "stop", "allow"]
    assert made["e2"]["next_allowed_at"].isoformat() == "2026-03-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("morning", "night", "after", "length"),
    [
        ("2026-03-28T23:00", "2026-03-29T21:59:59.999999", "2026-03-29T22:00", 23),
        ("2026-10-24T22:00", "2026-10-25T22:59:59.999999", "2026-10-25T23:00", 25),
    ],
)
def test_a_day_of_23_and_of_25_hours_is_one_day(morning, night, after, length):
    rows = [message(morning), message(night), message(after)]
    made = decided(rows, cap(1, "1d", window_kind="calendar", time_zone="Europe/Berlin"))
    assert [row["decision"] for row in made.values()] == ["allow", "stop", "allow"]
    gone = made["e2"]["next_allowed_at"] - made["e1"]["occurred_at"]
    assert gone.total_seconds() == length * 3600


def test_the_repeated_hour_is_two():
    rows = [
        message("2026-10-25T00:30"),
        message("2026-10-25T01:30"),
        message("2026-10-25T01:45"),
    ]  # 02:30 twice
    assert stopped(rows, cap(1, "1h", window_kind="calendar", time_zone="Europe/Berlin")) == ["e3"]


def test_a_shift_of_half_an_hour_splits_an_hour_in_two():
    rows = [message("2026-04-04T14:40"), message("2026-04-04T15:10")]  # 01:40+11:00 and 01:40+10:30
    assert stopped(rows, cap(1, "1h", window_kind="calendar", time_zone="Australia/Lord_Howe")) == []


def test_a_day_that_starts_at_one_in_the_morning():
    rows = [message("2018-11-03T12:00"), message("2018-11-04T02:59:59"), message("2018-11-04T03:00")]
    made = decided(rows, cap(1, "1d", window_kind="calendar", time_zone="America/Sao_Paulo"))
    assert [row["decision"] for row in made.values()] == ["allow", "stop", "allow"]
    assert made["e2"]["next_allowed_at"] == made["e3"]["occurred_at"]


def test_the_zone_is_the_messages_own_else_the_newest_earlier_row_s():
    rows = [
        {"kind": "product_viewed", "at": "2026-01-01T09:00", "time_zone": "Asia/Tokyo"},
        message("2026-01-01T14:00"),  # 23:00 in Tokyo
        message("2026-01-01T16:00"),  # 01:00 in Tokyo, the next day
        message("2026-01-01T16:30", time_zone="UTC"),  # the same day as all in UTC
    ]
    made = decided(rows, cap(1, "1d", window_kind="calendar"))
    assert [row["decision"] for row in made.values()] == ["allow", "allow", "stop"]
    assert made["e4"]["counted"] == ["e2", "e3"]
    assert [row["cannot_tell"] for row in made.values()] == [[], [], []]


def test_a_customer_without_a_zone_is_counted_in_utc_and_the_rule_cannot_tell():
    rows = [message("2026-01-01T22:00"), message("2026-01-01T23:00"), message("2026-01-02T00:00")]
    later = {"kind": "product_viewed", "at": "2026-02-01T09:00", "time_zone": "Asia/Tokyo"}
    made = decided([*rows, later], cap(1, "1d", window_kind="calendar"))
    assert [row["decision"] for row in made.values()] == ["allow", "stop", "allow"]
    assert [row["cannot_tell"] for row in made.values()] == [["cap"]] * 3


def test_what_a_stopped_message_counted_does_not_grow_with_what_comes_after_it():
    rows = [
        message("2026-10-24T12:00", time_zone="Europe/Berlin"),
        message("2026-10-24T13:00", time_zone="Europe/Berlin"),
        message("2026-10-31T18:00", time_zone="Australia/Lord_Howe"),  # November there, October in Berlin
        message("2026-10-31T19:00", time_zone="Europe/Berlin"),
    ]
    made = decided(rows, cap(1, "1mo", window_kind="calendar"))
    assert [row["counted"] for row in made.values()] == [[], ["e1"], [], ["e1", "e3"]]


def test_a_zone_that_does_not_exist_is_no_zone():
    made = decided([message("2026-01-01T22:00", time_zone="Mars/Base")], cap(1, "1d", window_kind="calendar"))
    assert made["e1"]["cannot_tell"] == ["cap"]


def test_windows_longer_than_the_calendar_and_messages_at_its_ends():
    rows = [message("0001-01-01T00:01"), message("9999-12-31T23:00")]
    assert stopped(rows, cap(1, "999999w")) == ["e2"]
    assert stopped(rows, cap(1, "1mo", window_kind="calendar", time_zone="Asia/Tokyo")) == []
    assert stopped(
        [*rows, message("9999-12-31T23:30")], cap(1, "1d", window_kind="calendar", time_zone="UTC")
    ) == ["e3"]
