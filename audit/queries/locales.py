"""The languages that customers are written to in: a file each in `reports/locales/`, named by its code, with every word of it."""

import os
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from audit.errors import InputError

FOLDER: Traversable = files("audit.queries").joinpath("reports", "locales")
FIRST = "en"
"""The language that is taken where nobody says which, and that the screens are in."""

CHOICE = "WHYSENT_LOCALE"
"""The variable of the environment that says which language is taken where a report is written in it."""

_NOTES = "internal"
"""The kind of report, and the section, that only some languages have."""


@cache
def locales() -> tuple[str, ...]:
    """The codes of the languages, English first."""
    codes = sorted(
        file.name.removesuffix(".toml") for file in FOLDER.iterdir() if file.name.endswith(".toml")
    )
    return (FIRST, *(code for code in codes if code != FIRST))


def _read(locale: str) -> str:
    if locale not in locales():
        raise InputError(f"nothing is written in {locale!r}; one of {', '.join(locales())}")
    return FOLDER.joinpath(f"{locale}.toml").read_text(encoding="utf-8")


@cache
def texts(locale: str) -> dict[str, Any]:
    """What the file of a language holds. Raises InputError for a language that there is no file of."""
    from audit.storage import toml_input

    return toml_input.parsed(_read(locale))


def name(locale: str) -> str:
    """What a language is called in English."""
    return str(texts(locale)["name"])


@cache
def of_notes() -> tuple[str, ...]:
    """The codes of the languages that case notes are written in."""
    return tuple(locale for locale in locales() if f"\n[{_NOTES}]\n" in _read(locale))


_FEW, _CLEARLY = 2, 1.5
"""House values: a text is in the language of which it has so many common words, and so many times as many as of any other."""


def language_of(words: Iterable[str]) -> str | None:
    """The code of the language in which these words stand together; None where they are too few or fit several."""
    said = [word.casefold() for word in words]
    counts = {locale: sum(map(said.count, texts(locale)["common_words"])) for locale in locales()}
    (first, most), (_, second) = sorted(counts.items(), key=lambda one: -one[1])[:2]
    return first if most >= max(_FEW, _CLEARLY * second) else None


def of_kind(kind: str) -> tuple[str, ...]:
    """The codes of the languages of a kind of report: `reply` has all, `internal` those of notes."""
    return of_notes() if kind == _NOTES else locales()


def preferred(kind: str) -> str:
    """The language that a report of a kind is written in where nobody says which. Raises InputError where the choice has no file."""
    chosen = os.environ.get(CHOICE) or FIRST
    _read(chosen)
    return chosen if chosen in of_kind(kind) else FIRST


def require(kind: str, locale: str) -> None:
    """Raises InputError where there is no report of that kind in a language."""
    _read(locale)
    if locale not in of_kind(kind):
        known = " and ".join(f"{name(code)} ({code})" for code in of_notes())
        raise InputError(
            f"no case note in {name(locale)}: notes are written in {known}; the reply is, with --kind reply"
        )
