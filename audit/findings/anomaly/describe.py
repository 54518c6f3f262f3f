"""What is out of pattern, in words: thing by thing, what the account does instead, how usual it is elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from audit.events.document import Document
from audit.events.sensitive_topics import in_category
from audit.findings.anomaly import persona_markers
from audit.findings.anomaly.score import listed_with_items
from audit.population.baskets import LEVELS, acts, contents
from audit.workspace.context import Context

Row = Mapping[str, Any]

_NAMED = 3
"""Things of a basket that are explained one by one; the entry says how many there are."""

_SELDOM = -1.0
"""An hour is spoken of where the account is e times less likely than everybody to be there."""

_UNNAMED = "something of a sensitive topic"


class UnusualThing(Document):
    """A thing of an order or session that stands out, and why."""

    item_id: str | None
    title: str
    score: float
    text: str


class OutOfPattern(Document):
    """An order or session that is likelier to be somebody else's: a hint, no finding."""

    order_id: str | msgspec.UnsetType | None = msgspec.UNSET
    """Of an order; null where the source gives none."""
    session_id: str | msgspec.UnsetType | None = msgspec.UNSET
    """Of a session; null where the source gives none."""
    at: datetime
    score: float
    percentile: float
    hard: bool
    """Whether the source itself recorded a sign."""
    signs: tuple[str, ...]
    """gift, recipient, persona or device."""
    text: str
    because: tuple[UnusualThing, ...]
    """The things that stand out, the most unusual first."""
    evidence: tuple[str, ...]
    suggested_rule: Mapping[str, Any]
    """A rule that leaves it out, as in a rule file."""


def out_of_pattern(
    events: pl.DataFrame, ctx: Context, *, names_sensitive: bool = True
) -> tuple[OutOfPattern, ...]:
    """The entries of `out_of_pattern` in `whysent show`, for one customer's events.

    Without `names_sensitive`, what lies in a category of the sensitive map is not named.
    """
    found, things = listed_with_items(events, ctx)
    hidden = (
        in_category(pl.col("category")).fill_null(value=False) if not names_sensitive else pl.lit(value=False)
    )
    told = things.with_columns(hidden.alias("hidden"))
    instead = _instead(events, told, ctx)
    accounts = dict(ctx.facts.usual.accounts.iter_rows())
    return tuple(
        _entry(row, told.filter(pl.col("unit") == row["unit"]).to_dicts(), instead, accounts[row["family"]])
        for row in found.iter_rows(named=True)
    )


def _entry(row: Row, things: Sequence[Row], instead: Mapping[int, str], accounts: int) -> OutOfPattern:
    named = not str(row["basket"]).startswith(("event:", "from:"))
    hard = [persona_markers.WORDS[sign] for sign in row["signs"]]
    ident = row["basket"] if named else None
    return OutOfPattern(
        order_id=ident if row["family"] == "order" else msgspec.UNSET,
        session_id=ident if row["family"] == "session" else msgspec.UNSET,
        at=row["at"],
        score=round(row["score"], 3),
        percentile=row["percentile"],
        hard=bool(hard),
        signs=tuple(row["signs"]),
        text=" ".join([_head(row, hard), *_new_places(row, things), *_hour(row)]),
        because=tuple(_thing(one, instead, accounts) for one in things[:_NAMED]),
        evidence=tuple(row["evidence"]),
        suggested_rule=_rule(row),
    )


def _head(row: Row, hard: Sequence[str]) -> str:
    noun = row["family"]
    count = row["things"]
    size = f"{count} thing{'s' * (count != 1)}"
    marked = f", {', '.join(hard)}" if hard else ""
    others = row["baskets"] - 1
    nearer = round(row["percentile"] * others / 100)
    rank = (
        f"{nearer} of this account's {others} other {noun}s are nearer to its usual pattern."
        if others
        else ""
    )
    return f"The {noun} of {row['at']:%Y-%m-%d} ({size}{marked}): {rank or 'the only one there is.'}"


def _new_places(row: Row, things: Sequence[Row]) -> list[str]:
    """How many things lie where nothing else of the account does."""
    noun = row["family"]
    new = [one for one in things if one["type_rest"] == 0]
    if not new:
        return []
    places = dict.fromkeys(_UNNAMED if one["hidden"] else _place(one) for one in new)
    shown = "; ".join(list(places)[:_NAMED])
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    many = "It is" if len(things) == 1 else f"{len(new)} of {len(things)} are"
    return [f"{many} of a kind that no other {noun} holds: {shown}{more}."]


def _place(thing: Row) -> str:
    """The shortest part of a thing's path where nothing else of the account lies."""
    path = str(thing["category"] or thing["item_name"] or thing["thing"]).split(" > ")
    depth = next(
        (at for at, level in enumerate(LEVELS[:3], start=1) if thing[f"{level}_rest"] == 0), len(path)
    )
    return " > ".join(path[:depth])


def _hour(row: Row) -> list[str]:
    if row["hour_fits"] > _SELDOM:
        return []
    noun = row["family"]
    return [f"It was at {row['hour']}:00, when this account has hardly any {noun}."]


def _thing(one: Row, instead: Mapping[int, str], accounts: int) -> UnusualThing:
    title = _UNNAMED if one["hidden"] else one["item_name"] or one["thing"]
    return UnusualThing(
        item_id=None if one["hidden"] else one["thing"],
        title=title,
        score=round(-one["fits"], 3),
        text=f"{title}: {_why(one, instead)}; {_share(one['customers'], accounts)} of all accounts have it.",
    )


def _why(one: Row, instead: Mapping[int, str]) -> str:
    if one["thing_rest"]:
        return f"here {one['thing_rest']:.0f} other time{'s' * (one['thing_rest'] != 1)}"
    if one["type_rest"] == 0:
        place = _UNNAMED if one["hidden"] else _place(one)
        return f"nothing else here lies in {place}"
    usual = instead.get(one["type_node"])
    rather = f", mostly {usual}" if usual and not one["hidden"] else ""
    return f"never this one, {one['type_rest']:.0f} others of its kind{rather}"


def _share(customers: int, accounts: int) -> str:
    share = 100 * customers / accounts
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %" if share >= 0.1 else "under 0.1 %"


def _instead(events: pl.DataFrame, things: pl.DataFrame, ctx: Context) -> dict[int, str]:
    """Kind of thing (`type_node`) → what this account holds most of there."""
    held = contents(acts(events), ctx.facts.usual.places)
    most = (
        held.join(things.select("type_node").unique(), on="type_node", how="semi")
        .group_by("type_node", "thing_node")
        .agg(pl.len().alias("n"), pl.coalesce("item_name", "thing").first().alias("title"))
        .sort("type_node", "n", "thing_node", descending=[False, True, False])
        .unique("type_node", keep="first", maintain_order=True)
    )
    return dict(most.select("type_node", "title").iter_rows())


def _rule(row: Row) -> dict[str, Any]:
    noun = row["family"]
    return {
        "id": f"leave-out-{row['basket']}-{row['customer_id']}".replace(":", "-"),
        "kind": "exclude_event",
        "title": f"Nothing that rests on the {noun} of {row['at']:%Y-%m-%d} alone",
        "events": list(row["evidence"]),
        "customers": [row["customer_id"]],
    }
