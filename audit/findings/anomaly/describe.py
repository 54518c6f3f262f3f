"""What is out of pattern, in words: thing by thing, what the account does instead, how usual it is elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from audit.events.document import Document
from audit.findings.anomaly import persona_markers
from audit.findings.anomaly.score import listed_with_items
from audit.findings.suggested_rule import only_rule, slug
from audit.population.baskets import LEVELS, acts, contents
from audit.workspace.context import Context

Row = Mapping[str, Any]
Others = Mapping[tuple[int, int], tuple[str, int]]
"""Order or session (`unit`) and kind of item (`type_node`) → what the account's others hold most of there, in how many."""

_NAMED = 3
"""Things of a basket that are explained one by one; the entry says how many there are."""

_SELDOM = -1.0
"""An hour is spoken of where the account is e times less likely than everybody to be there."""

_HAVE = {"order": "have bought this item", "session": "have this item in a session"}
"""What the accounts that are counted did, by family."""


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
    common: float | None
    """The share of accounts here that hold one as unusual; null where too few accounts tell."""
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


def out_of_pattern(events: pl.DataFrame, ctx: Context) -> tuple[OutOfPattern, ...]:
    """The entries of `out_of_pattern` in `whysent show`, for one customer's events.

    For somebody who died the only rule is that nothing more goes to them.
    """
    baskets, items = listed_with_items(events, ctx)
    usual_items = _usual_items(events.filter(pl.col("occurred_at") <= ctx.at), items, ctx)
    accounts = dict(ctx.facts.usual.accounts.iter_rows())
    entries = tuple(
        _entry(row, items.filter(unit=row["unit"]).to_dicts(), usual_items, accounts[row["family"]])
        for row in baskets.iter_rows(named=True)
    )
    silence = only_rule(events)
    if silence is None:
        return entries
    return tuple(msgspec.structs.replace(entry, suggested_rule=silence) for entry in entries)


def _entry(row: Row, items: Sequence[Row], usual_items: Others, accounts: int) -> OutOfPattern:
    has_id = not str(row["basket"]).startswith(("event:", "from:"))
    hard = [persona_markers.WORDS[sign] for sign in row["signs"]]
    basket_id = row["basket"] if has_id else None
    return OutOfPattern(
        order_id=basket_id if row["family"] == "order" else msgspec.UNSET,
        session_id=basket_id if row["family"] == "session" else msgspec.UNSET,
        at=row["at"],
        score=round(row["score"], 3),
        percentile=row["percentile"],
        common=row["common"],
        hard=bool(hard),
        signs=tuple(row["signs"]),
        text=" ".join([_head(row, hard), *_new_kinds(row, items), *_hour(row), *_rarity(row)]),
        because=tuple(_item(item, usual_items, accounts) for item in items[:_NAMED]),
        evidence=tuple(row["evidence"]),
        suggested_rule=_rule(row),
    )


def _head(row: Row, hard: Sequence[str]) -> str:
    count = row["things"]
    size = f"{count} thing{'s' * (count != 1)}"
    marked = f", {', '.join(hard)}" if hard else ""
    return f"The {row['family']} of {row['at']:%Y-%m-%d} ({size}{marked}): {_rank(row)}."


def _rank(row: Row) -> str:
    """How many of the account's other orders or sessions are more like it."""
    noun, others = row["family"], row["baskets"] - 1
    nearer = round(row["percentile"] * others / 100)
    if not others:
        return "the only one there is"
    if others == 1:
        return f"this account's other {noun} is {'' if nearer else 'not '}nearer to its usual pattern"
    are = "is" if nearer == 1 else "are"
    whose = f"{'all' if nearer == others else f'{nearer} of'} this account's {others} other {noun}s"
    return f"{whose} {are} nearer to its usual pattern"


def _new_kinds(row: Row, items: Sequence[Row]) -> list[str]:
    """How many items are of a kind of which the account holds no other."""
    noun = row["family"]
    new = [item for item in items if item["type_rest"] == 0]
    if not new:
        return []
    kinds = list(dict.fromkeys(_kind(item) for item in new))
    names = "; ".join(kinds[:_NAMED])
    more = f" and {len(kinds) - _NAMED} more" if len(kinds) > _NAMED else ""
    count = "It is" if len(items) == 1 else f"{len(new)} of {len(items)} {'is' if len(new) == 1 else 'are'}"
    return [f"{count} of a kind that no other {noun} holds: {names}{more}."]


def _kind(item: Row) -> str:
    """The shortest part of an item's path where nothing else of the account lies."""
    path = str(item["category"] or item["item_name"] or item["thing"]).split(" > ")
    empty_from = (depth for depth, level in enumerate(LEVELS[:3], start=1) if item[f"{level}_rest"] == 0)
    return " > ".join(path[: next(empty_from, len(path))])


def _hour(row: Row) -> list[str]:
    if row["hour_fits"] > _SELDOM:
        return []
    noun = row["family"]
    return [f"It was at {row['hour']}:00, when this account has hardly any {noun}."]


def _rarity(row: Row) -> list[str]:
    if row["common"] is None:
        return []
    hundredths = round(100 * row["common"])
    number = f"{hundredths} in 100 accounts" if hundredths else "Fewer than 1 in 100 accounts"
    return [f"{number} here hold one as unusual."]


def _item(item: Row, usual_items: Others, accounts: int) -> UnusualThing:
    title = item["item_name"] or _unnamed(item)
    share = _share(item["customers"], accounts)
    return UnusualThing(
        item_id=item["thing"],
        title=title,
        score=round(-item["fits"], 3),
        text=f"{title}: {_reason(item, usual_items)}; {share} of all accounts {_HAVE[item['family']]}.",
    )


def _unnamed(item: Row) -> str:
    """A thing without a name is its category, or it is told by its id."""
    return (
        item["thing"]
        if item["thing"] == item["category"]
        else f"item {item['thing']}, without a name in the data"
    )


def _reason(item: Row, usual_items: Others) -> str:
    if item["thing_rest"]:
        return f"here {item['thing_rest']:.0f} other time{'s' * (item['thing_rest'] != 1)}"
    others = round(item["type_rest"])
    if not others:
        return f"nothing else here lies in {_kind(item)}"
    usual, times = usual_items.get((item["unit"], item["type_node"]), (None, 0))
    named = usual is not None and usual != item["item_name"] and 2 * times > others
    rather = f", {'mostly ' * (others > 1)}{usual}" if named else ""
    return f"never this one, {others} other{'s' * (others != 1)} of its kind{rather}"


def _share(customers: int, accounts: int) -> str:
    share = 100 * customers / accounts
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %" if share >= 0.1 else "under 0.1 %"


def _usual_items(events: pl.DataFrame, items: pl.DataFrame, ctx: Context) -> Others:
    """What the account's other orders or sessions hold most of, of the kind of each of `items`."""
    others = contents(acts(events), ctx.facts.usual.places).rename({"unit": "other"})
    most_frequent = (
        items.select("account", "unit", "type_node")
        .unique()
        .join(others, on=("account", "type_node"))
        .filter(pl.col("unit") != pl.col("other"))
        .group_by("unit", "type_node", "thing_node")
        .agg(pl.len().alias("n"), pl.coalesce("item_name", "thing").first().alias("title"))
        .sort("unit", "type_node", "n", "thing_node", descending=[False, False, True, False])
        .unique(("unit", "type_node"), keep="first", maintain_order=True)
    )
    return {(unit, kind): (title, n) for unit, kind, _, n, title in most_frequent.iter_rows()}


def _rule(row: Row) -> dict[str, Any]:
    noun = row["family"]
    return {
        "id": f"leave-out-{slug(row['basket'])}-for-{slug(row['customer_id'])}",
        "kind": "exclude_event",
        "title": f"Nothing to {row['customer_id']} that rests on the {noun} of {row['at']:%Y-%m-%d} alone",
        "events": list(row["evidence"]),
        "customers": [row["customer_id"]],
    }
