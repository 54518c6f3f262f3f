"""What the data covers: the last event of each source, the kinds that are absent, the gaps.

Kept as daily counts, so that the coverage of two imports is their sum.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

import msgspec
import polars as pl

from audit.events.document import Document
from audit.events.schema import KINDS, TIME
from audit.events.times import duration
from audit.storage import toml_input

DAILY: dict[str, pl.DataType] = {
    "source_name": pl.String(),
    "kind": pl.String(),
    "day": pl.Date(),
    "first": TIME,
    "last": TIME,
    "rows": pl.UInt32(),
    "marks": pl.List(pl.String()),
}
"""The stored form: rows of a kind of a source on a day (UTC); `marks`: those of `MARKS` that one of them fills."""

MARKS = ("device_id", "gift", "persona", "reason", "recipient", "source")
"""Columns that are filled only where there is something to say: one event that fills them shows that they are kept."""
_CHANCE = 0.01
"""House value: a silence that one history in a hundred as long would show by chance is taken for missing data."""

REPEATED = (
    "order_completed", "product_viewed", "products_searched", "product_added", "checkout_started", "content_consumed",
    "message_attempted", "message_sent", "message_suppressed", "message_opened", "message_clicked",
)  # fmt: skip
"""Kinds of events that come again and again, so that a long silence of all customers shows where the source ends.
A no, a death or a registry comes once: its silence shows nothing."""

UNNAMED = "unnamed"
"""What events are counted under whose source has no name."""

_REGULAR = 30
"""House value: a kind that a source has recorded on so many days is one whose silence shows."""


class Span(Document):
    """First and last event (UTC) of a kind, and how many."""

    first: datetime
    last: datetime
    rows: int


class Source(Document):
    """A source and its newest event."""

    source: str
    last: datetime


class Gap(Document):
    """Days without an event that are too many for chance."""

    begin: date = msgspec.field(name="from")
    end: date = msgspec.field(name="to")


class SourceGap(Gap):
    """Days on which a source is silent that records something every day."""

    kinds: tuple[str, ...] = ()
    """The kinds of events that it records, so that some of them may be missing; none where any kind may be."""


class LeftOut(Document):
    """Rows that no answer rests on, though they could change it: of one customer, or of a whole workspace."""

    quarantined: int = 0
    """Rows that imports refused. Those that name no customer are nobody's but the workspace's."""
    lost_opt_outs: int = 0
    """Those of them that look like a no, a complaint or a bounce."""
    future: int = 0
    """Rows later than the import that brought them."""
    messages: int = 0
    """Messages among these."""
    future_opt_outs: int = 0
    """Those of the rows later than their import that are a no, a complaint or a bounce."""
    unread: dict[str, int] = msgspec.field(default_factory=dict)
    """By column, how many values could not be read; of these only the value is left out, its row came in."""


NOTHING_LEFT_OUT = LeftOut()

UNREAD: dict[str, pl.DataType] = {"customer": pl.String(), "column": pl.String(), "rows": pl.Int64()}
"""How many values of a customer (by pseudonym) could not be read, by column."""

_EVER = datetime(1, 1, 1, tzinfo=UTC)


class CoverageDocument(Document):
    """What the data covers, as `whysent show --json` prints it."""

    sources: tuple[Source, ...]
    kinds: dict[str, Span]
    absent: tuple[str, ...]
    """The kinds of which the data holds no event at all."""
    gaps: tuple[SourceGap, ...]
    ends: dict[str, datetime] = msgspec.field(default_factory=dict)
    """The kinds whose source ends before the moment asked about, and up to when they are known."""
    left_out: LeftOut = NOTHING_LEFT_OUT


@dataclass(frozen=True, slots=True)
class Coverage:
    """`sources`: name → last event; `kinds`: kind → span; `gaps`: first and last silent day, see `_gaps`.

    `silent`: the kinds of events that the silent source records, for each gap; what is not said there may lack any kind.
    `left_out`: rows that are counted in none of it. `ends`: the kinds whose source ends before the moment asked about, and
    up to when each is known, see `_ends`. `marks`: each kind with each of `MARKS` that one of its events fills.
    """

    sources: dict[str, datetime]
    kinds: dict[str, Span]
    gaps: tuple[tuple[date, date], ...]
    silent: tuple[tuple[date, date, frozenset[str]], ...] = ()
    ends: Mapping[str, datetime] = field(default_factory=dict)
    left_out: LeftOut = NOTHING_LEFT_OUT
    marks: frozenset[tuple[str, str]] = frozenset()

    def unknown(self, kinds: Iterable[str]) -> tuple[tuple[datetime, datetime | None], ...]:
        """From when to when (UTC, None: on) events of one of `kinds` may be missing: gaps, and beyond the end of a source.

        Only of `REPEATED` kinds does silence show an end; where one of those is absent altogether, nothing is known.
        """
        repeated = [kind for kind in kinds if kind in REPEATED]
        if not self.holds(*repeated):
            return ((_EVER, None),)
        gaps = [
            (datetime.combine(begin, time(), UTC), datetime.combine(end + timedelta(days=1), time(), UTC))
            for begin, end in self.gaps_of(kinds)
        ]
        return (*gaps, *((self.ends[kind], None) for kind in repeated if kind in self.ends))

    def known_through(self, kinds: Iterable[str], since: datetime, until: datetime) -> datetime:
        """Up to when from `since` on, `until` (UTC) at the latest, an event of each of `kinds` would be in the data."""
        unknown = self.unknown(kinds)
        return min([until, *(max(begin, since) for begin, end in unknown if end is None or end > since)])

    def known_through_expr(self, kinds: Iterable[str], since: pl.Expr) -> pl.Expr:
        """The same for many rows at once, null where nothing after `since` is unknown."""
        limits = [
            pl.when(pl.lit(value=True) if end is None else since < pl.lit(end, TIME)).then(
                pl.max_horizontal(pl.lit(begin, TIME), since)
            )
            for begin, end in self.unknown(kinds)
        ]
        return pl.min_horizontal(pl.lit(None, TIME), *limits)

    def gaps_of(self, kinds: Iterable[str]) -> tuple[tuple[date, date], ...]:
        """The gaps in which events of one of `kinds` may be missing."""
        missing, recorded = set(kinds), self._recorded
        return tuple(gap for gap in self.gaps if gap not in recorded or recorded[gap] & missing)

    def missing_in(self, gap: tuple[date, date], kinds: Iterable[str]) -> tuple[str, ...]:
        """Those of `kinds` of which events may be missing in a gap."""
        recorded = self._recorded.get(gap)
        return tuple(kind for kind in kinds if recorded is None or kind in recorded)

    @property
    def _recorded(self) -> dict[tuple[date, date], frozenset[str]]:
        """The kinds of events that the silent source records, by gap, where that is known."""
        return {(begin, end): kinds for begin, end, kinds in self.silent}

    @property
    def absent(self) -> tuple[str, ...]:
        """The kinds of which the data holds no event at all."""
        return tuple(kind for kind in KINDS if kind not in self.kinds)

    def holds(self, *kinds: str) -> bool:
        """Whether the data holds events of every one of `kinds`."""
        return all(kind in self.kinds for kind in kinds)

    def since(self, first: datetime | None) -> "Coverage":
        """The same without the gaps that end before `first` (UTC), the first event of whoever is asked about."""
        gaps = tuple(gap for gap in self.gaps if first is None or gap[1] >= first.date())
        return replace(self, gaps=gaps)

    def document(self) -> CoverageDocument:
        """The `coverage` of `whysent show --json`."""
        return CoverageDocument(
            sources=tuple(Source(source=name, last=last) for name, last in self.sources.items()),
            kinds=self.kinds,
            absent=self.absent,
            gaps=tuple(
                SourceGap(begin=begin, end=end, kinds=tuple(sorted(self._recorded.get((begin, end), ()))))
                for begin, end in self.gaps
            ),
            ends=dict(self.ends),
            left_out=self.left_out,
        )


def knows_shown(coverage: Coverage | CoverageDocument) -> bool:
    """Whether it is known what was not recommended to a customer: only where showing is logged."""
    return "recommendation_shown" not in coverage.absent


def knows_groups(coverage: Coverage | CoverageDocument) -> bool:
    """Whether it is known in which groups the sender did not have a customer: only where entries or lists are logged."""
    return not {"segment_entered", "segment_snapshot"} <= set(coverage.absent)


def daily(events: pl.DataFrame) -> pl.DataFrame:
    """Count `events` by source, kind and day, in the shape of `DAILY`."""
    marked = [name for name in MARKS if name in events.columns]
    filled = [pl.when(pl.col(name).is_not_null().any()).then(pl.lit(name)) for name in marked]
    return (
        events.lazy()
        .group_by(
            pl.col("source_name").fill_null(UNNAMED), "kind", pl.col("occurred_at").dt.date().alias("day")
        )
        .agg(
            pl.col("occurred_at").min().alias("first"),
            pl.col("occurred_at").max().alias("last"),
            pl.len().cast(pl.UInt32).alias("rows"),
            pl.concat_list(pl.lit(None, pl.String), *filled).list.drop_nulls().alias("marks"),
        )
        .select(*DAILY)
        .sort("source_name", "kind", "day")
        .collect()
    )


def add(counts: pl.DataFrame, further: pl.DataFrame) -> pl.DataFrame:
    """Sum two frames in the shape of `DAILY`."""
    return (
        pl.concat([counts, further])
        .group_by("source_name", "kind", "day")
        .agg(
            pl.col("first").min(),
            pl.col("last").max(),
            pl.col("rows").sum().cast(pl.UInt32),
            pl.col("marks").explode().drop_nulls().unique().sort(),
        )
        .select(*DAILY)
        .sort("source_name", "kind", "day")
    )


def summarize(counts: pl.DataFrame, moment: datetime | None = None) -> Coverage:
    """The coverage that daily `counts` show at `moment` (UTC; default: their newest event)."""
    sources = counts.group_by("source_name").agg(pl.col("last").max()).sort("source_name")
    kinds = (
        counts.group_by("kind")
        .agg(pl.col("first").min(), pl.col("last").max(), pl.col("rows").sum())
        .sort("kind")
    )
    gaps = _gaps(counts)
    return Coverage(
        sources=dict(sources.rows()),
        kinds={kind: Span(first=first, last=last, rows=rows) for kind, first, last, rows in kinds.rows()},
        gaps=tuple(sorted({(begin, end) for _, begin, end in gaps})),
        silent=_silent(counts, gaps),
        ends=_ends(counts, moment),
        marks=frozenset(counts.select("kind", "marks").explode("marks").drop_nulls().rows()),
    )


def of_document(document: CoverageDocument) -> Coverage:
    """The coverage that `document` was made of, without what its events fill."""
    return Coverage(
        sources={row.source: row.last for row in document.sources},
        kinds=document.kinds,
        gaps=tuple((gap.begin, gap.end) for gap in document.gaps),
        silent=tuple((gap.begin, gap.end, frozenset(gap.kinds)) for gap in document.gaps if gap.kinds),
        ends=document.ends,
        left_out=document.left_out,
    )


def explaining() -> tuple[tuple[str, ...], timedelta]:
    """The kinds of acts of which one would be behind a decision, and how long before it: `cover.toml`."""
    fields = toml_input.shipped(__package__, "cover.toml")
    return tuple(fields["kinds"]), duration(fields["window"])


def would_explain(coverage: Coverage, at: pl.Expr) -> pl.Expr:
    """Whether the data would hold what is behind a decision made `at`: all of those kinds in all of that time."""
    kinds, window = explaining()
    if not coverage.holds(*kinds):
        return pl.lit(value=False)
    begins = max(coverage.kinds[kind].first for kind in kinds)
    gaps = [
        (at.dt.date() >= start) & ((at - window).dt.date() <= end) for start, end in coverage.gaps_of(kinds)
    ]
    ends = [at <= coverage.ends[kind] for kind in kinds if kind in coverage.ends]
    return pl.all_horizontal(at - window >= begins, *ends, ~pl.any_horizontal(pl.lit(value=False), *gaps))


def _silent(
    counts: pl.DataFrame, gaps: Sequence[tuple[str, date, date]]
) -> tuple[tuple[date, date, frozenset[str]], ...]:
    """For each gap the kinds that its silent sources record."""
    recorded: dict[tuple[date, date], set[str]] = {}
    for source, begin, end in gaps:
        kinds = counts.filter(pl.col("source_name") == source)["kind"]
        recorded.setdefault((begin, end), set()).update(kinds)
    return tuple((begin, end, frozenset(kinds)) for (begin, end), kinds in sorted(recorded.items()))


def _gaps(counts: pl.DataFrame) -> list[tuple[str, date, date]]:
    """The source, first and last day of silences that are too long for how often their source is silent for a day.

    With a share p of days without an event, k of them in a row begin on some day of n with a chance of at most n·p^k.
    The days are those of the kinds that the source recorded before the silence and again after it: what it began to
    record later says nothing of how often it was silent until then.
    """
    day, source, stretch = timedelta(days=1), "source_name", ("source_name", "before", "day")
    days = counts.select(source, "day").unique().sort(source, "day")
    before = pl.col("day").shift(1).over(source)
    silences = days.select(source, before.alias("before"), "day").filter(
        pl.col("day") - pl.col("before") > day
    )
    spans = counts.group_by(source, "kind").agg(
        pl.col("day").min().alias("begins"), pl.col("day").max().alias("ends")
    )
    around = (
        silences.join(spans, on=source)
        .filter(pl.col("begins") <= pl.col("before"), pl.col("ends") >= pl.col("day"))
        .group_by(stretch)
        .agg(pl.col("kind").sort())
    )
    rhythms = around.select(source, "kind").unique().with_row_index("rhythm")
    rated = (
        rhythms.explode("kind")
        .join(counts.select(source, "kind", "day"), on=(source, "kind"))
        .group_by("rhythm")
        .agg(
            ((pl.col("day").max() - pl.col("day").min()).dt.total_days() + 1).alias("span"),
            pl.col("day").n_unique().alias("days"),
        )
    )
    silence = (pl.col("day") - pl.col("before")).dt.total_days() - 1
    silent_share = (pl.col("span") - pl.col("days") + 1) / (pl.col("span") + 1)
    gaps = (
        around.join(rhythms, on=(source, "kind"))
        .join(rated, on="rhythm")
        .filter(pl.col("span") * silent_share**silence < _CHANCE)
    )
    return sorted((name, before + day, until - day) for name, before, until in gaps.select(stretch).rows())


def _ends(counts: pl.DataFrame, moment: datetime | None) -> dict[str, datetime]:
    """The `REPEATED` kinds that no source goes on recording up to `moment`, and up to when they are known.

    A source has ended where its days without an event, up to that of the moment, are too many for chance, as for gaps;
    then it tells of its kinds up to its newest event. While it goes on it tells of them too, unless one of them alone has
    been silent for too long: that shows where the source has no name, or has recorded the kind on `_REGULAR` days.
    """
    source, day = "source_name", pl.col("day")
    newest = counts["day"].max() if moment is None else moment.date()
    sources = counts.group_by(source).agg(
        day.min().alias("begins"),
        day.max().alias("last_day"),
        day.n_unique().alias("days"),
        pl.col("last").max().alias("source_last"),
    )
    sources = sources.with_columns(_is_silent(pl.lit(newest, pl.Date)).alias("source_ended")).with_columns(
        pl.when("source_ended").then("last_day").otherwise(pl.lit(newest, pl.Date)).alias("up_to")
    )
    kinds = (
        counts.filter(pl.col("kind").is_in(REPEATED))
        .group_by(source, "kind")
        .agg(day.n_unique().alias("days"), day.max().alias("last_day"), pl.col("last").max())
        .join(sources.select(source, "begins", "source_last", "source_ended", "up_to"), on=source)
    )
    is_regular = (pl.col(source) == UNNAMED) | (pl.col("days") >= _REGULAR)
    known = (
        pl.when(is_regular & _is_silent(pl.col("up_to")))
        .then("last")
        .when("source_ended")
        .then("source_last")
    )
    by_kind = kinds.with_columns(known.alias("known")).group_by("kind").agg(
        pl.col("known").is_null().any().alias("goes_on"), pl.col("known").max()
    )  # fmt: skip
    return dict(by_kind.filter(~pl.col("goes_on")).select("kind", "known").sort("kind").rows())


def _is_silent(up_to: pl.Expr) -> pl.Expr:
    """Whether the days from `last_day` to `up_to` are too many for chance, by the share of silent days since `begins`."""
    span = (pl.col("last_day") - pl.col("begins")).dt.total_days() + 1
    silence = (up_to - pl.col("last_day")).dt.total_days() - 1
    silent_share = (span - pl.col("days") + 1) / (span + 1)
    return (silence > 0) & (span * silent_share**silence < _CHANCE)
