"""Rows of text into canonical columns; what cannot be read is told apart, with a reason that quotes no value.

Then ids made from what is in a row where there are none.
"""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from audit.events import scanners
from audit.events.schema import KINDS, NEEDED, OTHER, SCHEMA, TIME
from audit.events.vocabulary import MUST_NOT_BE_LOST, OPT_INS, OPT_OUTS
from audit.ingest import attributes, timestamps
from audit.ingest.values import (
    UNREAD,
    Conventions,
    Read,
    as_text,
    country,
    known_words,
    listed,
    nobodies,
    number,
    truth,
    zone,
)
from audit.privacy.clean import clean_column
from audit.privacy.lookup import INVISIBLE, normalised_id

if TYPE_CHECKING:
    from audit.privacy.vault import Vault

SEPARATOR = "\x1f"
KEY, KEY_ONCE = "made of a key: ", "made once of a key: "
"""How an event_id begins that is what makes a row the same; a later row of the first replaces an earlier one."""

REPLACES = "replaces"
"""The column that marks events whose id was made of a `KEY`."""

_ABSENT = "\x1e"
_ABSENT_FIELD = "is absent"
_NO_ID = r'^(\{".*\}|\[.*\])$'
_NO_TIME = f"occurred_at {_ABSENT_FIELD}"
_GUESS = rf',?"machine_flag":"{scanners.LIKELY}"'

REFUSED: dict[str, pl.DataType] = {"row": pl.UInt64(), "reason": pl.String(), "opt_out": pl.Boolean()}
FOUND: dict[str, pl.DataType] = {"row": pl.UInt64(), "field": pl.String(), "value": pl.String()}


@dataclass(frozen=True, slots=True)
class Cast:
    """`events`: `row`, event_id (which may be null), the needed columns, and those others that have a value; `refused`:
    rows of which an event cannot be one, in the shape of `REFUSED` (`opt_out`: whether it would be a no, a complaint or a bounce, where its kind is known), once each;
    other events of such a row are in `events`; `identifiers`: direct identifiers of
    customers that stood in `attributes`, columns `customer_id, field, value`; `bare`: how many times had no offset.
    """

    events: pl.DataFrame
    refused: pl.DataFrame
    identifiers: pl.DataFrame
    bare: int


_THREADS = min(4, os.cpu_count() or 1)
_ALWAYS = ("event_id", *NEEDED)
READERS: dict[str, Callable[[pl.Series], Read]] = {
    "message_class": known_words, "source": known_words, "time_zone": zone, "country": country, "topics": listed,
    "gift": truth, "machine": truth,
}  # fmt: skip
"""How the columns are read that have a form of their own; all others are text, times or numbers."""


def cast(rows: pl.DataFrame, conventions: Conventions) -> Cast:
    """Canonical events of `rows`: the column `row` and any canonical columns, as in `Batch.events`.

    They are read by the `conventions` of their file. A field that cannot be read is left out, its text kept in
    `attributes`; only one of `NEEDED` decides about its row.
    """
    rows = _with_states(rows)
    casting = _Casting(rows["row"], conventions)
    present = [name for name in SCHEMA if name in _ALWAYS or _has_values(rows, name)]
    with ThreadPoolExecutor(
        _THREADS
    ) as pool:  # polars lets other threads run, and a column is mostly one thread's work
        columns = list(pool.map(lambda name: casting.column(rows, name), present))
    events = pl.DataFrame([rows["row"].cast(pl.UInt64), *columns])
    events = attributes.mark(events, casting.flags)
    events = attributes.keep(events, casting.kept)
    events, refused = casting.parted(events)
    identifiers = (
        events.select("row", "customer_id")
        .join(casting.identifiers, on="row", maintain_order="left")
        .drop("row")
    )
    return Cast(events, refused, identifiers, casting.bare)


def _with_states(rows: pl.DataFrame) -> pl.DataFrame:
    """Place a no or a yes that is known only as a state, without a moment, at the time when it was recorded.

    So nothing that came before is held against it. A flag in the attributes says so.
    """
    needed = {"kind", "recorded_at"}
    if not needed.issubset(rows.columns) or not _has_values(rows, "recorded_at"):
        return rows
    if "occurred_at" not in rows.columns:
        rows = rows.with_columns(pl.lit(None, rows.schema["recorded_at"]).alias("occurred_at"))
    at = pl.col("occurred_at")
    absent = at.is_null() | (at == "") if rows.schema["occurred_at"] == pl.String else at.is_null()
    is_state = absent & pl.col("kind").is_in([*OPT_OUTS, *OPT_INS])
    states = rows.select(is_state.fill_null(value=False)).to_series()
    if not states.any():
        return rows
    recorded = pl.col("recorded_at").cast(rows.schema["occurred_at"])
    placed = rows.with_columns(pl.when(states).then(recorded).otherwise("occurred_at").alias("occurred_at"))
    flag = pl.Series("flag", ["state"]).new_from_index(0, rows.height).set(~states, None)
    return attributes.mark(placed, {"occurred_at": flag})


class _Casting:
    """One frame on its way: the reasons against its rows, and the flags to note in their attributes."""

    def __init__(self, rows: pl.Series, conventions: Conventions) -> None:
        self._conventions = conventions
        self._against: dict[str, list[tuple[pl.Series, str]]] = {name: [] for name in SCHEMA}
        self._rows = rows
        self.flags: dict[str, pl.Series] = {}
        self.kept: dict[str, tuple[pl.Series, pl.Series]] = {}
        self.identifiers = pl.DataFrame(schema=FOUND)
        self.bare = 0

    def column(self, rows: pl.DataFrame, name: str) -> pl.Series:
        dtype = SCHEMA[name]
        if not _has_values(rows, name):
            values = pl.Series(name, [None], dtype=dtype).new_from_index(0, rows.height)
        elif dtype == TIME:
            values = self._time(rows[name])
        elif dtype == pl.Float64:
            values = self._kept(rows[name], number(rows[name], self._conventions))
        elif name == "attributes":
            values = self._attributes(rows[name])
        elif name in READERS:
            values = self._read(rows[name], name)
        else:
            values = self._text(rows[name])
        if name in NEEDED and not (
            dtype == TIME and _has_values(rows, name)
        ):  # `_time` tells absent from no time
            self._refuse(name, values.is_null(), _ABSENT_FIELD)
        return values

    def parted(self, events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The events that can be, and the rows of all others; one of several events of a row that has no time is none."""
        reasons = pl.Series("reason", [None], dtype=pl.String).new_from_index(0, events.height)
        for mask, reason in chain.from_iterable(self._against.values()):
            reasons = reasons.set(mask & reasons.is_null(), reason)
        if not reasons.count():
            return events, pl.DataFrame(schema=REFUSED)
        is_no = pl.when(pl.col("kind").is_in(KINDS)).then(pl.col("kind").is_in(MUST_NOT_BE_LOST))
        stopped = events.select("row", reasons, opt_out=is_no)
        events = events.filter(reasons.is_null())
        is_none = (pl.col("reason") == _NO_TIME) & pl.col("row").is_in(events["row"].implode())
        refused = stopped.filter(pl.col("reason").is_not_null() & ~is_none)
        once = refused.group_by("row").agg(pl.col("reason").first(), pl.col("opt_out").max())
        return events, once.sort("row")

    def _refuse(self, name: str, mask: pl.Series, reason: str) -> None:
        if mask.any():
            self._against[name].append((mask, f"{name} {reason}"))

    def _text(self, column: pl.Series) -> pl.Series:
        text = customer_ids(column) if column.name == "customer_id" else clean_column(as_text(column))
        blank = text == ""
        if blank.any():
            text = text.set(blank, None)
        if column.name == "kind":
            self._kinds(text)
        if column.name == "customer_id":
            if (nobody := nobodies(column)) is not None:
                for word in as_text(column).filter(nobody).str.strip_chars().unique().sort():
                    named_so = as_text(column).str.strip_chars() == word
                    self._refuse(
                        column.name, named_so.fill_null(value=False), f"is {word}, which names nobody"
                    )
            several = text.str.contains(_NO_ID).fill_null(value=False)
            self._refuse(column.name, several, "is a list or an object; a map can name a path into it")
        return text

    def _read(self, column: pl.Series, name: str) -> pl.Series:
        """A column that has a reader of its own."""
        if column.dtype == SCHEMA[name] != pl.String:
            return _cleaned_list(column) if column.dtype == pl.List(pl.String) else column
        text = self._text(as_text(column))
        return self._kept(text, READERS[name](text))

    def _kept(self, column: pl.Series, answer: Read) -> pl.Series:
        """The values; the attributes keep the text of what was left out, with a flag."""
        if answer.flags is not None:
            texts = clean_column(as_text(column)).set(answer.flags.is_null(), None)
            self.kept[column.name] = texts, answer.flags
        return answer.values

    def _kinds(self, text: pl.Series) -> None:
        for value in text.drop_nulls().unique().sort():
            if value not in (*KINDS, OTHER):
                near = get_close_matches(value, KINDS, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self._refuse(text.name, text == value, f"is none of those we know{hint}")

    def _time(self, column: pl.Series) -> pl.Series:
        is_typed = column.dtype in (pl.Datetime, pl.Date)
        present = column if is_typed else as_text(column).set(as_text(column) == "", None)
        times, flags, bare = timestamps.read(present, self._conventions.time_zone)
        if present.dtype == pl.String and times.null_count() > present.null_count():
            times = timestamps.counts(present, times)
        self.bare += bare if column.name == "occurred_at" else 0
        unread = present.is_not_null() & times.is_null()
        if column.name in NEEDED:
            self._refuse(column.name, unread, "is no time")
            self._refuse(column.name, present.is_null(), _ABSENT_FIELD)
        elif unread.any():
            self._kept(present, Read(times, _flagged(unread)))
        if flags.null_count() < len(flags):
            self.flags[column.name] = flags
        return times.alias(column.name)

    def _attributes(self, column: pl.Series) -> pl.Series:
        text = as_text(column)
        parsed = attributes.read(text)
        found = parsed.identifiers
        if parsed.bad.any():
            names_values = (parsed.bad & text.str.contains(r'["{:=]')).fill_null(value=False)
            self._kept(text.set(names_values, None), Read(text, _flagged(parsed.bad)))
            hidden = text.filter(names_values).unique()  # anything may stand in what nobody can take apart
            found = pl.concat(
                [found, hidden.to_frame("text").with_columns(field=pl.lit("other"), value="text")]
            )
        if found.height:
            rows = pl.DataFrame({"row": self._rows, "text": text})
            self.identifiers = rows.join(found, on="text", maintain_order="left").drop("text")
        return parsed.text


def customer_ids(column: pl.Series) -> pl.Series:
    """The source's own ids, empty where one names nobody: an address loses signs that nobody sees before what could act on a terminal is made visible."""
    text = as_text(column)
    odd = text.str.contains(f"[{INVISIBLE}\u00a0]").fill_null(value=False)
    if odd.any():
        text = text.replace({ident: normalised_id(ident) for ident in text.filter(odd).unique()})
    blank = text.str.strip_chars() == ""
    if (nobody := nobodies(text)) is not None:
        blank |= nobody
    return clean_column(text.set(blank, "") if blank.any() else text)


def _flagged(unread: pl.Series) -> pl.Series:
    return pl.Series("flag", [UNREAD]).new_from_index(0, len(unread)).set(~unread, None)


def _has_values(rows: pl.DataFrame, name: str) -> bool:
    return name in rows.columns and rows[name].null_count() < rows.height


def _cleaned_list(column: pl.Series) -> pl.Series:
    texts = column.explode(empty_as_null=True)
    if clean_column(texts) is texts:  # list by list costs a thousand times as much
        return column
    return column.list.eval(pl.element().map_batches(clean_column, return_dtype=pl.String))


def with_ids(events: pl.DataFrame, vault: "Vault") -> pl.DataFrame:
    """Fill absent event_ids with `x` and a hash of the row under a key of the vault: equal rows, equal ids.

    Ids that were made of a key become `k` and a hash; `REPLACES` says which of them take the place of what is known. A row of an
    order or a message is the same when a later export says something else in columns that are none of ours: that takes its place.
    """
    events = _with_keys(events, vault)
    if not events["event_id"].null_count():
        return events.drop("distinct", strict=False)
    if "distinct" in events.columns:
        events = events.with_columns(pl.col("distinct").fill_null(value=False) & pl.col("event_id").is_null())
    written = {name: _written(name, events.columns) for name in SCHEMA if name != "event_id"}
    apart = [
        pl.when(_is_of_a_thing(events)).then(pl.lit(_ABSENT)).otherwise(written.pop(name))
        for name in _ELSEWISE
    ]
    without_id = events.filter(pl.col("event_id").is_null())
    text = without_id.select(pl.concat_str([*written.values(), *apart], separator=SEPARATOR)).to_series()
    key = vault.purpose_key("event_id")
    digests = [hashlib.blake2b(row.encode(), key=key, digest_size=12).hexdigest() for row in text]
    places = events["event_id"].is_null()
    ids = pl.Series([f"x{digest}" for digest in digests], dtype=pl.String)
    return _numbered_things(events.with_columns(events["event_id"].scatter(places.arg_true(), ids)), places)


_ELSEWISE = ("attributes", "recorded_at")
"""What may be another in a later export of the same order or message."""


def _is_of_a_thing(events: pl.DataFrame) -> pl.Expr:
    """Whether a row names an order or a message, and is no event of its own by its map."""
    named = [name for name in ("order_id", "message_id", "campaign_id") if name in events.columns]
    if not named:
        return pl.lit(value=False)
    distinct = pl.col("distinct") if "distinct" in events.columns else pl.lit(value=False)
    return pl.any_horizontal(pl.col(name).is_not_null() for name in named) & ~distinct


def _numbered_things(events: pl.DataFrame, made: pl.Series) -> pl.DataFrame:
    """Rows of one file that are alike but in what may be another later are each one: `x1f`, `x1f-2`. `made`: whose ids were made here."""
    things = made & events.select(_is_of_a_thing(events).alias("thing")).to_series()
    if not things.any():
        return events
    events = events.with_columns(pl.when(things).then(pl.lit(value=True)).otherwise(REPLACES).alias(REPLACES))
    same = ["customer_id", "event_id", *(["file"] if "file" in events.columns else [])]
    rows = events.filter(things).select(
        *same, said=pl.concat_str([_written(name, events.columns) for name in _ELSEWISE], separator=SEPARATOR)
    )
    if not rows.select(same).is_duplicated().any():
        return events
    nth = rows.select(pl.col("said").rank("dense").over(same)).to_series()
    numbered = rows.select(
        pl.when(nth > 1).then(pl.format("{}-{}", "event_id", nth)).otherwise("event_id")
    ).to_series()
    return events.with_columns(events["event_id"].scatter(things.arg_true(), numbered))


class Repeats:
    """Equal rows of one file, without an id, where a map says that rows are distinct: each is an event of its own."""

    def __init__(self) -> None:
        self._so_far = pl.DataFrame(
            schema={"file": pl.UInt32(), "event_id": pl.String(), "so_far": pl.UInt32()}
        )

    def numbered(self, events: pl.DataFrame) -> pl.DataFrame:
        """`events` with ids made of content that count on: `x1f`, `x1f-2`; of their file, which may have begun before."""
        if "distinct" not in events.columns:
            return events
        nth = pl.int_range(1, pl.len() + 1).over("file", "event_id")
        counted = events.join(self._so_far, on=["file", "event_id"], how="left", maintain_order="left")
        counted = counted.with_columns(nth=pl.col("so_far").fill_null(0) + nth)
        seen = counted.filter(pl.col("distinct") & (pl.col("file") == pl.col("file").max()))
        self._so_far = seen.group_by("file", "event_id").agg(so_far=pl.col("nth").max().cast(pl.UInt32))
        again = pl.col("distinct") & (pl.col("nth") > 1)
        numbered = pl.when(again).then(pl.format("{}-{}", "event_id", "nth")).otherwise("event_id")
        return counted.with_columns(event_id=numbered).drop("distinct", "nth", "so_far")


def _with_keys(events: pl.DataFrame, vault: "Vault") -> pl.DataFrame:
    ident = events["event_id"]
    replaces = ident.str.starts_with(KEY).fill_null(value=False)
    keyed = replaces | ident.str.starts_with(KEY_ONCE).fill_null(value=False)
    events = events.with_columns(replaces.alias(REPLACES))
    if not keyed.any():
        return events
    key = vault.purpose_key("event_id")
    texts = ident.filter(keyed).str.strip_prefix(KEY).str.strip_prefix(KEY_ONCE)
    digests = ["k" + hashlib.blake2b(text.encode(), key=key, digest_size=12).hexdigest() for text in texts]
    return events.with_columns(ident.scatter(keyed.arg_true(), pl.Series(digests, dtype=pl.String)))


def signature(events: pl.DataFrame) -> pl.Series:
    """All that a canonical event says, as one text; but for a guess about machines, which rests on the events beside it."""
    said = events.with_columns(
        machine=pl.when(~pl.col("attributes").str.contains(_GUESS).fill_null(value=False)).then("machine"),
        attributes=pl.col("attributes").str.replace(_GUESS, "").replace({"{}": None}),
    )
    columns = [_written(name, said.columns) for name in SCHEMA]
    return said.select(pl.concat_str(columns, separator=SEPARATOR)).to_series()


def first_of_each(events: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """`events` with only the first row of each value of the columns `key`, in the order given."""
    hashed = events.select(pl.struct(key).hash()).to_series()
    if hashed.n_unique() == events.height:
        return events
    return events.unique(key, keep="first", maintain_order=True)


def _written(name: str, present: list[str]) -> pl.Expr:
    if name not in present:
        return pl.lit(_ABSENT)
    column = pl.col(name)
    if SCHEMA[name] == pl.List(pl.String()):
        column = column.list.join("\x1d")
    elif SCHEMA[name] != pl.String():
        column = column.cast(pl.String)
    return column.fill_null(_ABSENT)
