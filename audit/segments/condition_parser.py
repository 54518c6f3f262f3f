"""Reading the conditions of a segment (`[[segment.when]]`) and refusing what they cannot mean."""

from dataclasses import replace
from typing import Any

from audit.segments import toml_fields
from audit.segments.model import BY, COLUMNS, TESTS, THINGS, Condition, Selection
from audit.segments.toml_fields import Place, Row

_SELECTION = ("kinds", "categories", "words", "topics", "gift", "quantity_at_least")
_USES = {
    "count": ("things", "at_least", "window", "depth", "by"),
    "sum": ("at_least", "window"),
    "share": ("keys", "share", "at_least", "window"),
    "first": ("window",),
    "absent": ("window",),
    "open": ("ends", "same", "after", "window"),
    "state": ("keys", "columns", "equals", "at_least", "each", "bands", "starts"),
}
_REQUIRES = {
    "count": ("at_least",),
    "sum": ("at_least",),
    "share": ("keys", "share"),
    "first": ("window",),
    "absent": ("window",),
    "open": ("ends",),
    "state": (),
}
_SAME = ("item_id", "list_id")
_SAYS = ("equals", "at_least", "each", "bands", "starts")
_FIFTHS = {"q20": 0.2, "q40": 0.4, "q60": 0.6, "q80": 0.8}
_EVERY = 1_000
"""More levels than a category path has."""


def condition(place: Place, row: Row) -> Condition:
    """One condition of the segment at `place`. Raises InputError naming file, segment and key."""
    test = toml_fields.text(place, row, "test")
    if test not in TESTS:
        raise place.error("test", toml_fields.unknown(test, TESTS))
    toml_fields.refuse_unknown(place, row, ("test", *_SELECTION, *_USES[test]))
    for key in ("kinds", *_REQUIRES[test]):
        if key not in row:
            raise place.error(key, f"test {test} needs it")
    if test == "state":
        _refuse_state(place, row)
    made = Condition(
        test=test,
        events=_selection(place, row),
        things=toml_fields.one_of(place, row, "things", THINGS, "event"),
        ends=toml_fields.kinds(place, row, "ends"),
        same=toml_fields.one_of(place, row, "same", _SAME, None),
        keys=toml_fields.texts(place, row, "keys"),
        columns=toml_fields.texts(place, row, "columns", COLUMNS),
        equals=tuple(value.casefold() for value in toml_fields.texts(place, row, "equals")),
        starts=tuple(value.casefold() for value in toml_fields.texts(place, row, "starts")),
        each=toml_fields.flag(place, row, "each"),
        bands=toml_fields.numbers(place, row, "bands"),
        share=toml_fields.share(place, row),
    )
    return replace(made, **_at_least(place, row, made), **_windows(place, row), **_groups(place, row, made))


def _refuse_state(place: Place, row: Row) -> None:
    if not ("keys" in row or "columns" in row):
        raise place.error("keys", "test state needs keys or columns")
    said = [key for key in _SAYS if key in row]
    if len(said) != 1:
        raise place.error("equals", f"test state needs one of {', '.join(_SAYS)}; {len(said)} are there")


def _at_least(place: Place, row: Row, made: Condition) -> dict[str, Any]:
    """`at_least`: a number, or where a fifth of the customers begins."""
    written = row.get("at_least")
    if not isinstance(written, str):
        return {"at_least": toml_fields.number(place, row, "at_least", 1)}
    ranked = made.test == "sum" or (made.test == "count" and made.things == "order")
    if not ranked or row.get("window") != "365d" or made.events != Selection(("order_completed",)):
        raise place.error(
            "at_least", "fifths are known of all orders, and of what was spent, in a window of 365d"
        )
    return {"fifth": _FIFTHS[toml_fields.one_of(place, row, "at_least", tuple(_FIFTHS), None)]}


def _windows(place: Place, row: Row) -> dict[str, Any]:
    if row.get("window") in _FIFTHS:
        if row.get("kinds") != ["order_completed"] or len(toml_fields.texts(place, row, "kinds")) != 1:
            raise place.error(
                "window", "fifths of recency are known of orders: kinds must be order_completed"
            )
        return {"window_fifth": _FIFTHS[row["window"]]}
    lengths = {key: toml_fields.window(place, row, key) for key in ("window", "after") if key in row}
    if "after" in lengths and lengths["after"] >= lengths.get("window", lengths["after"] * 2):
        raise place.error("after", "must be shorter than window, or nothing ever matches")
    return dict(lengths)


def _groups(place: Place, row: Row, made: Condition) -> dict[str, Any]:
    """What the segment exists once for each of."""
    depth = int(toml_fields.number(place, row, "depth", 1)) if "depth" in row else None
    by = toml_fields.texts(place, row, "by", BY[:-1])
    if made.each or made.bands:
        return {"by": ("value",)}
    if depth is not None and by and "category" not in by:
        raise place.error("depth", "cuts categories; name category in by")
    if "price_band" in by and "category" not in by:
        raise place.error("by", "a price band is one of a category; name category too")
    if "category" in by or depth is not None:
        return {"by": by or ("category",), "depth": depth or _EVERY}
    return {"by": by}


def _selection(place: Place, row: Row) -> Selection:
    return Selection(
        kinds=toml_fields.kinds(place, row, "kinds"),
        categories=toml_fields.texts(place, row, "categories"),
        words=toml_fields.texts(place, row, "words"),
        topics=toml_fields.texts(place, row, "topics"),
        gift=toml_fields.flag(place, row, "gift"),
        quantity_at_least=(
            toml_fields.number(place, row, "quantity_at_least", 0) if "quantity_at_least" in row else None
        ),
    )
