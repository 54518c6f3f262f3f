"""A replay in figures: what it would have stopped, and what happened to those messages; a rule's curve; a rule beside a sender's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.rendering.charts import CURRENT, SIGNS
from tui.rendering.text import content, joined, line, number, plain, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit.rules.book.plan import Effect
    from audit.rules.replay.curve import Series
    from audit.rules.replay.outcomes import Rates
    from audit.rules.replay.totals import Displacement, ReplayDocument
    from audit.rules.vendor_semantics.preset_comparison import ComparisonDocument
    from tui.session.view_models import Drawing, Sample

RATES = (
    ("responded", "response"),
    ("ordered", "order"),
    ("complained", "complaint"),
    ("opted out", "opt_out"),
)
"""Label and key of the rates, in the order they are read."""

CAVEAT = "Counts of a past that was no experiment: not what would have happened."


ALONE, WITHIN = "This rule alone", "Within the book"
"""What a replay is of: the rule by itself, or among all that are on."""

COMPARED, IF_APPROVED = "with it, as against without it", "if it is approved, as against the book as it is"
"""What is held together within the book."""

LONG_PAST = "The past is too long to be replayed twice here; whysent rules add and set do it before they ask."


def effect_lines(effect: Effect | None) -> Content:
    """What a change of the book would have changed about the past; None: it is too long."""
    return content(LONG_PAST, "dim") if effect is None else content("\n".join(effect.lines()))


def figures(
    replay: ReplayDocument, within: Content | None = None, *, compared: str = COMPARED, displaced: bool = True
) -> Content:
    """The whole replay of a rule alone; `within`: what it does within the book, and what is `compared` there."""
    head = joined((ALONE, "bold"), "\n", totals(replay))
    beside = [] if within is None else [joined((WITHIN, "bold"), f"  {compared}\n", within)]
    parts = [head, *beside, _rates(replay), stopped_outcomes(replay)]
    if replay.displaced and displaced:
        parts.append(displacement(replay.displaced))
    elif replay.displaced:
        pairs = number(len(replay.displaced))
        parts[-1] = joined(parts[-1], (f"\nd: who displaced whom ({pairs})", "dim"))
    return Content("\n\n").join([*parts, content(CAVEAT, "dim")])


def of_sample(sample: Sample) -> Content:
    """The replay over a sample, which says so first."""
    size = f"{number(sample.replay.customers)} of {number(sample.total)} customers"
    head = joined((f"sample: {size}", "bold"), " · whole: running …")
    return Content("\n").join([head, figures(sample.replay, displaced=False)])


def totals(replay: ReplayDocument) -> Content:
    """How many mails a replay stops, defers and lets through."""
    messages = replay.messages
    part = replay.stopped / messages if messages else None
    lines = [
        ("mails", number(messages), ""),
        ("stopped", number(replay.stopped), share(part)),
        ("deferred", number(replay.deferred), ""),
        ("let through", number(replay.let_through), ""),
        ("exempt", number(replay.exempt), "other classes"),
        ("people", number(replay.customers_affected), f"of {number(replay.customers)} lose a mail"),
    ]
    return Content("\n").join(
        joined(line(label, 12), (line(value, 12, right=True), "bold"), (f"  {note}", "dim"))
        for label, value, note in lines
    )


def _rates(replay: ReplayDocument) -> Content:
    rates = replay.rates
    head = joined(
        (
            line("", 12) + "".join(line(label, 10, right=True) for label in ("stopped", "kept", "random")),
            "bold",
        )
    )
    groups = (rates.stopped, rates.let_through, rates.random_same_number)
    rows = [
        joined(line(label, 12), "".join(line(_rate(group, key), 10, right=True) for group in groups))
        for label, key in RATES
    ]
    if replay.complaints_known_for is not None:
        known_for = share(replay.complaints_known_for, 0)
        rows.append(content(f"complaints are known for {known_for} of the mails", "dim"))
    return Content("\n").join([head, *rows])


def _rate(rates: Rates, key: str) -> str:
    rate = getattr(rates, key).rate
    return "–" if rate is None else share(rate, 2)


def stopped_outcomes(replay: ReplayDocument) -> Content:
    """How many of the stopped were welcome, and how many were not."""
    welcome, unwelcome = replay.stopped_wanted, replay.stopped_unwanted
    return joined(
        ("Among the stopped: ", "bold"),
        f"{number(welcome.responded)} were responded to, {number(welcome.converted)} led to an order; ",
        f"{number(unwelcome.complained)} drew a complaint, "
        f"{number(unwelcome.unsubscribed_next)} were followed by an opt-out.",
    )


def displacement(pairs: Sequence[Displacement], most: int = 8) -> Content:
    """Which campaign's messages took the room that others then lacked, the most first."""
    rows = sorted(pairs, key=lambda row: -row.n)
    width = max((len(number(row.n)) for row in rows), default=0)
    lines = [content(f"{number(row.n):>{width}}  {row.by} → {row.stopped}") for row in rows[:most]]
    head = joined(("Who displaced whom", "bold"), f"  {len(lines)} of {number(len(rows))}" if rows else "")
    return Content("\n").join([head, *(lines or [content("nobody", "dim")])])


# -- the curve -------------------------------------------------------------------------------------------------

WORDS = {"stopped": "stopped", "responses": "responses lost", "orders": "orders lost"}
"""Line of the chart → a word for it."""


def below_curve(drawing: Drawing, width: int, *, roomy: bool) -> Content:
    """The legend, and where there is room what the rule as it stands stops and loses, in one line or a line each."""
    lines = [content(_legend(drawing, width), "dim")]
    return Content("\n").join([*lines, *(_current_figures(drawing, width) if roomy else ())])


def _legend(drawing: Drawing, width: int) -> str:
    curve = drawing.curve
    signs = "  ".join(f"{SIGNS[series.id]} {WORDS[series.id]}" for series in curve.drawn)
    legend = f"by {curve.by}  {signs}"
    for more in (f"  {CURRENT} the rule", "  │ 95 %", " · ← → or drag"):
        legend += more if len(legend) + len(more) <= width else ""
    return legend


def _current_figures(drawing: Drawing, width: int) -> tuple[Content, ...]:
    curve = drawing.curve
    if drawing.current not in curve.labels:
        return ()
    at = curve.labels.index(drawing.current)
    head = f"now [{plain(drawing.current)}]  "
    parts = [_figure(series, at, exact=True) for series in curve.series]
    if max(len(head) + len(part) for part in parts) > width:
        parts = [_figure(series, at, exact=False) for series in curve.series]
        if len(head) + len(" · ".join(parts)) <= width:
            return (joined((head, "bold"), " · ".join(parts)),)
    return tuple(joined((head if part is parts[0] else " " * len(head), "bold"), part) for part in parts)


def curve_lines(drawing: Drawing) -> Iterator[str]:
    """The whole curve as text, a line a point: the figures that the plot draws."""
    curve = drawing.curve
    yield f"by {curve.by}, of {number(curve.messages)} messages to {number(curve.customers)} customers; ranges are 95 % intervals"
    for at, label in enumerate(curve.labels):
        now = " (the rule as it stands)" if label == drawing.current else ""
        figures = "; ".join(_figure(series, at, exact=True) for series in curve.drawn)
        yield f"{curve.by} {plain(label)}{now}: {figures}"
    yield from (f"{WORDS[series.id]}: none in this data" for series in curve.series if not series.known)


def _figure(series: Series, at: int, *, exact: bool) -> str:
    """One figure of one line: its share, its count; `exact`ly also of how many, and its interval."""
    from audit.rules.replay.curve import interval

    if not series.known:
        return f"{WORDS[series.id]}: none in this data"
    told = f"{WORDS[series.id]} {share(series.shares[at])} "
    if not exact:
        return f"{told}({number(series.counts[at])})"
    within = interval(series.low[at], series.high[at])
    of_all = f"{number(series.counts[at])} of {number(series.among[at])}"
    return f"{told}({of_all}; {within} %)" if within else f"{told}({of_all})"


DIFFERENCES = (
    ("only_exact", "stopped by the exact rule alone"),
    ("only_preset", "stopped by the sender's alone"),
    ("moved", "let through at another time"),
    ("both", "stopped by both"),
    ("neither", "stopped by neither"),
)


def side_by_side(comparison: ComparisonDocument) -> Content:
    """The exact rule beside the sender's."""
    differ, messages = comparison.differ, comparison.messages
    part = share(differ / messages) if messages else "–"
    head = joined(
        (f"{number(differ)} of {number(messages)} messages differ", "bold"),
        f"  {part}; {number(comparison.customers_differ)} people",
    )
    rules = [
        joined((f"{rule.id}: ", "bold"), rule.text, *(f"\n  {note}." for note in rule.notes))
        for rule in comparison.rules
    ]
    counts = [
        content(f"{line(words, 34)}{number(getattr(comparison, key)):>9}") for key, words in DIFFERENCES
    ]
    limits = [joined(f"- {limit.text}", (f"\n  {limit.source}", "dim")) for limit in comparison.differs]
    tail = [content(""), content("What no rule here can say", "bold"), *limits] if limits else []
    return Content("\n").join([head, content(""), *rules, content(""), *counts, *tail])
