"""Which checks this data cannot answer, or not in full: what they lack, and what has to be imported or mapped.

"Nothing was found" is said only of what is not listed here.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import product
from typing import Literal

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


def unanswered_checks(
    events: pl.DataFrame, context: Context, *, lost_opt_outs: int = 0
) -> tuple[Unanswered, ...]:
    """What the data of the customers in `events` cannot answer at `context.at`, in the order of the checks.

    `lost_opt_outs`: rows in quarantine that look like a no. A check without a question, such as one about declared rules
    where none is declared, is not listed.
    """
    data = _Data(events, context)
    lacking: list[Unanswered] = []
    for check in CHECKS:
        needs = catalogue.row(check).needs
        if any(need.declared for need in needs) and not context.declared:
            continue
        lacking += _lacking(check, needs, data)
        lacking += [
            Unanswered(
                check=check, lacks="opt_outs", how="quarantine", kinds=need.kinds, events=lost_opt_outs
            )
            for need in needs
            if lost_opt_outs and set(OPT_OUTS) & set(need.kinds)
        ]
    return tuple(lacking)


class _Data:
    """What the checks would look at, each part worked out once."""

    def __init__(self, events: pl.DataFrame, context: Context) -> None:
        self.coverage, self.at = context.coverage, context.at
        self._context = CheckContext(events, context)
        self._silent: dict[Need, tuple[int, int, tuple[str, ...], int]] = {}
        self.begins = _moment(events["occurred_at"].min())
        self.last_message = _moment(self._context.mailings["occurred_at"].max())

    def silent(self, need: Need) -> tuple[int, int, tuple[str, ...], int]:
        """How many of how many events of the need's kinds have none of its columns filled, the first of their campaigns, and how many others."""
        if need not in self._silent:
            self._silent[need] = self._count(need)
        return self._silent[need]

    def _count(self, need: Need) -> tuple[int, int, tuple[str, ...], int]:
        if need.kinds == ("message_sent",):
            rows = self._context.mailings.with_columns(pl.col("known_trigger").alias("trigger"))
        elif set(need.kinds) <= set(_SEGMENTS):
            own = (pl.col("source") != "third_party").fill_null(
                value=True
            )  # what was bought says where it came from
            segments = self._context.segments.filter(own).select("customer_id", "event_id", "sensitive")
            rows = self._context.events.join(segments, on=["customer_id", "event_id"], maintain_order="left")
        else:
            rows = self._context.events.filter(pl.col("kind").is_in(need.kinds))
        empty = [
            pl.col(name).list.len().fill_null(0) == 0 if name == "topics" else pl.col(name).is_null()
            for name in need.columns
        ]
        if "sensitive" in rows.columns:  # the name of the segment says what it is about
            empty.append(pl.col("sensitive").is_null())
        lacking = rows.filter(pl.all_horizontal(empty)).select(name=campaign_expr())
        campaigns = lacking.drop_nulls().group_by("name").len().sort("len", "name", descending=[True, False])
        named = tuple(campaigns["name"].head(CAMPAIGNS))
        return lacking.height, rows.height, named, campaigns.height - len(named)


def _lacking(check: str, needs: Sequence[Need], data: _Data) -> Iterator[Unanswered]:
    """What one check lacks: kinds that are absent hide everything else."""
    coverage = data.coverage
    asked = [need for need in needs if need.kinds and not need.columns]
    absent = [need for need in asked if not any(kind in coverage.kinds for kind in need.kinds)]
    if absent:
        for need in absent:
            yield Unanswered(check=check, lacks="kinds", how="import", kinds=need.kinds)
        return
    for need in needs:
        if need.columns and any(kind in coverage.kinds for kind in need.kinds):
            number, of, campaigns, more = data.silent(need)
            if number and not (
                need.somewhere and data.coverage.marks & set(product(need.kinds, need.columns))
            ):
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
        yield from _silent_times(check, need, data)


def _silent_times(check: str, need: Need, data: _Data) -> Iterator[Unanswered]:
    """Where the events of one need end early, and the gaps in which they may be missing."""
    present = [kind for kind in need.kinds if kind in data.coverage.kinds]
    until = max(data.coverage.ends.get(kind, data.at) for kind in present)
    about_messages = "message_sent" in need.kinds
    concerns = about_messages or (data.last_message is not None and data.last_message > until)
    if until < data.at and concerns:
        yield Unanswered(check=check, lacks="end", how="import", kinds=tuple(present), until=until)
    since = data.begins.date() if data.begins else date.min
    gaps: dict[tuple[str, ...], list[Gap]] = {}
    for begin, end in data.coverage.gaps_of(present):
        if end >= since:
            missing = data.coverage.missing_in((begin, end), present)
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
