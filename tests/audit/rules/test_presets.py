"""Senders' semantics: what each file says has a source, and a cap is carried out as the sender would."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError, NotFoundError
from audit.rules import files, vendor_semantics
from audit.rules.model import from_dict, to_dict
from audit.rules.scopes import RuleSet
from audit.rules.vendor_semantics.translate import cap_text
from tests.audit.rules.build import cap, message
from tests.build import context, events

GAP = {"id": "gap", "kind": "min_gap", "window": "16h"}


def carried(rule, name, **more):
    return vendor_semantics.translate(from_dict(rule), vendor_semantics.preset(name), **more)


def changed(rule, name, **more):
    """The keys that the sender's rule has otherwise."""
    ours, theirs = to_dict(from_dict(rule)), to_dict(carried(rule, name, **more).rule)
    return {
        key: theirs.get(key)
        for key in sorted({*ours, *theirs} - {"kind"})
        if ours.get(key) != theirs.get(key)
    }


@pytest.mark.parametrize("preset", vendor_semantics.presets(), ids=lambda preset: preset.id)
def test_every_line_of_a_preset_has_its_sentence_and_where_it_stands(preset):
    lines = [*preset.cited.values(), *preset.differs, *preset.ready]
    assert all(line.source.startswith("https://") and len(line.quote) > 10 for line in lines)
    assert all(one.text.endswith(".") for one in preset.differs)
    assert preset.left_out
    own = {
        key
        for key in preset.semantics.__struct_fields__
        if getattr(preset.semantics, key) not in {None, "", ()}
    }
    defaults = {"zone": "customer", "week_start": "monday"}
    unsaid = {key for key in own if defaults.get(key) == getattr(preset.semantics, key)}
    assert own - unsaid <= set(preset.cited)


def test_the_six_senders_are_there():
    assert [preset.title for preset in vendor_semantics.presets()] == [
        "Braze", "Klaviyo", "Iterable", "Customer.io", "Adobe Journey Optimizer", "Mautic",
    ]  # fmt: skip


def test_a_sender_that_is_not_known_is_answered_with_the_nearest():
    with pytest.raises(NotFoundError, match="did you mean 'braze'"):
        vendor_semantics.preset("brase")


@pytest.mark.parametrize("preset", vendor_semantics.presets(), ids=lambda preset: preset.id)
@pytest.mark.parametrize("declared", [False, True])
def test_a_preset_is_printed_as_a_rule_file_that_can_be_imported(preset, declared):
    read = files.loads(vendor_semantics.rule_file(preset, declared=declared))
    assert [rule.id for rule in read] == [one.rule.id for one in preset.ready]
    assert all(rule.declared == declared for rule in read)


def test_klaviyo_waits_sixteen_hours_between_mails_and_twenty_four_between_texts_unless_told_otherwise():
    ready = vendor_semantics.preset("klaviyo").ready
    assert [(one.rule.channels, one.rule.window, one.standing) for one in ready] == [
        (("email",), "16h", "default"),
        (("sms",), "24h", "default"),
        (("push",), "24h", "default"),
    ]


@pytest.mark.parametrize(
    ("name", "rule", "differs"),
    [
        ("braze", cap(3, "7d"), {"window_kind": "days"}),
        ("braze", cap(3, "24h"), {"window": "1d", "window_kind": "calendar"}),
        ("braze", cap(3, "1d", window_kind="calendar"), {}),
        ("braze", cap(3, "1w", window_kind="calendar"), {"window": "7d", "window_kind": "days"}),
        ("braze", cap(3, "1d", window_kind="calendar", time_zone="Asia/Tokyo"), {"time_zone": None}),
        ("braze", cap(3, "90m"), {}),
        ("braze", cap(3, "7d", on_fail="defer"), {"window_kind": "days", "on_fail": None}),
        ("klaviyo", cap(1, "24h"), {"per": ["customer", "channel"]}),
        (
            "klaviyo",
            cap(1, "1d", window_kind="calendar"),
            {"per": ["customer", "channel"], "window_kind": None},
        ),
        ("klaviyo", GAP, {"per": ["customer", "channel"], "limit": 1}),
        (
            "iterable",
            cap(3, "7d"),
            {
                "window": "1w",
                "window_kind": "calendar",
                "week_start": "sunday",
                "time_zone": "UTC",
                "per": ["customer", "channel"],
            },
        ),
        ("customer-io", cap(3, "5d"), {}),
        ("customer-io", cap(3, "1mo", window_kind="calendar"), {"window": "30d", "window_kind": None}),
        (
            "adobe-journey-optimizer",
            cap(3, "30d", message_classes=["marketing", "transactional"]),
            {
                "window": "1mo",
                "window_kind": "calendar",
                "time_zone": "UTC",
                "week_start": "sunday",
                "message_classes": None,
            },
        ),
        ("mautic", cap(3, "1w"), {"window": "7d", "per": ["customer", "channel"], "on_fail": "defer"}),
    ],
)
def test_a_cap_becomes_the_senders(name, rule, differs):
    assert changed(rule, name) == differs


@pytest.mark.parametrize(
    ("name", "rule", "why"),
    [
        ("klaviyo", cap(3, "7d"), "lets one message pass in a window, not 3"),
        ("iterable", cap(3, "3d"), "counts by the day, the week or the month, not over 3d"),
        ("iterable", cap(3, "1d", message_classes=["transactional"]), "caps no transactional messages"),
        ("mautic", GAP, "counts over 1d, 7d or 30d, not over 16h"),
        ("adobe-journey-optimizer", cap(3, "2w"), "not over 2w"),
        ("braze", cap(3, "31d"), "counts over 30d at most, not over 31d"),
        ("braze", cap(3, "36h"), "by whole days"),
        ("customer-io", cap(0, "7d"), "a limit of 0 is no cap"),
    ],
)
def test_a_cap_that_the_sender_does_not_have_says_why(name, rule, why):
    made = carried(rule, name)
    assert made.rule is None
    assert why in made.no_equivalent


def test_scopes_validity_and_name_stay_as_they_are():
    rule = cap(
        3,
        "7d",
        channels=["email"],
        except_campaigns=["cart"],
        per=["customer", "sender"],
        valid_from="2026-01-01T00:00:00Z",
        exempt_counts=True,
        note="after ticket 4711",
    )
    assert changed(rule, "braze") == {"window_kind": "days"}


def test_what_is_no_cap_stands_as_it_is():
    rule = from_dict({"id": "quiet", "kind": "quiet_hours", "quiet": "21:00-08:00"})
    for preset in vendor_semantics.presets():
        assert vendor_semantics.translate(rule, preset).rule is rule


def test_the_zone_of_the_account_is_the_one_named_else_the_rules_own_else_utc_and_says_so():
    weekly = cap(3, "7d")
    assert carried(weekly, "iterable", zone="America/New_York").rule.time_zone == "America/New_York"
    own = carried(cap(3, "1w", window_kind="calendar", time_zone="Europe/Berlin"), "iterable")
    assert (own.rule.time_zone, own.notes) == ("Europe/Berlin", ())
    unnamed = carried(weekly, "iterable")
    assert unnamed.rule.time_zone == "UTC"
    assert "taken for UTC" in unnamed.notes[0]
    with pytest.raises(InputError, match="no time zone"):
        carried(weekly, "iterable", zone="Mars/Base")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("braze", "3 in 7d → 3 in 7 calendar days, customer's zone"),
        ("customer-io", "as it stands"),
        ("iterable", "3 in 7d → 3 a calendar week, from Sunday, UTC, each channel by itself"),
        ("mautic", "3 in 7d → 3 in 7d, each channel by itself, put off when full"),
    ],
)
def test_a_translation_is_told_in_words(name, text):
    assert carried(cap(3, "7d"), name).text == text


def test_words_name_what_a_cap_is():
    assert cap_text(from_dict(GAP)) == "1 in 16h"
    assert (
        cap_text(from_dict(cap(2, "1mo", window_kind="calendar", time_zone="UTC")))
        == "2 a calendar month, UTC"
    )


ZONES = ("UTC", "Australia/Lord_Howe", "America/New_York")
times = st.integers(0, 12 * 24 * 4).map(
    lambda quarter: datetime(2026, 3, 25, tzinfo=UTC) + timedelta(minutes=15 * quarter)
)


@settings(max_examples=45, deadline=None)
@given(st.lists(times, min_size=1, max_size=25), st.integers(1, 4), st.integers(2, 8), st.sampled_from(ZONES))
def test_calendar_days_together_are_those_on_the_wall_up_to_the_messages_own(sent, limit, days, where):
    frame = events(*(message(f"{at:%Y-%m-%dT%H:%M}", time_zone=where) for at in sorted(sent)))
    made = carried(cap(limit, f"{days}d"), "braze")
    from audit.rules.replay import simulation

    decisions = simulation.simulate(frame, RuleSet([made.rule]), context(frame)).decisions
    passed = []
    for row in decisions.iter_rows(named=True):
        today = row["occurred_at"].astimezone(ZoneInfo(where)).date()
        near = [name for name, day in passed if (today - day).days < days]
        assert (row["decision"] == "stop") == (len(near) >= limit)
        assert row["counted"] == (near if len(near) >= limit else [])
        if row["decision"] == "stop":
            free = passed[-limit][1] + timedelta(days=days)
            assert row["next_allowed_at"].astimezone(ZoneInfo(where)).date() == free
        else:
            passed.append((row["event_id"], today))
