"""The inbox: what is proposed, by campaign; replayed, and answered with a note."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static

from tui import keys
from tui.core_access import ProgressReporter
from tui.rendering.replay_summary import IF_APPROVED, WITHIN, effect_lines, figures
from tui.rendering.text import content, joined, number, say
from tui.screens.dialogs import Dialog, ask_note, confirm
from tui.session.view_models import Change, Plan, ProposalGroup, ProposalSummary
from tui.widgets.items import Item, Items
from tui.widgets.text import KeyLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from audit.rules.book.plan import Effect
    from audit.rules.replay.totals import ReplayDocument

EMPTY = "Nothing waits. What somebody proposes (f on a customer's screen) stands here."


class InboxDialog(Dialog[bool]):
    """Lists what waits; tells the proposal under the cursor. Dismissed with whether the book was changed."""

    AREA = "inbox"
    BINDINGS = keys.bindings(AREA)

    def __init__(self) -> None:
        super().__init__("Inbox")
        self._proposals: dict[str, ProposalSummary] = {}
        self._replays: dict[str, Content] = {}
        self._findings: dict[str, str] = {}
        self._changed = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -inbox") as box:
            box.border_title = self._title
            yield Items(id="waiting")
            with VerticalScroll(id="asked"):
                yield Static(content("reading …"), markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self._load()

    def _load(self) -> None:
        self.ask("inbox", self.session.proposals.inbox, self.show_list)

    def show_list(self, groups: tuple[ProposalGroup, ...]) -> None:
        self._proposals = {proposal.id: proposal for group in groups for proposal in group.proposals}
        items = self.query_one(Items)
        items.put(_items(groups))
        items.display = bool(self._proposals)
        if self._proposals:
            items.focus()
        self.show_chosen()

    @property
    def chosen(self) -> ProposalSummary | None:
        """The proposal under the cursor."""
        return self._proposals.get(self.query_one(Items).chosen or "")

    @on(OptionList.OptionHighlighted, "#waiting")
    def show_chosen(self) -> None:
        proposal = self.chosen
        self.query_one("#asked", VerticalScroll).border_subtitle = content("")
        if proposal is None:
            self.query_one(Static).update(content(EMPTY))
            return
        finding = self._findings.get(proposal.finding)
        text = _page(proposal, finding, self._replays.get(proposal.id))
        self.query_one(Static).update(text)
        if proposal.finding and finding is None:
            question = partial(self.session.proposals.finding_text, proposal.customer, proposal.finding)
            self.ask("finding", question, partial(self.show_finding, proposal.finding))

    def show_finding(self, finding: str, text: str) -> None:
        self._findings[finding] = text
        self.show_chosen()

    def failed(self, group: str, reason: str) -> None:
        """A finding that the data of today does not give is said where it would stand."""
        proposal = self.chosen
        if group == "finding" and proposal is not None:
            self.show_finding(proposal.finding, reason)
        else:
            self.show_chosen()
            super().failed(group, reason)

    @on(OptionList.OptionSelected, "#waiting")
    def replay_chosen(self) -> None:
        proposal = self.chosen
        if proposal is None or proposal.rule is None:
            say(self.app, "there is no one rule to replay in it", severity="warning")
            return
        self.query_one("#asked", VerticalScroll).border_subtitle = content("replaying over everybody …")
        question = partial(self.session.replays.replay, proposal.rule, None, ProgressReporter())
        self.ask("replay", question, partial(self.show_replay, proposal))

    def show_replay(self, proposal: ProposalSummary, replay: ReplayDocument) -> None:
        self._replays[proposal.id] = figures(replay, content("replaying …", "dim"), compared=IF_APPROVED)
        self.show_chosen()
        within_book = partial(self.session.replays.beside_the_others, proposal.rule or {}, proposal.id)
        show = partial(self.show_within_book, proposal.id, replay)
        self.ask(WITHIN, lambda: within_book(ProgressReporter()), show)

    def show_within_book(self, proposal: str, replay: ReplayDocument, effect: Effect | None) -> None:
        self._replays[proposal] = figures(replay, effect_lines(effect), compared=IF_APPROVED)
        self.show_chosen()

    # -- answering -------------------------------------------------------------------------------------------------

    def action_approve(self) -> None:
        proposal = self.chosen
        if proposal is None or not proposal.approvable:
            say(
                self.app,
                "an export is approved on the command line: whysent rules approve",
                severity="warning",
            )
            return
        self.query_one("#asked", VerticalScroll).border_subtitle = content("what it would change …")
        change = Change("approve", proposal.id)
        self.ask("plan", partial(self.session.rules.plan, change), partial(self.ask_yes, change))

    def ask_yes(self, change: Change, plan: Plan) -> None:
        apply = self.session.rules.apply
        self.query_one("#asked", VerticalScroll).border_subtitle = content("")

        def approve(note: str) -> None:
            self.ask("answer", partial(apply, change, note), self.show_approved)

        title = f"Approve {change.id}: a note, or nothing"
        confirm(self, plan, lambda: ask_note(self, title, approve))

    def action_reject(self) -> None:
        proposal = self.chosen
        if proposal is None:
            return
        name, reject_proposal = proposal.id, self.session.proposals.reject

        def reject(note: str) -> None:
            self.ask("answer", partial(reject_proposal, name, note), self.show_answered)

        ask_note(self, f"Reject {name}: why? {keys.key_of('dialog.close')} leaves it", reject, needed=True)

    def show_approved(self, done: str) -> None:
        self.services.did_to_book(done)
        self._load_changed()

    def show_answered(self, done: str) -> None:
        self.say(done)
        self._load_changed()

    def _load_changed(self) -> None:
        self._changed = True
        self._load()

    async def action_dismiss(self, result: bool | None = None) -> None:
        self.dismiss(self._changed if result is None else result)


def _items(groups: tuple[ProposalGroup, ...]) -> Iterator[Item]:
    for group in groups:
        counts = (
            ("proposal", len(group.proposals)),
            ("customer", group.customers),
            ("ticket", group.tickets),
        )
        heads = ", ".join(f"{number(count)} {word}{'s' * (count != 1)}" for word, count in counts)
        head = f"{group.campaign or 'no one campaign'}: {heads}"
        yield Item("", content(head, "underline"), head=True)
        for proposal in group.proposals:
            yield Item(
                proposal.id,
                joined(f"? {proposal.id}  ", (proposal.title, "bold"), (f"  {proposal.origin}", "dim")),
            )


def _page(proposal: ProposalSummary, finding: str | None, replay: Content | None) -> Content:
    parts = [joined((proposal.title, "bold"), (f"  {proposal.id}", "dim")), content(proposal.origin, "dim")]
    parts += [content(finding or "reading what it is about …", "dim")] if proposal.finding else []
    parts += [content(f"“{proposal.note}”")] if proposal.note else []
    parts += [content(""), *map(content, proposal.lines), content("")]
    parts.append(content("Enter replays it over everybody.", "dim") if replay is None else replay)
    return Content("\n").join(parts)
