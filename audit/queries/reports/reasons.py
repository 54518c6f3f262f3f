"""The explanations of a case as a tree: why, until when, what would have had to be different."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import UNSET

from audit.events.times import parse_iso
from audit.findings.anomaly import OutOfPattern
from audit.findings.anomaly.describe import UnusualThing, nearer_ones, share_in_words
from audit.population.audience import FEWEST
from audit.population.basket_scores import settings
from audit.queries.findings_documents import Finding
from audit.queries.reports import customer_facts, note_sentences, shipped_words
from audit.queries.reports.document import Node, Section
from audit.queries.reports.language import Language
from audit.why.model import Counterfactual, Reason, WhyDocument
from audit.why.removed_events import RemovedEvents
from audit.why.wording import added_in_words, added_thing

_LISTED = 12
"""House value: so many events are named one by one; how many there are is said."""

_KINDS = 3
"""House value: so many kinds of things are named; how many there are besides is said."""


def why(says: Language, findings: Sequence[Finding], explanations: Sequence[WhyDocument]) -> Section | None:
    """The section of a note; messages that share all that is said of why they came stand together."""
    if not explanations:
        return None
    shown = {each.subject.id for each in explanations if each.subject.type == "message"}
    explained = {each.subject.id for each in explanations if each.subject.type == "finding"}
    holding = [row for row in findings if shown and shown <= {*row.messages}]
    about = next((row for row in holding if not explained or row.id in explained), None)
    paragraphs = (
        () if about is None or len(about.messages) == len(shown) else (_explained(says, len(shown), about),)
    )
    groups: dict[tuple[str, tuple[Node, ...]], list[WhyDocument]] = {}
    for explanation in sorted(explanations, key=_place):
        groups.setdefault((explanation.subject.type, _below(says, explanation)), []).append(explanation)
    tree = tuple(
        Node(
            "; ".join(_title(says, explanation, findings) for explanation in group),
            (*below, *_ends(says, group)),
        )
        for (_, below), group in groups.items()
    )
    return Section(says.say("internal", "why"), paragraphs, tree=tree)


def _explained(says: Language, shown: int, about: Finding) -> str:
    """How many of the messages of the finding that is looked at are looked at one by one: the newest."""
    key = "explained" if about.excess is None else "explained_excess"
    return says.say("internal", key, shown=shown, total=len(about.messages))


def _place(explanation: WhyDocument) -> tuple[bool, str, str]:
    """The finding first, then by time."""
    subject = explanation.subject
    return subject.type != "finding", subject.at.isoformat() if subject.at else "", subject.id


def _title(says: Language, explanation: WhyDocument, findings: Sequence[Finding]) -> str:
    subject = explanation.subject
    moment = f"{says.minute(subject.at)} " if subject.at else ""
    return f"{moment}{note_sentences.title(says, explanation, findings)} ({subject.id})"


def _below(says: Language, explanation: WhyDocument) -> tuple[Node, ...]:
    at = explanation.subject.at if explanation.subject.type == "message" else None
    reasons = tuple(_node(says, node, at) for node in _unsaid(explanation))
    return (
        Node(says.say("standing", explanation.standing), reasons),
        *_definition(says, explanation),
        *_passed_over(says, explanation.left_out, at),
        *_different(says, explanation.counterfactual),
    )


def _ends(says: Language, group: Sequence[WhyDocument]) -> Iterator[Node]:
    """When they end; what another of them says too, and more, is said once."""
    ends = list(dict.fromkeys(note_sentences.ends(says, explanation) for explanation in group))
    for text in ends:
        if text and not any(other.startswith(f"{text} ") for other in ends):
            yield Node(f"{says.say('internal', 'ends')}: {text}")


def _unsaid(explanation: WhyDocument) -> Sequence[Reason]:
    """The reasons; of a finding what stands behind its sentence, which is said above, as are its sources below."""
    if explanation.subject.type != "finding":
        return explanation.because
    return explanation.because[0].because if explanation.because else ()


def _node(says: Language, reason: Reason, at: datetime | None) -> Node:
    below = tuple(_node(says, behind, at) for behind in reason.because)
    return Node(note_sentences.sentence(says, reason, at), below)


def _definition(says: Language, explanation: WhyDocument) -> list[Node]:
    """What the campaign is defined to do, and which of its conditions did not hold, or cannot be told, when this was sent; what the
    reasons say already is not said again.
    """
    check = explanation.reconstruction
    if check is None:
        return []
    told = [reason.text for reason in customer_facts.nodes(explanation.because)]
    open_ones = [held for held in check.conditions if held.holds is not True]
    unsaid = [held for held in open_ones if not any(held.text in text for text in told)]
    if open_ones and not unsaid:
        return []
    below = tuple(Node(note_sentences.condition(says, held)) for held in unsaid)
    step = f" · {check.step}" if check.step else ""
    held = below or (Node(says.say("internal", "all_held")),)
    return [
        Node(
            f"{says.say('internal', 'definition')}: {shipped_words.flow(says, check.flow, check.title)}{step}",
            held,
        )
    ]


def _passed_over(says: Language, reasons: Sequence[Reason], at: datetime | None) -> list[Node]:
    nodes = tuple(_node(says, reason, at) for reason in reasons)
    return [Node(says.say("internal", "passed_over"), nodes)] if nodes else []


def _different(says: Language, proof: Counterfactual | None) -> list[Node]:
    """The counterfactual: what would have had to be left out, or to happen, and how sure that is."""
    if proof is None or not (proof.worth_saying or proof.add):
        return []
    below = []
    if proof.worth_saying:
        key = "smallest" if proof.smallest else "" if proof.each_is_enough else "minimal"
        sure = f" ({says.say('internal', key)})" if key else ""
        removed = _removed(says, proof) or ", ".join(proof.remove)
        text = says.say("internal", "without", events=removed, outcome=note_sentences.outcome(says, proof))
        below.append(Node(f"{text}{sure}", tuple(_node(says, reason, None) for reason in proof.besides)))
    for event in proof.add:
        at, thing = parse_iso(event["occurred_at"]), added_thing(event)
        german = says.locale != "en"
        named = note_sentences.act(says, event["kind"], thing, at) if german else added_in_words(event)
        text = says.say("internal", "with", event=named)
        below.append(Node(f"{text}: {note_sentences.outcome(says, proof)}"))
    below += [
        Node(says.say("internal", key, events=_events(says, proof, events)))
        for key, events in (proof.single_events.items() if proof.worth_saying else ())
    ]
    if proof.instead:
        items = ", ".join(item.title or item.item_id for item in proof.instead)
        below.append(Node(says.say("internal", "instead", items=items)))
    return [Node(says.say("internal", "different"), tuple(below))]


def _removed(says: Language, proof: Counterfactual) -> str:
    """What the events are that are left out, where they are too many to be named; else nothing."""
    if says.locale == "en":
        return proof.removed_in_words
    groups = proof.removed if proof.ruled else ()
    return "; ".join(_how_many(says, group) + _which(says, group) for group in groups)


def _how_many(says: Language, group: RemovedEvents) -> str:
    """How many events of one kind are left out, of how many."""
    key = "removed_all" if group.count == group.of else "removed"
    key = "removed_dearest" if group.which == "dearest" else key
    key = "removed_one" if group.of == 1 else key
    words = "rows" if group.counted == "lines" else "kinds"
    lines = says.say("noted", "lines", n=group.lines) if group.lines else ""
    return says.say(
        "noted",
        "removed_order" if group.counted == "orders" and group.of == 1 else key,
        kind=says.say(words, group.kind if says.has(words, group.kind) else "other"),
        about=f"{lines}{f' {says.quoted(group.about)}' if group.about else ''}",
        count=group.count,
        of=group.of,
    )


def _which(says: Language, group: RemovedEvents) -> str:
    """Which of the events of their kind they are."""
    if group.which == "all":
        return ""
    limit = {} if group.limit is None else {"most": group.limit.messages, "days": group.limit.days}
    worth = (
        {} if group.worth is None else dict(zip(("worth", "all"), map(says.money, group.worth), strict=True))
    )
    days = {"first": says.date(group.first), "last": says.date(group.last)}
    named = says.listed(group.named) if group.named else ""
    which = "sum" if worth else f"{group.which}_one" if limit.get("days") == 1 else group.which
    return says.say("noted", f"removed_{which}", named=named, **days, **limit, **worth)


def anomalies(says: Language, entries: Sequence[OutOfPattern]) -> Section | None:
    """What is out of the account's usual pattern, a hint, and what it stands on; None where there is nothing.

    `entries`: those of `out_of_pattern` in `whysent.customer/1`.
    """
    if not entries:
        return None
    tree = tuple(Node(out_of_pattern(says, entry), _anomaly(says, entry)) for entry in entries)
    return Section(says.say("unusual", "title"), (says.say("unusual", "what_it_is"),), tree=tree)


def _anomaly(says: Language, entry: OutOfPattern) -> tuple[Node, ...]:
    """Whether somebody else recorded a sign, the items that stand out, and the events it is made of."""
    recorded = says.say("unusual", "hard" if entry.hard else "hint")
    items = tuple(
        Node(unusual_thing(says, item, ordered=entry.order_id is not UNSET)) for item in entry.because
    )
    ident = entry.session_id if entry.order_id is UNSET else entry.order_id
    key = "session" if entry.order_id is UNSET else "order"
    made_of = says.say("unusual", "events", events=says.first(entry.evidence, _LISTED))
    events = Node(says.say("unusual", f"{key}_id", id=ident) if ident else made_of)
    return (Node(recorded), *items, events)


def out_of_pattern(says: Language, entry: OutOfPattern) -> str:
    """An order or session that is out of the usual pattern."""
    if says.locale == note_sentences.ENGLISH:
        return entry.text
    key = "session" if entry.order_id is UNSET else "order"
    signs = "".join(f", {says.say('unusual', sign)}" for sign in entry.signs)
    nearer = nearer_ones(entry.percentile, entry.others)
    rank = ("all" if nearer else "none") if nearer in {0, entry.others} else "some"
    parts = [
        says.say("unusual", key, at=says.date(entry.at), things=entry.things, signs=signs),
        says.say("unusual", f"{key}_{rank if entry.others else 'only'}", n=nearer, others=entry.others),
    ]
    if entry.kinds:
        named = says.first([*map(says.quoted, entry.kinds)], _KINDS)
        form = "kinds" if entry.new == entry.things else "some_kinds"
        parts.append(says.say("unusual", form, n=entry.new, things=entry.things, kinds=named))
    if entry.hour is not None:
        parts.append(says.say("unusual", "hour", hour=entry.hour))
    if entry.common is not None:
        hundredths = round(100 * entry.common)
        rarity = f"{'marked_' * entry.hard}{'common' if hundredths else 'rare'}"
        least = says.say("unusual", f"least_{key}s", n=settings().baskets)
        parts.append(says.say("unusual", rarity, n=hundredths, least=least))
    return " ".join(parts)


def unusual_thing(says: Language, thing: UnusualThing, *, ordered: bool) -> str:
    """A thing in it that stands out, and why."""
    if says.locale == note_sentences.ENGLISH:
        return thing.text
    if thing.times:
        why = says.say("unusual", says.form("unusual", "times", thing.times), n=thing.times)
    elif thing.kind is None:
        why = says.say("unusual", "never_uncategorized")
    elif not thing.others:
        why = says.say("unusual", "nothing", kind=says.quoted(thing.kind))
    else:
        mostly = (
            says.say("unusual", says.form("unusual", "mostly", thing.others), thing=says.quoted(thing.mostly))
            if thing.mostly
            else ""
        )
        why = says.say("unusual", "never", n=thing.others, mostly=mostly)
    key = "owners" if ordered else "visitors"
    if thing.share is None:
        owners = says.say("unusual", f"{key}_few", n=FEWEST)
    else:
        share = share_in_words(thing.share, says.say("unusual", "under")).replace(".", ",")
        owners = says.say("unusual", key, share=share)
    return f"{shipped_words.item(says, thing.title)}: {why}; {owners}"


def _events(says: Language, proof: Counterfactual, events: Sequence[str]) -> str:
    """Some events of a counterfactual; of all that it leaves out, what they are where they are many."""
    told = _removed(says, proof) if set(events) == set(proof.remove) else ""
    return told or says.first(events, _LISTED)
