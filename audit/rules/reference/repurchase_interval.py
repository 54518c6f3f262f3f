"""How often one customer buys something, from the purchases before a message."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from audit.rules.reference.history import Act, Message, Place


class Purchases:
    """How often a customer buys an item, or within a category."""

    def __init__(self, acts: Sequence[Act]) -> None:
        orders = [act for act in acts if act.kind == "order_completed"]
        self._first: dict[str, datetime] = {}
        for act in orders:
            self._first.setdefault(act.order_id or f"event:{act.event_id}", act.at)
        self._of: dict[tuple[str, str | None], list[Act]] = defaultdict(list)
        for act in orders:
            self._of["item", act.item].append(act)
            self._of["category", act.category].append(act)
        self._medians: dict[tuple[str, str | None, int], timedelta | None] = {}

    def interval(self, message: Message, at: datetime) -> timedelta | None:
        """The median time between purchases of the message's item, else category, before it in order."""
        return self._median("item", message.item, (at, message.event_id)) or self._median(
            "category", message.category, (at, message.event_id)
        )

    def _median(self, name: str, value: str | None, place: Place) -> timedelta | None:
        rows = self._of.get((name, value), ()) if value is not None else ()
        known = bisect_left(rows, place, key=lambda act: (act.at, act.event_id))
        if (name, value, known) not in self._medians:
            moments = sorted({self._first[act.order_id or f"event:{act.event_id}"] for act in rows[:known]})
            gaps = sorted(after - before for before, after in pairwise(moments))
            middle = (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2 if gaps else None
            self._medians[name, value, known] = middle
        return self._medians[name, value, known]
