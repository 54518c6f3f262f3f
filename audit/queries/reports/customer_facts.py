"""What an explanation says to the customer it is about, in the words of one language.

Only facts that may be told: what the customer did, what the sender recorded, which list it was. Never a verdict, a
segment's name or a sensitive topic; and nothing at all where privacy or care must answer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from msgspec import UNSET

from audit.errors import InputError
from audit.findings import check
from audit.queries.findings_documents import Finding
from audit.queries.reports.case_facts import CaseFacts, OptOut, SentMessage, brands
from audit.queries.reports.language import Language
from audit.rules.book.documents import CoveringRule
from audit.rules.kinds.quiet_hours import quiet_hours
from audit.rules.model import from_dict
from audit.why.model import AudienceFacts, BreadthFacts, Facts, Reason, SegmentFacts, WhyDocument
from audit.why.silence import Silence

_PRIVACY_OR_CARE = "privacy or care"
_MOST_ACTS = 4
"""House value: so many acts are named; what goes further back helps nobody."""

_MOST_CAUSES = 3
"""House value: so many acts that could be behind several messages are named; of more it is said that there are several."""

_UNSURE = ("not_said", "nothing", "cannot_tell")
"""What is said of messages whose reason is not known, unless acts are named that could be behind them."""


class ReplyRefusedError(InputError):
    """No reply is offered: `answers` says who answers the customer instead."""

    def __init__(self, says: Language, answers: str, reason: str = "", **values: object) -> None:
        why = f" ({says.say('refused', reason, **values)})" if reason else ""
        named = says.say("refused", answers) if says.has("refused", answers) else answers
        super().__init__(says.say("refused", "reply", answers=named, why=why))
        self.answers, self.answered_by = answers, says.say("refused", "note", answers=named, why=why)


def refuse(
    says: Language,
    findings: Iterable[Finding],
    explanations: Iterable[WhyDocument],
    finding: str | None,
    case: CaseFacts | None = None,
) -> None:
    """Raise ReplyRefusedError where nothing is said to the customer: sensitive topics, bereavement, shared accounts, legal requests."""
    refusal = handed_over(says, findings, explanations, finding, case)
    if refusal is not None:
        raise refusal


def handed_over(
    says: Language,
    findings: Iterable[Finding],
    explanations: Iterable[WhyDocument],
    finding: str | None,
    case: CaseFacts | None,
) -> ReplyRefusedError | None:
    """Who answers in our place, where nothing is said to the customer; None where we do.

    `finding`: the id of the finding that is to be answered, if one was named; only then a mere hint is refused too.
    """
    if case is not None and case.legal_request is not None:
        return ReplyRefusedError(says, "privacy", "asked", at=says.date(case.legal_request))
    if case is not None and case.bereaved:
        return ReplyRefusedError(says, _PRIVACY_OR_CARE, "died")
    for candidate in findings:
        handed_to = check(candidate.check).handed_to
        if handed_to and (candidate.id == finding or candidate.severity != "info"):
            return ReplyRefusedError(says, handed_to)
    told = (fact for explanation in explanations for fact in facts(explanation))
    return ReplyRefusedError(says, _PRIVACY_OR_CARE) if any(fact.hand_over for fact in told) else None


def reasons(says: Language, explained: Sequence[WhyDocument], these: str) -> tuple[list[str], list[str]]:
    """The sentences that lead to the reasons of explanations, and the acts that are among them, each once.

    `these`: what the messages are called, such as `these e-mails`. Of acts that could be behind some of them alone a few
    are named: those first that set the recipients apart most, and what could be behind most messages.
    """
    leads: dict[str, None] = {}
    listed: Counter[str] = Counter()
    apart: dict[str, float] = {}
    behind = 0
    newest: list[str] = []
    lists = _Lists.of(explained)
    stated = [explanation for explanation in explained if explanation.standing == "stated"]
    words = {"these": these, "These": these[:1].upper() + these[1:]}
    if stated:
        leads |= dict.fromkeys(_stated(says, stated, words))
    for explanation in explained:
        if explanation.standing != "stated":
            lead, acts_behind = _unstated(says, explanation, lists, words)
            leads[lead] = None
            listed.update(list(acts_behind))
            for act, points in acts_behind.items():
                apart[act] = max(points, apart.get(act, 0.0))
            behind += bool(acts_behind)
            newest = list(acts_behind)[:1]
    most = max(listed.values(), default=0)
    likely = [act for act, number in listed.items() if 2 * number >= most or act in newest or apart[act]]
    likely.sort(key=lambda act: (-apart[act], -listed[act]))
    if likely:
        unsure = {says.say("because", key, **words) for key in _UNSURE}
        form = (
            "could_be_several"
            if len(likely) > _MOST_CAUSES
            else says.form("because", "could_be", len(likely))
        )
        unstated = len(explained) - len(stated)
        form = f"could_be_some{'_several' * (form == 'could_be_several')}" if behind < unstated else form
        could_be = says.say("because", form, n=behind, of=unstated, **words)
        often = max(likely, key=lambda act: listed[act])
        likely = likely[:_MOST_CAUSES]
        likely[-1] = likely[-1] if often in likely else often
        return [*(lead for lead in leads if lead not in unsure), could_be], likely
    return list(leads), likely


class _Lists(NamedTuple):
    """The mailing lists that messages went to, where some went to none, or not all to the same."""

    names: frozenset[str | None]
    all_of_one: bool

    @classmethod
    def of(cls, explained: Sequence[WhyDocument]) -> "_Lists":
        sent_to = [_list(explanation) for explanation in explained if explanation.standing == "broadcast"]
        names = frozenset(told.list_id or None for told in sent_to)
        return cls(names, all_of_one=len(names) == 1 and len(sent_to) == len(explained))


def _list(explanation: WhyDocument) -> Facts:
    """The list that a broadcast went to, and since when the customer has been on it."""
    told = facts(explanation)
    return next((fact for fact in told if fact.since), next((fact for fact in told if fact.list_id), Facts()))


def _unstated(
    says: Language, explanation: WhyDocument, lists: _Lists, words: dict[str, str]
) -> tuple[str, dict[str, float]]:
    """The sentence that leads to the acts behind a message, and each of these: how far it sets the recipients apart."""
    standing = explanation.standing
    if standing == "broadcast":
        told = _list(explanation)
        key = f"broadcast{'' if lists.all_of_one else '_some'}"
        name = says.quoted(str(told.list_id)) if told.list_id and len(lists.names) > 1 else ""
        values = {"list": says.say("because", "list" if name else "a_list", name=name), **words}
        if not told.since:
            return says.say("because", key, **values), {}
        return says.say("because", f"{key}_since", since=says.date(told.since), **values), {}
    if standing in {"derived", "inferred"}:
        return says.say("because", "not_said", **words), _apart(says, explanation)
    key = "nothing" if standing == "unexplained" else "cannot_tell"
    return says.say("because", key, **words), {}


def _apart(says: Language, explanation: WhyDocument) -> dict[str, float]:
    """The acts of an explanation: how much more of the recipients did it than of the others; 0 where nothing says so."""
    known: dict[str, float] = {}
    for fact in facts(explanation):
        for act in _acts(says, [fact]):
            known.setdefault(act, _points(fact))
    return {act: known[act] for act in acts(says, explanation)}


def _points(fact: Facts) -> float:
    told = fact.audience if isinstance(fact, AudienceFacts) else UNSET
    return 0.0 if told is UNSET else told.recipients_share - (told.others_share or 0.0)


def _stated(says: Language, explained: Sequence[WhyDocument], words: dict[str, str]) -> Iterator[str]:
    """What the sender recorded, and that an act of the customer's had ended it."""
    recorded = [fact for explanation in explained for fact in facts(explanation)]
    triggers = dict.fromkeys(str(fact.trigger) for fact in recorded if fact.trigger is not UNSET)
    texts = dict.fromkeys(
        says.say("trigger", trigger if says.has("trigger", trigger) else "other") for trigger in triggers
    )
    key = "stated" if len(texts) == 1 else "stated_several"
    yield says.say("because", key, reasons=str(says.texts["sentences"]).join(texts), **words)
    if any(fact.ended_it is True for fact in recorded):
        yield says.say("because", "no_longer")


def acts(says: Language, explanation: WhyDocument) -> list[str]:
    """What the customer did, a sentence an act, each once; acts on a sensitive topic and what only names a segment are passed over."""
    return _acts(says, facts(explanation))


def _acts(says: Language, told: Iterable[Facts]) -> list[str]:
    texts = filter(None, (_act(says, fact) for fact in told))
    return [f"{text[:1].upper()}{text[1:]}." for text in dict.fromkeys(texts)][:_MOST_ACTS]


def _act(says: Language, fact: Facts) -> str | None:
    """What the customer did, as one says it to them; of a campaign that went to those who do many different things that they do."""
    if isinstance(fact, BreadthFacts):
        return says.say("act", f"many_{fact.breadth.act}") if fact.is_broad else None
    if (
        not fact.act
        or not fact.at
        or fact.sensitive
        or isinstance(fact, SegmentFacts)
        or not says.has("act", fact.act)
    ):
        return None
    return says.say("act", str(fact.did), thing=says.thing(str(fact.thing)), at=says.date(fact.at))


def ends(
    says: Language,
    explained: Iterable[WhyDocument],
    at: datetime,
    *,
    silence: Silence | None = None,
    newest: datetime | None = None,
    messages: str = "",
    again: str = "",
    changed: bool = False,
) -> list[str]:
    """When what is `explained` ends if nothing new happens: one sentence or two.

    `silence`: how long none has come, of the `messages` by their name, of which the `newest` is told already; `again`: where it is about how messages came, not
    that they did, the check that has not found it again since; `changed`: a rule was made that ends it. A default of the program is never
    told as a date.
    """
    lasts = silence is not None and silence.until.date() > silence.since.date()
    others = silence is not None and newest is not None and silence.since.date() > newest.date()
    alike = "_alike" if others else ""
    quiet = [_silence(says, silence, messages, alike, again=again)] if silence is not None and lasts else []
    if again or changed or (silence is not None and silence.over):
        return quiet
    explanations = list(explained)
    if {explanation.until_why for explanation in explanations if explanation.until is None} == {"subscribed"}:
        return [says.say("until", "subscribed", messages=messages)]
    untils = [
        explanation.until
        for explanation in explanations
        if explanation.until_basis in {"recorded", "defined"}
    ]
    dated = [until for until in untils if until is not None]
    if dated and len(dated) == len(explanations):
        latest = max(dated)
        by_itself = says.say("until", "by_itself", until=says.date(latest), messages=messages)
        return [*quiet, by_itself] if latest > at else quiet
    return quiet


def _silence(says: Language, silence: Silence, messages: str, alike: str, *, again: str) -> str:
    since, until = says.date(silence.since), says.date(silence.until)
    known = {"until": until, "gaps": gaps(says, "until", silence.gaps), "messages": messages}
    if again:
        stopped = says.say("again", again, since=since)
        return says.say("until", "not_again", stopped=stopped, **known)
    return says.say("until", f"{'none_since' if silence.over else 'last'}{alike}", since=since, **known)


def gaps(says: Language, section: str, gaps: Sequence[tuple[date, date]]) -> str:
    """That messages may be missing in between, in the words of `section`; nothing where there is no gap."""
    if not gaps:
        return ""
    begin, end = gaps[0][0], gaps[-1][1]
    key = "gaps" if len(gaps) > 1 else "gap_day" if begin == end else "gap"
    return says.say(section, key, n=len(gaps), begin=says.date(begin), end=says.date(end))


def others(says: Language, times: Sequence[datetime], nouns: Mapping[str, str]) -> Iterator[str]:
    """How many more came after the same no, that another finding is about."""
    if times:
        first, last = says.date(times[0]), says.date(times[-1])
        key = "others_one" if len(times) == 1 else "others_day" if first == last else "others"
        yield says.say("sent", key, count=len(times), first=first, last=last, **nouns)


def unchanged(says: Language, part: CoveringRule | None) -> str:
    """That nothing is changed at present, or that a rule of the book stops some of it."""
    if part is None:
        return says.say("change", "unchanged")
    in_part = says.say("change", "in_part", since=says.date(part.since), stops=part.together, of=part.of)
    return (
        in_part if part.handed_over_at is not None else f"{in_part} {says.say('change', 'not_handed_over')}"
    )


def rule_in_words(
    says: Language, rule: Mapping[str, Any] | None, nouns: Mapping[str, str], *, unasked: bool
) -> str:
    """What a rule does, as one says it to the customer; `unasked`: what it follows was sent to them without an order."""
    if rule is None:
        return ""
    known = from_dict(rule)
    wording = says.form("rule", known.wording, rule.get("limit") or rule.get("unengaged"))
    wording = f"{wording}_unasked" if unasked and says.has("rule", f"{wording}_unasked") else wording
    values = {**nouns, **{key: rule.get(key) for key in ("limit", "unengaged")}}
    advertising = says.form("rule", "advertising", rule.get("limit"))
    values["advertising"] = says.say("rule", advertising) if known.message_classes == ("marketing",) else ""
    if "quiet" in rule:
        begin, end = map(says.time, quiet_hours(rule["quiet"]))
        values |= {"begin": begin, "end": end}
    values["engagement"] = says.say("engagement", rule.get("engagement") or "click")
    if not says.has("rule", wording):
        return says.say("rule", "other", **values)
    window = says.span(rule["window"]) if "{window}" in says.texts["rule"][wording] else ""
    return says.say("rule", wording, window=window, **values)


def facts(explanation: WhyDocument) -> list[Facts]:
    """What the sentences of an explanation say, for reports in other languages."""
    return [node.facts for node in nodes(explanation.because) if node.facts is not None]


def nodes(because: Iterable[Reason]) -> Iterator[Reason]:
    """Every sentence of a tree, in the order of reading."""
    for reason in because:
        yield reason
        yield from nodes(reason.because)


def senders(says: Language, names: Sequence[str], most: int = 3) -> str:
    """`Pagewise, Tonwerk and 6 other senders`."""
    if len(names) <= most + 1:
        return says.listed(names) if names else ""
    return says.say("stop", "senders", senders=", ".join(names[:most]), n=len(names) - most)


def title(says: Language, message: SentMessage) -> str:
    """The subject of a message, else what it is about, else that none is recorded."""
    if message.title or not message.about:
        return says.titled(message.title)
    return says.say("reply", "without_subject", thing=says.quoted(message.about))


def about(says: Language, thing: str | None, told: CaseFacts, count: int) -> str:
    """What so many messages are about: a `thing`, else, where more came at that time, their campaign, or that they are of a kind."""
    if thing:
        return says.say("sent", "about", thing=thing)
    if count == 1 or not told.others_came:
        return ""
    campaigns = {message.campaign for message in told.sent}
    campaign = campaigns.pop() if len(campaigns) == 1 else None
    return (
        says.say("sent", "of_campaign", campaign=says.quoted(campaign))
        if campaign
        else says.say("sent", "of_kind")
    )


def scope(says: Language, no: OptOut, sent: Sequence[SentMessage], nouns: Mapping[str, str]) -> Iterator[str]:
    """What a no was about that does not bear on the messages `sent`, and what they are: by channel, sender or topic."""
    names = brands(sent)
    if no.channel and sent and all(message.channel not in (None, no.channel) for message in sent):
        stopped = says.nouns({no.channel: 1})["messages"]
        yield says.say(
            "opt_out", says.form("opt_out", "another_channel", len(sent)), stopped=stopped, **nouns
        )
    elif no.sender and names and no.sender not in names:
        yield says.say("opt_out", "another_sender", other=senders(says, names))
    elif no.topics:
        topics = says.listed([*map(says.quoted, no.topics)])
        yield says.say("opt_out", says.form("opt_out", "another_topic", len(sent)), topics=topics, **nouns)
