"""The sentences of a note: in English as findings and explanations have them, in German made of their facts."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import UNSET, UnsetType

from audit.findings import check
from audit.population.audience import FEWEST, SetsApart
from audit.queries.findings_documents import Finding
from audit.queries.reports import customer_facts, shipped_words
from audit.queries.reports.case_facts import Behind
from audit.queries.reports.language import Language
from audit.why.expiry import End
from audit.why.model import (
    Absence,
    AudienceFacts,
    BreadthFacts,
    CountedFacts,
    Counterfactual,
    Delay,
    Facts,
    FlowCondition,
    Reason,
    SaidAbout,
    SegmentFacts,
    WhyDocument,
)
from audit.why.wording import UNNAMED, first_titles, percent

_NAMED = 2
"""House value: so many acts behind a finding are named; how many there are besides is said."""

ENGLISH = "en"
"""The language that findings and explanations are written in."""


def found(says: Language, finding: Finding, known: Behind) -> str:
    """What was found: how many messages, when, how many were too many, and the acts behind it, as far as they are `known`."""
    if says.locale == ENGLISH:
        return finding.text
    told = asked(says, finding, known)
    about = _about(says, finding, known)
    told, case = f"{told}{about}", f"{_case(says, finding)}{_behind(says, known.causes)}"
    if not finding.messages:
        return f"{told}: {_days(says, finding.first, finding.last)}{case}"
    key = "one" if finding.total == 1 else "several"
    days = _days(says, finding.first, finding.last)
    counted = says.say("noted", key, count=finding.total, days=days, **says.nouns(known.channels))
    excess = "" if finding.excess is None else f", {says.say('noted', 'excess', excess=finding.excess)}"
    return f"{told}: {counted}{excess}{case}"


def _behind(says: Language, causes: Sequence[Facts]) -> str:
    """The first of the acts that brought a finding about."""
    acts = says.first([_act(says, told) for told in causes], _NAMED)
    return f"; {says.say('noted', 'behind', acts=acts)}" if causes else ""


def _about(says: Language, finding: Finding, known: Behind) -> str:
    """What a finding is about beyond the question of its check; the one channel of its messages is in their name."""
    names, subject = check(finding.check).subject_names, finding.subject
    if names == "campaigns":
        return _of_campaigns(says, known)
    if not subject or names == "nothing" or (names == "channel" and [*known.channels] == [subject]):
        return ""
    words = {"channel": shipped_words.channel, "topic": shipped_words.topic}
    if says.has("subject", subject):
        return f" · {says.say('subject', subject)}"
    if names in words:
        return f" · {words[names](says, subject)}"
    return f" · {says.quoted(known.name or subject)}{_audience(says, known)}"


def _of_campaigns(says: Language, known: Behind) -> str:
    """The newest campaign of the messages, and how many others there are."""
    if not known.campaigns:
        return ""
    more = len(known.campaigns) - 1
    others = says.say("noted", says.form("noted", "campaigns", more), n=more) if more else ""
    return f" · {says.quoted(known.campaigns[0])}{others}"


def _audience(says: Language, known: Behind) -> str:
    """Which sensitive topic the recipients have in common, and how many they are, where it may be told."""
    if known.recipients is None or known.topic is None:
        return ""
    topic = shipped_words.topic(says, known.topic)
    key = says.form("noted", "recipients", known.recipients)
    return f" ({says.say('noted', key, topic=topic, n=known.recipients)})"


def _case(says: Language, finding: Finding) -> str:
    """What the case of a finding says beyond the question of its check."""
    if not says.has("case", finding.case):
        return ""
    return f"; {says.say('case', finding.case or '', **check(finding.check).thresholds)}"


def title(says: Language, explanation: WhyDocument, findings: Sequence[Finding]) -> str:
    """What is explained, by its name."""
    subject = explanation.subject
    if subject.type != "finding":
        return says.quoted(str(subject.title))
    if says.locale == ENGLISH:
        return str(subject.title)
    return next(
        (shipped_words.question(says, row.check) for row in findings if row.id == subject.id),
        str(subject.title),
    )


def asked(says: Language, finding: Finding, known: Behind) -> str:
    """What a finding answers, as a noun phrase; nobody bought what was sent without an order."""
    unasked = known.causes and all(cause.did == "order_unasked" for cause in known.causes)
    return (
        says.say("internal", "unasked")
        if unasked and finding.messages
        else shipped_words.question(says, finding.check)
    )


def sentence(says: Language, reason: Reason, at: datetime | None = None) -> str:
    """One sentence of an explanation, with the events it rests on. `at`: when the message was sent that it explains."""
    text = reason.text if says.locale == ENGLISH else _of_facts(says, reason, at)
    return f"{text} [{', '.join(reason.events)}]" if reason.events else text


def condition(says: Language, held: FlowCondition) -> str:
    """A condition of a definition, and whether it held."""
    if says.locale == ENGLISH:
        return f"{says.say('holds', str(held.holds).lower())}: {held.text}"
    what = _delay(says, held.delay) if held.delay else _condition(says, held.condition, held.holds)
    text = f"{says.say('holds', str(held.holds).lower())}: {what}"
    return f"{text} [{', '.join(held.events)}]" if held.events else text


def _condition(says: Language, name: str, holds: bool | None) -> str:
    """What a definition asks for, or that it was not so."""
    section = "condition_not" if holds is False else "condition"
    return says.say(section, _known(says, section, name))


def _delay(says: Language, delay: Delay) -> str:
    """How long after its trigger a message came, and when by its definition it would have."""
    wait = says.say("delay", "wait" if int(delay.wait[:-1]) else "at_once", wait=says.span(delay.wait))
    late = says.say("delay", "leeway", leeway=says.span(delay.leeway)) if delay.leeway else ""
    return says.say("delay", "came", came=says.span(delay.came), due=f"{wait}{late}")


def ends(says: Language, explanation: WhyDocument) -> str:
    """When it ends if nothing new happens, and that none has come since, where that is so."""
    if says.locale == ENGLISH:
        return explanation.until_text
    return " ".join(filter(None, [_when(says, explanation), *_none_since(says, explanation)]))


def _none_since(says: Language, explanation: WhyDocument) -> Iterator[str]:
    newest = explanation.none_since or explanation.last_came
    if explanation.none_of is None or newest is None or explanation.known_until is None:
        return
    since, until = says.date(newest), says.date(explanation.known_until)
    gaps = customer_facts.gaps(says, "ends", [(gap.begin, gap.end) for gap in explanation.known_gaps])
    checks = (fact.check for fact in customer_facts.facts(explanation) if fact.check is not UNSET)
    again = check(next(checks)).again if explanation.none_of == "again" else None
    stopped = again.in_language(says.locale).format(since=since) if again else ""
    yield says.say(
        "ends",
        f"{'none' if explanation.none_since else 'last'}_{explanation.none_of}",
        since=since,
        until=until,
        stopped=stopped,
        gaps=gaps,
    )


def _when(says: Language, explanation: WhyDocument) -> str:
    if explanation.until is None:
        text = says.say("ends", explanation.until_why)
        until = explanation.counts_until
        more = until is not None and until > explanation.at
        return f"{text} {says.say('ends', 'counts_until', until=says.date(until))}".strip() if more else text
    if End(explanation.until, explanation.until_why).is_far(explanation.at):
        return says.say("ends", "far")
    key: str = explanation.until_why if explanation.until_why in {"campaign", "at_latest"} else "until"
    if explanation.until <= explanation.at:
        over = f"over_{explanation.until_why}"
        key = over if says.has("ends", over) else "over"
    text = says.say("ends", key, until=says.date(explanation.until))
    return f"{text} {says.say('ends', 'default')}" if explanation.until_basis == "default" else text


def outcome(says: Language, proof: Counterfactual) -> str:
    """What would have been, had something been different."""
    if says.locale == ENGLISH:
        return proof.outcome
    return says.say("noted", "found_otherwise" if proof.found_otherwise else "outcome")


def act(says: Language, kind: str, thing: str, at: datetime, times: int = 1) -> str:
    """What a customer did, as a note of it: what, about what, when and how often."""
    label = says.say("did", _known(says, "did", kind))
    about = f" {says.thing(thing)}" if thing else ""
    moment = f"{says.date(at)} {at:%H:%M}"
    when = moment if times == 1 else says.say("noted", "times", n=times, at=moment)
    return f"{label}{about}, {when}"


def _act(says: Language, told: Facts) -> str:
    """What a customer did, and how it is related to the message."""
    assert told.act
    assert told.at
    times = told.times if isinstance(told.times, int) else 1
    about = _said_about(says, told.said_about) if told.said_about else ""
    close = "" if told.close is UNSET else f" ({says.say('close', told.close)})"
    return f"{act(says, str(told.did), _subject(told), told.at, times)}{about}{close}"


def _said_about(says: Language, said: SaidAbout) -> str:
    """What a no or a yes is about."""
    channel = None if said.channel is None else shipped_words.channel(says, said.channel)
    parts = {"sender": said.sender, "list": said.list_id, "channel": channel}
    named = [says.say("said_about", name, name=value) for name, value in parts.items() if value]
    named += [says.say("said_about", "topic", name=topic) for topic in said.topics]
    return f" ({', '.join(named)})"


def _of_facts(says: Language, reason: Reason, at: datetime | None) -> str:
    told = reason.facts or Facts()
    if isinstance(told, AudienceFacts) and told.audience:
        act_named = [_act(says, told)] if told.act else []
        return "; ".join([*act_named, _set_apart(says, told.audience)])
    if isinstance(told, BreadthFacts):
        return _wide_audience(says, told)
    if told.act and told.condition:
        return _asked_for(says, reason, told, told.act)
    if told.act and told.at:
        return _act(says, told)
    if told.about:
        return says.say("noted", "about", thing=says.quoted(shipped_words.topic(says, told.about)))
    if told.trigger is not UNSET:
        return _recorded(says, told)
    if told.list_id is not UNSET or told.left:
        return _on_list(says, told)
    if told.delay:
        return _delay(says, told.delay)
    if told.condition:
        return _condition(says, told.condition, told.holds if told.holds is not UNSET else None)
    if told.life or told.hand_over:
        return _handed_over(says, told)
    return _of_other_facts(says, reason, told, at)


def _asked_for(says: Language, reason: Reason, told: Facts, kind: str) -> str:
    """What a message asks for, and whether the customer did it."""
    asked = says.say("condition", "asks_for", kinds=says.say("kinds", _known(says, "kinds", kind)))
    done = [says.say("condition", "done", at=says.date(told.at))] if told.at else []
    none = [_absent(says, reason.absent, "", None)] if reason.absent else []
    return "; ".join([asked, *done, *none])


def _of_other_facts(says: Language, reason: Reason, told: Facts, at: datetime | None) -> str:
    """What else there is: how many more, what was checked, counted, or did not happen."""
    if told.further:
        return says.say("noted", "further", n=told.further)
    named = [key for key in ("check", "verdict") if getattr(told, key) is not UNSET]
    if named:
        return says.say("noted", named[0])
    if told.covered is not UNSET:
        key = "nothing" if told.covered else "cannot_tell"
        return says.say("noted", f"{key}_audience" if told.in_audience is True else key)
    if told.origin:
        return says.say("noted", told.origin)
    if isinstance(told, CountedFacts):
        return _counted(says, told)
    if reason.absent:
        return _absent(says, reason.absent, _subject(told), at)
    return _events(says, len(reason.events))


def _recorded(says: Language, told: Facts) -> str:
    """What the sender recorded, whether it fits, and whether only the definition does not give it."""
    name = shipped_words.trigger(says, told.trigger) if told.trigger else says.say("noted", "unknown_word")
    if told.condition:
        return says.say("noted", "fits_not_given", trigger=name)
    return says.say("noted", f"fits_{told.fits}", trigger=name)


def _set_apart(says: Language, fact: SetsApart) -> str:
    """What sets the people who got a campaign apart, with the share of them and of the others."""
    few = fact.others_share is None
    return says.say(
        "audience",
        fact.what,
        value=says.quoted(fact.value),
        window=says.say("audience", "window", span=says.span(fact.window)) if fact.window else "",
        share=percent(fact.recipients_share).replace(".", ","),
        others=says.say("audience", "few", n=FEWEST)
        if few
        else percent(fact.others_share or 0.0).replace(".", ","),
    )


def _wide_audience(says: Language, facts: BreadthFacts) -> str:
    """That a campaign went to those who do many different things: how many half of them, half of the others and the customer."""
    breadth = facts.breadth
    half = "half_of_others" if breadth.others_kinds else "few_of_others"
    return says.say(
        "audience",
        f"many_{breadth.act}",
        window=says.span(breadth.window),
        kinds=says.number(breadth.kinds),
        others=says.say("audience", half, kinds=says.number(breadth.others_kinds)),
        own=says.number(facts.customer_kinds) if facts.customer_kinds else says.say("audience", "none"),
    )


def _on_list(says: Language, told: Facts) -> str:
    """Since when the customer is on a list, or that they had left it."""
    if told.left:
        return says.say("noted", "left", at=says.date(told.left))
    name = says.quoted(str(told.list_id)) if told.list_id else ""
    since = says.date(told.since) if told.since else ""
    return says.say("noted", "list_since" if since else "list", list=name, since=since)


def _subject(told: Facts) -> str:
    """What an act was about, by its name alone; empty where it has none."""
    subject = told.segment if isinstance(told, SegmentFacts) else told.thing
    return "" if subject in {UNSET, UNNAMED} else str(subject)


def _events(says: Language, number: int) -> str:
    return says.say("noted", "event" if number == 1 else "events", n=number)


def _counted(says: Language, told: CountedFacts) -> str:
    """How many messages, acts or orders, when, and how many of them were too many."""
    if told.counted == "messages":
        nouns = says.nouns({} if told.channel is UNSET else {told.channel: 1})
        noun = nouns["message" if told.number == 1 else "messages"]
    else:
        noun = says.say("noted", f"{told.counted}_one" if told.number == 1 else told.counted)
    counted = f"{says.number(told.number)} {noun}"
    days = "" if told.first is UNSET or told.last is UNSET else f", {_days(says, told.first, told.last)}"
    excess = "" if told.excess is None else f", {says.say('noted', 'excess', excess=told.excess)}"
    why = "" if told.why is UNSET else f": {_why_not(says, told.why, told.figures)}"
    return f"{counted}{_of_titles(says, told.titles)}{days}{excess}{why}"


def _of_titles(says: Language, titles: tuple[str, ...] | UnsetType) -> str:
    """Which messages were counted, by what they are called."""
    if titles is UNSET:
        return ""
    named = [says.quoted(title) for title in first_titles(titles)]
    rest = [] if len(named) == len(titles) else [says.say("noted", "others")]
    return f" ({says.listed([*named, *rest])})"


def _why_not(says: Language, why: str, figures: tuple[int, ...] | UnsetType) -> str:
    """Why what was looked at does not count."""
    return str(says.texts["why_not"].get(why, why)).format(*(() if figures is UNSET else figures))


def _handed_over(says: Language, told: Facts) -> str:
    """Why this is for privacy or care to answer."""
    if told.life:
        return says.say("did", _known(says, "did", told.life))
    if told.changed:
        key = "changed_before" if told.before is True else "changed_after"
        return says.say("noted", key, at=says.date(told.changed))
    if told.topic:
        return says.say("noted", "touches", topic=shipped_words.topic(says, told.topic))
    return says.say("noted", "hand_over")


def _days(says: Language, first: datetime, last: datetime) -> str:
    """A day, or from one to another."""
    if first.date() == last.date():
        return says.date(first)
    return says.say("noted", "days", first=says.date(first), last=says.date(last))


def _absent(says: Language, absent: Absence, thing: str, at: datetime | None) -> str:
    """What did not happen, about what, and from when to when, or until the message that was sent `at`."""
    section = "did_on_them" if absent.on_them else "did"
    kinds = says.listed([says.say(section, _known(says, section, kind)) for kind in absent.kinds])
    kinds += f" ({says.thing(thing)})" if thing else ""
    until = says.say("noted", "this_message") if absent.until == at else says.date(absent.until)
    if absent.since is None:
        return says.say("noted", "never", kinds=kinds, until=until)
    key = "absent_until_this" if absent.until == at else "absent"
    return says.say("noted", key, kinds=kinds, since=says.date(absent.since), until=until)


def _known(says: Language, section: str, key: str) -> str:
    return key if says.has(section, key) else "other"
