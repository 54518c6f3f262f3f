"""Which events a condition looks at."""

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, TypeVarTuple

import polars as pl

from audit.events.purchases import without_undone
from audit.population.coverage import Coverage
from audit.population.stats import PRICES
from audit.segments.groups import grouped
from audit.segments.model import Condition, Selection
from audit.segments.models import Models

_COLUMNS = (
    "event_id", "occurred_at", "kind", "order_id", "item_id", "item_name", "list_id", "category", "quantity",
    "price", "attributes", "topics", "country", "time_zone", "mailbox_provider", "zone", "channel", "sender", "message_id", "machine",
)  # fmt: skip
_SELF = ("self", "me", "myself", "customer")
_ASKED = ("query", "campaign_name", "subject", "gift", "recipient")
READ = ("customer_id", "segment_id", *(name for name in _COLUMNS if name != "zone"), *_ASKED)
"""The columns of events that segments are derived from."""

_TEXTS = ("category", "item_name", "query", "campaign_name", "subject")


Result = TypeVar("Result")
About = TypeVarTuple("About")


class SelectedEvents:
    """The events of whole customers by selection, and all that is worked out of them, each once; orders as they stand at `at`.

    `rows(selection)` has `row` (number in the frame, in order), `person` (number of the customer), `event_id`,
    `occurred_at` and what conditions need. `people` maps `person` to `customer_id`. `prices`: where the thirds of a
    category's prices part (`audit.population.stats.PRICES`); `models`: what the workspace has learned;
    `coverage`: how far the data reaches, so that nothing is taken for absent beyond it.
    """

    def __init__(
        self,
        events: pl.DataFrame,
        at: datetime,
        prices: pl.DataFrame | None = None,
        models: Models | None = None,
        coverage: Coverage | None = None,
    ) -> None:
        self.models = models or Models()
        self.coverage = coverage
        self._events = without_undone(events.filter(pl.col("occurred_at") <= at)).select(
            pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
            pl.col("customer_id").rle_id().alias("person"),
            "customer_id",
            pl.col("time_zone").forward_fill().over("customer_id").alias("zone"),
            *(name for name in _COLUMNS if name != "zone"),
            *_ASKED,
        )
        self._prices = pl.DataFrame(schema=PRICES) if prices is None else prices
        self._memo: dict[Hashable, Any] = {}
        self.people = self._events.select("person", "customer_id").unique("person", maintain_order=True)

    def once(self, derive: Callable[["SelectedEvents", *About], Result], *about: *About) -> Result:
        """What `derive` gives of these events and `about`: worked out the first time, then remembered."""
        key = (derive, *about)
        if key not in self._memo:
            self._memo[key] = derive(self, *about)
        result: Result = self._memo[key]
        return result

    def rows(self, selection: Selection) -> pl.DataFrame:
        """The events that agree with `selection`, in order."""
        return self.once(SelectedEvents._matching_rows, selection)

    def grouped(self, condition: Condition) -> pl.DataFrame:
        """The events that `condition` looks at, with the `group` each is in; see `groups.grouped`."""
        return self.once(SelectedEvents._grouped_rows, replace(condition, at_least=1, window=None))

    def described(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add to a frame with `row` what those events are: `event_id, occurred_at, kind, item_id, item_name, list_id`."""
        facts = self._events.select("event_id", "occurred_at", "kind", "item_id", "item_name", "list_id")
        return pl.concat([rows, facts[rows["row"]]], how="horizontal")

    def persons(self, customers: pl.Series) -> pl.Series:
        """The numbers of these customers."""
        return self.people.filter(pl.col("customer_id").is_in(customers.implode()))["person"]

    def _grouped_rows(self, condition: Condition) -> pl.DataFrame:
        return grouped(self.rows(condition.events), condition, self._prices)

    def _matching_rows(self, selection: Selection) -> pl.DataFrame:
        rows = self.once(SelectedEvents._of_kinds, selection.kinds).lazy()
        about = self._about(selection)
        if about is not None:
            rows = rows.filter(about)
        return rows.filter(*_marks(selection)).select("row", "person", *_COLUMNS).collect()

    def _about(self, selection: Selection) -> pl.Series | None:
        """Whether each event of its kinds is about what `selection` names; None where it names nothing, or there is none."""
        rows = self.once(SelectedEvents._of_kinds, selection.kinds)
        alternatives = []
        if selection.categories:
            alternatives.append(_matching(rows["category"], _scopes(selection.categories)))
        if selection.words:
            alternatives.append(
                _matching(self.once(SelectedEvents._texts, selection.kinds), _words(selection.words))
            )
        if selection.topics:
            alternatives.append(_matching(rows["topics"].list.join("\n"), _topics(selection.topics)))
        if not alternatives or rows.is_empty():
            return None
        return pl.select(pl.any_horizontal(alternatives)).to_series()

    def _texts(self, kinds: tuple[str, ...]) -> pl.Series:
        rows = self.once(SelectedEvents._of_kinds, kinds)
        return rows.select(pl.concat_str(_TEXTS, separator=" | ", ignore_nulls=True).alias("text"))["text"]

    def _of_kinds(self, kinds: tuple[str, ...]) -> pl.DataFrame:
        return self._events.filter(pl.col("kind").is_in(list(kinds)))


def _marks(selection: Selection) -> Iterator[pl.Expr]:
    if selection.gift:
        somebody = pl.col("recipient").is_not_null() & ~pl.col("recipient").str.to_lowercase().is_in(_SELF)
        yield pl.col("gift").fill_null(value=False) | somebody
    if selection.quantity_at_least is not None:
        yield pl.col("quantity") >= selection.quantity_at_least


def _matching(texts: pl.Series, pattern: str) -> pl.Series:
    """Whether each text matches; each different text is tried once, for a fleet repeats few of them."""
    different = texts.drop_nulls().unique()
    fitting = different.filter(different.str.contains(pattern))
    return texts.is_in(fitting.implode()).fill_null(value=False)


def _scopes(categories: tuple[str, ...]) -> str:
    return f"(?i)^(?:{'|'.join(map(re.escape, categories))})(?: > |$)"


def _words(words: tuple[str, ...]) -> str:
    spaced = (r"[\s-]+".join(map(re.escape, word.split())) for word in words)
    return rf"(?i)\b(?:{'|'.join(spaced)})s?\b"


def _topics(topics: tuple[str, ...]) -> str:
    return f"(?im)^(?:{'|'.join(map(re.escape, topics))})$"
