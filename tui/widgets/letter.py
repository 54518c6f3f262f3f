"""A customer's letter: the field that takes it whole, and the line that says what of the case it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui import keys
from tui.rendering.complaint import evidence, marked, nothing
from tui.rendering.text import content, joined
from tui.session import LONG, Pasted
from tui.widgets.text import CleanInput

if TYPE_CHECKING:
    from textual.content import Content
    from textual.events import Key, Paste
    from textual.timer import Timer

    from audit.queries.complaints.answer import About, CaseOfLetter

BURST = 0.15
"""House value: seconds after a line of several words in which more keys mean that a terminal types what was pasted."""


class Field(CleanInput):
    """Where an identifier is typed, or a whole letter pasted."""

    AREA = "field"
    BINDINGS = keys.bindings(AREA)

    @dataclass
    class Letter(Message):
        """A letter was pasted."""

        pasted: Pasted

    def __init__(self, *, placeholder: str, id: str) -> None:  # noqa: A002 - as every widget
        super().__init__(placeholder=placeholder, id=id)
        self._lines: list[str] = []
        self._waiting: Timer | None = None

    def _on_paste(self, event: Paste) -> None:
        """A terminal that says what is pasted hands over all of it."""
        if self.take(event.text.strip()):
            event.stop()
            event.prevent_default()

    def take(self, text: str) -> bool:
        """Take what was pasted, if it is a letter; whether it is one."""
        is_letter = "\n" in text or "\r" in text or len(text) > LONG
        if is_letter:
            self._post(text)
        return is_letter

    async def _on_key(self, event: Key) -> None:
        """Enter is heard here, in its turn: as a binding it would be heard after the keys that follow it.

        The key that leads here is no first letter of an address: who presses it again is here already.
        """
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            await self.action_submit()
        elif not self.value and event.character == keys.key_of("app.look-up"):
            event.stop()
            event.prevent_default()
        else:
            await super()._on_key(event)
        self._wait_on()

    async def action_submit(self) -> None:
        """Enter; after a line of several words only when no more keys follow at once."""
        if not self._lines and len(self.value.split()) < 2:
            await super().action_submit()
            return
        self._lines.append(self.value)
        self.clear()
        self._waiting = self._waiting or self.set_timer(BURST, self._end)
        self._wait_on()

    def _wait_on(self) -> None:
        if self._waiting is not None:
            self._waiting.reset()

    async def _end(self) -> None:
        """No more came: one line is what was typed, several are a letter."""
        lines, self._lines, self._waiting = [*self._lines, self.value], [], None
        if len(list(filter(None, lines))) > 1 or len(lines[0]) > LONG:
            self._post("\n".join(lines))
        else:
            self.value = lines[0]
            await super().action_submit()

    def _post(self, text: str) -> None:
        self.clear()
        self.post_message(self.Letter(Pasted(text)))


class LetterLine(Widget):
    """What the letter is about, its words marked where they stand in it; not there without a letter."""

    letter: reactive[CaseOfLetter | None] = reactive(None, layout=True)
    about: reactive[About | None] = reactive(None, layout=True)

    def show(self, letter: CaseOfLetter | None) -> None:
        """Say what this letter is about."""
        self.letter = letter
        self.about = None if letter is None else letter.complaint.about

    def watch_letter(self, letter: CaseOfLetter | None) -> None:
        self.display = letter is not None

    def render(self) -> Content:
        if self.letter is None:
            return content("")
        others = len(self.letter.complaint.others) + (self.letter.complaint.about is not None)
        key = (
            joined((f"  {keys.key_of('customer.letter')} ", "bold"), f"what else ({others})")
            if others
            else content("")
        )
        if self.about is None:
            return joined(("The letter: ", "bold"), nothing(self.letter), key)
        pieces = [
            joined((text, "bold underline")) if leads else joined((text, "italic"))
            for text, leads in marked(self.about)
        ]
        evidence_text = joined("“", *pieces, "”") if pieces else content(evidence(self.about))
        this = "this" if self.about.kind == "finding" else self.about.text
        return joined((f"The letter is about {this}: ", "bold"), evidence_text, key)
