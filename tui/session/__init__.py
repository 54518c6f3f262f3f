"""What the screens may ask, and the core's answers as frozen view models; here what is there before anything is loaded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Keys to press, one after the other, and what for. They are meant for the row that begins with `on`, if any is named.

    Then `shows` stands on the screen.
    """

    press: str
    say: str
    shows: str
    on: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A story of the demo: a customer, by their source's id, in their own words, and what to look at."""

    number: int
    title: str
    customer: str
    words: str
    look: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """Something of the workspace that can be gone to by name: a `kind` (campaign, segment, rule, customer), its id, its title if it has one, and a line about it."""

    kind: str
    id: str
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Names:
    """Some of the names that fit, and how many fit in all."""

    listed: tuple[Name, ...] = ()
    total: int = 0


LONG = 120
"""House value: a paste of more characters is a letter, though it has one line."""


class Pasted:
    """The text of a letter on its way to be read: in no `repr`, so in no crash either."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text
