"""What a segment definition says, once read and checked."""

from dataclasses import dataclass
from datetime import timedelta

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

THINGS = ("event", "order", "item", "day")
"""What a count counts: each once while at least one matching event of it lies in the window."""


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
    """One question about a customer's events. Fields that the test does not use keep their defaults."""

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


@dataclass(frozen=True, slots=True)
class Definition:
    """A segment: who belongs to it (`when`: every condition, or one of them where `any_of`), and what it is.

    `title` and `reason` name `{group}`, `reason` also `{count}`, `{first}`, `{last}` and `{item}`.
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

    @property
    def depth(self) -> int | None:
        """The levels of the category in which this segment exists once each; None: it exists once."""
        return self.when[0].depth
