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


def found(says: Language, finding: Finding, background: Behind) -> str:
    """What was found: how many messages, when, how many were too many, and the acts behind it, as far as the `background` has them."""
    if says.locale == ENGLISH:
        return finding.text
    question = asked(says, finding, background)
    subject = _about(says, finding, background)
    question, case = f"{question}{subject}", f"{_case(says, finding)}{_behind(says, background.causes)}"
    if not finding.messages:
        return f"{question}: {_days(says, finding.first, finding.last)}{case}"
    key = "one" if finding.total == 1 else "several"
    days = _days(says, finding.first, finding.last)
    counted = says.say("noted", key, count=finding.total, days=days, **says.nouns(background.channels))
    excess = "" if finding.excess is None else f", {says.say('noted', 'excess', excess=finding.excess)}"
    return f"{question}: {counted}{excess}{case}"


def _behind(says: Language, causes: Sequence[Facts]) -> str:
    """The first of the acts that brought a finding about."""
    acts = says.first([_act(says, cause) for cause in causes], _NAMED)
    return f"; {says.say('noted', 'behind', acts=acts)}" if causes else ""


def _about(says: Language, finding: Finding, background: Behind) -> str:
    """What a finding is about beyond the question of its check; the one channel of its messages is in their name."""
    names, subject = check(finding.check).subject_names, finding.subject
    if names == "campaigns":
        return _of_campaigns(says, background)
    if not subject or names == "nothing" or (names == "channel" and [*background.channels] == [subject]):
        return ""
    words = {"channel": shipped_words.channel, "topic": shipped_words.topic}
    if says.has("subject", subject):
        return f" · {says.say('subject', subject)}"
    if names in words:
        return f" · {words[names](says, subject)}"
    return f" · {says.quoted(background.name or subject)}{_audience(says, background)}"


def _of_campaigns(says: Language, background: Behind) -> str:
    """The newest campaign of the messages, and how many others there are."""
    if not background.campaigns:
        return ""
    more = len(background.campaigns) - 1
    further = says.say("noted", says.form("noted", "campaigns", more), n=more) if more else ""
    return f" · {says.quoted(background.campaigns[0])}{further}"


def _audience(says: Language, background: Behind) -> str:
    """Which sensitive topic the recipients have in common, and how many they are, where it may be told."""
    if background.recipients is None or background.topic is None:
        return ""
    topic = shipped_words.topic(says, background.topic)
    key = says.form("noted", "recipients", background.recipients)
    return f" ({says.say('noted', key, topic=topic, n=background.recipients)})"


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


def asked(says: Language, finding: Finding, background: Behind) -> str:
    """What a finding answers, as a noun phrase; nobody bought what was sent without an order."""
    unasked = background.causes and all(cause.did == "order_unasked" for cause in background.causes)
    return (
        says.say("internal", "unasked")
        if unasked and finding.messages
        else shipped_words.question(says, finding.check)
    )


def sentence(says: Language, reason: Reason, at: datetime | None = None) -> str:
    """One sentence of an explanation, with the events it rests on. `at`: when the message was sent that it explains."""
    text = reason.text if says.locale == ENGLISH else _of_facts(says, reason, at)
    return f"{text} [{', '.join(reason.events)}]" if reason.events else text


def condition(says: Language, judged: FlowCondition) -> str:
    """A condition of a definition, and whether it held."""
    if says.locale == ENGLISH:
        return f"{says.say('holds', str(judged.holds).lower())}: {judged.text}"
    words = _delay(says, judged.delay) if judged.delay else _condition(says, judged.condition, judged.holds)
    text = f"{says.say('holds', str(judged.holds).lower())}: {words}"
    return f"{text} [{', '.join(judged.events)}]" if judged.events else text


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
    again = next(checks) if explanation.none_of == "again" else None
    stopped = says.say("again", again, since=since) if again else ""
    yield says.say(
        "ends",
        f"{'none' if explanation.none_since or again else 'last'}_{explanation.none_of}",
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
    subject = f" {says.thing(thing)}" if thing else ""
    moment = f"{says.date(at)} {at:%H:%M}"
    moments = moment if times == 1 else says.say("noted", "times", n=times, at=moment)
    return f"{label}{subject}, {moments}"


def _act(says: Language, facts: Facts) -> str:
    """What a customer did, and how it is related to the message."""
    assert facts.act
    assert facts.at
    times = facts.times if isinstance(facts.times, int) else 1
    answer = _said_about(says, facts.said_about) if facts.said_about else ""
    close = "" if facts.close is UNSET else f" ({says.say('close', facts.close)})"
    return f"{act(says, str(facts.did), _subject(facts), facts.at, times)}{answer}{close}"


def _said_about(says: Language, answer: SaidAbout) -> str:
    """What a no or a yes is about."""
    channel = None if answer.channel is None else shipped_words.channel(says, answer.channel)
    parts = {"sender": answer.sender, "list": answer.list_id, "channel": channel}
    scopes = [says.say("said_about", name, name=value) for name, value in parts.items() if value]
    scopes += [says.say("said_about", "topic", name=topic) for topic in answer.topics]
    return f" ({', '.join(scopes)})"


def _of_facts(says: Language, reason: Reason, at: datetime | None) -> str:
    facts = reason.facts or Facts()
    if isinstance(facts, AudienceFacts) and facts.audience:
        act_named = [_act(says, facts)] if facts.act else []
        return "; ".join([*act_named, _set_apart(says, facts.audience)])
    if isinstance(facts, BreadthFacts):
        return _wide_audience(says, facts)
    if facts.act and facts.condition:
        return _asked_for(says, reason, facts, facts.act)
    if facts.act and facts.at:
        return _act(says, facts)
    if facts.about:
        return says.say("noted", "about", thing=says.quoted(shipped_words.topic(says, facts.about)))
    if facts.trigger is not UNSET:
        return _recorded(says, facts)
    if facts.list_id is not UNSET or facts.left:
        return _on_list(says, facts)
    if facts.delay:
        return _delay(says, facts.delay)
    if facts.condition:
        return _condition(says, facts.condition, facts.holds if facts.holds is not UNSET else None)
    if facts.life or facts.hand_over:
        return _handed_over(says, facts)
    return _of_other_facts(says, reason, facts, at)


def _asked_for(says: Language, reason: Reason, facts: Facts, kind: str) -> str:
    """What a message asks for, and whether the customer did it."""
    request = says.say("condition", "asks_for", kinds=says.say("kinds", _known(says, "kinds", kind)))
    done = [says.say("condition", "done", at=says.date(facts.at))] if facts.at else []
    none = [_absent(says, reason.absent, "", None)] if reason.absent else []
    return "; ".join([request, *done, *none])


def _of_other_facts(says: Language, reason: Reason, facts: Facts, at: datetime | None) -> str:
    """What else there is: how many more, what was checked, counted, or did not happen."""
    if facts.further:
        return says.say("noted", "further", n=facts.further)
    judged = [key for key in ("check", "verdict") if getattr(facts, key) is not UNSET]
    if judged:
        return says.say("noted", judged[0])
    if facts.covered is not UNSET:
        key = "nothing" if facts.covered else "cannot_tell"
        return says.say("noted", f"{key}_audience" if facts.in_audience is True else key)
    if facts.origin:
        return says.say("noted", facts.origin)
    if isinstance(facts, CountedFacts):
        return _counted(says, facts)
    if reason.absent:
        return _absent(says, reason.absent, _subject(facts), at)
    return _events(says, len(reason.events))


def _recorded(says: Language, facts: Facts) -> str:
    """What the sender recorded, whether it fits, and whether only the definition does not give it."""
    name = shipped_words.trigger(says, facts.trigger) if facts.trigger else says.say("noted", "unknown_word")
    if facts.condition:
        return says.say("noted", "fits_not_given", trigger=name)
    return says.say("noted", f"fits_{facts.fits}", trigger=name)


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


def _on_list(says: Language, facts: Facts) -> str:
    """Since when the customer is on a list, or that they had left it."""
    if facts.left:
        return says.say("noted", "left", at=says.date(facts.left))
    name = says.quoted(str(facts.list_id)) if facts.list_id else ""
    since = says.date(facts.since) if facts.since else ""
    return says.say("noted", "list_since" if since else "list", list=name, since=since)


def _subject(facts: Facts) -> str:
    """What an act was about, by its name alone; empty where it has none."""
    subject = facts.segment if isinstance(facts, SegmentFacts) else facts.thing
    return "" if subject in {UNSET, UNNAMED} else str(subject)


def _events(says: Language, number: int) -> str:
    return says.say("noted", "event" if number == 1 else "events", n=number)


def _counted(says: Language, facts: CountedFacts) -> str:
    """How many messages, acts or orders, when, and how many of them were too many."""
    if facts.counted == "messages":
        nouns = says.nouns({} if facts.channel is UNSET else {facts.channel: 1})
        noun = nouns["message" if facts.number == 1 else "messages"]
    else:
        noun = says.say("noted", f"{facts.counted}_one" if facts.number == 1 else facts.counted)
    counted = f"{says.number(facts.number)} {noun}"
    days = "" if facts.first is UNSET or facts.last is UNSET else f", {_days(says, facts.first, facts.last)}"
    excess = "" if facts.excess is None else f", {says.say('noted', 'excess', excess=facts.excess)}"
    cause = "" if facts.why is UNSET else f": {_why_not(says, facts.why, facts.figures)}"
    return f"{counted}{_of_titles(says, facts.titles)}{days}{excess}{cause}"


def _of_titles(says: Language, titles: tuple[str, ...] | UnsetType) -> str:
    """Which messages were counted, by what they are called."""
    if titles is UNSET:
        return ""
    quoted = [says.quoted(title) for title in first_titles(titles)]
    further = [] if len(quoted) == len(titles) else [says.say("noted", "others")]
    return f" ({says.listed([*quoted, *further])})"


def _why_not(says: Language, cause: str, figures: tuple[int, ...] | UnsetType) -> str:
    """Why what was looked at does not count."""
    return str(says.texts["why_not"].get(cause, cause)).format(*(() if figures is UNSET else figures))


def _handed_over(says: Language, facts: Facts) -> str:
    """Why this is for privacy or care to answer."""
    if facts.life:
        return says.say("did", _known(says, "did", facts.life))
    if facts.changed:
        key = "changed_before" if facts.before is True else "changed_after"
        return says.say("noted", key, at=says.date(facts.changed))
    if facts.topic:
        return says.say("noted", "touches", topic=shipped_words.topic(says, facts.topic))
    return says.say("noted", "hand_over")


def _days(says: Language, begin: datetime, end: datetime) -> str:
    """A day, or from one to another."""
    if begin.date() == end.date():
        return says.date(begin)
    return says.say("noted", "days", first=says.date(begin), last=says.date(end))


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
