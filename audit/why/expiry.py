"""When a decision ends if nothing new happens: a moment, or a word for why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from audit import segments
from audit.events.times import iso
from audit.why.wording import day, kinds_in_words

Why = Literal[
    "window",
    "at_latest",
    "series",
    "ended",
    "subscribed",
    "said_no",
    "lasting",
    "profile",
    "logged",
    "shown",
    "happened",
    "unknown",
]
"""docs/semantics.md says what each means."""

_WITHOUT_A_DAY: dict[Why, str] = {
    "subscribed": "It goes on as long as the customer is subscribed; {acts} ends it.",
    "said_no": "The customer has already said no: it should have stopped, and nothing in this data says when it does.",
    "lasting": "It goes on until something new ends it: {acts}.",
    "profile": "It goes on until newer data says otherwise.",
    "logged": "It goes on until whoever recorded it takes it back; they name no day.",
    "shown": "It was shown; nothing in this data says when it stops.",
    "happened": "It happened, and that stays: there is nothing that continues.",
    "unknown": "Nothing in this data says when it stops.",
}

_FEWER: dict[Why, str] = {
    "lasting": "It goes on: nothing that we know of ends it.",
    "subscribed": "It goes on as long as the customer is on the list.",
}
"""What is said where no kind of act is known to end it."""


@dataclass(frozen=True, slots=True)
class End:
    """`until` (UTC): the first moment at which it is gone if nothing new happens (`at_latest`: if not sooner); None where no day does, and `why`
    says what keeps it. `ends_with`: kinds of acts that can end it. `counts_until` (UTC): of a finding, from when on one
    more of the same would not add to it; None where no day does.
    """

    until: datetime | None
    why: Why
    ends_with: tuple[str, ...] = ()
    counts_until: datetime | None = None

    def to_json(self, at: datetime) -> dict[str, Any]:
        """`until`, `until_why`, `until_text` and `ends_with`, as every document writes them, asked at `at`."""
        return {
            "until": iso(self.until),
            "until_why": self.why,
            "until_text": self.in_words(at),
            "ends_with": list(self.ends_with),
        }

    def in_words(self, at: datetime) -> str:
        """One sentence or two, said at `at` (UTC)."""
        if self.until is not None and self.until > at and self.why == "at_latest":
            return f"It stops on {day(self.until)} at the latest if nothing new happens; others may push it out sooner."
        if self.until is not None and self.until > at:
            return f"It stops on {day(self.until)} if nothing new happens."
        if self.until is not None:
            over = "the series was over" if self.why == "series" else "what it rested on ended"
            return f"It has stopped: {over} on {day(self.until)}."
        alone = None if self.ends_with else _FEWER.get(self.why)
        text = alone or _WITHOUT_A_DAY[self.why].format(acts=kinds_in_words(self.ends_with[:1]))
        return " ".join([text, *self._more(at)])

    def _more(self, at: datetime) -> Sequence[str]:
        if self.why == "unknown" and self.ends_with:
            return [f"{kinds_in_words(self.ends_with[:1]).capitalize()} should end it."]
        if self.counts_until is not None and self.counts_until > at:
            return [f"One more of the same before {day(self.counts_until)} would count to it."]
        return []


def recommendation_end(row: Mapping[str, Any]) -> End:
    """The end of a row of `recommend.strips`: when our strategy gives it no more, else unknown to us."""
    return End(row["until"], "at_latest") if row["derived"] else End(None, "shown")


def membership_end(row: Mapping[str, Any], chosen: tuple[segments.Definition, ...]) -> End:
    """The end of a row of `segments.memberships` that the definitions `chosen` gave, or that only the log has."""
    if not row["derived"]:
        return End(None, "logged", ("segment_left",))
    if row["until"] is not None:
        return End(row["until"], "window")
    one = segments.concerning(chosen, row["id"])[0]
    states = all(condition.test == "state" for condition in one.when)
    return End(None, "profile" if states else "lasting", one.ended_by)
