"""What is out of pattern, in words: thing by thing, what the account does instead, how usual it is elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from audit.events.document import Document
from audit.events.vocabulary import NAMELESS
from audit.findings.anomaly.score import listed_with_items
from audit.findings.suggested_rule import only_rule, slug
from audit.population import persona_markers
from audit.population.audience import FEWEST
from audit.population.basket_scores import settings
from audit.population.baskets import LEVELS, acts, contents
from audit.why.wording import several
from audit.workspace.context import Context

Row = Mapping[str, Any]
Others = Mapping[tuple[int, int], tuple[str, int]]
"""Order or session (`unit`) and kind of item (`type_node`) → what the account's others hold most of there, in how many."""

_NAMED = 3
"""Things of a basket that are explained one by one; the entry says how many there are."""

_SELDOM = -1.0
"""An hour is spoken of where the account is e times less likely than everybody to be there."""

_HAVE = {
    "order": "accounts with an order have bought this item",
    "session": "accounts with a session have this item in one",
}
"""Which accounts are counted, and what they did, by family."""


class UnusualThing(Document):
    """A thing of an order or session that stands out, and why."""

    item_id: str | None
    title: str
    score: float
    text: str
    times: int
    """How often the account's other orders or sessions hold it."""
    others: int
    """How often they hold others of its kind, each once an order or session; of a thing without a category, how often they hold any other."""
    kind: str | None
    """What nothing else of the account lies in, where they hold none; null of a thing without a category."""
    mostly: str | None
    """What most of those of its kind are, where one thing is."""
    share: float | None
    """The share of all accounts with an order, or a session, that hold it in one; null where they are fewer than eleven."""


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
    """The share of accounts here that hold one as unusual, and with a sign too where it has one; null where too few accounts tell."""
    hard: bool
    """Whether the source itself recorded a sign."""
    signs: tuple[str, ...]
    """gift, recipient, persona or device."""
    text: str
    things: int
    """Different things in it."""
    others: int
    """How many other orders or sessions the account has."""
    new: int
    """How many of its things are of a kind that no other holds."""
    kinds: tuple[str, ...]
    """Those kinds."""
    hour: int | None
    """The local hour, where this account has hardly any then."""
    because: tuple[UnusualThing, ...]
    """The things that are less usual here than elsewhere, the most unusual first; none where only the hour is."""
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
    new = [item for item in items if item["type_rest"] == 0 and item["category"]]
    kinds = tuple(kind for kind in dict.fromkeys(map(_kind, new)) if kind)
    return OutOfPattern(
        order_id=basket_id if row["family"] == "order" else msgspec.UNSET,
        session_id=basket_id if row["family"] == "session" else msgspec.UNSET,
        at=row["at"],
        score=round(row["score"], 3),
        percentile=row["percentile"],
        common=row["common"],
        hard=bool(hard),
        signs=tuple(row["signs"]),
        text=" ".join([_head(row, hard), *_new_kinds(row, len(new), kinds), *_hour(row), *_rarity(row)]),
        things=row["things"],
        others=row["baskets"] - 1,
        new=len(new),
        kinds=kinds,
        hour=row["hour"] if _odd_hour(row) else None,
        because=tuple(_item(item, usual_items, accounts) for item in items[:_NAMED] if item["fits"] < 0),
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
    nearer = nearer_ones(row["percentile"], others)
    if not others:
        return "the only one there is"
    if others == 1:
        return f"this account's other {noun} is {'' if nearer else 'not '}nearer to its usual pattern"
    are = "is" if nearer == 1 else "are"
    whose = f"{'all' if nearer == others else f'{nearer} of'} this account's {others} other {noun}s"
    return f"{whose} {are} nearer to its usual pattern"


def nearer_ones(percentile: float, others: int) -> int:
    """How many of the `others` are nearer to the usual pattern."""
    return round(percentile * others / 100)


def _new_kinds(row: Row, new: int, kinds: Sequence[str]) -> list[str]:
    """How many things are of a kind of which the account holds no other."""
    if not new:
        return []
    names = "; ".join(kinds[:_NAMED])
    more = f" and {len(kinds) - _NAMED} more" if len(kinds) > _NAMED else ""
    count = "It is" if row["things"] == 1 else f"{new} of {row['things']} {'is' if new == 1 else 'are'}"
    return [f"{count} of a kind that no other {row['family']} holds: {names}{more}."]


def _kind(item: Row) -> str | None:
    """The shortest part of an item's path where nothing else of the account lies; None of an item without a category."""
    if not item["category"]:
        return None
    path = str(item["category"]).split(" > ")
    empty_from = (depth for depth, level in enumerate(LEVELS[:3], start=1) if item[f"{level}_rest"] == 0)
    return " > ".join(path[: next(empty_from, len(path))])


def _odd_hour(row: Row) -> bool:
    return bool(row["hour_fits"] <= _SELDOM)


def _hour(row: Row) -> list[str]:
    if not _odd_hour(row):
        return []
    return [f"It was at {row['hour']}:00, when this account has hardly any {row['family']}."]


def _rarity(row: Row) -> list[str]:
    if row["common"] is None:
        return []
    hundredths = round(100 * row["common"])
    number = f"{hundredths} in 100 accounts" if hundredths else "Fewer than 1 in 100 accounts"
    marked = "so marked and " if row["signs"] else ""
    return [f"{number} with {settings().baskets} {row['family']}s or more hold one {marked}as unusual."]


def _item(item: Row, usual_items: Others, accounts: int) -> UnusualThing:
    title = item["item_name"] or _unnamed(item)
    others = round(item["type_rest"])
    usual, times = usual_items.get((item["unit"], item["type_node"]), (None, 0))
    thing = UnusualThing(
        item_id=item["thing"],
        title=title,
        score=round(-item["fits"], 3),
        text="",
        times=round(item["thing_rest"]),
        others=others,
        kind=_kind(item),
        mostly=usual if item["category"] and usual != item["item_name"] and 2 * times > others else None,
        share=item["customers"] / accounts if item["customers"] >= FEWEST else None,
    )
    share = f"fewer than {FEWEST}" if thing.share is None else f"{share_in_words(thing.share)} of all"
    return msgspec.structs.replace(thing, text=f"{title}: {_reason(thing)}; {share} {_HAVE[item['family']]}.")


def _unnamed(item: Row) -> str:
    """A thing without a name is its category, or it is told by its id."""
    return item["thing"] if item["thing"] == item["category"] else NAMELESS.format(item["thing"])


def _reason(thing: UnusualThing) -> str:
    if thing.times:
        return f"here {several(thing.times, 'other time')}"
    if thing.kind is None:
        return "never this one"
    if not thing.others:
        return f"nothing else here lies in {thing.kind}"
    rather = f", {'mostly ' * (thing.others > 1)}{thing.mostly}" if thing.mostly else ""
    kind = "1 other of its kind" if thing.others == 1 else f"others of its kind {thing.others:,} times"
    return f"never this one, {kind}{rather}"


def share_in_words(share: float, under: str = "under") -> str:
    """`12 %`, `1.2 %`, `under 0.1 %`."""
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %" if percent >= 0.1 else f"{under} 0.1 %"


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
