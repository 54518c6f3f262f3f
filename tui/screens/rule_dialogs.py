"""Dialogs about one rule: a suggested one with its replays, one as a sender would keep it, and who displaces whom under one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList, Static

from tui import keys
from tui.core_access import Progress, ProgressReporter
from tui.rendering import bars
from tui.rendering.replay_summary import CAVEAT, side_by_side, stopped_outcomes, totals
from tui.rendering.text import content, joined, listed, names_in, number, say
from tui.screens.dialogs import Dialog, ask_note, confirm
from tui.session.view_models import Change, Document, Plan, Sample
from tui.widgets.items import Item, Items
from tui.widgets.table import Table
from tui.widgets.table_data import Rows
from tui.widgets.text import CleanInput, KeyLine, Peek

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from audit.rules.replay.totals import ReplayDocument
    from audit.rules.vendor_semantics.preset_comparison import ComparisonDocument
    from tui.session import Name
    from tui.session.view_models import KeptRoom, ProposalCase

SCOPES = {"customer": "On this customer", "everybody": "On everybody"}


class Pick(Dialog[str | None]):
    """One of many names, with a note on each: what is typed narrows the list. Those in `chosen` are marked; of `one` the cursor begins there."""

    AREA = "pick"
    BINDINGS = keys.bindings(AREA)
    HINT = "type to narrow · {pick.up} {pick.down} · Enter: in or out"
    FEW = 12
    MOST: ClassVar[int] = 200
    """Names that are listed at once."""

    def __init__(
        self, title: object, names: Mapping[str, str], chosen: Iterable[str], *, one: bool = False
    ) -> None:
        super().__init__(title)
        self._names, self._chosen, self._one = names, set(chosen), one
        self.short = len(names) <= self.FEW

    def body(self) -> Iterable[Widget]:
        yield CleanInput(compact=True, placeholder="type to narrow")
        yield Items(id="choice")

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.narrow()
        if self._one:
            self.query_one(".dialog").border_subtitle = content(
                keys.hint("type to narrow · {pick.up} {pick.down} · Enter: choose")
            )
            for name in self._chosen:
                self.query_one("#choice", Items).point_at(name)

    @on(Input.Changed)
    def narrow(self) -> None:
        asked = self.query_one(Input).value.casefold()
        found = [name for name in self._names if asked in name.casefold()]
        items = self.query_one("#choice", Items)
        shown = [Item(name, self._says(name)) for name in found[: self.MOST]]
        more = len(found) - len(shown)
        tail = (
            [Item("", content(f"    {number(more)} more; type to narrow", "dim"), head=True)] if more else []
        )
        items.put([*shown, *tail])
        if items.highlighted is None and shown:
            items.highlighted = 0

    def _says(self, name: str) -> Content:
        mark = "✓" if self._chosen and names_in(name)[0] in self._chosen else " "
        return joined(f"{mark} {name}  ", (self._names[name], "dim"))

    def action_move(self, step: int) -> None:
        items = self.query_one("#choice", Items)
        items.action_cursor_down() if step > 0 else items.action_cursor_up()

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def take(self) -> None:
        self.dismiss(self.query_one("#choice", Items).chosen)


class SuggestionDialog(Dialog[None]):
    """Shows the rule; `p` proposes it for the case, `b` puts it into the book, switched off."""

    AREA = "suggestion"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, rule: Document, case: ProposalCase, *, title: str, remedy: str = "") -> None:
        super().__init__(title)
        self._rule, self._case, self._remedy = rule, case, remedy
        self._change = Change("add", str(rule["id"]), {**rule, "enabled": False})

    def body(self) -> Iterable[Widget]:
        yield Static(self._description(), markup=False)
        yield Static(content("replaying over this customer …"), id="customer", markup=False)
        yield Static(content("replaying over everybody …"), id="everybody", markup=False)
        yield Static(content(CAVEAT, "dim"), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        replays, rule, customer = self.session.replays, self._rule, self._case.customer

        def show_sample(sample: Sample) -> None:
            self.show_replay("everybody", sample.replay, sample.total)

        def everybody() -> ReplayDocument:
            return replays.replay(rule, None, ProgressReporter(), self.showing(show_sample))

        self.ask("customer", partial(replays.replay, rule, customer), partial(self.show_replay, "customer"))
        self.ask("everybody", everybody, partial(self.show_replay, "everybody"))

    def _description(self) -> Content:
        lines = [
            joined((f"{key:>18}  ", "dim"), listed(value))
            for key, value in self._rule.items()
            if key != "title"
        ]
        head = joined((self._rule.get("title") or self._rule["id"], "bold"), "\n", self._remedy)
        return Content("\n").join([head, Content(""), *lines, Content("")])

    def show_replay(self, scope: str, replay: ReplayDocument, total: int | None = None) -> None:
        """Show a replay over the customer or over everybody; with a `total`, that of a sample of so many customers."""
        title = SCOPES[scope]
        if total is not None:
            size = f"{number(replay.customers)} of {number(total)} customers"
            title += f" · sample: {size}; whole: running …"
        self.query_one(f"#{scope}", Static).update(
            joined((title, "bold"), "\n", totals(replay), "\n", stopped_outcomes(replay), "\n")
        )

    def failed(self, group: str, reason: str) -> None:
        if group in SCOPES:
            self.query_one(f"#{group}", Static).update(joined((SCOPES[group], "bold"), f"\n{reason}\n"))
        else:
            super().failed(group, reason)

    def action_propose(self) -> None:
        propose, rule, case = self.session.proposals.propose, self._rule, self._case

        def propose_with(note: str) -> None:
            self.ask("propose", partial(propose, rule, replace(case, note=note)), self.done)

        ask_note(self, "Propose it: a note for whoever decides, or nothing", propose_with)

    def action_put(self) -> None:
        self.ask("plan", partial(self.session.rules.plan, self._change), self.ask_yes)

    def ask_yes(self, plan: Plan) -> None:
        apply = partial(self.session.rules.apply, self._change)
        confirm(self, plan, lambda: self.ask("apply", apply, self.done))

    def done(self, outcome: str) -> None:
        """The rule is proposed or in the book: back to the case."""
        self.services.did_to_book(outcome)
        self.dismiss(None)

    def action_copy(self) -> None:
        text = "\n".join(f"{key} = {listed(value)}" for key, value in self._rule.items())
        self.services.copy("the rule", text, f"{self._rule['id']}.txt")


class VendorDialog(Dialog[None]):
    """Compares over everybody; closing it stops that."""

    BINDINGS = keys.bindings("dialog")

    def __init__(self, rule: Document, vendor: str, title: str) -> None:
        super().__init__(f"{rule['id']} as {title}", "comparing over everybody …")
        self._rule, self._vendor = rule, vendor

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        compare = self.session.replays.compare_with_vendor
        question = partial(compare, self._rule, self._vendor, ProgressReporter(self))
        self.ask("compare", question, self.show_comparison)

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        self.query_one(VerticalScroll).border_subtitle = content(
            f"{message.percent} · {keys.key_of('dialog.close')} stops"
        )

    def show_comparison(self, comparison: ComparisonDocument) -> None:
        self.query_one(VerticalScroll).border_subtitle = content("")
        self.query_one(Static).update(side_by_side(comparison))

    def failed(self, group: str, reason: str) -> None:
        del group
        self.query_one(Static).update(content(reason))


ROOM = "room"


class DisplacedDialog(Dialog["Document | None"]):
    """Lists the pairs, the widest first. Dismissed with the rule that keeps room, if it is wanted in the form."""

    AREA = "displaced"
    BINDINGS = keys.bindings(AREA)

    def __init__(self, rule: Document, replay: ReplayDocument) -> None:
        super().__init__(f"Who displaced whom under {rule['id']}")
        self._rule, self._replay = rule, replay
        self._room: KeptRoom | None = None
        self._titles: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide") as box:
            box.border_title = self._title
            yield Table(id="flow", empty="nobody: no cap stopped a message")
            yield Peek(id="pair")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(Table).focus()
        self.call_after_refresh(self._show)
        self.ask("names", self.session.catalogue.names, self.show_titles)

    def show_titles(self, names: Iterable[Name]) -> None:
        """Campaigns by what they are called."""
        self._titles = bars.campaign_titles(names)
        self._show()
        self.tell()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._show()

    def _show(self) -> None:
        table = self.query_one(Table)
        pairs = bars.flow_frame(
            self._replay.displaced, None if self._room is None else self._room.after.displaced
        )
        width = table.content_size.width
        if width:
            table.show(
                Rows(
                    pairs, bars.flow_columns(pairs, width, self._titles, after=self._room is not None), "key"
                ),
                keep=table.key,
            )

    @property
    def _pair(self) -> dict[str, object] | None:
        table = self.query_one(Table)
        index = None if table.rows is None or table.key is None else table.rows.find(table.key)
        return None if index is None or table.rows is None else table.rows.frame.row(index, named=True)

    @on(Table.Moved)
    def tell(self) -> None:
        """The pair under the cursor in a sentence; below it what keeping room would change."""
        pair = self._pair
        if pair is not None:
            text = bars.pair_in_words(pair, str(self._rule["id"]), self._titles)
            if self._room is not None:
                into = f"{keys.key_of('displaced.into-the-form')}: into the form."
                text = f"{text}\n{bars.kept_room(self._room, self._replay, self._titles)} {into}"
            self.query_one(Peek).says = content(text)

    # -- keeping room ----------------------------------------------------------------------------------------------

    def action_reserve(self) -> None:
        """Ask what would change if room were kept for the campaign that was stopped."""
        pair = self._pair
        if pair is None:
            return
        campaign = str(pair["stopped"])
        if campaign == bars.NO_CAMPAIGN:
            say(self.app, "these mails name no campaign; no rule can keep room for them", severity="warning")
            return
        self.query_one(".dialog").border_subtitle = content(
            f"room for {self._titles.get(campaign, campaign)} … {keys.key_of('displaced.close')} stops"
        )
        question = partial(self.session.replays.keep_room, self._rule, campaign, ProgressReporter(self))
        self.ask(ROOM, question, self.show_room)

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        if self.asking(ROOM):
            self.query_one(".dialog").border_subtitle = content(
                f"{message.percent} · {keys.key_of('displaced.close')} stops"
            )

    def show_room(self, room: KeptRoom) -> None:
        self._room = room
        self.query_one(".dialog").border_subtitle = content(
            f"with room for {self._titles.get(room.campaign, room.campaign)}"
        )
        self._show()
        self.tell()

    def failed(self, group: str, reason: str) -> None:
        self.query_one(".dialog").border_subtitle = content("")
        super().failed(group, reason)

    @on(Table.Opened)
    def action_form(self) -> None:
        """Take the rule that keeps room into the form."""
        if self._room is None:
            say(
                self.app,
                keys.hint("{displaced.keep-room} first: keep room for the campaign on the right"),
                severity="warning",
            )
        else:
            self.dismiss(self._room.rule)

    def action_copy(self) -> None:
        after = None if self._room is None else self._room.after.displaced
        text = "\n".join(bars.flow_lines(self._replay.displaced, after, self._titles))
        self.services.copy("who displaced whom", f"{text}\n", "displaced.txt")

    async def action_dismiss(self, result: Document | None = None) -> None:
        if self.asking(ROOM):
            self.stop_asking(ROOM)
            self.query_one(".dialog").border_subtitle = content("stopped")
        else:
            self.dismiss(result)
