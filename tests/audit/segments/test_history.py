"""Memberships over time: each spell against the plain question whether the segment held at a moment."""

from datetime import timedelta

import polars as pl
from hypothesis import given, settings

from audit import segments
from audit.population import stats
from audit.segments import versions
from tests.audit.segments.test_derive_properties import AT, acts, history
from tests.build import context, days, events

STEP = timedelta(microseconds=1)


def spells(*rows):
    frame = events(*rows)
    return {
        row["segment_id"]: row for row in segments.history(frame, context(frame, AT)).iter_rows(named=True)
    }


def there(frame, moment):
    return set(segments.derive(frame, context(frame, moment))["segment_id"])


@settings(max_examples=6, deadline=None)
@given(acts)
def test_a_spell_holds_from_its_entry_to_its_end_and_not_outside(rows):
    frame = history(rows)
    for row in segments.history(frame, context(frame, AT)).iter_rows(named=True):
        if row["segment_id"].startswith("micro-area"):  # a finer one may stand in its place
            continue
        assert row["segment_id"] in there(frame, row["entered"])
        assert row["segment_id"] not in there(frame, row["entered"] - STEP)
        if row["left"] is not None:
            assert row["segment_id"] in there(frame, row["left"] - STEP)
            assert row["segment_id"] not in there(frame, row["left"])


@settings(max_examples=10, deadline=None)
@given(acts)
def test_what_holds_now_is_the_last_spell(rows):
    frame = history(rows)
    ctx = context(frame, AT)
    open_ones = segments.history(frame, ctx).filter(pl.col("left").is_null())
    now = segments.derive(frame, ctx)
    ended = open_ones.join(now, on="segment_id", how="anti")["segment_id"].to_list()
    assert all(name.startswith("micro-") for name in ended)
    both = open_ones.join(now, on="segment_id")
    assert both.height == now.height
    assert both["entered"].equals(both["since"], check_names=False)


def test_what_tipped_it_and_what_ended_it_are_named():
    order = {"kind": "order_completed", "order_id": "o", "at": AT - days(300), "event_id": "first"}
    back = {"kind": "order_completed", "order_id": "p", "at": AT - days(20), "event_id": "again"}
    found = spells(order, back)
    assert found["new-customer"]["entered_by"] == ["first"]
    assert (found["new-customer"]["left"], found["new-customer"]["left_by"]) == (AT - days(270), [])
    assert (found["lapsed"]["entered"], found["lapsed"]["entered_by"]) == (AT - days(120), ["first"])
    assert (found["lapsed"]["left"], found["lapsed"]["left_by"]) == (AT - days(20), ["again"])
    assert found["lapsed"]["version"] == next(o.version for o in segments.definitions() if o.id == "lapsed")


def test_a_closed_registry_names_its_closing():
    opened = {"kind": "registry_created", "category": "Baby", "at": AT - days(90), "event_id": "in"}
    closed = {"kind": "registry_closed", "at": AT - days(9), "event_id": "out"}
    row = spells(opened, closed)["new-parent"]
    assert (row["entered_by"], row["left_by"]) == (["in"], ["out"])


def test_the_log_has_spells_too():
    def row(kind, ago, name="vip"):
        return {"kind": kind, "at": AT - days(ago), "segment_id": name, "event_id": f"{kind}{ago}"}

    frame = events(
        row("segment_entered", 90), row("segment_snapshot", 80), row("segment_left", 70), row("segment_entered", 60),
        row("segment_left", 50, "unseen"),
    )  # fmt: skip
    found = segments.logged_history(frame, context(frame, AT)).rows(named=True)
    assert [(one["segment_id"], one["entered"], one["left"]) for one in found] == [
        ("vip", AT - days(90), AT - days(70)), ("vip", AT - days(60), None), ("unseen", None, AT - days(50)),
    ]  # fmt: skip
    assert found[0]["entered_by"] == ["segment_entered90", "segment_snapshot80"]
    assert found[0]["left_by"] == ["segment_left70"]


def lapsed_after(number: int) -> str:
    """The definition `lapsed` of a workspace of its own: so many days without an order."""
    return f"""
[[segment]]
id = "lapsed"
title = "Gone quiet"
aliases = ["lapsed"]
basis = "behavioral"
purpose = "marketing"
source = "test"
reason = "nothing since {{last}}"
[[segment.when]]
test = "absent"
kinds = ["order_completed"]
window = "{number}d"
"""


def record(*rows):
    """A record of definitions: (how long ago, own definitions), oldest first; the program's are kept."""
    made = pl.DataFrame(schema=versions.RECORD)
    for ago, text in rows:
        made = versions.recorded(made, text, AT - days(ago))
    return made


ORDER = {"kind": "order_completed", "order_id": "o", "at": AT - days(300), "event_id": "first"}


def lapses(kept, *rows, today=None):
    frame = events(*rows)
    now = segments.with_ours(segments.parse(today, "today")) if today else segments.definitions()
    found = segments.history(frame, context(frame, AT), segments.periods(kept, now))
    return [
        (row["entered"], row["left"], row["entered_by_change"], row["left_by_change"], row["version"])
        for row in found.filter(segment_id="lapsed").iter_rows(named=True)
    ]


def version(text):
    (one,) = segments.parse(text, "one") if text else [o for o in segments.definitions() if o.id == "lapsed"]
    return one.version


def test_a_spell_is_made_with_the_definition_that_was_in_force_then():
    short, long = lapsed_after(50), lapsed_after(280)
    kept = record((400, short), (200, long))
    assert lapses(kept, ORDER, today=long) == [
        (AT - days(250), AT - days(200), False, True, version(short)),
        (AT - days(20), None, False, False, version(long)),
    ]


def test_a_spell_that_goes_on_under_the_next_definition_is_one_spell():
    short, other = lapsed_after(50), lapsed_after(60)
    kept = record((400, short), (100, other))
    assert lapses(kept, ORDER, today=other) == [(AT - days(250), None, False, False, version(short))]


def test_a_definition_that_comes_into_force_lets_in_whom_it_finds():
    long, short = lapsed_after(280), lapsed_after(50)
    kept = record((400, long), (100, short))
    assert lapses(kept, ORDER, today=short) == [(AT - days(100), None, True, False, version(short))]


def test_before_the_record_the_first_definition_stands_and_after_it_todays():
    kept = record((100, lapsed_after(50)), (90, None))
    assert lapses(kept, ORDER) == [(AT - days(250), None, False, False, version(lapsed_after(50)))]
    assert lapses(kept.clear(), ORDER) == [(AT - days(120), None, False, False, version(None))]


def test_where_the_record_does_not_keep_what_a_version_said_todays_stands_for_it():
    kept = record((400, None), (100, lapsed_after(50))).with_columns(pl.lit(None, pl.String).alias("ours"))
    one = lapsed_after(50)
    assert lapses(kept, ORDER, today=one) == [(AT - days(250), None, False, False, version(one))]


def test_a_segment_that_was_taken_away_ended_then():
    mine = lapsed_after(50).replace('id = "lapsed"', 'id = "quiet"')
    kept = record((400, mine), (100, None))
    frame = events(ORDER)
    found = segments.history(frame, context(frame, AT), segments.periods(kept, segments.definitions()))
    (row,) = found.filter(segment_id="quiet").rows(named=True)
    assert (row["entered"], row["left"], row["left_by_change"]) == (AT - days(250), AT - days(100), True)


def test_a_record_of_an_older_program_begins_to_keep_what_definitions_say():
    old = record((400, None)).with_columns(pl.lit(None, pl.String).alias("ours"))
    made = versions.recorded(old, None, AT)
    assert made is not None
    assert (made.height, made["since"][0]) == (1, AT - days(400))
    assert made["ours"].null_count() == 0
    assert versions.recorded(made, None, AT) is None


def test_the_version_of_a_spell_says_nothing_of_group_facts():
    """Fifths are put in when the facts are at hand; the definition stays the same version."""
    rows = [
        {**ORDER, "event_id": f"o{n}", "order_id": f"{n}", "customer_id": f"c{n:02}", "price": 10.0 + n}
        for n in range(60)
    ]
    frame = events(*rows)
    ctx = context(frame, AT, facts=stats.count(frame.lazy()))
    named = {one.id: one.version for one in segments.definitions()}
    found = segments.history(frame, ctx)
    assert found.height
    assert all(row["version"] == named[row["definition"]] for row in found.iter_rows(named=True))
