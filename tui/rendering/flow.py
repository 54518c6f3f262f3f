"""Who displaced whom: a row a pair of campaigns, as wide as the messages between them; in sentences; and as text.

Bars lie in the rows of a table and are drawn here: each has to end in its own cells, between two names, on a row that the
cursor can stand on, which a plotting library's axes leave no room for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.rendering.charts import bar
from tui.rendering.text import number
from tui.widgets.table_data import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import polars as pl

    from audit.rules.replay.totals import Displacement, ReplayDocument
    from tui.session.view_models import KeptRoom

NO_CAMPAIGN = "(no campaign)"

WIDEST = 40
"""Cells of the widest bar."""


def frame(before: Iterable[Displacement], after: Iterable[Displacement] | None) -> pl.DataFrame:
    """A row a pair: `key, by, stopped, n, now` (after room is kept; 0 where that is not asked), the most first."""
    import polars as pl

    from audit.rules.replay.room import both

    pairs = both(before, after or ())
    schema = {"by": pl.String, "stopped": pl.String, "n": pl.Int64, "now": pl.Int64}
    made = pl.DataFrame(pairs, schema=schema, orient="row")
    return (
        made.with_columns(pl.col("by", "stopped").fill_null(NO_CAMPAIGN))
        .with_columns(key=pl.format("{} → {}", "by", "stopped"), flow=pl.col("n"))
        .sort("n", "now", "key", descending=[True, True, False])
    )


def columns(pairs: pl.DataFrame, width: int, *, after: bool) -> tuple[Column, ...]:
    """From campaign, bar, count, to campaign, in so many cells; beside the count what it is `after` room is kept."""
    most: int = max(pairs["n"], default=0)
    cells = max(6, min(WIDEST, (width - 2) // 3))
    with_room = (Column("now", "with room", width=9, right=True, show=number),) if after else ()
    return (
        Column("by", "these mails", flex=True),
        Column("flow", "took the room", width=cells, show=lambda n: bar(n, most, cells)),
        Column("n", "times", width=max(6, len(number(most))), right=True, show=number),
        *with_room,
        Column("stopped", "→ of these", flex=True, show=lambda name: f"→ {name}"),
    )


def pair_in_words(pair: Mapping[str, object], rule: str) -> str:
    """What the number of a pair counts."""
    n, by, stopped = pair["n"], pair["by"], pair["stopped"]
    return f"{number(n)} mail{'s' * (n != 1)} of {stopped} stopped while {rule} counted at least one of {by}."


def kept_room(room: KeptRoom, before: ReplayDocument) -> str:
    """What keeping room changes in all, and by which rule."""
    stopped = f"stopped in all {number(before.stopped)} → {number(room.after.stopped)}"
    lost = [
        sum(pair.n for pair in replay.displaced if pair.stopped == room.campaign and pair.by != room.campaign)
        for replay in (before, room.after)
    ]
    if room.apart:
        how = f"A cap of 1 has no place to share: left out of it, {room.campaign} neither counts nor is stopped."
    else:
        how = f"One place kept for {room.campaign}: all else may take {room.rule['limit']} (rule {room.rule['id']})."
    return (
        f"{how} Room lost by it {number(lost[0])} → {number(lost[1])} times; {stopped}. Enter: into the form."
    )


def lines(before: Iterable[Displacement], after: Iterable[Displacement] | None = None) -> Iterator[str]:
    """The flow as text, a line a pair."""
    for pair in frame(before, after).iter_rows(named=True):
        now = "" if after is None else f", with room kept {number(pair['now'])}"
        yield f"{pair['by']} took the room of {pair['stopped']}: {number(pair['n'])} times{now}"
