"""The answer to the customer, a letter: what happened, why, what was done, when it ends, how to stop it.

Plain facts only. No verdict, no segment, no sensitive topic, nothing that only our definitions produce; and no
reply at all where privacy or care must answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from audit.events.vocabulary import ON_PAPER
from audit.findings import check
from audit.queries.customer import CustomerPicture
from audit.queries.findings_documents import Finding
from audit.queries.remedies import Remedy
from audit.queries.reports import customer_facts, limits, shipped_words
from audit.queries.reports.case_facts import CaseFacts, SentMessage, brands, chosen
from audit.queries.reports.document import Report, Section
from audit.queries.reports.language import Language, language
from audit.why.model import WhyDocument

_LISTED = 12
"""House value: so many messages are named one by one."""

_WITHOUT_REASON = {"unexplained", "cannot_tell"}
"""Standings of messages for which a letter can give no reason."""


def reply(
    picture: CustomerPicture,
    findings: Sequence[Finding],
    explanations: Sequence[WhyDocument],
    *,
    facts: CaseFacts | None = None,
    finding: str | None = None,
    remedy: Remedy | None = None,
    locale: str = "en",
) -> Report:
    """Answer one finding (its id; by default the first that can be answered) to the customer.

    `picture`: `whysent.customer/1`; `findings`: the rows of `whysent.findings/1`; `explanations`: `whysent.why/1` of
    the finding's messages (those of other messages are passed over); `facts`: those of the case and the finding;
    `remedy`: what has been done about it. Raises InputError for a finding that is not there, ReplyRefusedError where no
    reply is offered: sensitive topics, bereavement, shared accounts, legal requests.
    """
    facts, says = facts or CaseFacts(), language(locale)
    customer_facts.refuse(says, findings, explanations, finding, facts)
    answered = chosen(findings, finding)
    case = _Case(says, picture, answered, _of(answered, explanations), facts, remedy or Remedy())
    parts = [
        Section(paragraphs=(case.says.say("reply", "salutation"),)),
        Section(paragraphs=(case.says.say("reply", "greeting"),)),
        *_happened(case),
        *_why(case),
        Section(paragraphs=tuple(_change(case))),
        Section(paragraphs=tuple(_end(case))),
        Section(paragraphs=tuple(_stop(case))),
        Section(paragraphs=tuple(case.says.say("reply", key) for key in ("regards", "signature"))),
    ]
    title = case.says.say("reply", "title", **case.nouns)
    return Report("reply", locale, title, tuple(part for part in parts if part.paragraphs or part.items))


def opening(picture: CustomerPicture, finding: Finding, *, locale: str = "en") -> tuple[str, ...]:
    """What the reply says of a finding first: how many messages, when, and what was wrong with that."""
    case = _Case(language(locale), picture, finding, (), CaseFacts(), Remedy())
    return (_sent(case), *_fault(case))


@dataclass(frozen=True)
class _Case:
    """What one reply is about: the finding, if any, and the explanations of its messages, oldest first."""

    says: Language
    picture: CustomerPicture
    finding: Finding | None
    explanations: Sequence[WhyDocument]
    facts: CaseFacts
    remedy: Remedy

    @property
    def nouns(self) -> dict[str, str]:
        """What the messages are called."""
        sent = self.facts.sent
        channels = {message.channel or "" for message in sent} or set(self.picture.messages.by_channel)
        return self.says.nouns(dict.fromkeys(channels, 1), delivery=any(message.delivery for message in sent))

    @property
    def nouns_of_no(self) -> dict[str, str]:
        """What the customer said no to: the messages of one channel, else all."""
        channel = self.facts.opt_out and self.facts.opt_out.channel
        return self.says.nouns({channel: 1} if channel else {})

    @property
    def count(self) -> int:
        """How many messages there were."""
        return len(self.facts.sent) if self.finding is None else self.finding.total

    @property
    def these(self) -> str:
        """The messages, pointed at: `this e-mail`, `these e-mails`."""
        key = "these_one" if self.count == 1 else "these"
        return self.says.say("reply", key, **self.nouns)

    @property
    def thing(self) -> str | None:
        """What the messages are about, if all of them are about one thing."""
        things = {message.about for message in self.facts.sent}
        if not self.facts.sent:
            told = (fact for each in self.explanations for fact in customer_facts.facts(each))
            things = {fact.about for fact in told if fact.about is not UNSET}
        thing = things.pop() if len(things) == 1 else None
        return self.says.quoted(thing) if thing else None

    @property
    def senders(self) -> list[str]:
        """The brands that sent the messages, the one that sent most first."""
        return brands(self.facts.sent)

    @property
    def rule(self) -> str:
        """What the rule of the remedy does."""
        purchase = self.facts.purchase
        unasked = purchase is not None and purchase.unasked
        return customer_facts.rule_in_words(self.says, self.remedy.rule, self.nouns, unasked=unasked)

    @property
    def plain(self) -> bool:
        """Whether nothing was found wrong: no finding, one of what may be sent, or one that cannot tell."""
        return self.finding is None or self.finding.verdict == "allowed" or self.untold

    @property
    def untold(self) -> bool:
        """Whether the check that this is about cannot tell."""
        return self.finding is not None and self.finding.verdict == "cannot_tell"


def _of(finding: Finding | None, explanations: Sequence[WhyDocument]) -> list[WhyDocument]:
    """The explanations of the finding's messages, oldest first; without a finding, all of them."""
    subjects = (each for each in explanations if each.subject.type == "message")
    own = [each for each in subjects if finding is None or each.subject.id in finding.messages]
    return sorted(own, key=lambda explanation: (explanation.subject.at, explanation.subject.id))


# -- what happened ----------------------------------------------------------------------------------------------


def _happened(case: _Case) -> Iterable[Section]:
    says, finding = case.says, case.finding
    if finding is None:
        yield Section(paragraphs=tuple(_all_messages(case)))
        return
    apology = () if case.plain or finding.severity == "info" else (says.say("reply", "apology"),)
    others = customer_facts.others(says, case.facts.others, case.nouns)
    wrong = list(_scope(case)) or _fault(case)
    sentences = [*_led_up(case), _sent(case), *_excess(case), *others, *wrong, *apology]
    yield Section(paragraphs=(" ".join(sentences),))
    if case.count > 1 and case.facts.sent:
        latest = case.facts.sent[-_LISTED:]
        excess = "" if finding.excess is None else "_excess"
        lead = f"{'items' if len(latest) == len(case.facts.sent) else 'latest'}{excess}"
        yield Section(
            paragraphs=(says.say("reply", lead, shown=len(latest), **case.nouns),),
            items=tuple(_listed(case, message) for message in latest),
        )


def _all_messages(case: _Case) -> Iterable[str]:
    says, sent = case.says, case.facts.sent
    if not sent:
        nobodys = limits.without_messages(case.picture.unanswered)
        yield says.say("sent", "none_held" if nobodys else "none")
        return
    values = {
        "first": says.date(sent[0].at),
        "last": says.date(sent[-1].at),
        "count": len(sent),
        **case.nouns,
    }
    title = customer_facts.title(says, sent[-1])
    form = {1: "all_one", 2: "all_both"}.get(len(sent), "all_several")
    held = says.say("sent", form, title=title, **values)
    yield f"{held} {says.say('sent', 'nothing_found')}"
    unchecked = limits.unchecked(says, case.picture.unanswered, sent)
    if unchecked:
        yield " ".join(unchecked)


def _listed(case: _Case, message: SentMessage) -> str:
    """A message by day and subject, and by its sender where there are several."""
    says = case.says
    title = customer_facts.title(says, message)
    if message.sender and len(case.senders) > 1:
        title = says.say("reply", "sender", title=title, sender=message.sender)
    return says.say("reply", "item", at=says.date(message.at), title=title)


def _led_up(case: _Case) -> Iterable[str]:
    """What the customer had done before: bought it, or said no."""
    says, no, purchase = case.says, case.facts.opt_out, case.facts.purchase
    if no is not None:
        kind = (
            "maybe_machine" if case.finding is not None and case.finding.case == "maybe_machine" else no.kind
        )
        key = kind if says.has("opt_out", kind) else "other"
        of = "_".join([key, *(["list"] if no.list_id else []), *(["from"] if no.sender else [])])
        key = of if says.has("opt_out", of) else key
        scope = {"sender": no.sender, "list": says.quoted(no.list_id or "")}
        yield says.say("opt_out", key, at=says.date(no.at), **scope, **case.nouns_of_no)
    elif purchase is not None:
        key = "unasked" if purchase.unasked else "bought"
        yield says.say("sent", key, thing=says.quoted(purchase.about), at=says.date(purchase.at))


def _sent(case: _Case) -> str:
    """How many messages, about what and when; where it is about a group alone, since when the customer is in it."""
    says, finding = case.says, case.finding
    assert finding is not None
    if case.count == 0:
        of_export = any(one.id == finding.subject and one.of_export for one in case.picture.segments)
        return says.say("aloud", "group_of_export" if of_export else "group", since=says.date(finding.first))
    sent = case.facts.sent if finding.excess is None else ()
    first, last = (sent[0].at, sent[-1].at) if sent else (finding.first, finding.last)
    days = says.date(first), says.date(last)
    titled = case.count == 1 and case.facts.sent
    values = {
        "first": days[0],
        "last": days[1],
        "count": case.count,
        "about": customer_facts.about(says, case.thing, case.facts, case.count),
        "title": customer_facts.title(says, case.facts.sent[0]) if titled else "",
        **case.nouns,
    }
    form = "one" if titled else "single" if case.count == 1 else "day" if days[0] == days[1] else "several"
    if form == "several":
        form = "both" if case.count == 2 else form if finding.excess is None else "span"
    after = "after_" if (case.facts.opt_out or case.facts.purchase) and form != "span" else ""
    return says.say("sent", f"{after}{form}", **values)


def _excess(case: _Case) -> Iterable[str]:
    """How many of them were too many."""
    excess = None if case.finding is None else case.finding.excess
    if excess is not None:
        yield case.says.say("sent", "excess_one" if excess == 1 else "excess", excess=excess)


def _scope(case: _Case) -> Iterable[str]:
    """Of a no to something else: what it was about, and what the messages are."""
    no = case.facts.opt_out
    if case.finding is not None and case.finding.case == "wrong_scope" and no is not None:
        yield from customer_facts.scope(case.says, no, case.facts.sent, case.nouns)


def _fault(case: _Case) -> Iterable[str]:
    assert case.finding is not None
    if case.untold:
        yield limits.untold(case.says, case.finding.check)
        return
    explained = any(each.standing not in _WITHOUT_REASON for each in case.explanations)
    fault = shipped_words.fault(case.says, case.finding.check, case.finding.case)
    purchase = case.facts.purchase
    if purchase is not None and purchase.unasked:
        return  # what could be needed again was never asked for
    if fault and not (check(case.finding.check).finds_no_cause and explained):
        yield fault


# -- why --------------------------------------------------------------------------------------------------------


def _why(case: _Case) -> Iterable[Section]:
    says = case.says
    leads, acts = customer_facts.reasons(says, case.explanations, case.these)
    unheeded = list(_unheeded(case))
    if unheeded and all(each.standing == "cannot_tell" for each in case.explanations):
        leads = []
    after = [*_origin(case), *unheeded]
    if not leads and not after:
        return
    yield Section(paragraphs=(" ".join([*leads, *(after if not acts else ())]),), items=tuple(acts))
    if acts and after:
        yield Section(paragraphs=(" ".join(after),))


def _origin(case: _Case) -> Iterable[str]:
    """That others put the customer into the group."""
    says, origin = case.says, case.facts.origin
    if origin is None:
        return
    key = f"third_party{'_listed' if origin.listed else ''}{'_named' if origin.name else ''}"
    yield says.say("because", key, since=says.date(origin.since), name=says.quoted(origin.name or ""))
    if case.finding is not None and check(case.finding.check).finds_no_cause and origin.covered:
        yield says.say("because", "no_act")


def _unheeded(case: _Case) -> Iterable[str]:
    """After a no: that its not being acted on is not explained."""
    if case.facts.opt_out is not None and case.finding is not None and case.finding.case == "breach":
        yield case.says.say("opt_out", "not_known", **case.nouns)


# -- what was done ----------------------------------------------------------------------------------------------


def _change(case: _Case) -> Iterable[str]:
    """What was done, as the book has it; a no stands by itself."""
    says, remedy, no = case.says, case.remedy, case.facts.opt_out
    if no is not None:
        key = no.kind if says.has("opt_out", f"stands_{no.kind}") else "other"
        if no.renewed is not None:
            yield says.say("opt_out", "renewed", at=says.date(no.renewed), **case.nouns_of_no)
            return
        sentences = [says.say("opt_out", f"stands_{key}", at=says.date(no.newest or no.at))]
        if not case.plain:
            sentences += _state(case, "opt_out")
        yield " ".join(sentences)
    elif not case.plain and remedy.rule is not None:
        yield " ".join(_state(case, "change"))


def _state(case: _Case, section: str) -> Iterable[str]:
    """How far the remedy has come, in the words of `section`."""
    says, remedy, covering = case.says, case.remedy, case.remedy.covered_by
    state = {"in_force": "in_force_here", "handed_over": "in_force"}.get(remedy.state, remedy.state)
    if section == "change" and covering is not None and covering.sent_since == covering.of:
        state = "in_force_before"
    moments = {"at": remedy.proposed_at, "since": remedy.since}
    dates = {name: says.date(at) for name, at in moments.items() if at is not None}
    if state == "none" and section == "change":
        yield _suggested(case)
    elif state != "none" or (case.finding is not None and case.finding.case == "breach"):
        yield says.say(section, state, what=case.rule, **dates, **case.nouns)
    if covering is not None and section == "change":
        yield _stops("stopped", case, covering.stops, covering.of)
    if remedy.state == "handed_over":
        system = remedy.handed_over_to or says.say("change", "system")
        yield says.say(section, "handed_over", at=says.date(remedy.handed_over_at), system=system)
    if covering is not None and covering.sent_since:
        key = "even_so_one" if covering.sent_since == 1 else "even_so"
        yield says.say("change", key, n=covering.sent_since)
    if remedy.state == "in_force":
        yield says.say(section, "not_handed_over")


def _suggested(case: _Case) -> str:
    """What a rule would have done that nobody has proposed yet."""
    finding = case.finding
    part, effect = (None, None) if finding is None else (finding.covered_in_part, finding.suggested_effect)
    if effect is None or effect.stops == effect.of:
        would = case.says.say("change", "none" if part is None else "rest", what=case.rule)
    else:
        would = _stops("none_some", case, effect.stops, effect.of)
    return f"{customer_facts.unchanged(case.says, part)} {would}"


def _stops(key: str, case: _Case, stops: int, of: int) -> str:
    """How many of the messages a rule would have stopped; two are both."""
    form = "" if stops < of else "_one" if of == 1 else "_both" if of == 2 else "_all"
    return case.says.say("change", f"{key}{form}", stops=stops, of=of, what=case.rule)


# -- when it ends, and how to stop it ---------------------------------------------------------------------------


def _end(case: _Case) -> Iterable[str]:
    finding = case.finding
    if finding is None or (case.plain and finding.case == "allowed_class"):
        return
    ended = customer_facts.ends(
        case.says,
        case.explanations,
        case.picture.at,
        silence=case.facts.silence,
        newest=max([finding.last, *(message.at for message in case.facts.sent)]),
        messages=case.nouns["messages"],
        again=finding.check if check(finding.check).again else "",
        changed=case.remedy.state in {"in_force", "handed_over"} or case.facts.opt_out is not None,
    )
    if ended:
        yield " ".join(ended)


def _stop(case: _Case) -> Iterable[str]:
    """How to stop it now, and in which system; who has said no is not asked to say it again."""
    says, finding = case.says, case.finding
    too = finding is not None and finding.case == "wrong_scope"
    if finding is not None and not too and not check(finding.check).offers_opt_out:
        return
    stoppable = [message for message in case.facts.sent if message.marketing and not message.refused]
    if not stoppable:
        return
    senders = customer_facts.senders(says, brands(stoppable))
    systems = list(dict.fromkeys(message.system for message in stoppable if message.system))
    system = says.say("stop", "system", system=says.listed([*map(says.quoted, systems)])) if systems else ""
    on_paper = all(message.channel in ON_PAPER for message in stoppable)
    key = "paper" if on_paper else "unnamed" if not senders else "too" if too else "from"
    sentence = says.say("stop", key, sender=senders, system=system, **case.nouns)
    yield f"{sentence} {says.say('stop', 'all')}"
