"""Places of linear mode about customers: the stories of the demo, and one customer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from audit.errors import InputError
from tui import keys
from tui.linear import lines
from tui.linear.decisions import CustomerCasePlace, Report, Suggestion, Why, propose, tell_audience
from tui.linear.loop import NUMBER, Action, Loop, Place, called
from tui.rendering import complaint, full_explanation, week_strip, what_if_diff
from tui.rendering.text import number
from tui.screens.customer_case import STOPS_NOTHING
from tui.screens.stories import neighbour, stories
from tui.session import Pasted
from tui.session.view_models import ProposalCase, Subject
from tui.widgets.decision_lists import LISTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from audit.queries.complaints.answer import CaseOfLetter
    from tui.session import Step, Story
    from tui.session.view_models import Document


class Stories(Place):
    """The stories of the demo."""

    title = "Stories: thirteen customers and what they said"

    def items(self) -> Sequence[str]:
        return [f"{story.title}: “{story.words}”" for story in stories()]

    def open(self, at: int) -> None:
        open_story(self.loop, stories()[at])

    def actions(self) -> Iterable[Action]:
        yield Action("open", "The customer of a story.", lambda text: self.open(self.chosen(text)), NUMBER)


def open_story(loop: Loop, story: Story) -> None:
    """Go to the customer of a story."""
    loop.go(Customer(loop, loop.session.customers.resolve(story.customer), story))


def read_letter(loop: Loop, text: str) -> None:
    """Go to the customer whose letter it is, at what it is about; ask whose it is where several fit. Nothing of it is kept."""
    customer = None
    while text:
        letter = loop.session.customers.read_letter(Pasted(text), customer)
        if letter.customer is not None:
            loop.go(Customer(loop, letter.customer, letter=letter))
            return
        fitting = letter.complaint.fitting
        if not fitting:
            loop.say(*complaint.nobody(letter.complaint))
            return
        loop.say(
            "Several customers fit this letter:",
            *(f"{at}. {complaint.choice(fit)}" for at, fit in enumerate(fitting, start=1)),
        )
        chosen = loop.ask("Whose is it? A number, or nothing:")
        if not chosen:
            return
        if chosen not in map(str, range(1, len(fitting) + 1)):
            raise InputError(f"there is no {chosen}; the numbers go from 1 to {len(fitting)}")
        customer = fitting[int(chosen) - 1].customer


def look_up(loop: Loop, text: str) -> None:
    """Go to the customer that an e-mail address, a source's id or a pseudonym names."""
    text = text or loop.ask("E-mail address, source id or pseudonym:")
    if text:
        loop.go(Customer(loop, loop.session.customers.resolve(text)))


GROUPS = {"mails": ("mail",), "behaviour": ("behaviour",), "all": ("mail", "behaviour", "other")}
"""View → the groups of a timeline that it lists."""

VIEWS = {
    "all": "Everything that happened, the newest first.",
    "mails": "Only messages.",
    "subjects": "The mails by subject, the most first.",
    "behaviour": "Only what the customer did.",
    "weeks": "The year in weeks: mails, acts, opt-outs, and what is above the cap.",
    "segments": "The segments the customer is in.",
    "recommended": "What is recommended.",
    "findings": "The findings, the worst first.",
    "pattern": "What is out of this account's usual pattern: hints.",
}
"""What can be listed of a customer: number and name of what is listed last stay good until another is asked for."""


class Customer(CustomerCasePlace):
    """What happened to somebody, why, and when it ends."""

    def __init__(
        self, loop: Loop, customer: str, story: Story | None = None, letter: CaseOfLetter | None = None
    ) -> None:
        self.story = story
        self.view = "all"
        super().__init__(loop, customer, letter)

    # -- what is said ------------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:  # type: ignore[override]
        return "Customer " + ", ".join((self.now.customer, *self.now.about))

    def answer(self) -> Iterator[str]:
        if self.story is not None:
            yield f"Story {self.story.number} of {len(stories())}: {self.story.title}. “{self.story.words}”"
        yield from self._of_letter()
        yield from lines.verdict(self.verdict)
        yield from self.told_left_out()
        yield self.now.coverage
        if self.story is not None:
            yield self.story.look
            yield from (
                f"Try: {', then '.join(step_commands(step))}: {step.say.partition(';')[0]}"
                for step in self.story.steps
            )
        yield self._listed()

    def _of_letter(self) -> Iterator[str]:
        """What the letter is about, and what of it led there."""
        if self.case.letter is None:
            return
        about, others = self.case.about, len(self.case.may_be_about()) - 1
        if about is None:
            yield f"The letter: {complaint.nothing(self.case.letter)}"
        else:
            yield f"The letter is about: {about.text}"
            yield from filter(None, (complaint.evidence(about),))
        if others > 0:
            yield f"It may be about {others} more; say letter."

    def _letter(self, text: str) -> None:
        """What else the letter may be about; with a number, turn to that."""
        candidates = list(self.case.may_be_about().values())
        if not candidates:
            raise InputError("no letter was pasted, or nothing here is near it")
        if text not in map(str, range(1, len(candidates) + 1)):
            self.loop.say("What the letter may be about; letter NUMBER turns to it:")
            self.loop.say(*(f"{at}. {title}" for at, (_, title) in enumerate(candidates, start=1)))
            return
        self.case.about = candidates[int(text) - 1][0]
        self.loop.show()

    def _listed(self) -> str:
        return f"Listed: {self.view}, {number(len(self.items()))}. {VIEWS[self.view]}"

    def _shown(self) -> list[tuple[str, Any]]:
        """What is listed: each line, and the row, decision or event behind it."""
        before, now, merged = self.before, self.now, what_if_diff.merged
        if self.view in GROUPS:
            return [(self._row(row), row) for row in self.rows if row["group"] in GROUPS[self.view]]
        if self.view == "subjects":
            return [(text, self.rows[place]) for text, place in lines.subjects(before.timeline)]
        if self.view == "weeks":
            return [(text, None) for text in week_strip.lines(now.weeks, now.cap)]
        if self.view == "segments":
            return [(lines.segment(entry, mark), Subject("segment", entry.id)) for entry, mark in merged(before.segments, now.segments, what_if_diff.by_id)]  # fmt: skip
        if self.view == "recommended":
            return [(lines.recommendation(entry, mark), Subject("item", entry.item_id)) for entry, mark in merged(before.recommendations, now.recommendations, what_if_diff.by_item)]  # fmt: skip
        if self.view == "findings":
            return [(lines.finding(entry, mark), Subject("finding", entry.id)) for entry, mark in merged(before.findings, now.findings, what_if_diff.by_id)]  # fmt: skip
        return [(f"{'recorded' if entry.hard else 'a hint'}, score {entry.score:.1f}: {entry.text}", entry) for entry in before.out_of_pattern]  # fmt: skip

    def _row(self, row: Document) -> str:
        trial, key = self.case.trial, row["key"]
        fate = (trial.stopped.get(key) or trial.deferred.get(key) or "") if trial is not None else ""
        out = "left out; " if key in self.case.without else ""
        return out + lines.event(row, fate)

    def items(self) -> Sequence[str]:
        return [text for text, _ in self._shown()]

    def open(self, at: int) -> None:
        self._why(str(at + 1))

    # -- what can be done ----------------------------------------------------------------------------------------------

    def actions(self) -> Iterable[Action]:
        def of(action: str, help_: str, do: Callable[[str], object], takes: str = "") -> Action:
            return Action(called("customer", action), help_, do, takes)

        yield of(
            "whole_why",
            "Why it was decided, what would have had to be different, when it ends.",
            self._why,
            NUMBER,
        )
        yield of(
            "leave_out",
            "Leave an event out of the history and recompute; again: put it back.",
            self._leave_out,
            NUMBER,
        )
        yield Action(
            called("why", "put_back"), "Put everything back that is left out.", lambda _: self.without(())
        )
        yield Action("reply", "The reply to the customer.", lambda text: self._report("reply", text))
        yield Action(
            "propose",
            "Ask for the rule that would have stopped the worst finding, or that with that number.",
            self._propose,
            NUMBER,
        )
        yield of(
            "suggest", "That rule with its replays, before anything is asked for.", self._suggest, NUMBER
        )
        yield of("try_rules", "Try the rules of the book on these messages; again: back.", self._try)
        yield of("exclude", "A rule that no mail may rest on this event alone.", self._exclude, NUMBER)
        yield of(
            "audience",
            "Who got the campaign of this message, and what sets them apart.",
            self._audience,
            NUMBER,
        )
        yield of("report", "The internal note.", lambda text: self._report("internal", text))
        if self.case.letter is not None:
            yield of("letter", "What else the letter may be about.", self._letter, NUMBER)
        yield of("export", "Write this customer's case to a file.", self._export)
        yield from (Action(view, help_, partial(self._list, view)) for view, help_ in VIEWS.items())
        if self.story is not None:
            yield of("app.story(1)", "The customer of the next story.", lambda _: self._story(1))
            yield of("app.story(-1)", "The customer of the story before.", lambda _: self._story(-1))

    def _list(self, view: str, _: str = "") -> None:
        self.view = view
        if view == "recommended" and not self.before.whole:
            self.whole()
        self.begin = 0
        self.loop.say(self._listed())
        self.loop.page()

    def _behind(self, text: str, default: int | None = None) -> Any:
        """What a number or words name of what is listed; words also name an event that is not listed."""
        try:
            return self._shown()[self.chosen(text, default=default)][1]
        except InputError:
            rows = (row for row in self.rows if text.casefold() in self._row(row).casefold())
            row = None if not text or text.isdecimal() else next(rows, None)
            if row is None:
                raise
            return row

    def _row_of(self, text: str) -> Document:
        """The row of the timeline that is named. Raises InputError for what is none."""
        row = self._behind(text)
        if not isinstance(row, dict):
            raise InputError("that is no event; list all, mails or behaviour, and name one of these")
        return row

    def _newest(self) -> int:
        """The newest message of the worst finding, where it is listed; else the first line."""
        key = self.case.newest_message()
        rows = [row for _, row in self._shown()]
        return next((at for at, row in enumerate(rows) if isinstance(row, dict) and row["key"] == key), 0)

    def _why(self, text: str) -> None:
        chosen = self._behind(text, self._newest())
        if isinstance(chosen, dict):
            chosen = full_explanation.subject_of(self.before.timeline, chosen["key"])
        elif not isinstance(chosen, Subject):
            self.loop.say(chosen.text, *(f"- {sign.text}" for sign in chosen.because))
            return
        if chosen.kind == "finding":
            found = self.case.finding(chosen.id)
            if found is not None:
                self.loop.say(*lines.finding_whole(found))
            if chosen.id not in {finding.id for finding in self.before.findings}:
                return
        self.loop.go(Why(self, chosen))

    def _leave_out(self, text: str) -> None:
        chosen = self._behind(text)
        if isinstance(chosen, Subject):
            raise InputError("that is no event; why names the events behind it")
        self.leave_out(tuple(chosen["events"] if isinstance(chosen, dict) else chosen.evidence))

    def _try(self, _: str) -> None:
        trial = self.case.trial
        self.case.trial = None
        if trial is not None:
            self.loop.say("No rule is tried any more.")
            return
        rule = self.verdict.rule
        self.case.trial = self.session.customers.try_rules(self.case.customer, self.case.without, rule)
        self.loop.say(self.case.trial_sentence())
        self._list("mails")

    def _rule(self, text: str) -> tuple[Document, str, str]:
        """The rule suggested for a finding, why, and the finding. Raises InputError where nothing is to be proposed."""
        chosen = self._behind(text) if text else None
        of_finding = isinstance(chosen, Subject) and chosen.kind == "finding"
        if chosen is not None and not of_finding:
            if isinstance(chosen, (dict, Subject)):
                raise InputError("that is no finding; say findings, then name one of these")
            return chosen.suggested_rule, chosen.text, ""
        finding = self.case.finding(chosen.id) if isinstance(chosen, Subject) else self.case.worst_finding()
        if finding is not None and finding.covered_by is not None:
            raise InputError(f"{finding.covered_by.in_words}; nothing new is proposed")
        if finding is None or finding.suggested_rule is None:
            raise InputError("no rule is suggested for this")
        remedy = finding.text if text else self.verdict.remedy
        return finding.suggested_rule, remedy, finding.id

    def _suggest(self, text: str) -> None:
        rule, remedy, finding = self._rule(text)
        self.loop.go(Suggestion(self.loop, rule, remedy, ProposalCase(self.case.customer, finding)))

    def _propose(self, text: str) -> None:
        rule, _, finding = self._rule(text)
        propose(self.loop, rule, ProposalCase(self.case.customer, finding))

    def _exclude(self, text: str) -> None:
        case, row = self.case, self._row_of(text)
        ask = self.session.customers.nearest_to_leave_out
        nearest = () if case.only_rule is not None else ask(case.customer, tuple(row["events"]))
        offered = case.rule_to_leave_out(row, nearest)
        if offered is None:
            raise InputError(STOPS_NOTHING)
        rule, remedy = offered
        self.loop.go(Suggestion(self.loop, rule, ". ".join(remedy), ProposalCase(case.customer)))

    def _audience(self, text: str) -> None:
        campaign = self._row_of(text)["campaign"]
        if campaign is None:
            raise InputError("this names no campaign")
        tell_audience(self.loop, campaign)

    def _report(self, kind: str, text: str) -> None:
        chosen = self._behind(text) if text else None
        finding = chosen.id if isinstance(chosen, Subject) and chosen.kind == "finding" else ""
        self.loop.go(Report(self.loop, self.case.customer, kind, finding, self.case.answered_in))

    def _export(self, _: str) -> None:
        self.loop.say(f"Written to {self.session.export_case(self.case.customer)}")

    def _story(self, step: int) -> None:
        assert self.story is not None
        open_story(self.loop, neighbour(self.story, step))


def step_commands(step: Step) -> list[str]:
    """What to type for a step of a story, whose keys are those of the Customer screen, then of the report that is open."""
    pressed = [name for name in step.press.split() if name != "tab"]
    tabs = step.press.split().count("tab")
    on = f" {step.on.partition(' ')[2]}" if step.on else ""
    commands = [
        next(key.label for key in keys.TABLE[area] if name in key.keys.split(","))
        for area, name in zip(("customer", "report"), pressed, strict=False)
    ]
    lists = dict(zip(LISTS, ("segments", "recommended", "findings"), strict=True))
    return [*([lists[LISTS[tabs - 2]]] if tabs else ()), *(command + on for command in commands)]
