"""A suppression rule: what can be written down, and what is refused.

The kinds, their keys and their defaults are those of the rules file in the documentation; a rule that exists has
been checked. Nothing in here judges a message.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from audit.errors import InputError
from audit.events.times import duration, iso
from audit.rules.key_readers import READERS

SCOPES = ("channels", "campaigns", "categories", "topics", "items", "customers", "senders")
"""What a rule may be limited to; each also as `except_...`."""

CHECKED_ORDER = (
    "consent", "mute", "sensitive", "exclude_event", "cooldown", "sunset", "min_gap", "frequency_cap", "quiet_hours",
)  # fmt: skip
"""Every kind of rule, in the order in which they are checked."""

DEFERRING = ("frequency_cap", "min_gap", "quiet_hours")
"""The kinds that may put a message off instead of stopping it."""

CAPS = ("min_gap", "frequency_cap")
"""The kinds that hold the number of messages in a window to a limit, and read nothing but messages."""

COUNTING = ("sunset", *CAPS)
"""The kinds that count what was let through."""

READING_CAUSES = ("sensitive", "exclude_event")
"""The kinds that ask why a message was sent: they judge by its causes and sensitive topics."""

ENGAGEMENT = {"click": "message_clicked", "open": "message_opened"}
"""What a sunset may take for a response, and the kind of event that shows it."""

CALENDAR = ("1h", "1d", "1w", "1mo")
"""The windows that a calendar cap may have."""

REPURCHASE = "repurchase"

_REQUIRED: dict[str, tuple[str, ...]] = {
    "consent": (),
    "mute": (),
    "sensitive": (),
    "exclude_event": ("events",),
    "cooldown": ("window", "after"),
    "sunset": ("unengaged",),
    "min_gap": ("window",),
    "frequency_cap": ("limit", "window"),
    "quiet_hours": ("quiet",),
}
_OPTIONAL: dict[str, tuple[str, ...]] = {
    "consent": ("grace",),
    "mute": (),
    "sensitive": (),
    "exclude_event": (),
    "cooldown": ("same", "depth", "fallback"),
    "sunset": ("engagement", "per"),
    "min_gap": ("per",),
    "frequency_cap": ("window_kind", "time_zone", "week_start", "per", "exempt_counts"),
    "quiet_hours": ("time_zone",),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, checked. An empty scope is no restriction; times are UTC; `version` is the book's, None for a file's.

    Durations stay as written (`7d`): `span`, `fallback_span`, `grace_span` give them as timedelta. `events` are
    event_ids.
    """

    id: str
    kind: str
    title: str = ""
    channels: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    except_channels: tuple[str, ...] = ()
    except_campaigns: tuple[str, ...] = ()
    except_categories: tuple[str, ...] = ()
    except_topics: tuple[str, ...] = ()
    except_items: tuple[str, ...] = ()
    except_customers: tuple[str, ...] = ()
    except_senders: tuple[str, ...] = ()
    message_classes: tuple[str, ...] = ("marketing",)
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    enabled: bool = True
    declared: bool = False
    on_fail: str = "drop"
    note: str = ""
    limit: int | None = None
    window: str | None = None
    window_kind: str = "rolling"
    time_zone: str = "customer"
    week_start: str = "monday"
    per: tuple[str, ...] = ("customer",)
    exempt_counts: bool = False
    after: tuple[str, ...] = ()
    same: str = "nothing"
    depth: int | None = None
    fallback: str = "180d"
    quiet: str | None = None
    unengaged: int | None = None
    engagement: str = "click"
    grace: str = "0d"
    events: tuple[str, ...] = ()
    version: int | None = field(default=None, compare=False)

    @property
    def stops(self) -> bool:
        """Whether it takes part in a replay: switched on, and ours rather than declared by the sender."""
        return self.enabled and not self.declared

    @property
    def reads_clock(self) -> bool:
        """Whether it asks what a clock on the wall shows, so that it needs a time zone."""
        return self.kind == "quiet_hours" or self.window_kind != "rolling"

    @property
    def may_not_tell(self) -> bool:
        """Whether it may lack what it needs to judge: a time zone, any record of responses, the causes of a message."""
        return self.reads_clock or self.reads_causes or self.kind == "sunset"

    @property
    def reads_causes(self) -> bool:
        """Whether it asks why a message was sent."""
        return self.kind in READING_CAUSES

    @property
    def span(self) -> timedelta:
        """A rolling window's length."""
        return duration(self.window or "")

    @property
    def fallback_span(self) -> timedelta:
        """How long a re-purchase cooldown lasts where no interval is known."""
        return duration(self.fallback)

    @property
    def grace_span(self) -> timedelta:
        """How long after a no a message may still go out."""
        return duration(self.grace)


BODY = tuple(one.name for one in fields(Rule) if one.name != "version")
"""The keys of the rules file, in the order they are written."""

_OF_EVERY_KIND = tuple(
    name
    for name in BODY
    if name not in {key for keys in (*_REQUIRED.values(), *_OPTIONAL.values()) for key in keys}
)


def keys(kind: str) -> tuple[str, ...]:
    """The keys that a rule of `kind` may have, in the order they are written."""
    own = {*_OF_EVERY_KIND, *_REQUIRED[kind], *_OPTIONAL[kind]}
    return tuple(name for name in BODY if name in own)


def needed(kind: str) -> tuple[str, ...]:
    """The keys that a rule of `kind` has to have besides id and kind."""
    return _REQUIRED[kind]


def default(kind: str, key: str) -> Any:
    """What `key` is for a rule of `kind` that does not say; None where it has to be said."""
    if key == "on_fail":
        return "defer" if kind == "quiet_hours" else "drop"
    made = _DEFAULTS[key]
    return None if made is MISSING else made


def from_dict(document: Mapping[str, Any], *, version: int | None = None) -> Rule:
    """The rule that `document`, a table of the rules file or the same as JSON, describes.

    Raises InputError naming the rule, the key, and for an unknown key the nearest one there is.
    """
    name = document.get("id")
    where = f"rule {name!r}" if isinstance(name, str) and name else "a rule without id"
    kind = _kind(document, where)
    _refuse_keys(document, kind, where)
    values = {key: _value(key, value, where) for key, value in document.items()}
    rule = Rule(**{"on_fail": default(kind, "on_fail"), **values, "version": version})
    _refuse_contradictions(rule, where)
    return rule


MOST = 1_000
"""Rules in a file or a book, at most: our choice. A message is asked of every rule; ten thousand take minutes for a small
workspace, and a set that people still oversee has tens."""


def refuse_too_many(count: int) -> None:
    """Raises InputError if a file or book would hold more rules than it may."""
    if count > MOST:
        raise InputError(f"holds {count:,} rules; a set has {MOST:,} at most, so leave out or join some")


def from_dicts(documents: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Several rules. Raises InputError at the first that is wrong, and if an id stands twice."""
    made: dict[str, Rule] = {}
    for document in documents:
        rule = from_dict(document)
        if rule.id in made:
            raise InputError(f"rule {rule.id!r}: id: stands twice; every rule needs an id of its own")
        made[rule.id] = rule
    return tuple(made.values())


def to_dict(rule: Rule) -> dict[str, Any]:
    """`rule` as a table of the rules file, without the keys that have their default; made of JSON's own types."""
    written: dict[str, Any] = {"id": rule.id, "kind": rule.kind}
    for key in keys(rule.kind):
        value = getattr(rule, key)
        if key not in written and value != default(rule.kind, key):
            written[key] = (
                iso(value)
                if isinstance(value, datetime)
                else list(value)
                if isinstance(value, tuple)
                else value
            )
    return written


def checked_order(rules: Iterable[Rule]) -> list[Rule]:
    """The rules that take part in a replay, in the order they are checked."""
    return sorted((rule for rule in rules if rule.stops), key=lambda rule: CHECKED_ORDER.index(rule.kind))


_DEFAULTS = {one.name: one.default for one in fields(Rule)}


def _kind(document: Mapping[str, Any], where: str) -> str:
    for key in ("id", "kind"):
        if key not in document:
            raise InputError(f"{where}: {key}: is missing; every rule needs id and kind")
    kind = document["kind"]
    if kind not in CHECKED_ORDER:
        raise InputError(f"{where}: kind: there is no {kind!r}{_nearest(kind, CHECKED_ORDER)}")
    return str(kind)


def _refuse_keys(document: Mapping[str, Any], kind: str, where: str) -> None:
    allowed = keys(kind)
    for key in document:
        if key not in BODY:
            raise InputError(f"{where}: {key}: unknown key{_nearest(key, BODY)}")
        if key not in allowed:
            raise InputError(f"{where}: {key}: {kind} does not use it; leave it out")
    for key in _REQUIRED[kind]:
        if key not in document:
            raise InputError(f"{where}: {key}: is missing; {kind} needs {' and '.join(_REQUIRED[kind])}")


def _value(key: str, value: Any, where: str) -> Any:
    try:
        return READERS[key](value)
    except InputError as error:
        raise InputError(f"{where}: {key}: {error}") from error


def _refuse_contradictions(rule: Rule, where: str) -> None:
    if rule.valid_from and rule.valid_until and rule.valid_from >= rule.valid_until:
        raise InputError(f"{where}: valid_until: has to be later than valid_from")
    if rule.on_fail == "defer" and rule.kind not in DEFERRING:
        raise InputError(f"{where}: on_fail: {rule.kind} cannot defer; only {', '.join(DEFERRING)} can")
    for scope in SCOPES:
        wanted, unwanted = getattr(rule, scope), getattr(rule, f"except_{scope}")
        if wanted and all(_taken_away(one, unwanted, scope) for one in wanted):
            raise InputError(
                f"{where}: except_{scope}: takes away all that {scope} names; nothing would be judged"
            )
    if rule.window is not None:
        _refuse_window(rule, where)


def _taken_away(named: str, unwanted: Iterable[str], scope: str) -> bool:
    """Whether an `except_` covers what a scope names; that of a category covers what lies under it."""
    return any(named == one or (scope == "categories" and named.startswith(f"{one} > ")) for one in unwanted)


def _refuse_window(rule: Rule, where: str) -> None:
    assert rule.window is not None
    if rule.window_kind == "calendar":
        if rule.window not in CALENDAR:
            raise InputError(
                f"{where}: window: {rule.window!r} is no calendar window; one of {', '.join(CALENDAR)}"
            )
    elif rule.window == REPURCHASE:
        if rule.kind != "cooldown":
            raise InputError(
                f"{where}: window: only a cooldown can last until the re-purchase; write 30m, 16h, 7d or 4w"
            )
    elif rule.window == "1mo":
        raise InputError(
            f'{where}: window: 1mo is a calendar window; add window_kind = "calendar", or write 30d'
        )


def _nearest(word: Any, known: Iterable[str]) -> str:
    found = get_close_matches(str(word), known, n=1, cutoff=0)
    return f"; the nearest is {found[0]}" if found else ""
