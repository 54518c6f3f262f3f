"""What is out of the account's usual pattern, as a section of a note: a hint, and what it stands on."""

from collections.abc import Mapping, Sequence
from typing import Any

from audit.queries.reports.document import Node, Section
from audit.queries.reports.language import Language
from audit.queries.reports.reasons import some

Document = Mapping[str, Any]


def section(says: Language, entries: Sequence[Document]) -> Section | None:
    """The section, of the entries of `out_of_pattern` in `whysent.customer/1`; None where there are none."""
    if not entries:
        return None
    tree = tuple(Node(entry["text"], _below(says, entry)) for entry in entries)
    return Section(says.say("unusual", "title"), (says.say("unusual", "what_it_is"),), tree=tree)


def _below(says: Language, entry: Document) -> tuple[Node, ...]:
    """Whether somebody else recorded a sign, the things that stand out, and the events it is made of."""
    recorded = says.say("unusual", "hard" if entry["hard"] else "hint")
    things = tuple(Node(thing["text"]) for thing in entry["because"])
    events = Node(says.say("unusual", "events", events=some(says, entry["evidence"])))
    return (Node(recorded), *things, events)
