"""Which checks this data cannot answer, or not in full: what they lack, and what has to be imported or mapped.

"Nothing was found" is said only of what is not listed here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property
from itertools import product
from typing import Any, Literal

import msgspec
import polars as pl

from audit.events.document import Document
from audit.events.vocabulary import OPT_OUTS, campaign_expr
from audit.findings import catalogue
from audit.findings.catalogue import Need
from audit.findings.check_context import CheckContext
from audit.findings.registry import CHECKS
from audit.population.coverage import Gap
from audit.workspace.context import Context

_SEGMENTS = ("segment_entered", "segment_snapshot")
CAMPAIGNS = 5
"""So many campaigns that lack something are named."""


class Unanswered(Document):
    """A check that this data cannot answer, or not in full, and what it lacks."""

    check: str
    lacks: Literal["kinds", "columns", "end", "gap", "opt_outs"]
    """kinds: none of these events are there; columns: nothing in them says what is asked; end: they end before the moment
    asked about; gap: some may be missing in between; opt_outs: an import refused rows that look like a no, a complaint or a bounce."""
    how: Literal["import", "map", "quarantine"]
    """What would help: importing such events or columns, mapping the campaigns, or repairing the refused rows."""
    kinds: tuple[str, ...]
    """Kinds of events; one of them is enough."""
    columns: tuple[str, ...] = ()
    """One of them would do, in each of the events."""
    events: int = 0
    """How many events lack the columns, or how many rows were refused."""
    of: int = 0
    """Of so many events of these kinds."""
    campaigns: tuple[str, ...] = ()
    """Campaigns that lack it, the most frequent first, a few of them."""
    more_campaigns: int = 0
    """How many campaigns lack it besides."""
    until: datetime | None = None
    """Up to when such events are known, where they end."""
    gaps: tuple[Gap, ...] = ()

    @property
    def nowhere(self) -> bool:
        """Whether none of the events has any of the columns."""
        return self.lacks == "columns" and self.events == self.of

    @property
    def leaves_open(self) -> bool:
        """Whether the check cannot answer at all; else it can for some of the events, or for some of the time."""
        return self.lacks in ("kinds", "opt_outs") or self.nowhere


COUNTS: dict[str, pl.DataType] = {
    "need": pl.UInt32(),
    "campaign": pl.String(),
    "lacking": pl.Int64(),
    "of": pl.Int64(),
}
"""The columns of `Observed.counts`. `need`: its place in `_needs`; `campaign` null: those that name none."""


@dataclass(frozen=True)
class Observed:
    """What whole customers' events have of what the checks need; of several parts of a fleet it adds up.

    `counts`: of each need that names columns, how many events of each campaign have none of them filled. `begins`, `last_message`: when
    the first event came and the last message that counts (UTC); None where there is none.
    """

    counts: pl.DataFrame
    begins: datetime | None
    last_message: datetime | None

    @cached_property
    def _by_need(self) -> dict[tuple[Any, ...], pl.DataFrame]:
        return self.counts.partition_by("need", as_dict=True)

    def silent(self, need: Need) -> tuple[int, int, tuple[str, ...], int]:
        """How many of how many events of the need's kinds have none of its columns filled, the first of their campaigns, and how many others."""
        rows = self._by_need.get((_needs().index(need),))
        if rows is None:
            return 0, 0, (), 0
        campaigns = rows.filter(pl.col("lacking") > 0).drop_nulls("campaign")
        campaigns = campaigns.sort("lacking", "campaign", descending=[True, False])
        leading = tuple(campaigns["campaign"].head(CAMPAIGNS))
        return int(rows["lacking"].sum()), int(rows["of"].sum()), leading, campaigns.height - len(leading)


def observe(context: CheckContext) -> Observed:
    """What the events of these customers have of what the checks need."""
    counts = [_counted(index, need, context) for index, need in enumerate(_needs())]
    return Observed(
        pl.concat([pl.DataFrame(schema=COUNTS), *counts]),
        _moment(context.events["occurred_at"].min()),
        _moment(context.mailings["occurred_at"].max()),
    )


def together(parts: Sequence[Observed]) -> Observed:
    """What all customers of the parts have, none of whom is in two."""
    counts = pl.concat([pl.DataFrame(schema=COUNTS), *(part.counts for part in parts)])
    return Observed(
        counts.group_by("need", "campaign", maintain_order=True).agg(pl.col("lacking", "of").sum()),
        min((part.begins for part in parts if part.begins), default=None),
        max((part.last_message for part in parts if part.last_message), default=None),
    )


def unanswered_checks(
    events: pl.DataFrame, context: Context, *, lost_opt_outs: int = 0
) -> tuple[Unanswered, ...]:
    """`unanswered_by` of the customers in `events`."""
    return unanswered_by(observe(CheckContext(events, context)), context, lost_opt_outs=lost_opt_outs)


def unanswered_by(observed: Observed, context: Context, *, lost_opt_outs: int = 0) -> tuple[Unanswered, ...]:
    """What the data of the customers who were `observed` cannot answer at `context.at`, in the order of the checks.

    `lost_opt_outs`: rows in quarantine that look like a no. A check without a question, such as one about declared rules
    where none is declared, is not listed.
    """
    lacking: list[Unanswered] = []
    for check in CHECKS:
        needs = catalogue.row(check).needs
        if any(need.declared for need in needs) and not context.declared:
            continue
        lacking += _lacking(check, needs, observed, context)
        lacking += [
            Unanswered(
                check=check, lacks="opt_outs", how="quarantine", kinds=need.kinds, events=lost_opt_outs
            )
            for need in needs
            if lost_opt_outs and set(OPT_OUTS) & set(need.kinds)
        ]
    return tuple(lacking)


@cache
def _needs() -> tuple[Need, ...]:
    """Every need of a check that names columns, once."""
    needs = (need for check in CHECKS for need in catalogue.row(check).needs)
    return tuple(dict.fromkeys(need for need in needs if need.columns))


def _counted(index: int, need: Need, context: CheckContext) -> pl.DataFrame:
    if context.kinds.isdisjoint(need.kinds):
        return pl.DataFrame(schema=COUNTS)
    if need.kinds == ("message_sent",):
        rows = context.mailings.with_columns(pl.col("known_trigger").alias("trigger"))
    elif set(need.kinds) <= set(_SEGMENTS):
        not_bought = (pl.col("source") != "third_party").fill_null(
            value=True
        )  # what was bought says where it came from
        segments = context.segments.filter(not_bought).select("customer_id", "event_id", "sensitive")
        rows = context.events.join(segments, on=["customer_id", "event_id"], maintain_order="left")
    else:
        rows = context.events.filter(pl.col("kind").is_in(need.kinds))
    empty = [
        pl.col(name).list.len().fill_null(0) == 0 if name == "topics" else pl.col(name).is_null()
        for name in need.columns
    ]
    if "sensitive" in rows.columns:  # the name of the segment says what it is about
        empty.append(pl.col("sensitive").is_null())
    counted = rows.group_by(campaign_expr().alias("campaign")).agg(
        pl.all_horizontal(empty).sum().alias("lacking"), pl.len().alias("of")
    )
    return counted.select(
        pl.lit(index).alias("need").cast(COUNTS["need"]), "campaign", pl.col("lacking", "of").cast(pl.Int64)
    )


def _lacking(check: str, needs: Sequence[Need], data: Observed, context: Context) -> Iterator[Unanswered]:
    """What one check lacks: kinds that are absent hide everything else."""
    coverage = context.coverage
    asked = [need for need in needs if need.kinds and not need.columns]
    absent = [need for need in asked if not any(kind in coverage.kinds for kind in need.kinds)]
    if absent:
        for need in absent:
            yield Unanswered(check=check, lacks="kinds", how="import", kinds=need.kinds)
        return
    for need in needs:
        if need.columns and any(kind in coverage.kinds for kind in need.kinds):
            number, of, campaigns, more = data.silent(need)
            if number and not (need.somewhere and coverage.marks & set(product(need.kinds, need.columns))):
                yield Unanswered(
                    check=check,
                    lacks="columns",
                    how="map" if need.mapped and campaigns else "import",
                    kinds=need.kinds,
                    columns=need.columns,
                    events=number,
                    of=of,
                    campaigns=campaigns if need.mapped else (),
                    more_campaigns=more if need.mapped else 0,
                )
    for need in asked:
        yield from _silent_times(check, need, data, context)


def _silent_times(check: str, need: Need, data: Observed, context: Context) -> Iterator[Unanswered]:
    """Where the events of one need end early, and the gaps in which they may be missing."""
    coverage, at = context.coverage, context.at
    present = [kind for kind in need.kinds if kind in coverage.kinds]
    until = max(coverage.ends.get(kind, at) for kind in present)
    about_messages = "message_sent" in need.kinds
    concerns = about_messages or (data.last_message is not None and data.last_message > until)
    if until < at and concerns:
        yield Unanswered(check=check, lacks="end", how="import", kinds=tuple(present), until=until)
    since = data.begins.date() if data.begins else date.min
    gaps: dict[tuple[str, ...], list[Gap]] = {}
    for begin, end in coverage.gaps_of(present):
        if end >= since:
            missing = coverage.missing_in((begin, end), present)
            gaps.setdefault(missing, []).append(Gap(begin=begin, end=end))
    for missing, days in gaps.items():
        yield Unanswered(check=check, lacks="gap", how="import", kinds=missing, gaps=tuple(days))


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def by_lack(rows: Iterable[Unanswered]) -> tuple[tuple[Unanswered, tuple[str, ...]], ...]:
    """What is lacking, each once, with the checks that lack it.

    What a check lacks in part is not among it where the check cannot answer at all. Columns that the same events lack are one
    lack, whichever check asks for them.
    """
    rows = tuple(rows)
    closed = {row.check for row in rows if row.lacks == "kinds" or row.nowhere}
    checks: list[tuple[Unanswered, dict[str, None]]] = []
    for row in rows:
        if row.leaves_open or row.check not in closed:
            lack = msgspec.structs.replace(row, check="")
            place = next((at for at, (other, _) in enumerate(checks) if _same_events(other, lack)), None)
            if place is None:
                checks.append((lack, {row.check: None}))
            else:
                other, own = checks[place]
                columns = tuple(dict.fromkeys((*other.columns, *lack.columns)))
                checks[place] = msgspec.structs.replace(other, columns=columns), own | {row.check: None}
    return tuple((lack, tuple(own)) for lack, own in checks)


def _same_events(one: Unanswered, other: Unanswered) -> bool:
    """Whether the same is lacking, or columns are in the same events: as many lack them, and all of the kind do, or one lacks what
    the other lacks and more.
    """
    if msgspec.structs.replace(one, columns=()) != msgspec.structs.replace(other, columns=()):
        return False
    columns, others = set(one.columns), set(other.columns)
    return one.nowhere or columns <= others or others <= columns
