"""One customer's history in plain Python: what was sent, which of it is marketing, what it is about."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl

from audit.events.schema import BEHAVIOUR

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
        return [row for row in self.mailings if (row["channel"] or "unknown") == channel]

    @cached_property
    def acts(self) -> list[Row]:
        """What the customer did."""
        return [row for row in self.kind(*BEHAVIOUR) if row["source"] not in {"inferred", "third_party"}]

    @cached_property
    def orders(self) -> list[Row]:
        return self.kind("order_completed")

    def returned(self, bought: Row) -> Row | None:
        """What undid an order: the first act that names it, else the first on its item after it and no other."""
        for act in self.kind("order_refunded", "order_cancelled"):
            if order(act) < order(bought):
                continue
            named = [row for row in self.orders if row["order_id"] and row["order_id"] == act["order_id"]]
            same = {act["item_id"], bought["item_id"]} - {None}
            if named and bought in named and len(same) < 2:
                return act
            earlier = [row for row in self.orders if order(row) < order(act)]
            of_item = [row for row in earlier if row["item_id"] and row["item_id"] == act["item_id"]]
            if not named and of_item and of_item[-1] is bought:
                return act
        return None

    def bought_before(self, row: Row, key: str) -> Row | None:
        """The newest order of the same `key` before a message that had not been undone by then."""
        fitting = [
            one
            for one in self.orders
            if row[key] is not None and one[key] == row[key] and order(one) < order(row)
            if not ((undone := self.returned(one)) and order(undone) < order(row))
        ]
        return fitting[-1] if fitting else None

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


def order(row: Row) -> tuple[datetime, str]:
    return row["occurred_at"], row["event_id"]


def area(row: Row, depth: int) -> str | None:
    return None if row["category"] is None else " > ".join(row["category"].split(" > ")[:depth])


def campaign(row: Row, *otherwise: str) -> str | None:
    names = (row[name] for name in ("campaign_id", "campaign_name", *otherwise))
    return next((name for name in names if name is not None), None)


def names_cart(text: str | None, words: Iterable[str]) -> bool:
    return bool(text) and any(re.search(rf"(^|[^a-zäöü]){word}($|[^a-zäöü])", text.lower()) for word in words)
