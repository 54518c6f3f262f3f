"""Linear mode: one place after the other in lines of plain text. A line is read and answered; nothing is painted twice."""

from __future__ import annotations

import re
import select
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from audit.errors import InputError
from tui import Exit, keys
from tui.commands import output
from tui.core_access import error_line, expected_errors
from tui.linear import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tui.session.core import CoreSession
    from tui.session.view_models import Change, Opening, Progress

NUMBER = "NUMBER"
"""What an action takes that is about something listed."""

BEAT = 10.0
"""House value: seconds of silence after which a line says that the work goes on."""

BURST = 0.05
"""House value: seconds in which more lines mean that a terminal types what was pasted."""

SAID = 7
"""House value: a pasted line of so many words is of a letter."""


@dataclass(frozen=True, slots=True)
class Action:
    """What may be typed: a name of one or more words, then what it `takes`, if anything; `help` says what it is for."""

    name: str
    help: str
    do: Callable[[str], object]
    takes: str = ""

    @property
    def usage(self) -> str:
        return f"{self.name} {self.takes}".strip()


def called(area: str, action: str) -> str:
    """What an action of the table of keys is called, there or everywhere; here it is typed by that name."""
    there = (*keys.TABLE[area], *keys.TABLE["app"])
    return next(key.label for key in there if key.action == action).rpartition("go to ")[2]


class Place:
    """Somewhere one stands: a `title`, the `answer`, numbered `items`, and what can be done there."""

    title = ""
    of_everybody = False
    """Whether it is about all customers, so that those of the demo have to be there."""
    page_size = 20
    """Numbered lines that are read out before one asks for more."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.session = loop.session
        self.begin = 0

    def answer(self) -> Iterable[str]:
        """What is said first."""
        return ()

    def items(self) -> Sequence[str]:
        """What can be named by its number, or by words of it."""
        return ()

    def actions(self) -> Iterable[Action]:
        """What can be done here, beside what can be done everywhere."""
        return ()

    def open(self, at: int) -> None:
        """What a number alone does."""
        del at
        raise InputError("there is nothing to open here; say help")

    def otherwise(self, text: str) -> bool:
        """Whether something typed that is no action is meant for this place."""
        del text
        return False

    def forget(self) -> None:
        """What was asked before may not stand any more."""

    @property
    def unsaved(self) -> bool:
        """Whether leaving would lose an edit."""
        return False

    def chosen(self, text: str, *, default: int | None = None) -> int:
        """The index of the item that a number, or words of it, name. Raises InputError."""
        items = self.items()
        if not text and default is not None and items:
            return default
        if re.fullmatch(r"[0-9]{1,9}", text):
            if 1 <= int(text) <= len(items):
                return int(text) - 1
            raise InputError(f"there is no {text}; {_numbers(len(items))}")
        wanted = text.casefold()
        found = next((at for at, item in enumerate(items) if text and wanted in item.casefold()), None)
        if found is None:
            what = f"nothing here is called “{text}”" if text else "say which"
            raise InputError(f"{what}; {_numbers(len(items))}")
        return found


def _numbers(count: int) -> str:
    return f"the numbers go from 1 to {count}" if count else "nothing is listed here"


class Loop:
    """The places one has come through, the last of them being where one stands.

    `command` runs a command line on the same workspace and gives its exit code; `leading` are the actions that lead to
    other places from everywhere; `letter` takes a letter that was pasted.
    """

    def __init__(
        self,
        session: CoreSession,
        opening: Opening,
        command: Callable[[list[str]], int],
        leading: Callable[[Loop], Iterable[Action]],
        letter: Callable[[Loop, str], object],
    ) -> None:
        self.session = session
        self.opening = opening
        self.command = command
        self._leading, self._letter = leading, letter
        self._asking = False
        self._places: list[Place] = []
        self._left = False

    @property
    def lists_people(self) -> bool:
        """Whether everybody is listed: not for a ticket, which is about one customer."""
        return self.opening.lists_people and self.opening.ticket is None

    def finish(self) -> None:
        """Have the customers made that a new demo still lacks."""
        if self.opening.awaited:
            self.say(f"Making the other {self.opening.awaited:,} customers of the demo.")
            self.opening = self.session.finish(self.progress())

    def reopen(self) -> None:
        """The workspace has changed: say what it is now."""
        self.session.workspace.refresh()
        self.opening = self.session.open()  # asks for nothing that is there already

    # -- lines in and out ------------------------------------------------------------------------------------------

    def say(self, *lines: str) -> None:
        """Print lines, made harmless and readable."""
        for text in lines:
            for part in text.split("\n"):
                output.line(part)

    def ask(self, question: str) -> str:
        """A line that somebody types. Raises EOFError where there is none any more."""
        sys.stdout.write(f"{output.harmless(question)} ")
        sys.stdout.flush()
        if hasattr(signal, "siginterrupt"):  # polars takes SIGINT with a handler that lets a read go on
            signal.siginterrupt(signal.SIGINT, True)
        self._asking = True
        try:
            text = sys.stdin.readline()
        finally:
            self._asking = False
        if not sys.stdin.isatty():
            self.say(text.rstrip("\n"))
        if not text:
            raise EOFError
        return text.strip()

    def ask_lines(self, question: str) -> str:
        """Lines that somebody types or pastes, up to one with nothing but a full stop, or to the end."""
        typed: list[str] = []
        try:
            typed.append(self.ask(question))
            while typed[-1] != ".":
                typed.append(self.ask("..."))
        except EOFError:
            pass
        return "\n".join(line for line in typed if line != ".").strip()

    def pasted(self, line: str) -> list[str]:
        """A line with those that the terminal typed at once after it."""
        typed = [line]
        while sys.platform != "win32" and sys.stdin.isatty() and select.select([sys.stdin], [], [], BURST)[0]:
            text = sys.stdin.readline()
            if not text:
                break
            typed.append(text.strip())
        return typed

    def agree(self, question: str) -> bool:
        """Whether somebody says yes; everything else is a no."""
        return self.ask(f"{question} yes or no, by default no:").casefold() in {"y", "yes"}

    def progress(self) -> Progress:
        """Tells every few seconds, in a line, how far something is."""
        return partial(output.Progress("working on"), subject="it")

    # -- places ----------------------------------------------------------------------------------------------------

    @property
    def here(self) -> Place:
        return self._places[-1]

    def go(self, place: Place) -> None:
        """Go to a place, and say what is there."""
        if place.of_everybody:
            self.finish()
        self._places.append(place)
        try:
            self.show()
        except BaseException:
            if len(self._places) > 1:
                self._places.remove(place)
            raise

    def back(self, _: str = "") -> None:
        """To the place one came from."""
        if len(self._places) == 1:
            raise InputError("this is the first place; quit leaves")
        if not self.here.unsaved or self.agree("The edit is not saved. Lose it?"):
            self._places.pop()
            place = self.here
            self.say(f"Back at: {place.title}", "again says all of it.", self._here())

    def show(self, _: str = "") -> None:
        """Say where one stands: the title, the answer, the first of what is numbered, and what can be done."""
        place = self.here
        place.forget()
        self.say(place.title, *place.answer())
        place.begin = 0
        self.page()
        self.say(self._here())

    def page(self) -> None:
        """Say the numbered lines from where one has come to."""
        place, items = self.here, self.here.items()
        end = min(place.begin + place.page_size, len(items))
        self.say(*(f"{at + 1}. {items[at]}" for at in range(place.begin, end)))
        if len(items) > place.page_size:
            more = "; say more" if end < len(items) else "; that is all"
            self.say(f"{place.begin + 1} to {end} of {len(items):,}{more}")

    def more(self, _: str = "") -> None:
        """The next of what is numbered."""
        if self.here.begin + self.here.page_size >= len(self.here.items()):
            raise InputError("that is all")
        self.here.begin += self.here.page_size
        self.page()

    # -- what is typed -----------------------------------------------------------------------------------------------

    def run(self, first: Place, then: Callable[[], object] | None = None) -> int:
        """Answer lines from the `first` place on until somebody leaves or there are none any more; the exit code."""
        self._places.append(first)
        self._attempt(then or self.show)
        while not self._left:
            try:
                typed = self.pasted(self.ask(">"))
                if len(typed) > 1 and any(len(line.split()) >= SAID for line in typed):
                    self._attempt(partial(self._letter, self, "\n".join(typed)))
                    continue
                for line in typed:
                    self._attempt(partial(self.do, line))
            except EOFError:
                self.say("")
                break
        return Exit.OK

    def _attempt(self, do: Callable[[], object]) -> None:
        """Do something; what can go wrong is told in a line, and Ctrl+C only stops this."""
        try:
            with self._beating():
                do()
        except expected_errors() as error:
            reason = error_line(error)
            self.say(f"Not done: {reason}{'' if reason.endswith(('.', '?')) else '.'}")
        except KeyboardInterrupt:
            self.say("", "Stopped.")

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """Say now and then that the work goes on, unless a line is waited for."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT):
                if not self._asking:
                    print("Still working.", flush=True)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def do(self, line: str) -> None:
        """What a line asks for."""
        if not line:
            self.say(self._here())
        elif re.fullmatch(r"[0-9]{1,9}", line):
            self.here.open(self.here.chosen(line))
        else:
            action, rest = self._meant(line)
            if action is not None:
                action.do(rest)
            elif not self.here.otherwise(line):
                raise InputError(self._unknown(line))

    def _meant(self, line: str) -> tuple[Action | None, str]:
        """The action whose name, or an unmistakable beginning of it, a line begins with; and the rest of the line."""
        actions = {
            name: action
            for action in (*self.everywhere(), *self.here.actions())
            for name in action.name.split("/")
        }
        words = line.split()
        heads = [" ".join(words[:count]) for count in range(min(3, len(words)), 0, -1)]
        for head in heads:
            if head.casefold() in actions:
                return actions[head.casefold()], line[len(head) :].strip()
        for head in heads:
            hits = [name for name in actions if name.startswith(head.casefold())]
            if len(hits) == 1:
                return actions[hits[0]], " ".join(words[len(head.split()) :])
            if hits:
                raise InputError(f"“{head}” could be {' or '.join(sorted(hits))}; write more of it")
        return None, line

    def _unknown(self, line: str) -> str:
        names = [action.name for action in (*self.here.actions(), *self.everywhere())]
        near = get_close_matches(line.casefold(), names, n=1) or get_close_matches(line.split(maxsplit=1)[0].casefold(), names, n=1, cutoff=0)  # fmt: skip
        return f"“{line[:60]}” is nothing to do here; the nearest is {near[0]}"

    def _here(self) -> str:
        """The actions of this place in words."""
        listed = [NUMBER] if self.here.items() else []
        return f"Here: {', '.join([*listed, *(action.usage for action in self.here.actions())])}. Everywhere: help, back, quit."

    def everywhere(self) -> tuple[Action, ...]:
        """What can be done in every place."""
        return (
            Action("help", "What can be done here.", self.help),
            Action("back", "To the place before.", self.back),
            Action("again", "Say this place again.", self.show),
            Action("more", "The next numbered lines.", self.more),
            *self._leading(self),
            Action("quit", "Leave the program; asks where an edit is not saved.", self.leave),
        )

    def help(self, _: str = "") -> None:
        """Every action by its name, with what it is for."""
        if self.here.items():
            self.say(
                "NUMBER: open what has that number. Where a NUMBER is asked for, words of the line do too."
            )
        self.say("Names may be cut: why is w, where nothing else begins so.")
        for action in (*self.here.actions(), *self.everywhere()):
            self.say(f"{action.usage}: {action.help}")

    def leave(self, _: str = "") -> None:
        """End, unless an edit would be lost and somebody thinks better of it."""
        self._left = not any(place.unsaved for place in self._places) or self.agree(
            "An edit is not saved. Lose it?"
        )

    # -- what several places do ------------------------------------------------------------------------------------

    def change(self, change: Change, *, note: str | None = None) -> bool:
        """Change the rule book after a plan and a yes; whether it was done. `note`: the question for one."""
        asked = self.session.rules.plan(change)
        self.say(*lines.plan(asked))
        if not self.agree(asked.title):
            self.say("Nothing was changed.")
            return False
        self.say(self.session.rules.apply(change, self.ask(note) if note else "") + ".")
        return True
