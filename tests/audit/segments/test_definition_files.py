"""Definitions that cannot mean anything are refused by file, segment and key."""

from dataclasses import replace

import polars as pl
import pytest

from audit import segments, why
from audit.errors import InputError
from audit.events.times import parse_iso
from tests.build import context, events

GOOD = """
[[segment]]
id = "s"
title = "S"
basis = "behavioral"
purpose = "personalize.content.profiled"
source = "house"
reason = "{count} since {first}."
aliases = ["ess"]
[[segment.when]]
test = "count"
kinds = ["order_completed"]
at_least = 2
window = "30d"
"""


def test_a_good_definition_is_read():
    (one,) = segments.parse(GOOD, "f.toml")
    assert (one.id, one.when[0].at_least, one.when[0].window.days) == ("s", 2, 30)


BAD = {
    "unknown key of a segment": (
        'basis = "behavioral"',
        'basis = "behavioral"\nsensitiv = true',
        "sensitiv.*sensitive",
    ),
    "unknown key of a condition": ('window = "30d"', 'windw = "30d"', "windw.*did you mean 'window'"),
    "key of another test": ('window = "30d"', 'ends = ["order_completed"]', "ends: unknown 'ends'"),
    "no window": ('window = "30d"', 'window = "soon"', "window.*30m, 16h"),
    "window of nothing": ('window = "30d"', 'window = "0d"', "window.*longer than nothing"),
    "unknown test": ('test = "count"', 'test = "cuont"', "test.*did you mean 'count'"),
    "unknown kind": ("order_completed", "order_complete", "kinds.*did you mean 'order_completed'"),
    "unknown basis": ('"behavioral"', '"behaviour"', "basis.*behavioral"),
    "no number": ("at_least = 2", "at_least = -1", "at_least.*above 0"),
    "a number that is true": ("at_least = 2", "at_least = true", "at_least.*above 0"),
    "missing": ("at_least = 2", "", "at_least: test count needs it"),
    "no conditions": ('[[segment.when]]\ntest = "count"', "[segment.other]", "other|when"),
    "empty list": ('["order_completed"]', "[]", "kinds.*not be empty"),
    "empty title": ('title = "S"', 'title = " "', "title.*must be a text"),
    "unknown placeholder": ("{count}", "{cuont}", "reason.*did you mean 'count'"),
    "broken placeholder": ("{count}", "{count", "reason.*does not parse"),
    "group without depth": ('title = "S"', 'title = "S {group}"', "title.*group"),
    "window beyond sense": ('window = "30d"', 'window = "99999d"', "window: is longer than a century"),
    "a fifth of what is not ranked": (
        "at_least = 2",
        'at_least = "q80"',
        "at_least: fifths are known of all orders",
    ),
    "a window of no fifth": ('window = "30d"', 'window = "q50"', "window: 'q50' is no duration"),
    "finer than nothing": ('id = "s"', 'id = "s"\nfiner_than = "t"', "finer_than: unknown 't'"),
    "finer than itself": ('id = "s"', 'id = "s"\nfiner_than = "s"', "finer_than: goes in a circle: s > s"),
    "unknown group": (
        'window = "30d"',
        'window = "30d"\nby = ["catgory"]',
        "by: unknown 'catgory'; did you mean 'category'",
    ),
    "band without category": (
        'window = "30d"',
        'window = "30d"\nby = ["price_band"]',
        "by: a price band is one of a",
    ),
    "no toml": ("[[segment]]", "[[segment", "is no TOML"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_definition_is_refused_where_it_is_bad(name):
    old, new, message = BAD[name]
    with pytest.raises(InputError, match=r"f\.toml") as caught:
        segments.parse(GOOD.replace(old, new, 1), "f.toml")
    assert caught.match(message)


def test_the_segment_is_named():
    with pytest.raises(InputError, match="segment s: windw"):
        segments.parse(GOOD.replace("window", "windw"), "f.toml")


def test_an_id_stands_once():
    with pytest.raises(InputError, match="segment s: id: stands twice"):
        segments.parse(GOOD + GOOD, "f.toml")


def test_after_must_leave_something_of_the_window():
    text = GOOD.replace('"count"', '"open"').replace(
        "at_least = 2", 'ends = ["registry_closed"]\nafter = "30d"'
    )
    with pytest.raises(InputError, match="after: must be shorter than window"):
        segments.parse(text, "f.toml")


def test_a_state_needs_values():
    text = (
        GOOD.replace('"count"', '"state"')
        .replace("at_least = 2", 'keys = ["age"]')
        .replace('window = "30d"', "")
    )
    with pytest.raises(InputError, match="needs one of equals, at_least, each, bands, starts; 0 are there"):
        segments.parse(text, "f.toml")


def test_a_column_that_no_event_has_is_refused_with_the_nearest():
    text = GOOD.replace('"count"', '"state"').replace("at_least = 2", 'columns = ["contry"]\neach = true')
    with pytest.raises(InputError, match="columns: unknown 'contry'; did you mean 'country'"):
        segments.parse(text.replace('window = "30d"', ""), "f.toml")


def test_circles_are_named_whole():
    grouped = GOOD.replace("at_least = 2", "at_least = 2\ndepth = 1")
    one = grouped.replace('id = "s"', 'id = "one"\nfiner_than = "two"')
    two = grouped.replace('id = "s"', 'id = "two"\nfiner_than = "one"')
    with pytest.raises(InputError, match="segment one: finer_than: goes in a circle: one > two > one"):
        segments.parse(one + two, "f.toml")


def test_own_definitions_stand_in_the_place_of_ours():
    (mine,) = segments.parse(GOOD.replace('id = "s"', 'id = "lapsed"'), "f.toml")
    (more,) = segments.parse(GOOD, "f.toml")
    both = segments.with_ours((mine, more))
    assert [one.id for one in both] == [*(one.id for one in segments.definitions()), "s"]
    assert next(one for one in both if one.id == "lapsed") == mine


def test_a_definition_that_says_something_else_is_another_version():
    (one,), (other,) = segments.parse(GOOD, "f.toml"), segments.parse(GOOD.replace("= 2", "= 3"), "f.toml")
    assert one.version == segments.parse(GOOD, "other.toml")[0].version
    assert one.version != other.version


def test_depth_stands_alone():
    second = '[[segment.when]]\ntest = "first"\nkinds = ["order_completed"]\nwindow = "1d"\n'
    with pytest.raises(InputError, match=r"depth: .* must be the same in every condition"):
        segments.parse(GOOD.replace("at_least", "depth = 2\nat_least") + second, "f.toml")


def test_a_file_is_read_and_one_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, "utf-8")
    assert segments.read(path)[0].id == "s"
    with pytest.raises(InputError, match=r"other\.toml"):
        segments.read(tmp_path / "other.toml")


def test_ours_say_what_they_are():
    for one in segments.definitions():
        assert one.source
        assert one.aliases
        assert "." in one.purpose


def test_a_new_segment_is_a_table_in_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, "utf-8")
    orders = [
        {"kind": "order_completed", "at": f"2026-01-0{day}", "order_id": f"o{day}"} for day in (1, 2, 3)
    ]
    frame = events(*orders)
    ctx = replace(context(frame), definitions=segments.with_ours(segments.read(path)))
    membership = segments.memberships(frame, ctx).filter(pl.col("id") == "s").row(0, named=True)
    assert (membership["standing"], membership["evidence"]) == ("derived", ["e1", "e2", "e3"])
    assert membership["reason"] == "3 since 2026-01-01."
    assert membership["until"] == parse_iso("2026-02-01T00:00:00Z")
    explanation = why.segment(frame, ctx, "s")
    assert explanation.counterfactual.remove == ("e2", "e3")
    assert {spell["segment_id"] for spell in segments.history(frame, ctx).to_dicts()} >= {"s"}
