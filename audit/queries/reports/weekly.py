"""Mails a week as an inline picture, with the events that an explanation rests on; told in words and as a table, too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from audit.events.messages import Week, sent_messages, weeks
from audit.events.purchases import undone
from audit.queries.reports import note_sentences
from audit.queries.reports.chart import RIGHT, WIDTH, escaped, grid_line, picture
from audit.queries.reports.document import Section, Table
from audit.queries.reports.language import Language
from audit.why.wording import Wording, minute

_HEIGHT, _LEFT, _TOP, _BOTTOM = 220, 40, 40, 40
_FULL = 4
"""House value: a full bar is at least so many messages a week, so that a quiet year looks quiet."""

_MARKED = 12
"""House value: so many events are told one by one; how many there are is said."""

_ROWS = 20
"""House value: rows of a table that may be long; how many there are is said."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An event that the explanations rest on: when, what kind of event about what, and the same in words (English)."""

    at: datetime
    text: str
    kind: str = ""
    thing: str = ""

    def in_language(self, says: Language) -> str:
        """What it was, in the language of the report."""
        return self.text if says.locale == "en" else note_sentences.act(says, self.kind, self.thing, self.at)


@dataclass(frozen=True, slots=True)
class Weekly:
    """Messages a week, in each how many of what was found wrong or a risk, and the acts behind them, oldest first."""

    weeks: tuple[Week, ...]
    told: dict[date, int]
    marks: tuple[Mark, ...]


def weekly(events: pl.DataFrame, at: datetime, evidence: Iterable[str], told: Iterable[str] = ()) -> Weekly:
    """What the chart shows of one customer's `events` until `at`.

    `evidence`: event_ids of what explanations rest on, of which it shows the acts; `told`: those of the messages of the findings that are a breach or a risk.
    """
    ids = list(dict.fromkeys(evidence))
    sent = sent_messages(events).filter(pl.col("event_id").is_in(list(dict.fromkeys(told))))
    monday = sent.select(pl.col("occurred_at").dt.truncate("1w").dt.date()).to_series()
    voice = Wording(undone(events))
    acts = events.filter(pl.col("event_id").is_in(ids), ~pl.col("kind").str.starts_with("message_"))
    marks = tuple(
        Mark(
            row["occurred_at"],
            f"{voice.act(row)} on {minute(row['occurred_at'])}",
            voice.kind(row),
            voice.thing(row) if row["item_id"] or row["item_name"] or row["query"] else "",
        )
        for row in acts.iter_rows(named=True)
    )
    told_weeks = {start: monday.eq(start).sum() for start in monday.unique().to_list()}
    return Weekly(weeks(events, at, acts["kind"].unique()), told_weeks, marks)


def section(says: Language, chart: Weekly, *, excess: bool = False) -> Section | None:
    """The chart with the same in words, but for what it marks, which those are told who cannot see it; None where no message was
    sent. `excess`: of some findings only what was too much counts.
    """
    busy = [week for week in chart.weeks if week.messages]
    if not busy:
        return None
    marks = list(dict.fromkeys(mark.in_language(says) for mark in chart.marks))
    more = [says.rest(len(marks) - _MARKED)] if len(marks) > _MARKED else []
    marked = [f"{says.say('weekly', 'marked')}: {'; '.join([*marks[-_MARKED:], *more])}."] if marks else []
    summary = _summary(says, busy)
    return Section(
        says.say("weekly", "title"),
        (summary,),
        figure=_svg(says, chart, [summary, *marked]),
        table=None if _even(busy) else _table(says, chart, busy, excess=excess),
    )


def _even(busy: Sequence[Week]) -> bool:
    """Whether every week with messages had as many, so that a sentence says all that a table would."""
    return len({week.messages for week in busy}) == 1


def _summary(says: Language, busy: Sequence[Week]) -> str:
    """How many messages, and when the most, from the first week that had any to the last: what the log knows of."""
    most = max(busy, key=lambda week: week.messages)
    alone = [week.messages for week in busy].count(most.messages) == 1
    first, last = busy[0].start, busy[-1].start
    if len(busy) == 1:
        key = "told_single" if most.messages == 1 else "told_one"
    else:
        key = "told" if alone else "told_even"
    return says.say(
        "weekly",
        key,
        n=sum(week.messages for week in busy),
        busy=len(busy),
        weeks=(last - first).days // 7 + 1,
        first=says.day(first),
        last=says.day(last),
        most=most.messages,
        week=says.day(most.start),
    )


def _table(says: Language, chart: Weekly, busy: Sequence[Week], *, excess: bool) -> Table:
    """The newest weeks with messages; how many of them a finding is about, where there is one."""
    latest = busy[-_ROWS:]
    caption = says.say(
        "weekly", "caption" if len(busy) > _ROWS else "caption_all", shown=len(latest), total=len(busy)
    )
    of_these = "of_these_excess" if excess else "of_these"
    keys = ("week", "messages", of_these)[: 3 if chart.told else 2]
    rows = ((says.day(week.start), str(week.messages), str(chart.told.get(week.start, 0))) for week in latest)
    columns = tuple(says.say("weekly", key) for key in keys)
    return Table(caption, columns, tuple(row[: len(keys)] for row in rows))


def _svg(says: Language, chart: Weekly, paragraphs: Sequence[str]) -> str:
    highest = max(_FULL, *(week.messages for week in chart.weeks))
    ticks = sorted({0, highest // 2, highest})
    body = (
        *(line for tick in ticks for line in grid_line(_LEFT, _y(tick, highest), tick, str(tick))),
        *_bars(says, chart, highest),
        *_dates(says, chart.weeks),
        *_marks(says, chart),
        *_legend(says),
    )
    return picture("weeks", _HEIGHT, says.say("weekly", "title"), " ".join(paragraphs), body)


def _bars(says: Language, chart: Weekly, highest: int) -> Iterable[str]:
    """A bar a week; the part of it that the finding is about is filled, the rest only outlined."""
    step = _step(len(chart.weeks))
    width = max(round(step * 0.7, 1), 1.0)
    base = _y(0, highest)
    for number, week in enumerate(chart.weeks):
        if week.messages:
            x = round(_LEFT + step * number + (step - width) / 2, 1)
            about_finding = chart.told.get(week.start, 0)
            tip = f"<title>{says.day(week.start)}: {week.messages}</title>"
            top, filled = _y(week.messages, highest), _y(about_finding, highest)
            yield (
                f'<g class="a">{tip}<rect x="{x}" y="{top}" width="{width}" height="{round(base - top, 1)}" '
                'fill-opacity="0.15" stroke-width="1"/>'
            )
            if about_finding:
                yield f'<rect x="{x}" y="{filled}" width="{width}" height="{round(base - filled, 1)}" stroke="none"/>'
            yield "</g>"


def _dates(says: Language, weeks: Sequence[Week]) -> Iterable[str]:
    """The first day of some weeks, as many as stand beside each other without touching."""
    interval = max(-(-len(weeks) // 5), 1)
    step = _step(len(weeks))
    for number in range(0, len(weeks), interval):
        x = round(_LEFT + step * (number + 0.5), 1)
        anchor = "start" if number == 0 else "middle"
        yield (
            f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 32}" text-anchor="{anchor}" fill="currentColor">'
            f"{says.day(weeks[number].start)}</text>"
        )


def _marks(says: Language, chart: Weekly) -> Iterable[str]:
    """A triangle under the week of each act that the explanations rest on, with its words."""
    step = _step(len(chart.weeks))
    for mark in chart.marks:
        start = mark.at.date() - timedelta(days=mark.at.weekday())
        number = (start - chart.weeks[0].start).days // 7
        x, y = round(_LEFT + step * (number + 0.5), 1), _HEIGHT - _BOTTOM + 4
        yield f'<g class="b"><title>{escaped(mark.in_language(says))}</title><path d="M{x} {y} l5 10 h-10 z"/></g>'


def _legend(says: Language) -> Iterable[str]:
    filled, outlined, act = (says.say("weekly", key) for key in ("filled", "outlined", "act"))
    yield f'<g class="a"><rect x="{_LEFT}" y="10" width="12" height="12" stroke="none"/></g>'
    yield f'<text x="{_LEFT + 18}" y="20" fill="currentColor">{escaped(filled)}</text>'
    yield f'<g class="a"><rect x="{_LEFT + 190}" y="10" width="12" height="12" fill-opacity="0.15"/></g>'
    yield f'<text x="{_LEFT + 208}" y="20" fill="currentColor">{escaped(outlined)}</text>'
    yield f'<g class="b"><path d="M{_LEFT + 386} 11 l5 10 h-10 z"/></g>'
    yield f'<text x="{_LEFT + 398}" y="20" fill="currentColor">{escaped(act)}</text>'


def _step(number: int) -> float:
    return (WIDTH - _LEFT - RIGHT) / max(number, 1)


def _y(value: float, highest: int) -> float:
    return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / highest, 1)
