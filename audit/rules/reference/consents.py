"""What a customer has said before a message: no, yes, and yes to a topic."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime

from audit.rules.reference.history import Act, Message

NO = ("unsubscribed", "objected", "consent_withdrawn")
YES = ("subscribed", "consent_given")


class Consents:
    """The acts of saying no and yes, in order."""

    __slots__ = ("_acts",)

    def __init__(self, acts: Sequence[Act]) -> None:
        self._acts = [act for act in acts if act.kind in NO or act.kind in YES]

    def __bool__(self) -> bool:
        return bool(self._acts)

    def refused(self, message: Message, at: datetime) -> Act | None:
        """The oldest no in force: it bears on the message, lies before it in order, and no yes came after it."""
        if not self._acts:
            return None
        oldest: Act | None = None
        for act in self._bearing(message, at):
            if act.topics and not set(act.topics) & set(message.topics or ()):
                continue
            oldest = None if act.kind in YES else oldest or act
        return oldest

    def agreed(self, message: Message, topic: str, at: datetime) -> bool:
        """Whether a consent that names the topic is in force.

        A withdrawal ends it that names the topic too, or no topic at all.
        """
        agreed = False
        for act in self._bearing(message, at):
            if act.kind == "consent_given" and topic in (act.topics or ()):
                agreed = True
            elif act.kind == "consent_withdrawn" and (not act.topics or topic in act.topics):
                agreed = False
        return agreed

    def _bearing(self, message: Message, at: datetime) -> Iterator[Act]:
        """The acts before the message in order whose channel and sender are absent or its own."""
        known = bisect_left(self._acts, (at, message.event_id), key=lambda act: (act.at, act.event_id))
        for act in self._acts[:known]:
            if act.channel in {None, message.channel} and act.sender in {None, message.sender}:
                yield act
