"""How acts, things and moments are put into plain words. What a reader may not be told is withheld at the door."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from audit.events.sensitive_topics import titles, topic_of_row
from audit.events.times import parse_iso
from audit.population.audience import FEWEST, AtEqualBreadth, SetsApart
from audit.population.coverage import Coverage, CoverageDocument, knows_groups, knows_shown
from audit.storage import toml_input

HAND_OVER = "hand to privacy"
"""What a reader does with what touches a sensitive topic or a changed life."""

UNNAMED = "something unnamed"
"""What an act is about of which nothing says that."""

MESSAGE_NOUNS = {"email": "mail", "sms": "text message", "push": "push message"}
"""What one message of a channel is called."""

_TITLES = 3
"""House value: so many titles of messages are named in one sentence."""

_UNDONE = "ordered {it} (returned or cancelled since)"
"""An order that does not stand."""

_UNASKED = "was sent {it} without having ordered it"
"""An order that the sender placed ahead of any act of the customer."""


@cache
def _called() -> dict[str, dict[str, str]]:
    """Kind of event → what one of it did (`act`), what many are called (`kind`), and one that did not happen (`one`): `acts.toml`."""
    return toml_input.shipped("audit.why", "acts.toml")


def _words(kind: str, form: str) -> str:
    return _called().get(kind, {}).get(form) or kind.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Wording:
    """Puts rows into words. `undone`: the event_ids of orders that do not stand (`purchases.undone`)."""

    undone: frozenset[str] = frozenset()

    def act(self, row: Mapping[str, Any]) -> str:
        """`bought Nail clipper`: what the customer did, or what was done."""
        special = {"order_unasked": _UNASKED, "order_undone": _UNDONE}.get(self.kind(row))
        return (special or _words(row["kind"], "act")).format(it=self.thing(row), segment=self.segment(row))

    def kind(self, row: Mapping[str, Any]) -> str:
        """The kind of event; of an order that is called something else `order_unasked` or `order_undone`."""
        if self.unasked(row):
            return "order_unasked"
        return "order_undone" if row.get("event_id") in self.undone else str(row["kind"])

    @staticmethod
    def unasked(row: Mapping[str, Any]) -> bool:
        """Whether `row` is an order that the sender placed ahead of any act of the customer."""
        return row["kind"] == "order_completed" and row.get("source") == "inferred"

    def thing(self, row: Mapping[str, Any]) -> str:
        """The item, else the category, else the words searched for; of a message that was sent, its subject or campaign."""
        if row.get("kind") == "message_sent":
            title = row.get("subject") or row.get("campaign_name") or row.get("campaign_id")
            return quoted(title) if title else UNNAMED
        if row.get("item_name") or row.get("item_id"):
            return " ".join(str(row.get("item_name") or f"item {row['item_id']}").split())
        if row.get("query"):
            return quoted(row["query"])
        if self.names_segment(row):
            return f"the segment {quoted(row['segment_id'])}"
        return str(row.get("category") or UNNAMED)

    def names_segment(self, row: Mapping[str, Any]) -> bool:
        """Whether what `thing` names is a segment."""
        other = row.get("item_name") or row.get("item_id") or row.get("query")
        return bool(row.get("segment_id")) and not other

    @staticmethod
    def segment(row: Mapping[str, Any]) -> str:
        """The name of the segment that `row` is about."""
        return quoted(row.get("segment_id") or "unnamed")

    def life(self, row: Mapping[str, Any]) -> str:
        """What changed a life."""
        reason = f" ({row['reason']})" if row.get("reason") else ""
        return f"the customer {self.act(row)}{reason}"

    @staticmethod
    def topic(row: Mapping[str, Any]) -> str | None:
        """That `row` touches a sensitive topic, and which one; None for most."""
        topic = topic_of_row(row)
        return (
            None
            if topic is None
            else f"it touches a sensitive topic: {titles().get(topic, topic)}; {HAND_OVER}"
        )


def quoted(text: object) -> str:
    """A text of the source's, in quotation marks."""
    return f"“{text}”"


def first_titles(titles: Sequence[str]) -> Sequence[str]:
    """Those of `titles` that are named: all of a few, else the first two."""
    return titles if len(titles) <= _TITLES else titles[: _TITLES - 1]


def titles_in_words(titles: Sequence[str]) -> str:
    """`“Feast days”, “Our week” and others`: what messages are called."""
    named = [quoted(title) for title in first_titles(titles)]
    if len(named) < len(titles):
        return f"{', '.join(named)} and others"
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


def day(moment: datetime) -> str:
    """`2026-03-01`, UTC."""
    return f"{moment:%Y-%m-%d}"


def minute(moment: datetime) -> str:
    """`2026-03-01 09:12`, UTC."""
    return f"{moment:%Y-%m-%d %H:%M}"


def several(number: int, noun: str) -> str:
    """`1 message`, `1,100 messages`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def days(first: datetime, last: datetime) -> str:
    """`on 2026-03-01`, `from 2026-03-01 to 2026-03-04`."""
    return f"on {day(first)}" if day(first) == day(last) else f"from {day(first)} to {day(last)}"


def span(length: timedelta) -> str:
    """`7 days`, `16 hours`."""
    hours = round(length / timedelta(hours=1))
    return several(hours, "hour") if hours % 24 else several(hours // 24, "day")


def messages_in_words(channel: str | None) -> str:
    """`mails`, `text messages`: what many messages of one channel are called."""
    return f"{MESSAGE_NOUNS.get(channel or '', 'message')}s"


def percent(share: float) -> str:
    """`82 %`; less than one as `0.4 %`, and never 0 or 100 where it is neither."""
    if 0 < share < 0.01 or 0.99 < share < 1:
        return f"{100 * share:.1f} %"
    return f"{100 * share:.0f} %"


_HAD = {
    "bought": "had bought {value}",
    "viewed": "had viewed {value}",
    "searched": "had searched for {value}",
    "segment": "were in the segment “{value}”",
    "profile": "had “{value}” in their profile (of those whose profile says it)",
    "list": "were on the list “{value}”",
}
"""What the recipients of a campaign had done or were."""


def had(fact: SetsApart) -> str:
    """`had bought Baby food in the 90 days before`: what sets the recipients of a campaign apart."""
    window = "" if fact.window is None else f" in the {fact.window.removesuffix('d')} days before"
    return _HAD[fact.what].format(value=fact.value) + window


def others_share(fact: SetsApart, fewest: int = FEWEST) -> str:
    """`5 %`; where that would tell of a few people, that they are few."""
    return f"fewer than {fewest} people" if fact.others_share is None else percent(fact.others_share)


def set_apart(fact: SetsApart) -> str:
    """`82 % of those who got it had bought Baby food in the 90 days before; of the others 5 %`."""
    return f"{percent(fact.recipients_share)} of those who got it {had(fact)}; of the others {others_share(fact)}"


_MANY = {
    "bought": ("buy {many} different things", "had bought {kinds} different kinds of things"),
    "viewed": ("look at {many} different things", "had looked at {kinds} different kinds of things"),
    "searched": ("search for {many} different things", "had searched for {kinds} different things"),
}
"""What those do who do `many`, or as many, different things, and had done."""


def breadth_of_both(breadth: AtEqualBreadth) -> str:
    """How many different things half of the recipients had done, and half of the others."""
    had_done = _MANY[breadth.act][1].format(kinds=f"{breadth.kinds:,}")
    half_of_others = (
        f"half of the others {breadth.others_kinds:,} or more"
        if breadth.others_kinds
        else "most of the others nothing"
    )
    days = breadth.window.removesuffix("d")
    return f"in the {days} days before, half of those who got it {had_done} or more, {half_of_others}"


def wide_audience_in_words(breadth: AtEqualBreadth, customer_kinds: int) -> str:
    """`… went to those who buy many different things`, and how many half of them, half of the others and the customer."""
    customer = f"this customer {f'{customer_kinds:,}' if customer_kinds else 'nothing'}"
    return f"this campaign went to those who {_MANY[breadth.act][0].format(many='many')}: {breadth_of_both(breadth)}; {customer}"


def alike(breadth: AtEqualBreadth) -> str:
    """`others who buy as many different things`: who recipients are held against at equal breadth."""
    return f"others who {_MANY[breadth.act][0].format(many='as many')}"


RECONSTRUCTION = {
    "unseen": "our reconstruction; the customer did not see this",
    "unshown": "our reconstruction; what was shown is not in this data",
    "unrecorded": "our reconstruction; the sender recorded no such group of this customer",
    "ungrouped": "our reconstruction; which groups the sender had is not in this data",
}
"""What is said of what only our definitions give: of recommendations, seen or not, and of segments."""


def unseen(coverage: Coverage | CoverageDocument) -> str:
    """Which of `RECONSTRUCTION` is true of recommendations."""
    return "unseen" if knows_shown(coverage) else "unshown"


def ungrouped(coverage: Coverage | CoverageDocument) -> str:
    """Which of `RECONSTRUCTION` is true of segments."""
    return "unrecorded" if knows_groups(coverage) else "ungrouped"


def reconstruction(coverage: Coverage | CoverageDocument) -> str:
    """What is said of recommendations that only our strategies give."""
    return RECONSTRUCTION[unseen(coverage)]


def added_in_words(event: Mapping[str, Any]) -> str:
    """`a look at “Nail clippers” on 2026-03-01 09:12`: an event that did not happen and would have ended something.

    `event`: what a counterfactual adds, `occurred_at` as ISO text.
    """
    thing = added_thing(event)
    one = _words(str(event["kind"]), "one").format(it=quoted(thing) if thing else "anything")
    return f"{one} on {minute(parse_iso(str(event['occurred_at'])))}"


def added_thing(event: Mapping[str, Any]) -> str:
    """What such an event is about; empty where it names nothing."""
    named = (
        "item_name",
        "item_id",
        "category",
        "query",
        "subject",
        "campaign_name",
        "campaign_id",
        "segment_id",
    )
    thing = next((str(event[name]) for name in named if event.get(name)), "")
    return thing.rpartition(" > ")[2]


def kinds_in_words(kinds: Iterable[str]) -> str:
    """`orders or views`: what kinds of events are called."""
    return " or ".join(_words(kind, "kind") for kind in kinds)
