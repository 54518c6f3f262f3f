"""Who displaced whom, messages a person a week and campaigns, as bars and counts in the rows of a table; in sentences and as text.

Bars are drawn here and not by the plotting library: each ends in its own cells, on a row that the cursor can stand on,
with its count beside it, and one that is not nothing can be seen; upright bars on its axes are no cell tall where one week in
a thousand holds twenty mails, and leave no room for names and counts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tui.rendering.charts import LYING, bar
from tui.rendering.text import number, plain
from tui.rendering.wording import TONES, several, severity
from tui.widgets.table_data import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import polars as pl

    from audit.population.message_pressure import Bar, Pressure
    from audit.rules.replay.totals import Displacement, ReplayDocument
    from tui.session import Name
    from tui.session.view_models import KeptRoom

CALM = dict.fromkeys(("█", *filter(None, LYING)), "low")
"""Bars are drawn in the colour of what is beside the point: names and counts are read first."""

NO_CAMPAIGN = "(no campaign)"

WIDEST = 40
"""Cells of the widest bar."""


def flow_frame(before: Iterable[Displacement], after: Iterable[Displacement] | None) -> pl.DataFrame:
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


def campaign_titles(names: Iterable[Name]) -> dict[str, str]:
    """What campaigns are called, by id, where they have a name; of those with the same name with the id beside it."""
    titles = {name.id: name.title for name in names if name.kind == "campaign" and name.title}
    times = Counter(titles.values())
    return {id_: f"{title} ({id_})" if times[title] > 1 else title for id_, title in titles.items()}


def flow_columns(
    pairs: pl.DataFrame, width: int, titles: Mapping[str, str], *, after: bool
) -> tuple[Column, ...]:
    """From campaign, bar, count, to campaign, in so many cells; beside the count what it is `after` room is kept."""
    most: int = max(pairs["n"], default=0)
    cells = max(6, min(WIDEST, (width - 2) // 3))
    with_room = (Column("now", "with room", width=9, right=True, show=number),) if after else ()
    return (
        Column("by", "these mails", flex=True, show=lambda name: titles.get(name, name)),
        Column("flow", "took the room", width=cells, show=lambda n: bar(n, most, cells), tones=CALM),
        Column("n", "times", width=max(6, len(number(most))), right=True, show=number),
        *with_room,
        Column("stopped", "→ of these", flex=True, show=lambda name: f"→ {titles.get(name, name)}"),
    )


def pair_in_words(pair: Mapping[str, Any], rule: str, titles: Mapping[str, str]) -> str:
    """What the number of a pair counts."""
    n, by, stopped = pair["n"], *(titles.get(pair[name], pair[name]) for name in ("by", "stopped"))
    return f"{number(n)} mail{'s' * (n != 1)} of {stopped} stopped while {rule} counted at least one of {by}."


def kept_room(room: KeptRoom, before: ReplayDocument, titles: Mapping[str, str] | None = None) -> str:
    """What keeping room changes in all, and by which rule; the campaign by its title, where one is there."""
    campaign = (titles or {}).get(room.campaign, room.campaign)
    stopped = f"stopped in all {number(before.stopped)} → {number(room.after.stopped)}"
    lost = [
        sum(pair.n for pair in replay.displaced if pair.stopped == room.campaign and pair.by != room.campaign)
        for replay in (before, room.after)
    ]
    if room.apart:
        how = f"A cap of 1 has no place to share: left out of it, {campaign} neither counts nor is stopped."
    else:
        how = (
            f"One place kept for {campaign}: all else may take {room.rule['limit']} (rule {room.rule['id']})."
        )
    return f"{how} It lost room to others {number(lost[0])} → {number(lost[1])} times; {stopped}."


def flow_lines(
    before: Iterable[Displacement],
    after: Iterable[Displacement] | None = None,
    titles: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The flow as text, a line a pair; campaigns by their titles, where they are there."""
    for pair in flow_frame(before, after).iter_rows(named=True):
        by, stopped = ((titles or {}).get(pair[name], pair[name]) for name in ("by", "stopped"))
        now = "" if after is None else f", with room kept {number(pair['now'])}"
        yield f"{by} took the room of {stopped}: {number(pair['n'])} times{now}"


# -- messages a person a week --------------------------------------------------------------------------------------

FIXED = 36
"""Cells of all columns but the bars."""


def pressure_frame(pressure: Pressure) -> pl.DataFrame:
    """A row a bar: `key, mails, weeks, share, people`; none where there is no message."""
    import polars as pl

    total = max(pressure.person_weeks, 1)
    rows = [
        (str(at), _mails(one), one.weeks, one.weeks / total, one.people)
        for at, one in enumerate(pressure.bars)
        if pressure.messages
    ]
    schema = {
        "key": pl.String,
        "mails": pl.String,
        "weeks": pl.Int64,
        "share": pl.Float64,
        "people": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(bar=pl.col("weeks"))


def pressure_columns(pressure: Pressure, width: int) -> tuple[Column, ...]:
    """The mails of a week, the bar, and how many weeks and people, in so many cells."""
    cells = max(8, width - FIXED)
    most = max(one.weeks for one in pressure.bars)
    return (
        Column("mails", "mails", width=6, right=True),
        Column(
            "bar",
            "weeks of people" if cells > len("weeks of people") else "",
            width=cells,
            show=lambda n: bar(n, most, cells),
            tones=CALM,
        ),
        Column("weeks", "weeks", width=9, right=True, show=number),
        Column("share", "share", width=7, right=True, show=percent),
        Column("people", "heaviest", width=8, right=True, show=number),
    )


def percent(value: float) -> str:
    """A share, as fine as it needs to be."""
    from audit.rules.replay.curve import percent

    return percent(value)


def _mails(one: Bar) -> str:
    if one.high is None:
        return f"{one.low}+"
    return str(one.low) if one.high == one.low else f"{one.low}–{one.high}"


def _so_many(one: Bar) -> str:
    return f"{_mails(one)} mail{'s' * (one.high != 1)}"


def bar_in_words(pressure: Pressure, at: int) -> str:
    """What one bar counts, and over what."""
    one = pressure.bars[at]
    total = pressure.person_weeks
    weeks = f"{number(one.weeks)} of {number(total)} weeks of people ({percent(one.weeks / max(total, 1))})"
    heaviest = f"the heaviest week of {number(one.people)} of {number(pressure.people)} people"
    over = f"all senders, {pressure.weeks} weeks from {pressure.first}"
    return f"{_so_many(one)} in a week: {weeks}; {heaviest} · {over}"


# -- campaigns -----------------------------------------------------------------------------------------------------

COUNTS = {"messages": "mails", "delivered": "delivered", "opened": "opened", "clicked": "responses",
          "bounced": "bounced", "complained": "complaints"}  # fmt: skip
"""Column → its heading."""

SPARED = ("bounced", "delivered", "opened", "complained")
"""Which counts stand aside where they would cut the campaigns' names, the first of them first."""

MEANT = {
    "findings": "what the checks found that rests on its mails; what they cannot tell is not counted",
    "customers": "the people whom these findings are about",
    "messages": "mails sent, each once a person",
    "delivered": "mails that the sender's log says were delivered",
    "opened": "mails with an open that is not a machine's; who blocks pictures is not seen",
    "clicked": "mails with a response, such as a click, that is not a machine's",
    "bounced": "mails that came back",
    "complained": "mails reported as spam, as far as a mailbox provider tells",
}
"""Column → what it counts."""


def campaign_columns(campaigns: pl.DataFrame, width: int) -> tuple[Column, ...]:
    """What a campaign's row shows in so many cells: its name whole as long as there is room, no count that the data does not have."""
    fixed = (
        Column("findings", "findings", width=8, right=True, show=number),
        Column("customers", "people", width=7, right=True, show=number),
    )
    counts = {
        name: Column(name, label, width=max(8, len(label)), right=True, show=number)
        for name, label in COUNTS.items()
        if name == "messages" or not campaigns[name].is_null().all()
    }
    longest = campaigns["name"].str.len_chars().max()
    name_room = min(longest if isinstance(longest, int) else 0, WIDEST)
    for spared in SPARED:
        needed = 7 + name_room + sum(1 + column.width for column in (*fixed, *counts.values()))
        if needed > width:
            counts.pop(spared, None)
    looked = not campaigns["findings"].is_null().any()
    grave = Column("severity", "", width=6, show=severity if looked else plain, tones=TONES)
    return (grave, Column("name", "campaign", flex=True), *fixed, *counts.values())


def campaign_figures(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each figure of a campaign, and what it counts; of what the data cannot say, that."""
    headings = {"findings": "findings", "customers": "people", **COUNTS}
    for name, meaning in MEANT.items():
        if row[name] is None:
            early = name in {"findings", "customers"}
            lacking = "being looked for" if early else "this data has no event that says so"
            yield f"– {headings[name]}", f"{lacking}: {meaning}"
        else:
            yield f"{number(row[name])} {headings[name]}", meaning


def bar_figures(pressure: Pressure, at: int) -> Iterator[tuple[str, str]]:
    """Each figure of a bar, and what it counts."""
    one, total = pressure.bars[at], max(pressure.person_weeks, 1)
    yield _so_many(one), "in a week, from Monday on, of all senders together"
    over = f"{number(total)} in all, of {number(pressure.people)} people in {pressure.weeks} weeks from {pressure.first}"
    yield (
        f"{number(one.weeks)} weeks",
        f"each week of each person counts once, from the first on that the data knows them; {over}",
    )
    yield percent(one.weeks / total), "share: of all these weeks"
    yield f"{number(one.people)} heaviest", "people who had such a week and never one with more"


def campaign_name(row: Mapping[str, Any]) -> str:
    """A campaign by its name, and by its id where that is another."""
    name, ident = row["name"], row["campaign"]
    return ident if name == ident else f"{name} ({ident})"


def campaign_in_words(row: Mapping[str, Any]) -> str:
    """What became of a campaign's messages."""
    if row["findings"] is None:
        return f"{campaign_name(row)}: {several(row['messages'], 'mail')}; findings are being looked for"
    found = (
        f"{several(row['findings'], 'finding')} of {number(row['customers'])} {'person' if row['customers'] == 1 else 'people'}"
        if row["findings"]
        else "no finding"
    )
    parts = [several(row["messages"], "mail")]
    parts += [f"{number(row[name])} {name}" for name in ("delivered", "opened") if row[name]]
    parts += [f"{number(row['clicked'])} with a response"] if row["clicked"] is not None else []
    parts += [f"{number(row[name])} {name}" for name in ("bounced", "complained") if row[name]]
    return f"{campaign_name(row)}: {found}; {', '.join(parts)}"


def pressure_lines(pressure: Pressure) -> Iterator[str]:
    """The histogram as text, a line a bar."""
    yield (
        f"mails a person a week, all senders: {number(pressure.messages)} mails"
        f" in {pressure.weeks} weeks from {pressure.first}; {number(pressure.people)} people, those without a mail too"
    )
    total = max(pressure.person_weeks, 1)
    for one in pressure.bars:
        weeks = f"{number(one.weeks)} week{'s' * (one.weeks != 1)} of people ({percent(one.weeks / total)})"
        yield f"{_so_many(one)}: {weeks}, the heaviest week of {number(one.people)} {'person' if one.people == 1 else 'people'}"
