"""A cooldown: nothing goes out for some time after an event, such as a purchase of the same category."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Annotated, Any, ClassVar

import polars as pl

from audit.errors import InputError
from audit.events.purchases import ORDER, TAKEN_BACK, goods, order_of
from audit.events.schema import KINDS
from audit.events.times import duration
from audit.rules import describe
from audit.rules.key_readers import number, one_of, positive_span, some_of, window
from audit.rules.kinds.consent import did
from audit.rules.model import SCOPES, ActsRead, NextMessage, Rule
from audit.rules.reference import clock
from audit.rules.reference.clock import EARLIEST, LATEST
from audit.rules.reference.history import LAST_ID, Act, Blocking, Evaluator, History, Message, Place
from audit.rules.scopes import SCOPED, in_scope

REPURCHASE = "repurchase"
"""The window that lasts until the customer is due to buy again."""

SAME = ("nothing", "item", "category", "campaign")
"""What of a message and the event before it may have to agree."""

NOT_ROLLING = '1mo is a calendar window; add window_kind = "calendar", or write 30d'

_ORDERS = frozenset({"event_id", "order_id", "item_id", "item_name", "quantity", "price"})
"""The columns that say which orders stand."""


class _After(some_of):
    """What starts a cooldown: any act, one alone also as a text."""

    def __call__(self, value: Any) -> tuple[str, ...]:
        event_kinds = [value] if isinstance(value, str) else value
        if isinstance(event_kinds, list | tuple) and "message_sent" in event_kinds:
            raise InputError("message_sent cannot start a cooldown; a min_gap keeps messages apart")
        return super().__call__(event_kinds)


_ACTS = _After(*(kind for kind in KINDS if kind != "message_sent"))


@dataclass(frozen=True, kw_only=True)
class Cooldown(Rule):
    """Blocks while an `after` event that agrees in `same` lies in `(t - window, t]`, of orders those that stand at t.

    The window `repurchase` is the customer's own median interval for that item, else category, else that of all
    customers, else `fallback`.
    """

    window: Annotated[str, window, "30m 16h 7d 4w, or repurchase: until due to buy again"]
    after: Annotated[tuple[str, ...], _ACTS, "what starts it: order_completed"]
    same: Annotated[str, one_of(*SAME), f"of the message and the event: {' '.join(SAME)}"] = "nothing"
    depth: Annotated[int | None, number(1), "levels of the category that are compared"] = None
    fallback: Annotated[str, positive_span, "where no interval is known: 180d"] = "180d"

    kind: ClassVar = "cooldown"
    purpose: ClassVar = "Nothing goes out for some time after something the customer did, such as an order."
    example: ClassVar = {"after": ["order_completed"], "same": "category", "window": "repurchase"}
    order: ClassVar = 50
    apart_by_channel: ClassVar = False

    @property
    def until_repurchase(self) -> bool:
        """Whether its window is the time until the customer is due to buy again."""
        return self.window == REPURCHASE

    @property
    def span(self) -> timedelta:
        """The window's length; where it lasts until the re-purchase, that where no interval is known."""
        return duration(self.fallback if self.until_repurchase else self.window)

    def contradiction(self) -> tuple[str, str] | None:
        return ("window", NOT_ROLLING) if self.window == "1mo" else None

    def blocks_what(self, other: Rule) -> bool:
        if not isinstance(other, Cooldown) or self.until_repurchase != other.until_repurchase:
            return False
        deep = (self.depth or LATEST.year) <= (other.depth or LATEST.year) or self.same != "category"
        agrees = self.same == "nothing" or (self.same == other.same and deep)
        return agrees and set(self.after) >= set(other.after) and self.span >= other.span

    def without_effect(self) -> Mapping[str, str]:
        return {
            **({} if self.same == "category" else {"depth": "counts only where same is category"}),
            **({} if self.until_repurchase else {"fallback": "counts only where window is repurchase"}),
        }

    def evaluator(self, history: History) -> Evaluator:
        return _EventsBefore(self, history)

    def acts_read(self) -> tuple[ActsRead, ...]:
        if self.same == "nothing":
            starting = ActsRead(self.after, "last")
        else:
            starting = ActsRead(self.after, "same", self.same, self.depth or 0)
        standing = (ActsRead((ORDER, *TAKEN_BACK), "unsettled"),) if self.reads_orders else ()
        bought = (ActsRead((ORDER,), "bought"),) if self.until_repurchase else ()
        return starting, *bought, *standing

    @property
    def reads_orders(self) -> bool:
        """Whether what it decides depends on which orders stand."""
        return self.until_repurchase or ORDER in self.after

    @property
    def columns(self) -> frozenset[str]:  # type: ignore[override]  # which it reads depends on its window
        return _ORDERS if self.reads_orders else frozenset()

    @property
    def row_columns(self) -> frozenset[str]:  # type: ignore[override]
        return _ORDERS | {"customer_id", "kind"} if self.reads_orders else frozenset()

    def could_block(self, events: pl.DataFrame, causes: pl.DataFrame | None) -> pl.Expr:  # noqa: ARG002
        return did(events, self.after)

    @property
    def lookback(self) -> timedelta | None:
        return timedelta(0) if self.until_repurchase else self.span

    @property
    def lasting_acts(self) -> tuple[str, ...]:
        orders = (ORDER, *TAKEN_BACK) if self.reads_orders else ()
        return (*orders, *self.after) if self.until_repurchase else orders

    def next_messages(self, history: History, at: datetime) -> Iterator[NextMessage]:
        """Messages about what the customer did; only what `same` compares is asked about, and held to its scope."""
        compared = SCOPED.get(self.same)
        no_scopes: dict[str, Any] = {
            name: () for scope in SCOPES if scope != compared for name in (scope, f"except_{scope}")
        }
        unscoped = replace(self, **no_scopes)
        empty = Message._make(None for _ in Message._fields)._replace(event_id=LAST_ID, at=at)
        acts: dict[str | None, Act] = {}
        for act in history.acts:
            if act.kind in self.after:
                acts.setdefault("" if self.same == "nothing" else getattr(act, self.same), act)
        for value, act in acts.items():
            message = empty
            if self.same != "nothing":
                message = empty._replace(campaign=act.campaign, category=act.category, item=act.item)
            if value is not None and in_scope(unscoped, message):
                yield NextMessage(value, message)

    @property
    def wording(self) -> str:
        return "cooldown_repurchase" if self.until_repurchase else self.kind

    def description(self) -> str:
        acts = " or ".join("an order" if act == ORDER else act.replace("_", " ") for act in self.after)
        agreeing = "" if self.same == "nothing" else f" of the same {self.same}"
        by_depth = self.depth and self.same == "category"
        levels = f" (its first {describe.count(self.depth, 'level')})" if self.depth and by_depth else ""
        if self.until_repurchase:
            ends = f"until the customer is due to buy again; where that is not known, for {describe.span(self.fallback)}"
        else:
            ends = f"for {describe.span(self.window)}"
        return f"No {describe.messages(self)} after {acts}{agreeing}{levels}, {ends}"

    def blocked_because(self, counted: int) -> str:  # noqa: ARG002
        if self.until_repurchase:
            return f"{self._after_which()} came before it, and the next purchase was not due yet"
        return f"{self._after_which()} lay in the {describe.span(self.window)} before it"

    def passed_because(self) -> str:
        not_undone = " that was kept" if ORDER in self.after else ""
        if self.until_repurchase:
            return (
                f"no {self._after_which()}{not_undone} came before it, or the next purchase was due by then"
            )
        return f"no {self._after_which()}{not_undone} lay in the {describe.span(self.window)} before it"

    def _after_which(self) -> str:
        """What is looked for before a message; goods that were sent unasked count as an order does."""
        acts = " or ".join(
            "order or shipment" if kind == ORDER else kind.replace("_", " ") for kind in self.after
        )
        return acts if self.same == "nothing" else f"{acts} of the same {self.same}"


class _EventsBefore(Evaluator):
    __slots__ = ("_after", "_intervals", "_purchases", "_rule", "_span", "_undone")

    def __init__(self, rule: Cooldown, history: History) -> None:
        self._rule = rule
        self._span = None if rule.until_repurchase else rule.span
        self._intervals = history.intervals
        orders = goods(history.acts) if rule.reads_orders else {}
        self._undone = {event_id: place for event_id, place in orders.items() if place is not None}
        self._after: dict[object, list[Place]] = defaultdict(list)
        for act in history.acts:
            compared = self._compared(act)
            stood = act.kind != ORDER or act.event_id in orders
            if act.kind in rule.after and stood and compared is not None:
                self._after[compared].append((act.at, act.event_id))
        self._purchases = Purchases(history.acts if rule.until_repurchase else (), orders)

    @property
    def idle_from(self) -> datetime:
        if not self._after:
            return EARLIEST
        newest = max(places[-1][0] for places in self._after.values())
        return LATEST if self._span is None else clock.plus(newest, self._span) or LATEST

    def blocking(self, message: Message, at: datetime) -> Blocking | None:
        places = self._before(message, at)
        if not places:
            return None
        start = bisect_right(places, clock.minus(at, self._window(message, at)), key=itemgetter(0))
        return Blocking([event_id for _, event_id in places[start:]]) if start < len(places) else None

    def earliest_pass(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        places = self._before(message, at)
        if not places:
            return moment
        end = clock.plus(places[-1][0], self._window(message, at))
        return None if end is None else max(moment, end)

    def _before(self, message: Message, at: datetime) -> Sequence[Place]:
        places = self._after.get(self._compared(message)) if self._after else None
        if not places:
            return ()
        place = at, message.event_id
        before = places[: bisect_left(places, place)]
        if not self._undone:
            return before
        return [act for act in before if act[1] not in self._undone or not self._undone[act[1]] < place]

    def _compared(self, event: Message | Act) -> object:
        """What has to be equal of a message and an event; None: it agrees with nothing."""
        if self._rule.same == "nothing":
            return ()
        value: str | None = getattr(event, self._rule.same)
        if value is not None and self._rule.same == "category" and self._rule.depth is not None:
            return tuple(value.split(" > ")[: self._rule.depth])
        return value

    def _window(self, message: Message, at: datetime) -> timedelta:
        if self._span is not None:
            return self._span
        interval = self._purchases.interval(message, at)
        return interval or self._intervals.get(message.category or "") or self._rule.span


class Purchases:
    """How often a customer buys an item, or within a category; orders of one day (UTC) are one purchase, at the first. `undone`: of each order of goods, what undid it."""

    def __init__(self, acts: Sequence[Act], undone: Mapping[str, Place | None]) -> None:
        orders = [act for act in acts if act.event_id in undone]
        self._undone = undone
        self._undone_at = sorted(place for place in undone.values() if place is not None)
        self._ordered_at: dict[str, datetime] = {}
        for act in orders:
            self._ordered_at.setdefault(order_of(act.order_id, act.event_id), act.at)
        self._orders: dict[tuple[str, str | None], list[Act]] = defaultdict(list)
        for act in orders:
            self._orders["item", act.item].append(act)
            self._orders["category", act.category].append(act)
        self._medians: dict[tuple[str, str | None, int, int], timedelta | None] = {}

    def interval(self, message: Message, at: datetime) -> timedelta | None:
        """The median time between purchases of the message's item, else category, before it in order."""
        return self._median("item", message.item, (at, message.event_id)) or self._median(
            "category", message.category, (at, message.event_id)
        )

    def _median(self, column: str, value: str | None, before: Place) -> timedelta | None:
        orders = self._orders.get((column, value), ()) if value is not None else ()
        count = bisect_left(orders, before, key=lambda act: (act.at, act.event_id))
        key = column, value, count, bisect_left(self._undone_at, before)
        if key not in self._medians:
            standing = [act for act in orders[:count] if (self._undone[act.event_id] or before) >= before]
            ordered = sorted(
                (self._ordered_at[order_of(act.order_id, act.event_id)] for act in standing), reverse=True
            )
            moments = sorted({at.astimezone(UTC).date(): at for at in ordered}.values())
            gaps = sorted(later - earlier for earlier, later in pairwise(moments))
            middle = (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2 if gaps else None
            self._medians[key] = middle
        return self._medians[key]
