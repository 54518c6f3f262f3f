"""A replay in figures: what it would have stopped, and what happened to those messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.rendering.text import content, joined, line, number, share

if TYPE_CHECKING:
    from tui.session.view_models import Document, Sample

RATES = (("clicked", "click"), ("ordered", "order"), ("complained", "complaint"), ("opted out", "opt_out"))
"""Label and key of the rates, in the order they are read."""

CAVEAT = "Counts of a past that was no experiment: not what would have happened."


def figures(replay: Document, *, displaced: bool = True) -> Content:
    """The whole replay."""
    parts = [totals(replay), _rates(replay), _stopped_outcomes(replay)]
    if replay.get("displaced") and displaced:
        parts.append(displacement(replay))
    elif replay.get("displaced"):
        pairs = number(len(replay["displaced"]))
        parts[-1] = joined(parts[-1], (f"\nd: who displaced whom ({pairs})", "dim"))
    return Content("\n\n").join([*parts, content(CAVEAT, "dim")])


def of_sample(sample: Sample) -> Content:
    """The replay over a sample, which says so first."""
    size = f"{number(sample.replay['customers'])} of {number(sample.total)} customers"
    head = joined((f"sample: {size}", "bold"), " · whole: running …")
    return Content("\n").join([head, figures(sample.replay, displaced=False)])


def totals(replay: Document) -> Content:
    """How many mails a replay stops, defers and lets through."""
    messages = replay["messages"]
    part = replay["stopped"] / messages if messages else None
    lines = [
        ("mails", number(messages), ""),
        ("stopped", number(replay["stopped"]), share(part)),
        ("deferred", number(replay["deferred"]), ""),
        ("let through", number(replay["let_through"]), ""),
        ("exempt", number(replay["exempt"]), "other classes"),
        ("people", number(replay["customers_affected"]), f"of {number(replay['customers'])} lose a mail"),
    ]
    return Content("\n").join(
        joined(line(label, 12), (line(value, 12, right=True), "bold"), (f"  {note}", "dim"))
        for label, value, note in lines
    )


def _rates(replay: Document) -> Content:
    rates = replay.get("rates") or {}
    columns = (("stopped", "stopped"), ("kept", "let_through"), ("random", "random_same_number"))
    head = joined((line("", 12) + "".join(line(label, 10, right=True) for label, _ in columns), "bold"))
    rows = [
        joined(
            line(label, 12),
            "".join(line(_rate(rates.get(column), key), 10, right=True) for _, column in columns),
        )
        for label, key in RATES
    ]
    coverage = replay.get("complaints_known_for")
    if coverage is not None:
        rows.append(content(f"complaints are known for {share(coverage, 0)} of the mails", "dim"))
    return Content("\n").join([head, *rows])


def _rate(rates: Document | None, key: str) -> str:
    rate = (rates or {}).get(key)
    value = rate.get("rate") if isinstance(rate, dict) else None
    return share(value, 2) if isinstance(value, (int, float)) else "–"


def _stopped_outcomes(replay: Document) -> Content:
    welcome, unwelcome = replay["stopped_wanted"], replay["stopped_unwanted"]
    return joined(
        ("Among the stopped: ", "bold"),
        f"{number(welcome['clicked'])} clicked, {number(welcome['converted'])} led to an order; ",
        f"{number(unwelcome['complained'])} drew a complaint, "
        f"{number(unwelcome['unsubscribed_next'])} were followed by an opt-out.",
    )


def displacement(replay: Document, most: int = 8) -> Content:
    """Which campaign's messages took the room that others then lacked, the most first."""
    rows = sorted(replay["displaced"], key=lambda row: -row["n"])
    lines = [content(f"{number(row['n'])}  {row['by']} → {row['stopped']}") for row in rows[:most]]
    head = joined(("Who displaced whom", "bold"), f"  {len(lines)} of {number(len(rows))}" if rows else "")
    return Content("\n").join([head, *(lines or [content("nobody", "dim")])])
