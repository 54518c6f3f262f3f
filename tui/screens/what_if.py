"""One customer's history with all its events, and without those that somebody leaves out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from tui.rendering import what_if_diff
from tui.rendering.what_if_diff import Derivable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tui.session.core import CoreSession
    from tui.session.view_models import Picture


T = TypeVar("T")


class PictureScreen(Protocol):
    """A screen that asks through a `WhatIf` and hands the answers back to `take` and `take_derivable`."""

    @property
    def session(self) -> CoreSession: ...

    def ask(self, group: str, question: Callable[[], T], show: Callable[[T], object]) -> None: ...

    def show_picture(self, picture: Picture) -> None:
        """A picture came back, in part or whole."""

    def show_full_picture(self, picture: Picture) -> None:
        """The whole of a picture that came in part."""

    def show_derivable(self, without: tuple[str, ...], derivable: Derivable) -> None:
        """Which messages our definitions give, without these events."""


class WhatIf:
    """Asks for the picture without some events, for its screen.

    `before` is the picture with all events, `now` the last that came back, `without` the events asked to be left out.
    """

    def __init__(
        self,
        screen: PictureScreen,
        customer: str,
        before: Picture | None = None,
        without: tuple[str, ...] = (),
    ) -> None:
        self._screen = screen
        self.customer = customer
        self.before = before
        self.now = before
        self.without = without
        self.derivable = Derivable()

    def toggled(self, events: tuple[str, ...]) -> tuple[str, ...]:
        """What is left out with `events` too; without them where all of them are left out already."""
        remaining = tuple(event for event in self.without if event not in events)
        return remaining if set(events) <= set(self.without) else (*remaining, *events)

    def leave_out(self, without: tuple[str, ...]) -> None:
        """Ask for the picture without these events."""
        self.without, self.derivable = without, Derivable()
        question = partial(self._screen.session.customers.picture, self.customer, without, whole=False)
        self._screen.ask("picture", question, self._screen.show_picture)

    def take(self, picture: Picture) -> bool:
        """Take a picture that came back; False if it is of another customer."""
        if picture.customer != self.customer:
            return False
        if not picture.without:
            self.before = picture
        if picture.without == self.without:
            self.now = picture
        return True

    def ask_more(self, picture: Picture) -> None:
        """Ask what takes longer: the whole of a picture, and which messages still follow from what is left."""
        customers, customer, without = self._screen.session.customers, self.customer, picture.without
        if not picture.whole:
            group = "full picture without" if without else "full picture"
            self._screen.ask(
                group, partial(customers.picture, customer, without), self._screen.show_full_picture
            )
        if without:
            self._screen.ask(
                "derivable",
                lambda: Derivable(
                    customers.derivable_messages(customer, ()),
                    customers.derivable_messages(customer, without),
                ),
                partial(self._screen.show_derivable, without),
            )

    def take_derivable(self, without: tuple[str, ...], derivable: Derivable) -> bool:
        """Take the messages that our definitions give; False if other events are left out by now."""
        current = without == self.without
        if current:
            self.derivable = derivable
        return current

    def forget_request(self) -> None:
        """The picture asked for cannot be had: what is shown stays."""
        self.without = self.now.without if self.now is not None else ()

    @property
    def remaining(self) -> Picture | None:
        """The picture without what is left out; None as long as it has not come back."""
        return self.now if self.now is not None and self.now.without == self.without else None

    def changes(self, names: Mapping[str, str]) -> what_if_diff.Changes | None:
        """What is gone and new; None while that is not known, or nothing is left out. `names`: event → what it is called."""
        if self.before is None or self.remaining is None or not self.without:
            return None
        return what_if_diff.changes(self.before, self.remaining, self.derivable, names)


def put_or_left(before: tuple[str, ...], without: tuple[str, ...]) -> str:
    """What was done to a history, in a few words."""
    more = len(without) - len(before)
    events = f"{abs(more)} event{'s' * (abs(more) != 1)}"
    return f"{events} left out" if more > 0 else f"{events} put back"
