"""Which purchases stand: goods that were ordered and not undone since, the one meaning of *bought*.

A purchase is undone by a return: an `order_refunded` or `order_cancelled`, or an `order_completed` whose quantity is
negative. Postage, discounts and other services are no goods (`services.toml`). Whoever asks at a moment hands over
the events until then.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from importlib.resources import files
from math import inf
from typing import Protocol

import polars as pl

from audit.events.vocabulary import Column, comes_before, comes_before_expr

ORDER = "order_completed"
"""The kind of an event by which goods are ordered."""

TAKEN_BACK = ("order_refunded", "order_cancelled")
"""The kinds of events by which a purchase is undone."""

READ = (
    "customer_id", "event_id", "occurred_at", "kind", "order_id", "item_id", "item_name", "quantity", "price",
)  # fmt: skip
"""The columns of events that say what stands."""

ORDER_OF = (
    pl.when(pl.col("order_id") != "").then("order_id").otherwise(pl.concat_str(pl.lit("event:"), "event_id"))
)
"""Which order of its customer a line belongs to: one without an order_id is an order by itself."""


def order_of(order_id: str | None, event_id: str) -> str:
    """The same of one line."""
    return order_id or f"event:{event_id}"


_KEY = ("customer_id", "event_id")
_RETURN: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "event_id": pl.String(),
    "returned_at": pl.Datetime("us", "UTC"),
    "returned_id": pl.String(),
    "kept": pl.Float64(),
}
_CENT = 0.005


def without_undone(events: pl.DataFrame) -> pl.DataFrame:
    """`events` of whole customers (columns `READ` and others) without the orders that do not stand at their end.

    Lines of which a part was undone have the quantity that was kept.
    """
    rows = events.filter(_may_stand(events))
    undone = _undone(rows.filter(pl.col("kind") == ORDER), events)
    if undone.is_empty():
        return rows
    return (
        rows.join(undone, on=_KEY, how="left", maintain_order="left")
        .filter(pl.col("returned_at").is_null())
        .with_columns(pl.coalesce("kept", "quantity").alias("quantity"))
        .select(events.columns)
    )


def with_return(rows: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """`rows` without orders of no goods, and with the act among `events` that undid each order: `returned_at, returned_id`,
    null where it is still bought; `kept`: the quantity that is left where a part was undone.

    Both are of whole customers, with the columns `READ`. An act that names an order of the customer undoes that one, or its
    item there; a return that names another number, as a credit note does, the newest of its item before it. It takes as
    many as its quantity says, the newest first; without one the whole line. A sum given back for an order that is less
    than was paid undoes no goods.
    """
    bought = rows.filter(_may_stand(rows))
    undone = _undone(bought.filter(pl.col("kind") == ORDER), events)
    return bought.join(undone, on=_KEY, how="left", maintain_order="left")


def undone(events: pl.DataFrame) -> frozenset[str]:
    """The event_ids of the orders among `events` of whole customers (columns `READ`) that were undone whole."""
    gone = _undone(events.filter(pl.col("kind") == ORDER, _may_stand(events)), events)
    return frozenset(gone.filter(pl.col("returned_at").is_not_null())["event_id"])


def still_bought(returned_at: datetime | None, returned_id: str | None, at: datetime, event_id: str) -> bool:
    """Whether a purchase was not undone before an event, in the order of time, then of event_id as text."""
    if returned_at is None or returned_id is None:
        return True
    return not comes_before(returned_at, returned_id, at, event_id)


def still_bought_expr(at: Column, event_id: Column) -> pl.Expr:
    """Whether a purchase (columns of `with_return`) was not undone before an event, in the order of time, then of event_id as text."""
    return pl.col("returned_at").is_null() | ~comes_before_expr("returned_at", "returned_id", at, event_id)


class Act(Protocol):
    """An event of one customer, as `goods` reads it."""

    @property
    def event_id(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def kind(self) -> str: ...
    @property
    def order_id(self) -> str | None: ...
    @property
    def item(self) -> str | None: ...
    @property
    def item_name(self) -> str | None: ...
    @property
    def quantity(self) -> float | None: ...
    @property
    def price(self) -> float | None: ...


def goods(acts: Iterable[Act]) -> dict[str, tuple[datetime, str] | None]:
    """Of one customer's `acts`, in order, the event_ids of the orders of goods, with what undid each, as `with_return` has it."""
    lines, returns = [], []
    for act in acts:
        negative = act.quantity is not None and act.quantity < 0
        fields = act.order_id, act.item, act.quantity, act.price
        if act.kind in TAKEN_BACK or (act.kind == ORDER and negative):
            returns.append(_Return(act.event_id, act.at, act.kind, *fields))
        elif act.kind == ORDER and not is_service(act.item if act.item_name is None else act.item_name):
            lines.append(_Line(act.event_id, act.at, *fields))
    _take_back(lines, returns)
    return {line.event_id: line.undone_by for line in lines}


def unsettled(events: pl.DataFrame) -> pl.Series:
    """Of each event whether it undoes a purchase or is an order of no goods: without such, every order stands."""
    return events.select(~_may_stand(events) | is_return()).to_series()


def is_return() -> pl.Expr:
    """Whether an event undoes a purchase."""
    negative = ((pl.col("kind") == ORDER) & (pl.col("quantity") < 0)).fill_null(value=False)
    return pl.col("kind").is_in(TAKEN_BACK) | negative


def _may_stand(events: pl.DataFrame) -> pl.Expr:
    """Whether an event is anything but an order of no goods; each different name is looked up once."""
    is_order = pl.col("kind") == ORDER
    name = pl.coalesce("item_name", "item_id")
    different = events.filter(is_order).select(name.unique().alias("name"))["name"]
    services = [text for text in different if is_service(text)]
    is_service_line = name.is_in(services).fill_null(value=False) if services else pl.lit(value=False)
    return ~(is_order & (is_return() | is_service_line))


@lru_cache(maxsize=10_000)
def is_service(name: str | None) -> bool:
    """Whether a line of an order that is called so is no goods."""
    return name is not None and re.sub(r"^\W+|\W+$", "", name).casefold() in _services()


@cache
def _services() -> frozenset[str]:
    tables = tomllib.loads(files("audit.events").joinpath("services.toml").read_text(encoding="utf-8"))[
        "service"
    ]
    return frozenset(name.casefold() for table in tables for name in table["names"])


@dataclass(slots=True)
class _Line:
    """A line of an order, and how much of it is left; a line without a quantity is one of its kind."""

    event_id: str
    at: datetime
    order_id: str | None
    item_id: str | None
    quantity: float | None
    price: float | None
    left: float = field(init=False)
    undone_by: tuple[datetime, str] | None = None

    def __post_init__(self) -> None:
        self.left = self.ordered

    @property
    def ordered(self) -> float:
        """How much of it was ordered."""
        return 1.0 if self.quantity is None else self.quantity


@dataclass(frozen=True, slots=True)
class _Return:
    event_id: str
    at: datetime
    kind: str
    order_id: str | None
    item_id: str | None
    quantity: float | None
    price: float | None

    @property
    def units(self) -> float:
        """How many of its item come back; all where it does not say."""
        return abs(self.quantity) if self.quantity and self.item_id is not None else inf

    @property
    def has_own_number(self) -> bool:
        """Whether its order_id need not be that of the order it undoes."""
        credit = self.quantity is not None and self.quantity < 0
        return not self.order_id or credit or self.kind == "order_refunded"


def _undone(orders: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """What `events` undid of `orders`, in the columns of `_RETURN`: lines that are gone, or of which less is left."""
    acts = events.filter(is_return())
    if acts.is_empty() or orders.is_empty():
        return pl.DataFrame(schema=_RETURN)
    concerned = pl.concat(
        orders.join(acts.select("customer_id", key).unique(), on=("customer_id", key), how="semi")
        for key in ("order_id", "item_id")
    ).unique(_KEY)
    columns = ("event_id", "occurred_at", "order_id", "item_id", "quantity", "price")
    lines: dict[str, list[_Line]] = defaultdict(list)
    for customer, *fields in concerned.sort("occurred_at", "event_id").select("customer_id", *columns).rows():
        lines[customer].append(_Line(*fields))
    returns: dict[str, list[_Return]] = defaultdict(list)
    named = ("event_id", "occurred_at", "kind", "order_id", "item_id", "quantity", "price")
    for customer, *fields in acts.sort("occurred_at", "event_id").select("customer_id", *named).rows():
        returns[customer].append(_Return(*fields))
    for customer, own in lines.items():
        _take_back(own, returns[customer])
    rows = [
        (
            customer,
            line.event_id,
            *(line.undone_by or (None, None)),
            None if line.quantity is None else line.left,
        )
        for customer, own in lines.items()
        for line in own
        if line.undone_by or line.left != line.ordered
    ]
    return pl.DataFrame(rows, schema=_RETURN, orient="row")


def _take_back(lines: Sequence[_Line], returns: Iterable[_Return]) -> None:
    """Take from one customer's `lines` what `returns` undo; both are in order."""
    by_order: dict[str | None, list[_Line]] = defaultdict(list)
    by_item: dict[str | None, list[_Line]] = defaultdict(list)
    for line in lines:
        if line.order_id:
            by_order[line.order_id].append(line)
        if line.item_id:
            by_item[line.item_id].append(line)
    for act in returns:
        units = act.units
        for line in _meant(act, by_order[act.order_id or None], by_item[act.item_id or None]):
            taken = min(line.left, units)
            line.left -= taken
            units -= taken
            if line.left <= 0 and line.undone_by is None:
                line.undone_by = act.at, act.event_id
            if units <= 0:
                break


def _meant(act: _Return, of_order: Sequence[_Line], of_item: Sequence[_Line]) -> Sequence[_Line]:
    """The lines that a return may take from, the newest first; what came after it plays no part."""
    of_order = _before(act, of_order)
    if of_order:
        same = {None, act.item_id}
        lines = [line for line in of_order if act.item_id is None or line.item_id in same]
        return [] if _gives_back_less(act, of_order) else lines[::-1]
    if act.item_id is None or not act.has_own_number:
        return []
    lines = [line for line in _before(act, of_item) if line.undone_by is None]
    return lines[-1:] if act.units == inf else lines[::-1]


def _before(act: _Return, lines: Iterable[_Line]) -> list[_Line]:
    """Those that a return may take back: of the same moment too, whatever their ids: nothing goes back before it was bought."""
    return [line for line in lines if line.at <= act.at]


def _gives_back_less(act: _Return, order: Iterable[_Line]) -> bool:
    """Whether an act about a whole order gives back less than was paid for it: then nobody knows for what."""
    if act.item_id is not None or act.price is None:
        return False
    prices = [None if line.price is None else line.price * (line.quantity or 1) for line in order]
    paid = None if None in prices else sum(price for price in prices if price is not None)
    return paid is not None and abs(act.price) < paid - _CENT
