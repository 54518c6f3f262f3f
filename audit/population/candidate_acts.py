"""What people did and were, as pairs of a person and a candidate: for asking at any moment who had done what before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from audit.events.purchases import ORDER, TAKEN_BACK, unsettled, with_return
from audit.population.audience import FIELD, states
from audit.population.proportions import Array

ACTS = {ORDER: "bought", "product_viewed": "viewed", "products_searched": "searched"}
"""The kinds of acts that are candidates, and what one of them did."""

NEVER = np.iinfo(np.int64).min
"""The moment of a person who takes no part."""

_ALWAYS = np.iinfo(np.int64).max

_ROWS = 1_000_000
"""Events of so many rows are held at a time, whole customers."""

_DENSE = 8
"""Pairs are numbered by a table of them all where these are not more times the rows."""

TABLE: dict[str, pl.DataType] = {
    "what": pl.String(), "value": pl.String(), "level": pl.Int64(), "item_id": pl.String(), "path": pl.String(),
}  # fmt: skip


@dataclass(frozen=True)
class Holdings:
    """Rows, in order of `since`, in which a pair holds after `since` and up to `until` (µs, UTC).

    `pair`: which one, an index into `person` and `candidate`; `until`: None where all hold for `reach`, which is the longest
    time that a row holds, if there is one.
    `by_thing`: of acts the same rows by the kind of thing that each is about, `candidate` the place of its kind of act.
    """

    person: Array
    candidate: Array
    pair: Array
    since: Array
    until: Array | None
    reach: int | None
    by_thing: "Holdings | None" = None

    def newest(self, moments: Array) -> Array:
        """For each pair the begin of its newest row that holds at the person's moment (µs; by person), else `NEVER`."""
        newest = np.full(self.person.size, NEVER)
        taking_part = moments[moments != NEVER]
        if not taking_part.size:
            return newest
        earliest, latest = taking_part.min(), taking_part.max()
        begin = 0 if self.reach is None else np.searchsorted(self.since, earliest - self.reach, "left")
        end = np.searchsorted(self.since, latest, "left")
        pair, since = self.pair[begin:end], self.since[begin:end]
        if self.until is not None:
            at = moments[self.person[pair]]
            inside = (since < at) & (at <= self.until[begin:end])
            if self.reach is not None:
                inside &= since >= at - self.reach
            pair, since = pair[inside], since[inside]
        elif self.reach is not None and earliest < latest:
            at = moments[self.person[pair]]
            inside = (since < at) & (since >= at - self.reach)
            pair, since = pair[inside], since[inside]
        newest[pair] = since  # of rows of one pair the last, which is the newest
        newest[(moments == NEVER)[self.person]] = NEVER
        return newest

    def window(self, before: Array, windows: Sequence[int]) -> Array:
        """The first of `windows` (µs, the shortest first) that what was `before` a moment lies in; states stand in the last one."""
        longest = len(windows) - 1
        if self.reach is None:
            return np.full(before.size, longest, np.int8)
        window = np.zeros(before.size, np.int8)
        for length in windows[:longest]:
            window += before > length
        return window


def _holdings(
    holdings: tuple[Array, Array], since: Array, until: Array | None, reach: int | None, candidates: int
) -> Holdings:
    """Rows of `holdings` (person and candidate of each), in order of `since`, numbered by pair."""
    person, candidate = holdings
    keys = person * candidates + candidate
    if keys.max(initial=0) < _DENSE * keys.size:  # no need to sort them
        present = np.bincount(keys) > 0
        keys, pair = np.flatnonzero(present), (np.cumsum(present) - 1)[keys]
    else:
        keys, pair = np.unique(keys, return_inverse=True)
    return Holdings(keys // candidates, keys % candidates, pair, since, until, reach)


_ARRAYS = ("person", "candidate", "pair", "since", "until")


def _store(folder: Path, holdings: Holdings) -> None:
    """Write what `_stored` reads."""
    for name in _ARRAYS:
        if (array := getattr(holdings, name)) is not None:
            np.save(folder / f"{name}.npy", array)
    if holdings.reach is not None:
        np.save(folder / "reach.npy", holdings.reach)
    if holdings.by_thing is not None:
        (folder / "by_thing").mkdir()
        _store(folder / "by_thing", holdings.by_thing)


def _stored(folder: Path) -> Holdings:
    """What was written, read from disk as it is asked for."""

    def array(name: str) -> Array:
        return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))

    reach, things = folder / "reach.npy", folder / "by_thing"
    return Holdings(
        array("person"), array("candidate"), array("pair"), array("since"),
        array("until") if (folder / "until.npy").exists() else None,
        int(np.load(reach)) if reach.exists() else None,
        _stored(things) if things.exists() else None,
    )  # fmt: skip


class CandidateActs:
    """The candidates of `events` (canonical columns), numbered by the rows of `table`, and who holds them when.

    `people`: `customer_id`, sorted, and `events`, how many each has. Items and searches of fewer than `least` people
    are no candidates, and no category of a first level that has others under it: that is a department.
    """

    def __init__(self, events: pl.LazyFrame, people: pl.DataFrame, window: timedelta, least: int) -> None:
        self.events, self.people, self.sizes = events, people["customer_id"], people["events"].to_numpy()
        self.window = window // timedelta(microseconds=1)
        self.least = least
        acts = events.filter(pl.col("kind").is_in(list(ACTS)))
        self._kinds = [kind for kind in ACTS if kind in set(_distinct(acts, pl.col("kind")))]
        self._categories = _distinct(acts, pl.col("category"))
        self._named_items = self._shared(acts, pl.col("item_id"))
        self._items = self._named_items["shared"]
        self._queries = self._shared(acts, _query())["shared"]
        self._states = states(events)
        self._uncategorised = _distinct(acts.filter(pl.col("category").is_null()), kind_of_thing())
        self._paths, self._at_level = _levels(self._categories)
        self._scratch = TemporaryDirectory(prefix="whysent-")

    def _shared(self, acts: pl.LazyFrame, column: pl.Expr) -> pl.DataFrame:
        """The values of `column` of enough people, sorted, as `shared`, with the first name and category beside each."""
        return (
            acts.select(
                column.alias("shared"), _code(pl.col("customer_id"), self.people), "item_name", "category"
            )
            .drop_nulls("shared")
            .group_by("shared")
            .agg(
                pl.col("customer_id").n_unique().alias("people"),
                pl.col("item_name", "category").drop_nulls().first(),
            )
            .filter(pl.col("people") >= self.least)
            .sort("shared")
            .collect()
        )

    @cached_property
    def table(self) -> pl.DataFrame:
        """A row each: `what, value, level` (of a category), `item_id`, `path` (of a category and an item, for what lies under what;
        of a value of the profile its field).
        """
        levels = pl.col("value").str.count_matches(" > ", literal=True).cast(pl.Int64) + 1
        paths = self._paths.to_frame("value").with_columns(level=levels, path="value")
        path = pl.concat_str(pl.col("category").fill_null(""), "shared", separator=" > ")
        value = pl.coalesce("item_name", "shared")
        items = self._named_items.select(value.alias("value"), path.alias("path"), item_id="shared")
        parts = [
            rows.with_columns(what=pl.lit(ACTS[kind])) for kind in self._kinds for rows in (paths, items)
        ]
        parts.append(self._queries.to_frame("value").with_columns(what=pl.lit("searched")))
        of_field = pl.when(what="profile").then("slot").alias("path")
        parts.append(self._states.select("what", "value", of_field).unique().sort("what", "value"))
        return pl.concat(
            [pl.DataFrame(schema=TABLE), *(part.cast({"value": pl.String}) for part in parts)], how="diagonal"
        ).select(*TABLE)

    @cached_property
    def parent(self) -> Array:
        """The number of the candidate that each one lies under at once; -1 where there is none."""
        numbered = self.table.with_row_index("number").select("what", "path", pl.col("number").cast(pl.Int64))
        above = numbered.with_columns(path=pl.col("path").str.replace(" > [^>]*$", "")).filter(
            pl.col("path") != self.table["path"]
        )
        pairs = above.join(numbered, on=("what", "path"), suffix="_above")
        parent = np.full(self.table.height, -1)
        parent[pairs["number"].to_numpy()] = pairs["number_above"].to_numpy()
        return parent

    @cached_property
    def field(self) -> Array:
        """The number of the candidate that says whether somebody has the field of a value of the profile at all; -1 of all
        others.
        """
        numbered = self.table.with_row_index("number").with_columns(pl.col("number").cast(pl.Int64))
        fields = numbered.filter(what=FIELD).select("number", path="value")
        values = numbered.filter(what="profile").join(fields, on="path", suffix="_field")
        field = np.full(self.table.height, -1)
        field[values["number"].to_numpy()] = values["number_field"].to_numpy()
        return field

    @cached_property
    def held_against(self) -> Array:
        """For each candidate the place of the kind of act at whose breadth its holders are held against others: that of an act
        its own, of a value of the profile the first; -1 of what the sender decides, a segment or a list.
        """
        places = {ACTS[kind]: number for number, kind in enumerate(self._kinds)}
        places |= {"profile": 0} if places else {}
        against = pl.col("what").replace_strict(places, default=-1, return_dtype=pl.Int64)
        return self.table.select(against).to_series().to_numpy()

    @property
    def kinds(self) -> int:
        """How many kinds of acts there are."""
        return len(self._kinds)

    def kind(self, number: int) -> str:
        """What an act of the kind of that number did."""
        return ACTS[self._kinds[number]]

    # -- who holds what --------------------------------------------------------------------------------------------

    def holdings(self) -> Iterator[Holdings]:
        """Who holds what when, a slice of the people after another."""
        yield from map(self._slice, range(len(self._bounds))) if self.sliced else self._only_slice
        yield self._held_states

    @property
    def sliced(self) -> bool:
        """Whether there are too many events to be held at once."""
        return len(self._bounds) > 1

    @cached_property
    def _bounds(self) -> list[tuple[int, int]]:
        """The first and last of the people in each slice."""
        part = np.cumsum(self.sizes) // _ROWS
        starts = np.flatnonzero(np.diff(part, prepend=-1))
        return [(begin, end - 1) for begin, end in pairwise([*starts.tolist(), part.size])]

    @cached_property
    def _only_slice(self) -> list[Holdings]:
        return [self._acts(bounds) for bounds in self._bounds]

    def _slice(self, number: int) -> Holdings:
        """A slice of the acts; once worked out it lies on disk, as numbers, until `close`."""
        folder = Path(self._scratch.name) / str(number)
        if not folder.exists():
            folder.mkdir()
            _store(folder, self._acts(self._bounds[number]))
        return _stored(folder)

    def close(self) -> None:
        """Take away what lies on disk."""
        self._scratch.cleanup()

    def _acts(self, bounds: tuple[int, int]) -> Holdings:
        begin, end = (self.people[bound] for bound in bounds)
        codes = (
            _code(pl.col("customer_id"), self.people).alias("person"), _code(pl.col("kind"), pl.Series(self._kinds, dtype=pl.String)),
            pl.col("occurred_at").to_physical().alias("at"), _code(pl.col("category"), self._categories).alias("category"),
            _code(pl.col("item_id"), self._items).alias("item"), _code(_query(), self._queries).alias("query"),
            _code(pl.coalesce("item_id", _query()), self._uncategorised).alias("thing"),
        )  # fmt: skip
        inside = pl.col("customer_id").is_between(pl.lit(begin), pl.lit(end))
        undone_at = None
        if self._some_undone:
            events = self.events.filter(pl.col("kind").is_in([*self._kinds, *TAKEN_BACK]), inside).collect()
            bought = with_return(events.filter(pl.col("kind").is_in(self._kinds)), events)
            acts = bought.select(*codes, pl.col("returned_at").to_physical().alias("until")).sort("at")
            undone_at = acts["until"].fill_null(_ALWAYS).to_numpy()
        else:
            acts = (
                self.events.filter(pl.col("kind").is_in(self._kinds), inside)
                .select(codes)
                .sort("at")
                .collect()
            )
        numbers = self._numbered(acts)
        positions = np.flatnonzero(numbers >= 0)
        row = positions // numbers.shape[1]
        person, since = acts["person"].to_numpy().astype(np.int64)[row], acts["at"].to_numpy()[row]
        until = None if undone_at is None else undone_at[row]
        rows = _holdings((person, numbers.ravel()[positions]), since, until, self.window, self.table.height)
        return replace(rows, by_thing=self._by_thing(acts, undone_at))

    @cached_property
    def _some_undone(self) -> bool:
        """Whether some of the orders may not stand."""
        orders = self.events.filter(pl.col("kind").is_in([ORDER, *TAKEN_BACK]))
        return bool(
            unsettled(orders.select("kind", "item_name", "item_id", "quantity").unique().collect()).any()
        )

    def _by_thing(self, acts: pl.DataFrame, until: Array | None) -> Holdings:
        """The acts by what they are about, a pair for each person, kind of act and kind of thing."""
        about_something = (acts.select(pl.max_horizontal("category", "thing")).to_series() >= 0).to_numpy()
        names = ("person", "kind", "category", "thing")
        person, kind, category, uncategorised = (
            acts[name].to_numpy().astype(np.int64)[about_something] for name in names
        )
        number = np.where(category >= 0, category, uncategorised + len(self._categories))
        numbers = max(len(self._categories) + len(self._uncategorised), 1)
        pairs = (person, kind * numbers + number)
        since, until = (
            acts["at"].to_numpy()[about_something],
            None if until is None else until[about_something],
        )
        rows = _holdings(pairs, since, until, self.window, max(self.kinds, 1) * numbers)
        return replace(rows, candidate=rows.candidate // numbers)

    def counted(self, acts: Holdings, moments: Array, windows: Sequence[int]) -> Array:
        """How many `acts`, by thing, everybody did within each of `windows` (µs) before their moment (window, kind of act, person)."""
        newest = acts.newest(moments)
        pairs = np.flatnonzero(newest != NEVER)
        person, before = acts.person[pairs], moments[acts.person[pairs]] - newest[pairs]
        row = acts.window(before, windows) * self.kinds + acts.candidate[pairs]
        shape = (len(windows), self.kinds, moments.size)
        counted = np.bincount(row * moments.size + person, minlength=int(np.prod(shape)))
        return counted.reshape(shape).cumsum(axis=0)

    def _numbered(self, acts: pl.DataFrame) -> Array:
        """The candidates that each act holds, a row each: a category at every level, an item, a search; -1 where there is none."""
        kind, category, item, query = (
            acts[name].to_numpy() for name in ("kind", "category", "item", "query")
        )
        per_kind = len(self._paths) + len(self._items)
        places = [np.append(level, -1)[category] for level in self._at_level]
        places.append(np.where(item >= 0, item + len(self._paths), -1))
        numbers = [
            np.where(position >= 0, position + kind.astype(np.int64) * per_kind, -1) for position in places
        ]
        searched = (query >= 0) & (
            kind == self._kinds.index("products_searched") if "products_searched" in self._kinds else False
        )
        numbers.append(np.where(searched, query.astype(np.int64) + len(self._kinds) * per_kind, -1))
        return np.stack(numbers, axis=1)

    @cached_property
    def _held_states(self) -> Holdings:
        names = self.table.with_row_index("candidate").select("what", "value", "candidate")
        people = self.people.to_frame("customer_id").with_row_index("person")
        states = self._states.join(names, on=("what", "value")).join(people, on="customer_id").sort("since")
        person, candidate, since = (
            states[name].to_numpy().astype(np.int64) for name in ("person", "candidate", "since")
        )
        until = states["until"].fill_null(_ALWAYS).to_numpy().astype(np.int64)
        return _holdings((person, candidate), since, until, None, max(self.table.height, 1))


def _distinct(events: pl.LazyFrame, column: pl.Expr) -> pl.Series:
    return events.select(column.unique()).collect().to_series().drop_nulls().sort()


def _query() -> pl.Expr:
    """What was searched for, folded, where the search names no category."""
    words = pl.col("query").str.to_lowercase().str.strip_chars()
    return pl.when(pl.col("category").is_null()).then(words)


def kind_of_thing() -> pl.Expr:
    """What an act is about, as a kind of thing: its category, where it has none its item, or what was searched for."""
    return pl.coalesce("category", "item_id", _query())


def _code(column: pl.Expr, values: pl.Series) -> pl.Expr:
    """The place of each value among `values`; -1 where it is none of them."""
    return column.cast(pl.Enum(values), strict=False).to_physical().cast(pl.Int32).fill_null(-1)


def _levels(categories: pl.Series) -> tuple[pl.Series, list[Array]]:
    """All paths that are candidates, sorted, and for each level the place of a category's path among them (-1: none)."""
    split = [category.split(" > ") for category in categories]
    deepest = max(map(len, split), default=0)
    departments = {levels[0] for levels in split if len(levels) > 1}
    at_level = [
        [" > ".join(levels[:depth]) if len(levels) >= depth else None for levels in split]
        for depth in range(1, deepest + 1)
    ]
    candidates = {path for paths in at_level for path in paths if path is not None} - departments
    positions = {path: number for number, path in enumerate(sorted(candidates))}
    numbers = [np.array([positions.get(path or "", -1) for path in paths], np.int64) for paths in at_level]
    return pl.Series(list(positions), dtype=pl.String), numbers
