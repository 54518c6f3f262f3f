"""What an explanation is: a tree of plain sentences whose leaves are events, or the absence of events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from audit.events.document import Document
from audit.population.audience import AtEqualBreadth, SetsApart
from audit.population.coverage import Gap
from audit.rules.book.documents import CoveringRule
from audit.why.expiry import Basis, End, Why
from audit.why.removed_events import Limit, RemovedEvents
from audit.why.silence import Stopped

Standing = Literal["stated", "derived", "inferred", "broadcast", "unexplained", "cannot_tell"]
"""stated: the sender recorded why; derived: our definition gives it; inferred: could be; broadcast: on a
list; unexplained: nothing accounts for it, and the data covers what would; cannot_tell: it does not."""


class Absence(Document, omit_defaults=True):
    """Kinds of events that did not occur from `since` (null: ever) to `until`, about one item or category where it says so."""

    kinds: tuple[str, ...]
    since: datetime | None = msgspec.field(name="from")
    until: datetime = msgspec.field(name="to")
    item_id: str | None = None
    category: str | None = None
    lists: tuple[str, ...] = ()
    """Of these lists, where it is about some."""
    on_them: bool = False
    """True where it speaks of the messages of the finding alone."""


class SaidAbout(Document, omit_defaults=True):
    """What a no or a yes is about, where it names that; sensitive topics are left out."""

    channel: str | None = None
    sender: str | None = None
    list_id: str | None = msgspec.field(name="list", default=None)
    topics: tuple[str, ...] = ()


class Delay(Document):
    """How long after an act a message came, and when by its definition it would have: as durations."""

    came: str
    wait: str
    leeway: str | None
    """How much later it may come at most; null: as much as one likes."""


class Facts(Document):
    """What a sentence says, for verdicts and for other languages; only what it says is there."""

    check: str | UnsetType = UNSET
    verdict: str | UnsetType = UNSET
    trigger: str | UnsetType | None = UNSET
    """What the sender recorded, or our definition asks for; null: we have no definition of that."""
    fits: Literal["yes", "no", "unknown"] | UnsetType = UNSET
    """Whether what was recorded fits the events."""
    condition: str | UnsetType = UNSET
    delay: Delay | UnsetType = UNSET
    holds: bool | UnsetType | None = UNSET
    about: str | UnsetType = UNSET
    """What a message is about."""
    act: str | UnsetType = UNSET
    """What the customer did: a kind of event."""
    thing: str | UnsetType = UNSET
    at: datetime | UnsetType = UNSET
    times: int | UnsetType = UNSET
    unasked: bool | UnsetType = UNSET
    """True of an order that the sender placed, ahead of any act of the customer."""
    undone: bool | UnsetType = UNSET
    """True of an order that was returned or cancelled since."""
    sensitive: bool | UnsetType = UNSET
    ended_it: bool | UnsetType = UNSET
    said_about: SaidAbout | UnsetType = UNSET
    """Of a no or a yes: what it is about."""
    list_id: str | UnsetType | None = msgspec.field(name="list", default=UNSET)
    since: datetime | UnsetType | None = UNSET
    """From when on the customer is on the list."""
    left: datetime | UnsetType = UNSET
    """When they left it."""
    covered: bool | UnsetType = UNSET
    """Whether the data holds what would account for it."""
    in_audience: bool | UnsetType = UNSET
    """True where that is how the customer came into an audience."""
    why: str | UnsetType = UNSET
    """Why what was looked at does not count; `{}`: the `figures` in their order."""
    figures: tuple[int, ...] | UnsetType = UNSET
    close: str | UnsetType = UNSET
    """How an act is related to the message."""
    further: int | UnsetType = UNSET
    """How many more acts it could go back to."""
    hand_over: str | UnsetType = UNSET
    """Why this is for privacy or care to answer."""
    topic: str | UnsetType = UNSET
    """Which sensitive topic it touches."""
    life: str | UnsetType = UNSET
    """What changed a life: a kind of event."""
    changed: datetime | UnsetType = UNSET
    """When a life changed."""
    before: bool | UnsetType = UNSET
    """Whether that was before the message."""
    strategy: str | UnsetType = UNSET
    origin: str | UnsetType = UNSET
    """Where a membership came from, where that was not the customer: third_party or inferred."""

    @property
    def did(self) -> str | UnsetType:
        """What `act` is called: its kind, or that of an order which nobody asked for or which does not stand."""
        return (
            "order_unasked" if self.unasked is True else "order_undone" if self.undone is True else self.act
        )


class SegmentFacts(Facts):
    """Those of an act whose `thing` is a segment, which is never named to the customer."""

    segment: str | UnsetType = UNSET
    """Its name."""


class AudienceFacts(Facts):
    """Those of an act that sets the people who got a campaign apart."""

    audience: SetsApart | UnsetType = UNSET


class BreadthFacts(Facts):
    """Those of a campaign whose recipients are set apart by doing many different things, and by nothing that the customer did."""

    breadth: AtEqualBreadth
    customer_kinds: int
    """How many different ones the customer did in that time before the message."""

    @property
    def is_broad(self) -> bool:
        """Whether the customer is nearer to the recipients than to the others: above the geometric mean of what half of both did."""
        return self.customer_kinds**2 > self.breadth.kinds * self.breadth.others_kinds


class CountedFacts(Facts):
    """Those of a sentence that counts events: how many, when, and how many of them were too many."""

    counted: Literal["messages", "acts", "orders"] = "messages"
    channel: str | UnsetType = UNSET
    """The one channel that the messages came over."""
    titles: tuple[str, ...] | UnsetType = UNSET
    """What their campaigns are called, the commonest first."""
    number: int = 0
    first: datetime | UnsetType = UNSET
    last: datetime | UnsetType = UNSET
    excess: int | None = None


class Reason(Document, kw_only=False):
    """One sentence, the events it rests on (event_ids) or the absence it rests on, and what stands behind it."""

    text: str
    events: tuple[str, ...] = ()
    absent: Absence | None = None
    """What did not happen."""
    because: tuple["Reason", ...] = ()
    facts: Facts | None = None

    def leaves(self) -> Iterator[str]:
        """All event_ids of this reason and of what stands behind it, in the order of reading."""
        yield from self.events
        for reason in self.because:
            yield from reason.leaves()


class LifeChange(Reason):
    """What changed a life; its sentence is for those who are told sensitive topics."""

    SENSITIVE: ClassVar[tuple[str, ...]] = ("text",)


class InItsPlace(Document):
    """What would be new in a strip without a recommendation; what would only move up is not."""

    strategy: str
    item_id: str
    title: str | None


class Counterfactual(Document):
    """Without the events `remove` the decision would not have been made; put any one back and it returns."""

    remove: tuple[str, ...]
    add: tuple[Mapping[str, Any], ...]
    """Events that would have ended it, had they happened."""
    outcome: str
    minimal: bool = True
    smallest: bool
    """Whether no smaller set is possible; said only where that is certain."""
    method: Literal["exact", "search"]
    enough: tuple[str, ...] = ()
    """Events each of which alone is enough, with every other cause left out."""
    needed: tuple[str, ...] = ()
    """Events without each of which alone it is gone."""
    found_otherwise: bool = False
    """Of a finding: the same check would then find the same messages for another reason."""
    tested: bool = False
    """False where that was too much to try."""
    tried: int = 0
    """How many histories were decided."""
    limit: Limit | None = None
    """Of messages: `remove` are those that this limit would have stopped."""
    removed: tuple[RemovedEvents, ...] = ()
    """What `remove` is, where it is more than five events, or lines of orders: by kind."""
    everything: bool = False
    """Whether all that the decision rests on has to go, or all that stands of its kind: nothing that has to be said."""
    besides: tuple[Reason, ...] = ()
    """Where the events of `remove` are named one by one: those that nothing above names, and for a recommendation what would step in."""
    instead: tuple[InItsPlace, ...] = ()
    """Of a recommendation: what would then come in for it, in each strip that would show something it does not show now."""

    @property
    def single_events(self) -> dict[Literal["enough", "needed"], tuple[str, ...]]:
        """Which single events are enough or needed, where that says more than that the one event of `remove` ends it."""
        known: dict[Literal["enough", "needed"], tuple[str, ...]] = {
            "enough": self.enough,
            "needed": self.needed,
        }
        removed = self.remove if len(self.remove) == 1 else ()
        return {what: events for what, events in known.items() if events not in {(), removed}}

    @property
    def each_is_enough(self) -> bool:
        """Whether each event of `remove` by itself would still have led to it, so that all have to go."""
        return set(self.enough) == set(self.remove)

    @property
    def removed_in_words(self) -> str:
        """What a set of many events is; empty of a smaller one, whose events are named, and where no rule tells it."""
        return " and ".join(group.in_words for group in self.removed) if self.ruled else ""

    @property
    def ruled(self) -> bool:
        """Whether it is told, kind by kind, which events go."""
        return bool(self.removed) and all(group.which for group in self.removed)

    @property
    def worth_saying(self) -> bool:
        """Whether it is worth a sentence what is left out: where it is not everything, and can be named or told by a rule."""
        return bool(self.remove) and not self.everything and (not self.removed or self.ruled)


class Subject(Document, kw_only=False):
    """What is explained, and when it was decided."""

    type: Literal["message", "segment", "item", "finding"]
    id: str
    title: str | None
    at: datetime | None


class FlowCondition(Document, kw_only=False):
    """A condition of a flow at the time a message was sent."""

    condition: str
    holds: bool | None
    """Null where the data cannot tell."""
    text: str
    events: tuple[str, ...] = ()
    delay: Delay | UnsetType = UNSET
    done: datetime | UnsetType = UNSET
    absent: Absence | UnsetType = UNSET


class FlowReconstruction(Document):
    """A message held against the definition of its campaign."""

    flow: str | None
    title: str
    trigger: str | None
    act: str | None
    """The event that set it off."""
    step: str | None
    due: datetime | None
    """From when on it may come."""
    conditions: tuple[FlowCondition, ...]
    holds: bool
    """Whether every condition held that can be told."""
    asks_for: str | None
    carries: str | None


class RuleVerdict(Document):
    """What a rule says of a message."""

    id: str
    title: str = ""
    version: int | None
    verdict: Literal["stops", "allows", "cannot_tell"]
    text: str
    counted: tuple[str, ...]
    next_allowed_at: datetime | None


class WhyDocument(Document, schema="whysent.why/1"):
    """Why one decision was made, and when it ends."""

    customer: str
    at: datetime
    known_at: datetime | None = None
    """The moment of `--known-at`: what was imported later is left out, and what a later export replaced stands as it stood."""
    subject: Subject
    standing: Standing
    until: datetime | None
    """When it ends if nothing new happens; null: no day does."""
    until_why: Why
    until_basis: Basis | None = None
    """What that date rests on: an event of the log, a definition of this workspace, or a default of the program."""
    until_text: str
    ends_with: tuple[str, ...]
    """Kinds of acts that can end it."""
    counts_until: datetime | None
    """Of a finding: from when on one more of the same would not count to it."""
    none_since: datetime | None = None
    """Of messages: the newest one, where none has come since for longer than any pause before, and the log goes on."""
    last_came: datetime | None = None
    """Of a finding: when the newest message like its messages came, where the log does not show that they stopped."""
    known_until: datetime | None = None
    """Up to when the log of messages goes after that."""
    known_gaps: tuple[Gap, ...] = ()
    """The days within that time from which messages may be missing."""
    none_of: Stopped | None = None
    """Of which messages that is said: messages of the campaign or campaigns, of the subject, about the matter, any marketing over the
    channel; or `again`: what was found has not happened again."""
    because: tuple[Reason, ...]
    evidence: tuple[str, ...]
    counterfactual: Counterfactual | None
    """Null of what only the log has, and of a breach."""
    reconstruction: FlowReconstruction | None
    left_out: tuple[Reason, ...]
    """What has to do with it and does not count, and why."""
    rules: tuple[RuleVerdict, ...]
    covered_by: CoveringRule | None = None
    """Of a finding: the rule of the book that already stops it."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one decision was made, as far as the data can say, and when it ends: the fields as those of `WhyDocument`."""

    customer: str
    at: datetime
    subject: Subject
    standing: Standing
    because: tuple[Reason, ...]
    end: End
    counterfactual: Counterfactual | None = None
    reconstruction: FlowReconstruction | None = None
    left_out: tuple[Reason, ...] = ()

    @property
    def until(self) -> datetime | None:
        """The first moment (UTC) at which it is gone if nothing new happens; None where no day does."""
        return self.end.until

    @property
    def evidence(self) -> tuple[str, ...]:
        """Every event_id that the tree stands on, each once, in the order of reading."""
        return tuple(dict.fromkeys(event for reason in self.because for event in reason.leaves()))

    def document(self, rules: Sequence[Mapping[str, Any]] = ()) -> WhyDocument:
        """The document, with what each of the `rules` that are on says of a message."""
        silence = self.end.silence_told
        return WhyDocument(
            customer=self.customer,
            at=self.at,
            subject=self.subject,
            standing=self.standing,
            until=self.end.until,
            until_why=self.end.why,
            until_basis=self.end.basis,
            until_text=self.end.in_words(self.at),
            ends_with=tuple(self.end.ends_with),
            counts_until=self.end.counts_until,
            none_since=silence.since if silence and silence.over else None,
            last_came=silence.since if silence and not silence.over else None,
            known_until=silence.until if silence else None,
            known_gaps=tuple(Gap(begin=begin, end=end) for begin, end in silence.gaps) if silence else (),
            none_of=silence.of if silence else None,
            because=self.because,
            evidence=self.evidence,
            counterfactual=self.counterfactual,
            reconstruction=self.reconstruction,
            left_out=self.left_out,
            rules=msgspec.convert(rules, tuple[RuleVerdict, ...]),
        )
