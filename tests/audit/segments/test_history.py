"""Memberships over time: each spell against the plain question whether the segment held at a moment."""

from datetime import timedelta

import polars as pl
from hypothesis import given, settings

from audit import segments
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


@settings(max_examples=10, deadline=None)
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
