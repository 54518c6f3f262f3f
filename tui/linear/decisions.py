"""Places of linear mode about one decision: why it was made, the rule that would have stopped it, what the customer is told."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from audit.errors import InputError, NotFoundError, WhysentError
from tui.linear import lines
from tui.linear.loop import NUMBER, Action, Loop, Place, called
from tui.rendering import audience, full_explanation, what_if_diff
from tui.rendering.wording import STANDINGS, moment, several, standing_name
from tui.screens.customer_case import CustomerCase
from tui.screens.report import KINDS, file_name, readable
from tui.session.view_models import Change, ProposalCase, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from audit.queries.complaints.answer import CaseOfLetter
    from audit.why import WhyDocument
    from tui.rendering.explanation import Sentence
    from tui.session.core import CoreSession
    from tui.session.view_models import CaseReport, Document, Picture, Verdict


def tell_audience(loop: Loop, campaign: str, *, most: int | None = None) -> None:
    """Say who got a campaign, and what sets them apart."""
    loop.finish()
    loop.say(*audience.page(loop.session.customers.audience(campaign), most, ""))


def propose(loop: Loop, rule: Document, case: ProposalCase) -> None:
    """Ask for a rule, after the question for a note and a yes."""
    loop.say(*lines.rule(rule))
    note = loop.ask("Note for whoever decides, or nothing:")
    if loop.agree(f"Propose {rule.get('title') or rule['id']}?"):
        loop.say(loop.session.proposals.propose(rule, ProposalCase(case.customer, case.finding, note)) + ".")
    else:
        loop.say("Nothing is proposed.")


class CustomerCasePlace(Place):
    """A customer that is open. The screens' own case keeps what is left out and tried; it is asked for at once here."""

    def __init__(self, loop: Loop, customer: str, letter: CaseOfLetter | None = None) -> None:
        super().__init__(loop)
        self.case = CustomerCase(self, customer, letter=letter)
        self.case.what_if.leave_out(())

    def ask(self, group: str, question: Callable[[], Any], show: Callable[[Any], object]) -> None:
        """Ask at once."""
        del group
        show(question())

    def show_picture(self, picture: Picture) -> None:
        self.case.what_if.take(picture)
        if picture.without:
            self.case.what_if.ask_more(picture)
            if not self.before.whole:
                self.whole()

    def show_full_picture(self, picture: Picture) -> None:
        """As the other."""
        self.case.what_if.take(picture)

    def show_derivable(self, without: tuple[str, ...], derivable: what_if_diff.Derivable) -> None:
        self.case.what_if.take_derivable(without, derivable)

    def whole(self) -> None:
        """Have the recommendations too, which may take long."""
        self.case.what_if.take(self.session.customers.picture(self.case.customer, ()))

    @property
    def before(self) -> Picture:
        assert self.case.before is not None
        return self.case.before

    @property
    def now(self) -> Picture:
        assert self.case.now is not None
        return self.case.now

    @cached_property
    def rows(self) -> Sequence[Document]:
        """The whole timeline."""
        return self.before.timeline.to_dicts()

    @cached_property
    def names(self) -> dict[str, str]:
        return lines.names(self.before.timeline)

    @property
    def verdict(self) -> Verdict:
        return self.session.customers.verdict(self.now, self.case.complained_of)

    def told_left_out(self) -> Iterator[str]:
        without = self.case.without
        if without:
            named = dict.fromkeys(self.names.get(event, event) for event in without)
            yield f"{several(len(without), 'event')} left out: {'; '.join(named)}"
            yield from lines.changes(self.case.what_if.changes(self.names))

    def leave_out(self, events: tuple[str, ...]) -> None:
        """Leave events out of the history; those that are left out already come back."""
        self.without(self.case.what_if.toggled(events))

    def without(self, without: tuple[str, ...]) -> None:
        try:
            self.case.what_if.leave_out(without)
        except WhysentError:
            self.case.what_if.forget_request()
            raise
        self.loop.say(
            *(self.told_left_out() if without else ("Nothing is left out.",)), *lines.verdict(self.verdict)
        )


class Why(Place):
    """One decision: why, what would have had to be different, when it ends; every sentence with its number."""

    def __init__(self, customer: CustomerCasePlace, subject: Subject) -> None:
        super().__init__(customer.loop)
        self._customer = customer
        self._subject = subject
        self._document = self._ask(()) if subject.kind != "event" else None

    def _ask(self, without: tuple[str, ...]) -> WhyDocument:
        return self.session.customers.explain(self._customer.case.customer, self._subject, without)

    @property
    def title(self) -> str:  # type: ignore[override]
        if self._document is None:
            names = self._customer.names
            return f"Why: {names.get(self._subject.id, self._subject.id)}"
        subject = self._document.subject
        at = f", {moment(subject.at)}" if subject.at is not None else ""
        return f"Why: {subject.title or subject.id}{at}"

    def answer(self) -> Iterator[str]:
        without = self._customer.case.without
        if self._document is None:
            yield "An event of the history; what rests on it:"
            return
        yield f"{standing_name(self._document.standing)}: {STANDINGS[self._document.standing]}"
        if without:
            yield f"Left out: {several(len(without), 'event')}. {self._outcome(self._document, without).capitalize()}."

    def _outcome(self, document: WhyDocument, without: tuple[str, ...]) -> str:
        try:
            after: WhyDocument | None = self._ask(without)
        except NotFoundError:
            after = None
        return what_if_diff.outcome(self._subject, document, after)

    def _sentences(self) -> list[tuple[str, tuple[str, ...]]]:
        names, picture = self._customer.names, self._customer.before
        said: tuple[Sentence, ...]
        if self._document is None:
            said = full_explanation.about_event(picture, self._key(self._subject.id)).tree[0].because
        else:
            said = (
                *full_explanation.reasons(self._document),
                *full_explanation.different(self._document, names),
            )
        return list(lines.tree(said))

    def _key(self, event: str) -> str:
        """The key of an event's row in the timeline."""
        rows = full_explanation.named(self._customer.before.timeline)[0]
        return rows.get(event, event)

    def items(self) -> Sequence[str]:
        return [text for text, _ in self._sentences()]

    def _events(self, text: str) -> tuple[str, ...]:
        """The events behind a sentence; of an event itself, those of its row."""
        if self._document is None and not text:
            row = next(row for row in self._customer.rows if row["key"] == self._key(self._subject.id))
            return tuple(row["events"])
        events = self._sentences()[self.chosen(text, default=0)][1]
        if not events:
            raise InputError("no event stands behind this sentence")
        return events

    def open(self, at: int) -> None:
        event = self._key(self._events(str(at + 1))[0])
        subject = full_explanation.subject_of(self._customer.before.timeline, event)
        if subject == self._subject:
            raise InputError("this is what is explained here")
        self.loop.go(Why(self._customer, subject))

    def actions(self) -> Iterable[Action]:
        yield Action(
            called("why", "leave_out"),
            "Leave the events behind a sentence out; again: put them back.",
            self._leave_out,
            NUMBER,
        )
        yield Action(
            called("why", "put_back"),
            "Put everything back that is left out.",
            lambda _: self._customer.without(()),
        )
        if self._document is not None:
            yield Action(
                "words", "The words for the customer; in another language: words de.", self._words, "LANGUAGE"
            )

    def _leave_out(self, text: str) -> None:
        self._customer.leave_out(self._events(text))
        without = self._customer.case.without
        if self._document is not None and without:
            self.loop.say(f"So: {self._outcome(self._document, without)}.")

    def _words(self, text: str) -> None:
        assert self._document is not None
        wording = self.session.customers.customer_wording(
            self._customer.before, self._document, _language(self.session, "reply", text)
        )
        self.loop.say(wording.text or wording.refusal)


def _language(session: CoreSession, kind: str, text: str) -> str:
    """The language that was named, else the first of this kind of report. Raises InputError for one that there is none in."""
    languages = session.customers.languages(kind)
    if text and text not in languages:
        raise InputError(f"{text} is no language here; there are {', '.join(languages)}")
    return text or languages[0]


class Suggestion(Place):
    """A rule that is suggested, with its replays."""

    of_everybody = True

    def __init__(self, loop: Loop, rule: Document, remedy: str, case: ProposalCase) -> None:
        super().__init__(loop)
        self._rule, self._remedy, self._case = rule, remedy, case

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Rule: {self._rule.get('title') or self._rule['id']}"

    def answer(self) -> Iterator[str]:
        yield self._remedy
        yield from lines.rule(self._rule)
        replays = self.session.replays
        yield from lines.replay(replays.replay(self._rule, self._case.customer), "On this customer")
        if self.loop.lists_people:
            yield from lines.replay(replays.replay(self._rule, None, self.loop.progress()), "On everybody")

    def actions(self) -> Iterable[Action]:
        yield Action(
            called("suggestion", "propose"),
            "Ask for the rule.",
            lambda _: propose(self.loop, self._rule, self._case),
        )
        yield Action(
            called("suggestion", "put"),
            "Put it into the book, switched off, after a plan and a yes.",
            self._put,
        )

    def _put(self, _: str) -> None:
        self.loop.change(Change("add", str(self._rule["id"]), {**self._rule, "enabled": False}))


class Report(Place):
    """The internal note or the reply, about one finding, in a language."""

    def __init__(self, loop: Loop, customer: str, kind: str, finding: str, answered_in: str) -> None:
        super().__init__(loop)
        self._customer, self._kind, self._finding = customer, kind, finding
        self._wanted, self._answered_in = "", answered_in

    @cached_property
    def _report(self) -> CaseReport:
        return self.session.customers.report(self._customer, self._kind, self._language, self._finding)

    @property
    def _language(self) -> str:
        wanted = self._wanted or (self._answered_in if self._kind == "reply" else "")
        return self.session.customers.language(self._kind, wanted)

    @property
    def title(self) -> str:  # type: ignore[override]
        return self._report.title

    def answer(self) -> Iterator[str]:
        report = self._report
        if report.about:
            yield f"About: {report.about}"
        if report.rule is not None:
            yield f"Nothing is proposed for this yet. Say propose to ask for: {report.rule.get('title') or report.rule['id']}"
        yield "The text:"
        yield readable(report.text or report.refusal).plain
        yield "End of the text."

    def _again(self, **changed: str) -> None:
        for name, value in changed.items():
            setattr(self, f"_{name}", value)
        del self.__dict__["_report"]
        self.loop.show()

    def actions(self) -> Iterable[Action]:
        other = KINDS[1 - KINDS.index(self._kind)]
        name = called("report", "kind") if other == "reply" else "note"
        yield Action(
            name, "The internal note, or the reply to the customer.", lambda _: self._again(kind=other)
        )
        yield Action(
            "language",
            f"In another language: {', '.join(self.session.customers.languages(self._kind))}.",
            lambda text: self._again(wanted=_language(self.session, self._kind, text)),
            "LANGUAGE",
        )
        yield Action(
            called("report", "next_finding"), "About the next of the customer's findings.", self._next
        )
        yield Action(
            called("report", "propose"), "Ask for the rule that the finding suggests.", self._propose
        )
        yield Action(called("report", "export"), "Write it to a file.", self._export)

    def _next(self, _: str) -> None:
        after = self._report.next_finding
        if after is None:
            raise InputError("there is no other finding to answer")
        self._again(finding=after)

    def _propose(self, _: str) -> None:
        if self._report.rule is None:
            raise InputError(self._report.no_rule)
        propose(self.loop, self._report.rule, ProposalCase(self._customer, self._report.finding))
        self._again()

    def _export(self, _: str) -> None:
        if not self._report.text:
            raise InputError(self._report.refusal)
        name = file_name(self._kind, self._language, self._customer)
        self.loop.say(f"Written to {self.session.write_export(name, self._report.text)}")
