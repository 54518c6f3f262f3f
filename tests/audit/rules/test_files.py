"""Rule files: every key there is, and everything that is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import InputError
from audit.rules import files
from audit.rules.model import all_keys, from_dict, kinds, to_dict

EVERYTHING = """
[[rule]]
id = "email-weekly-cap"
kind = "frequency_cap"
title = "At most three marketing mails a week"
channels = ["email"]
except_campaigns = ["cart"]
categories = ["Beauty > Nails"]
message_classes = ["marketing", "service"]
valid_from = 2026-01-01T00:00:00Z
valid_until = 2027-01-01T01:00:00.000001+01:00
enabled = false
declared = true
on_fail = "defer"
note = 'after "ticket" 4711'
limit = 3
window = "1d"
window_kind = "calendar"
time_zone = "Europe/Berlin"
week_start = "sunday"
per = ["customer", "channel"]
exempt_counts = true

[[rule]]
id = "until-repurchase"
kind = "cooldown"
after = ["order_completed", "product_viewed"]
same = "category"
depth = 2
window = "repurchase"
fallback = "400d"

[[rule]]
id = "quiet"
kind = "quiet_hours"
quiet = "21:00-08:00"

[[rule]]
id = "gap"
kind = "min_gap"
window = "16h"
per = ["campaign"]

[[rule]]
id = "mute"
kind = "mute"

[[rule]]
id = "no"
kind = "consent"
grace = "10d"

[[rule]]
id = "private"
kind = "sensitive"

[[rule]]
id = "not-mine"
kind = "exclude_event"
events = ["o-1841", "with, comma"]

[[rule]]
id = "sunset"
kind = "sunset"
unengaged = 5
engagement = "open"
per = ["campaign"]
"""


def rule(text):
    (made,) = files.loads(f'[[rule]]\nid = "r"\n{text}')
    return made


def test_every_key_is_read():
    cap, cooldown, quiet, gap, mute, no, private, not_mine, sunset = files.loads(EVERYTHING)
    assert (cap.limit, cap.span, cap.per, cap.week_start) == (
        3,
        timedelta(days=1),
        ("customer", "channel"),
        "sunday",
    )
    assert cap.valid_until == datetime(2027, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert (cooldown.after, cooldown.span) == (
        ("order_completed", "product_viewed"),
        timedelta(days=400),
    )
    assert gap.per == ("customer", "campaign")
    assert (mute.message_classes, mute.enabled, mute.declared) == (("marketing",), True, False)
    assert quiet.time_zone == "customer"
    assert (no.grace_span, not_mine.events) == (timedelta(days=10), ("o-1841", "with, comma"))
    assert (sunset.unengaged, sunset.engagement, sunset.per) == (5, "open", ("customer", "campaign"))
    assert [one.on_fail for one in (no, private, not_mine, sunset)] == ["drop"] * 4
    assert [one.on_fail for one in (cooldown, quiet, gap, mute)] == ["drop", "defer", "drop", "drop"]


def test_nothing_is_lost_when_written_and_read_again():
    rules = files.loads(EVERYTHING)
    assert files.loads(files.dump(rules)) == rules
    assert files.dump(files.loads(files.dump(rules))) == files.dump(rules)


@given(
    st.text(st.characters(codec="utf-8")),
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=3),
)
def test_any_text_survives(note, campaigns):
    made = {"id": "r", "kind": "mute", "note": note, "campaigns": [one for one in campaigns if one.strip()]}
    assert files.loads(files.dump([from_dict(made)])) == (from_dict(made),)
    assert from_dict(to_dict(from_dict(made))) == from_dict(made)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('kind = "mute"\nlimmit = 3', "rule 'r': limmit: unknown key; the nearest is limit"),
        ('kind = "frequency_cap"\nwindow = "7d"\nlimmit = 3', "rule 'r': limmit: unknown key; the nearest is limit"),
        ('kind = "mute"\nlimit = 3', "rule 'r': limit: mute does not use it"),
        ('kind = "min_gap"\nwindow = "7d"\nlimit = 3', "limit: min_gap does not use it"),
        ('kind = "mutes"', "kind: there is no 'mutes'; the nearest is mute"),
        ('kind = "sunsett"', "kind: there is no 'sunsett'; the nearest is sunset"),
        ('kind = "sunset"', "unengaged: is missing; sunset needs unengaged"),
        ('kind = "sunset"\nunengaged = 0', "unengaged: has to be a whole number from 1 up, is 0"),
        ('kind = "sunset"\nunengaged = 5\nengagement = "reply"', "engagement: 'reply' is none of click, open"),
        ('kind = "sunset"\nunengaged = 5\nwindow = "7d"', "window: sunset does not use it"),
        ('kind = "sunset"\nunengaged = 5\non_fail = "defer"', "on_fail: sunset cannot defer"),
        ('kind = "consent"\ngrace = "ten days"', "grace: 'ten days' is no duration"),
        ('kind = "consent"\ngrace = 10', "grace: has to be text, is 10"),
        ('kind = "consent"\nwindow = "7d"', "window: consent does not use it"),
        ('kind = "exclude_event"', "events: is missing; exclude_event needs events"),
        ('kind = "exclude_event"\nevents = []', "events: is empty; name at least one event_id"),
        ('kind = "exclude_event"\nevents = "e1"', "events: has to be a list"),
        ('kind = "sensitive"\nevents = ["e1"]', "events: sensitive does not use it"),
        ('title = "no kind"', "kind: is missing"),
        ('kind = "frequency_cap"\nlimit = 3', "window: is missing; frequency_cap needs limit and window"),
        ('kind = "frequency_cap"\nwindow = "7d"', "limit: is missing"),
        ('kind = "cooldown"\nwindow = "7d"', "after: is missing"),
        ('kind = "quiet_hours"', "quiet: is missing"),
        ('kind = "frequency_cap"\nlimit = -1\nwindow = "7d"', "limit: has to be a whole number from 0 up, is -1"),
        ('kind = "frequency_cap"\nlimit = true\nwindow = "7d"', "limit: has to be a whole number"),
        ('kind = "frequency_cap"\nlimit = "3"\nwindow = "7d"', "limit: has to be a whole number"),
        ('kind = "frequency_cap"\nlimit = 3\nwindow = "7 days"', "window: '7 days' is no duration"),
        ('kind = "frequency_cap"\nlimit = 3\nwindow = "0d"', "window: '0d' is no window"),
        ('kind = "frequency_cap"\nlimit = 3\nwindow = "1mo"', "window: 1mo is a calendar window"),
        ('kind = "frequency_cap"\nlimit = 3\nwindow = "repurchase"', "window: only a cooldown"),
        ('kind = "frequency_cap"\nlimit = 3\nwindow = "7d"\nwindow_kind = "calendar"', "window: '7d' is no calendar window"),
        ('kind = "frequency_cap"\nlimit = 3\nwindow = "7d"\nper = ["day"]', "per: there is no 'day'; the nearest is"),
        ('kind = "frequency_cap"\nlimit = 3\nwindow = "7d"\nweek_start = "1"', "week_start: '1' is none of monday"),
        ('kind = "quiet_hours"\nquiet = "21-08"', "quiet: '21-08' are no hours"),
        ('kind = "quiet_hours"\nquiet = "08:00-08:00"', "quiet: '08:00-08:00' starts when it ends"),
        ('kind = "quiet_hours"\nquiet = "25:00-08:00"', "quiet: '25:00-08:00' are no hours"),
        ('kind = "quiet_hours"\nquiet = "21:00-08:00"\ntime_zone = "Mars/Base"', "time_zone: 'Mars/Base' is no time zone"),
        ('kind = "quiet_hours"\nquiet = "21:00-08:00"\ntime_zone = "../etc"', "time_zone: '../etc' is no time zone"),
        ('kind = "cooldown"\nwindow = "7d"\nafter = "order_complete"', "after: there is no 'order_complete'; the nearest is order_completed"),
        ('kind = "cooldown"\nwindow = "7d"\nafter = "message_sent"', "after: message_sent cannot start a cooldown"),
        ('kind = "cooldown"\nwindow = "7d"\nafter = []', "after: is empty"),
        ('kind = "cooldown"\nwindow = "7d"\nafter = "product_viewed"\ndepth = 0', "depth: has to be a whole number from 1 up"),
        ('kind = "cooldown"\nwindow = "7d"\nafter = "product_viewed"\non_fail = "defer"', "on_fail: cooldown cannot defer"),
        ('kind = "mute"\non_fail = "stop"', "on_fail: 'stop' is none of drop, defer"),
        ('kind = "mute"\nmessage_classes = []', "message_classes: is empty"),
        ('kind = "mute"\nmessage_classes = ["promo"]', "message_classes: there is no 'promo'"),
        ('kind = "mute"\nchannels = "email"', "channels: has to be a list"),
        ('kind = "mute"\nchannels = [" "]', "channels: is empty"),
        ('kind = "mute"\nchannels = ["email"]\nexcept_channels = ["email"]', "except_channels: takes away all"),
        ('kind = "mute"\nenabled = 1', "enabled: has to be true or false"),
        ('kind = "mute"\nvalid_from = 2026-01-01', "valid_from: 2026-01-01 is a day"),
        ('kind = "mute"\nvalid_from = 2026-01-01T00:00:00', "valid_from: 2026-01-01T00:00:00 has no offset"),
        ('kind = "mute"\nvalid_from = 2026-01-01T00:00:00Z\nvalid_until = 2026-01-01T00:00:00Z', "valid_until: has to be later"),
        ('kind = "mute"\nnote = 3', "note: has to be text"),
        ('kind = "mute"\n[[rule]]\nid = "r"\nkind = "mute"', "rule 'r': id: stands twice"),
        ('kind = "mute"\n[[rule]]\nkind = "mute"', "a rule without id: id: is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_rule_and_key(text, says):
    with pytest.raises(InputError) as refused:
        rule(text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "rule = 3",
        "[rules]",
        "[[rule",
        "title = 'x'\n" * 2,
        'x = "' + "[" * 100_000,
        "x = " + "[" * 100_000,
        "rule = [1]",
        "x = 999999-01-01",
    ],
)
def test_a_file_that_is_no_rule_file_is_one_line(text):
    with pytest.raises(InputError) as refused:
        files.loads(text)
    assert "\n" not in str(refused.value)


def test_the_file_is_named_in_the_error(tmp_path):
    path = tmp_path / "caps.toml"
    with pytest.raises(InputError, match=r"caps\.toml: cannot be read: No such file"):
        files.read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"caps\.toml: is not UTF-8 at byte 0"):
        files.read(path)
    path.write_text('[[rule]]\nid = "r"\nkind = "mute"\nlimit = 1\n')
    with pytest.raises(InputError, match=r"caps\.toml: rule 'r': limit"):
        files.read(path)


def test_every_key_of_the_body_belongs_to_some_kind():
    from audit.rules.model import keys

    assert {key for kind in kinds() for key in keys(kind)} == set(all_keys())
