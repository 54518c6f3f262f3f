"""The palette over everything: actions, themes, stories, names of the workspace, customers, answers and the manual; and taking back.

Nothing of it is read before the palette is opened. What is typed is looked for in the words of each entry, never in who
the customers are: an address or a source's id is looked up through the blind index, once, when its entry is chosen.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from textual.command import DiscoveryHit, Hit, Provider

from tui import keys
from tui.core_access import AsksCore, Services, expected_errors
from tui.rendering.text import content, joined, line, number, plain, say
from tui.settings import THEMES, TITLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from textual.command import Hits
    from textual.content import Content
    from textual.geometry import Size
    from textual.screen import Screen
    from textual.style import Style

    from tui.manual import Index, Page
    from tui.session import Name
    from tui.session.view_models import Plan

KINDS = {
    "do": "do", "theme": "theme", "story": "story", "key": "key", "customer": "customer", "campaign": "campaign", "segment": "segment",
    "rule": "rule", "answer": "answer", "page": "manual", "term": "word", "command": "command", "look": "look up",
}  # fmt: skip
"""What stands before an entry."""

KIND, WIDEST, AROUND = 9, 110, 4
"""Cells for what it is; the most that the palette is wide, and those of its frame."""

BOOSTS = {"do": 1.25, "theme": 1.2, "answer": 1.3, "story": 1.0, "key": 0.8, "page": 0.8, "command": 0.9}
"""House values: of entries that fit as well, what can be done or is answered comes first."""

CERTAIN, AS_TOLD = 100.0, 4.0
"""House values: how well somebody fits of whom the pseudonym was typed, or words of the headline."""

SHORTEST = 3
"""Letters from which on customers are looked through."""


class Host(Services, Protocol):
    """What choosing an entry asks of the application."""

    size: Size
    chosen_theme: str
    keymap: Mapping[str, str]

    def choose_theme(self, name: str) -> None:
        """Take a theme and keep it."""

    def explain_area(self, area: str) -> None:
        """The keys of another place."""

    def read_page(self, page: Page) -> None:
        """An answer or a section of the manual."""

    def open_name(self, name: Name) -> None:
        """Something of the workspace, or a customer."""

    def look_up(self, text: str) -> None:
        """Whoever that stands for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be gone to: what it is, a line about it, other words for it, and what choosing it does."""

    kind: str
    title: str
    about: str
    do: Callable[[], object]
    words: str = ""
    text: str = ""

    @property
    def fields(self) -> tuple[dict[str, str], float]:
        """Its words by where they stand, and its boost, for the index."""
        return (
            {"title": self.title, "words": self.words, "about": self.about, "text": self.text},
            BOOSTS.get(self.kind, 1.0),
        )

    def prompt(self, room: int) -> Content:
        """How the list shows it: its title in a line of so many cells, and below it all that is said about it."""
        width = room - KIND
        about = content("").join(
            content("\n" + " " * KIND) + part for part in content(self.about).wrap(width)
        )
        return joined((line(KINDS[self.kind], KIND), "dim"), (line(self.title, width), "bold"), about)

    def hit(self, score: float, room: int) -> Hit:
        return Hit(score, self.prompt(room), self.do, text=plain(self.title))


def room(host: Host) -> int:
    """Cells of a line in the palette."""
    return min(host.size.width * 9 // 10, WIDEST) - AROUND


class Entries(Provider):
    """Entries that are collected once the palette is open, and found by their words."""

    host: Host

    def __init__(self, screen: Screen[Any], match_style: Style | None = None) -> None:
        super().__init__(screen, match_style)
        self.host = cast("Host", self.app)
        self._collected: asyncio.Task[tuple[list[Entry], Index]] | None = None

    async def startup(self) -> None:
        self._collected = asyncio.create_task(asyncio.to_thread(self._index, self.at_once()))

    async def shutdown(self) -> None:
        if self._collected is not None:
            self._collected.cancel()

    def _index(self, entries: list[Entry]) -> tuple[list[Entry], Index]:
        from tui.manual import Index

        entries = [*entries, *self.slowly()]
        return entries, Index(entry.fields for entry in entries)

    def at_once(self) -> list[Entry]:
        """What is known without reading anything."""
        return []

    def slowly(self) -> Iterator[Entry]:
        """What is read in a thread."""
        yield from ()

    async def search(self, query: str) -> Hits:
        assert self._collected is not None
        entries, index = await self._collected
        for at, score in await asyncio.to_thread(index.search, query):
            yield entries[at].hit(score, room(self.host))


class OfProgram(Entries):
    """Actions, themes and stories; answers and the manual."""

    def at_once(self) -> list[Entry]:
        return [*self._actions(), *self._stories(), *self._themes()]

    def slowly(self) -> Iterator[Entry]:
        from tui.manual import pages

        for page in pages():
            read = partial(self.host.read_page, page)
            yield Entry(page.kind, page.title, page.first_line, read, page.words, page.text)

    async def discover(self) -> Hits:
        """With nothing typed: what can be done here, then stories and themes."""
        for entry in self.at_once():
            if entry.kind != "key":
                yield DiscoveryHit(entry.prompt(room(self.host)), entry.do, text=plain(entry.title))

    def _actions(self) -> Iterator[Entry]:
        """Every action that holds here; those of other places tell where they hold."""
        here = ("app", *keys.areas(self.screen)[:-1])
        for area in (*here, *(area for area in keys.TABLE if area not in here)):
            for key in keys.TABLE[area]:
                if key.action in {"command_palette", "dismiss"}:
                    continue
                pressed = keys.names(key, self.host.keymap.get(keys.action_id(area, key)))
                title = f"{key.label[0].upper()}{key.label[1:]}  ({pressed})"
                kind, do = (
                    ("do", self._doing(area, key))
                    if area in here
                    else ("key", partial(self.host.explain_area, area))
                )
                yield Entry(kind, title, f"{keys.TITLES[area]}: {key.help}", do)

    def _doing(self, area: str, key: keys.Key) -> Callable[[], object]:
        """What the key does where the focus was before the palette was opened."""
        focused = self.screen.focused if area in {"table", "list"} else None
        node = self.app if area == "app" or key.action.startswith("app.") else focused or self.screen
        return partial(self.app.run_action, key.action, node)

    def _themes(self) -> Iterator[Entry]:
        for theme in THEMES:
            now = " (now)" if theme.name == self.host.chosen_theme else ""
            choose = partial(self.host.choose_theme, theme.name)
            yield Entry(
                "theme", f"Theme: {theme.name}{now}", TITLES[theme.name], choose, "colours appearance"
            )

    def _stories(self) -> Iterator[Entry]:
        if self.host.opening is None or not self.host.opening.synthetic:
            return
        from tui.screens.stories import stories

        for story in stories():
            title = f"Story {story.number}: {story.title}"
            tell = partial(self.host.open_story, story)
            yield Entry("story", title, f"“{story.words}”", tell, "", story.look)


class OfWorkspace(Entries):
    """Campaigns, segments and rules of the workspace, as far as one's role is told of them."""

    def slowly(self) -> Iterator[Entry]:
        if self.host.opening is None:
            return
        with suppress(*expected_errors()):  # what cannot be read is told where it is gone to
            for name in self.host.session.catalogue.names():
                title = f"{name.title} ({name.id})" if name.title and name.title != name.id else name.id
                yield Entry(name.kind, title, name.about, partial(self.host.open_name, name), name.kind)


class People(Provider):
    """Customers by the beginning of their pseudonym or by words of their headline; whoever else is looked up when chosen."""

    async def search(self, query: str) -> Hits:
        host = cast("Host", self.app)
        if host.opening is None:
            return
        if "@" in query or any(char.isdigit() for char in query):
            title, about = (
                f"Look up “{query}”",
                "as an e-mail address, a source's id or a pseudonym; it is not kept",
            )
            score = CERTAIN if " " not in query.strip() else 1.0
            yield Entry("look", title, about, partial(host.look_up, query.strip())).hit(score, room(host))
        if not host.opening.lists_people or len(query) < SHORTEST:
            return
        words = tuple(query.lower().split())
        try:
            found = await asyncio.to_thread(host.session.catalogue.customers_like, words)
        except expected_errors():
            return
        for at, name in enumerate(found.listed):
            by_name = any(name.id.startswith(word) for word in words)
            score = (CERTAIN if by_name else AS_TOLD) - at / 1_000
            yield Entry("customer", name.id, name.about, partial(host.open_name, name)).hit(score, room(host))
        if found.total > len(found.listed):
            title = f"{number(found.total - len(found.listed))} more customers fit"
            go = partial(host.action_go, "find")
            yield Entry("customer", title, "type more of the pseudonym or the headline", go).hit(
                0.01, room(host)
            )


class GoesToEntries(AsksCore):
    """Mixin of the application: what choosing an entry does that is not an action of its own."""

    keymap: Mapping[str, str]

    def explain_area(self, area: str) -> None:
        """The keys of another place, to be read."""
        from tui.screens.dialogs import TextDialog

        text = keys.section(area, self.keymap, self.app.size.width)
        self.app.push_screen(TextDialog("Keys elsewhere", text))

    def read_page(self, page: Page) -> None:
        """Show an answer, or a section of the manual."""
        from tui.screens.dialogs import PageDialog

        def go(leads: bool | None) -> None:
            if leads:
                self.app.call_later(self.app.run_action, page.go, self.app)

        self.app.push_screen(PageDialog(page), go)

    def look_up(self, text: str) -> None:
        """Open whoever an e-mail address, a source's id or a pseudonym stands for."""
        self.ask("resolve", partial(self.session.customers.resolve, text), self.services.open_customer)

    def open_name(self, name: Name) -> None:
        """Go to something that the palette offers by name."""
        from tui.screens.dialogs import AudienceScreen, TextDialog

        if name.kind == "customer":
            self.services.open_customer(name.id)
        elif name.kind == "campaign":
            self.app.push_screen(AudienceScreen(name.id))
        elif name.kind == "segment":
            self.app.push_screen(TextDialog(name.title or name.id, "\n".join(name.about.split(" · "))))
        else:
            self.app.switch_mode("rules")
            self.app.call_after_refresh(self._show_rule, name.id)

    def _show_rule(self, key: str) -> None:
        from tui.screens.rules import RulesScreen

        if isinstance(self.app.screen, RulesScreen):
            self.app.screen.show_rule(key)

    async def action_campaigns(self) -> None:
        """Find, with campaigns in its list."""
        await self.app.switch_mode("find")
        from tui.screens.find import FindScreen

        if isinstance(self.app.screen, FindScreen):
            self.app.screen.list_campaigns()


# -- taking back ---------------------------------------------------------------------------------------------------


class Act(NamedTuple):
    """What was done, how it is taken back, and whether it still holds."""

    what: str
    take_back: Callable[[], object]
    holds: Callable[[], bool]


class TakesBack(AsksCore):
    """Mixin of the application: it notes what is done, and takes the last of it back."""

    _acts: tuple[Act, ...] = ()

    def did(self, what: str, take_back: Callable[[], object], holds: Callable[[], bool]) -> None:
        """Note an act, so that it can be taken back as long as it `holds`."""
        self._acts = (*self._acts, Act(what, take_back, holds))

    def did_to_book(self, what: str) -> None:
        """Tell what was done to the rule book or its inbox, and note it as the last act."""
        self.say(what)
        self.did(what, self._plan_back, lambda: True)

    def action_undo(self) -> None:
        """Name the last act that still holds, and ask whether it is to be taken back."""
        while self._acts and not self._acts[-1].holds():
            self._acts = self._acts[:-1]
        if not self._acts:
            say(self.app, "you have done nothing here that could be taken back", severity="warning")
            return
        act = self._acts[-1]
        if act.take_back == self._plan_back:
            act.take_back()
            return
        from tui.screens.dialogs import Question

        def answered(yes: bool | None) -> None:
            if yes:
                self._drop(act)
                act.take_back()

        self.app.push_screen(Question("Take it back?", content(f"Your last act: {act.what}.")), answered)

    def _drop(self, act: Act) -> None:
        self._acts = tuple(other for other in self._acts if other is not act)

    def _plan_back(self) -> None:
        """What was done to the rule book is taken back after its own plan and a yes."""
        self.ask("take back", self.session.rules.plan_back, self._ask_back)

    def _ask_back(self, plan: Plan) -> None:
        from tui.screens.dialogs import confirm

        act = self._acts[-1]

        def done(text: str) -> None:
            self._drop(act)
            self.say(text)

        confirm(self.app.screen, plan, lambda: self.ask("take back", self.session.rules.take_back, done))
