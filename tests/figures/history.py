"""One customer's history in plain Python: what was sent, which of it is marketing, what it is about."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl

from audit.events.schema import BEHAVIOUR
from audit.flows import triggers
from tests.figures.purchases import is_goods, left_of, order

Row = dict[str, Any]


class History:
    """The events of a customer as rows, in order; `triggers`: campaign id → what the campaign map says sets it off.

    `declared`: id → rule, as in a rule file, that the sender says it keeps to.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        triggers: Mapping[str, str | None],
        at: datetime,
        declared: Mapping[str, Row] | None = None,
    ) -> None:
        self.rows: list[Row] = sorted(events.to_dicts(), key=order)
        self.by_id = {row["event_id"]: row for row in self.rows}
        self.triggers, self.at, self.declared = triggers, at, declared or {}

    def kind(self, *kinds: str) -> list[Row]:
        return [row for row in self.rows if row["kind"] in kinds]

    @cached_property
    def sent(self) -> list[Row]:
        """One row a message, the first."""
        messages: dict[str, Row] = {}
        for row in self.kind("message_sent"):
            messages.setdefault(row["message_id"] or row["event_id"], row)
        return list(messages.values())

    @cached_property
    def mailings(self) -> list[Row]:
        return [row for row in self.sent if row["message_class"] in {None, "", "marketing"}]

    def trigger(self, row: Row) -> str | None:
        return row["trigger"] or self.triggers.get(row["campaign_id"] or "")

    def of_channel(self, channel: str) -> list[Row]:
        """The marketing messages of a channel, with those that only a mailbox shows."""
        sent = {row["message_id"] or row["event_id"] for row in self.sent}
        seen: dict[str, Row] = {}
        for row in self.kind("message_received"):
            key = row["message_id"] or row["event_id"]
            if key not in sent and row["message_class"] in {None, "", "marketing"}:
                seen.setdefault(key, row)
        reached = sorted((*self.mailings, *seen.values()), key=order)
        return [row for row in reached if (row["channel"] or "unknown") == channel]

    @cached_property
    def acts(self) -> list[Row]:
        """What the customer did."""
        return [row for row in self.kind(*BEHAVIOUR) if row["source"] not in {"inferred", "third_party"}]

    @cached_property
    def orders(self) -> list[Row]:
        """Orders of goods, whether they were undone since or not."""
        return [row for row in self.rows if is_goods(row)]

    @cached_property
    def _left(self) -> dict[str, tuple[float, str | None]]:
        return left_of(self.rows)

    def returned(self, bought: Row) -> Row | None:
        """What undid an order."""
        undone = self._left[bought["event_id"]][1]
        return None if undone is None else self.by_id[undone]

    def bought_before(self, row: Row, key: str) -> Row | None:
        """The newest order of the same `key` before a message that had not been undone by then."""
        fitting = [
            one
            for one in self.orders
            if row[key] is not None and _of(one, key) == row[key] and order(one) < order(row)
            if not ((undone := self.returned(one)) and order(undone) < order(row))
        ]
        return fitting[-1] if fitting else None

    def repeats(self, row: Row) -> tuple[str | None, str | None, Row | None]:
        """What a message has in common with a purchase before it, the closest first: the case, the subject, the purchase."""
        for case, key in (("category", "category"), ("item", "item_id")):
            if bought := self.bought_before(row, key):
                return case, row[key], bought
        for kin in (row["category"], above(row["category"])):
            beside = {**row, "kin": kin}
            trigger = self.trigger(row)
            named = triggers.named(trigger)
            of_its_own = trigger is not None and (named is None or named.kinds != ("order_completed",))
            bought = None if row["list_id"] or of_its_own or not kin else self.bought_before(beside, "kin")
            if bought:
                return "kindred", kin, bought
        return None, None, None

    @property
    def names(self) -> set[str]:
        """What things are called."""
        columns = (
            "item_name", "item_id", "category", "campaign_id", "campaign_name", "subject", "segment_id", "sender", "query",
            "list_id", "trigger", "reason", "event_id", "message_id", "order_id", "placement",
        )  # fmt: skip
        texts = {str(row[name]) for row in self.rows for name in columns if row.get(name)}
        texts |= {topic for row in self.rows for topic in row.get("topics") or ()}
        return texts | {part for text in texts for part in text.split(" > ")}


def area(row: Row, depth: int) -> str | None:
    return None if row["category"] is None else " > ".join(row["category"].split(" > ")[:depth])


def _of(bought: Row, key: str) -> Any:
    return above(bought["category"]) if key == "kin" else bought[key]


def above(category: str | None) -> str | None:
    """The category above, below a department."""
    levels = (category or "").split(" > ")
    return " > ".join(levels[:-1]) if len(levels) > 2 else None


def campaign(row: Row, *otherwise: str) -> str | None:
    names = (row[name] for name in ("campaign_id", "campaign_name", *otherwise))
    return next((name for name in names if name is not None), None)


def names_cart(text: str | None, words: Iterable[str]) -> bool:
    return bool(text) and any(re.search(rf"(^|[^a-zäöü]){word}($|[^a-zäöü])", text.lower()) for word in words)
