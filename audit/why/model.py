"""What an explanation is: a tree of plain sentences whose leaves are events, or the absence of events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from audit.events.document import Document
from audit.events.times import iso
from audit.why.expiry import End

Standing = Literal["stated", "derived", "inferred", "broadcast", "unexplained"]
"""stated: the sender recorded why; derived: our definition gives it; inferred: could be; broadcast: on a
list; unexplained: nothing accounts for it."""


class Absence(Document, omit_defaults=True):
    """Kinds of events that did not occur from `since` (null: ever) to `until`, about one item or category where it says so."""

    kinds: tuple[str, ...]
    since: datetime | None = msgspec.field(name="from")
    until: datetime = msgspec.field(name="to")
    item_id: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence, the events it rests on (event_ids) or the absence it rests on, and what stands behind it.

    `absent` says which kinds did not occur: `kinds`, `from`, `to`, and `item_id` or `category`. `facts` says for
    reports in other languages what the sentence says in words: `about`; `act`, `thing`, `at`, `times`; `trigger`,
    `fits`; `list`, `since`; `hand_over` (this is for privacy to answer).
    """

    text: str
    events: tuple[str, ...] = ()
    absent: Mapping[str, Any] | None = None
    because: tuple["Reason", ...] = ()
    facts: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """An entry of `because` of `whysent why --json`."""
        return {
            "text": self.text,
            "events": list(self.events),
            "absent": None if self.absent is None else dict(self.absent),
            "because": [reason.to_json() for reason in self.because],
            "facts": None if self.facts is None else dict(self.facts),
        }

    def leaves(self) -> Iterator[str]:
        """All event_ids of this reason and of what stands behind it, in the order of reading."""
        yield from self.events
        for reason in self.because:
            yield from reason.leaves()


@dataclass(frozen=True, slots=True)
class Causes:
    """What single events do: those each of which alone is `enough` for the decision with every other cause left out,
    and those without each of which alone it is gone (`needed`). `tested` is False where that was too much to try.
    """

    enough: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    tested: bool = False


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Without the events `remove` the decision would not have been made; put any one back and it returns.

    `add` names events whose addition would have ended it. `smallest` is said only where no smaller set was
    possible; `method` is `exact` where that is certain, else `search`. `tried`: how many histories were decided.
    `instead`: of a recommendation, what would then stand in its place in each strip (`strategy, item_id, title`).
    """

    remove: tuple[str, ...]
    add: tuple[Mapping[str, Any], ...]
    outcome: str
    smallest: bool
    method: Literal["exact", "search"]
    causes: Causes = Causes()
    tried: int = 0
    instead: tuple[Mapping[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The `counterfactual` of `whysent why --json`."""
        return {
            "remove": list(self.remove),
            "add": [dict(event) for event in self.add],
            "outcome": self.outcome,
            "minimal": True,
            "smallest": self.smallest,
            "method": self.method,
            "enough": list(self.causes.enough),
            "needed": list(self.causes.needed),
            "tested": self.causes.tested,
            "tried": self.tried,
            "instead": [dict(item) for item in self.instead],
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """What is explained: `type` is message, segment, item or finding; `at` (UTC) is when it was decided."""

    type: Literal["message", "segment", "item", "finding"]
    id: str
    title: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one decision was made, as far as the data can say, and when it ends if nothing new happens.

    `reconstruction`: a message held against the definition of its flow; `left_out`: acts that have to do with it and do
    not count, and why.
    """

    customer: str
    at: datetime
    subject: Subject
    standing: Standing
    because: tuple[Reason, ...]
    end: End
    counterfactual: Counterfactual | None = None
    rules: tuple[Mapping[str, Any], ...] = ()
    reconstruction: Mapping[str, Any] | None = None
    left_out: tuple[Reason, ...] = ()

    @property
    def until(self) -> datetime | None:
        """The first moment (UTC) at which it is gone if nothing new happens; None where no day does."""
        return self.end.until

    @property
    def evidence(self) -> tuple[str, ...]:
        """Every event_id that the tree stands on, each once, in the order of reading."""
        return tuple(dict.fromkeys(event for reason in self.because for event in reason.leaves()))

    def to_json(self) -> dict[str, Any]:
        """The document `whysent.why/1`."""
        return {
            "schema": "whysent.why/1",
            "customer": self.customer,
            "at": iso(self.at),
            "subject": {
                "type": self.subject.type,
                "id": self.subject.id,
                "title": self.subject.title,
                "at": iso(self.subject.at),
            },
            "standing": self.standing,
            **self.end.to_json(self.at),
            "counts_until": iso(self.end.counts_until),
            "because": [reason.to_json() for reason in self.because],
            "evidence": list(self.evidence),
            "counterfactual": None if self.counterfactual is None else self.counterfactual.to_json(),
            "reconstruction": None if self.reconstruction is None else dict(self.reconstruction),
            "left_out": [reason.to_json() for reason in self.left_out],
            "rules": [dict(rule) for rule in self.rules],
        }
