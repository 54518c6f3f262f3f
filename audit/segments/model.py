"""What a segment definition says, once read and checked."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b

from audit.events.purchases import ORDER
from audit.population.stats import PopulationContext
from audit.segments.models import Models

BASES = (
    "demographic",
    "behavioral",
    "psychographic",
    "geographic",
    "value",
    "life_stage",
    "learned",
    "third_party",
)
"""What a segment may rest on."""

TESTS = ("count", "sum", "share", "first", "absent", "open", "state")
"""The questions a condition can ask; `definitions.toml` says what each means."""

LEARNED = ("groups", "lifetime")
"""Questions that only a model answers; nobody writes them down."""

THINGS = ("event", "order", "item", "day")
"""What a count counts: each once while at least one matching event of it lies in the window."""


BY = ("category", "price_band", "daypart", "topic", "value")
"""What a segment may exist once for each of: the category cut to `depth` levels, the third of that category's prices,
the part of the customer's day, a topic, what a profile says."""

COLUMNS = ("country", "time_zone", "mailbox_provider")
"""Columns of an event, beside its attributes, that say what somebody is or where."""

BETWEEN = " | "
"""What stands between the parts of a group, in its id; as it is told, `TOLD_BETWEEN`."""

TOLD_BETWEEN = ", "


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events a condition looks at; everything named must agree.

    `categories` (paths, with what lies under them), `words` (whole words in category, names, query, topics,
    campaign and subject) and `topics` are alternatives: one of them is enough. Case never matters.
    """

    kinds: tuple[str, ...]
    categories: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    gift: bool = False
    quantity_at_least: float | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about a customer's events. Fields that the test does not use keep their defaults.

    `fifth` and `window_fifth`: `at_least` and `window` are where that share of customers ends (`audit.population.quantiles`); the
    numbers are put in when the facts are at hand, see `thresholds`. `above_fifth`: where that is known, `at_least` is no less than
    where that share of customers ends. `model`: of the tests in `LEARNED`, which one.
    """

    test: str
    events: Selection
    at_least: float = 1
    things: str = "event"
    window: timedelta | None = None
    after: timedelta = timedelta(0)
    ends: tuple[str, ...] = ()
    same: str | None = None
    depth: int | None = None
    keys: tuple[str, ...] = ()
    equals: tuple[str, ...] = ()
    share: float = 0.0
    by: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    each: bool = False
    bands: tuple[float, ...] = ()
    starts: tuple[str, ...] = ()
    fifth: float | None = None
    above_fifth: float | None = None
    window_fifth: float | None = None
    model: str | None = None

    @property
    def looks_at_orders(self) -> bool:
        """Whether it looks at orders, whatever was bought in them: in what was bought they are told one by one."""
        about = self.events.categories or self.events.words or self.events.topics or self.by
        return self.events.kinds == (ORDER,) and self.things != "item" and self.test != "share" and not about

    @property
    def ended_by(self) -> tuple[str, ...]:
        """The kinds of events of which one can end it where no window does."""
        if self.test == "open":
            return self.ends
        return self.events.kinds if self.test in ("absent", "state", "share") else ()


@dataclass(frozen=True, slots=True)
class Definition:
    """A segment: who belongs to it (`when`: every condition, or one of them where `any_of`), and what it is.

    `finer_than` names the definition whose groups this one divides further: where both hold, the finer one stands; one without groups stands in
    the place of all groups of the other that nobody logged.
    `title` and `reason` name `{group}`, `reason` also `{count}`, `{first}`, `{last}` and `{item}`, and `{bar}`: the number
    asked for where `above_fifth` may raise it.
    """

    id: str
    title: str
    aliases: tuple[str, ...]
    basis: str
    purpose: str
    sensitive: bool
    source: str
    reason: str
    any_of: bool
    when: tuple[Condition, ...]
    finer_than: str | None = None

    @property
    def grouped(self) -> bool:
        """Whether this segment exists once for each category, topic or value; else it exists once."""
        return bool(self.when[0].by)

    @property
    def ended_by(self) -> tuple[str, ...]:
        """The kinds of events of which one can end a membership that no window ends."""
        return tuple(dict.fromkeys(kind for condition in self.when for kind in condition.ended_by))

    @property
    def looks_at_orders(self) -> bool:
        """Whether it looks at orders, whatever was bought in them."""
        return all(condition.looks_at_orders for condition in self.when)

    @property
    def version(self) -> str:
        """A digest of everything the definition says, so that two versions of it can be told apart."""
        return blake2b(repr(self).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class SegmentContext(PopulationContext):
    """`definitions`: those of the workspace, its own and ours; empty: ours. `models`: what the workspace has learned, if it has."""

    definitions: tuple[Definition, ...] = ()
    models: Models | None = None
