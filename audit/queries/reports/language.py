"""What reports say, by language: templates out of a file of `locales/`, with dates, numbers, lists and durations in words.

What differs between languages stands in their files alone: also how a word changes before another one (`joins`), and
which forms a number takes (`plural`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from gettext import c2py
from re import IGNORECASE, match
from string import Formatter
from typing import Any

from audit.events.times import duration, parse_iso
from audit.queries import locales

LOCALES = locales.locales()
"""The languages there are templates for."""


@dataclass(frozen=True)
class Language:
    """The templates of one language."""

    locale: str
    texts: Mapping[str, Any]

    def say(self, section: str, key: str, **values: object) -> str:
        """The template `key` of `section`, filled in, in the form that its first number takes; whole numbers as one writes them."""
        number = next((value for value in values.values() if isinstance(value, int)), None)
        form = self.plural(number)
        if form:
            key = f"{key}_{form}" if self.has(section, f"{key}_{form}") else key
            values |= {
                name.removesuffix(f"_{form}"): value
                for name, value in values.items()
                if name.endswith(f"_{form}")
            }
        text = ""
        for before, name, _, _ in Formatter().parse(str(self.texts[section][key])):
            text += before
            if name is not None:
                value = values[name]
                text = self.joined(text, self.number(value) if isinstance(value, int) else str(value))
        return text

    def joined(self, before: str, after: str) -> str:
        """One text after another, as the first ends before such a sound: `de` and `Amazon` are `d’Amazon`."""
        for end, sound, instead in self.texts.get("joins", ()):
            if before.endswith(end) and match(sound, after, IGNORECASE):
                return f"{before.removesuffix(end)}{instead}{after}"
        return f"{before}{after}"

    def plural(self, number: int | None) -> str:
        """The form that words take with a number, where the language has more of them than one and many."""
        rules: Mapping[str, str] = self.texts.get("plural", {})
        return next((form for form, rule in rules.items() if number is not None and _holds(rule, number)), "")

    def rest(self, count: int) -> str:
        """`and 3 more`."""
        return str(self.texts["list_rest"]).format(n=self.number(count))

    def first(self, texts: Sequence[str], most: int, between: str = ", ") -> str:
        """The first of `texts`, and how many there are besides: `a, b and 3 more`."""
        more = [self.rest(len(texts) - most)] if len(texts) > most else []
        return " ".join([between.join(texts[:most]), *more])

    def has(self, section: str, key: str | None) -> bool:
        """Whether there is such a template."""
        return key in self.texts[section]

    def day(self, moment: date) -> str:
        """A day in figures, UTC: `2025-11-04`, in German `04.11.2025`."""
        return moment.strftime(str(self.texts["day"]))

    def time(self, clock: time) -> str:
        """A time of day: `22:00`, in French `22 h 00`."""
        return clock.strftime(str(self.texts["time"]))

    def minute(self, moment: datetime) -> str:
        """A day in figures and the time, UTC: `2025-11-04 09:12`."""
        return f"{self.day(moment)} {moment:%H:%M}"

    def form(self, section: str, key: str, number: int | None) -> str:
        """The key of the template for one, where the number is that and the section has such a template."""
        return f"{key}_one" if number == 1 and self.has(section, f"{key}_one") else key

    def date(self, moment: str | date | None) -> str:
        """`4 November 2025`, UTC."""
        at = parse_iso(moment) if isinstance(moment, str) else moment
        assert at is not None
        date = self.texts.get(f"date_{at.day}", self.texts["date"])
        return str(date).format(day=at.day, month=self.texts["months"][at.month - 1], year=at.year)

    def number(self, count: int) -> str:
        """`1,234`."""
        grouped = count >= self.texts.get("thousands_from", 0)
        return f"{count:,}".replace(",", self.texts["thousands"]) if grouped else str(count)

    def money(self, sum_: float) -> str:
        """`1,234.50`."""
        whole, _, cents = f"{sum_:.2f}".partition(".")
        return f"{self.number(int(whole))}{self.texts['decimal']}{cents}"

    def quoted(self, text: str) -> str:
        """A text of the source's in quotation marks."""
        begin, end = self.texts["quotes"]
        return f"{begin}{text}{end}"

    def title(self, text: str) -> str:
        """A title in quotation marks; what it quotes itself is in the single ones."""
        for quote, inner in zip(self.texts["quotes"], self.texts["inner_quotes"], strict=True):
            text = text.replace(quote, inner)
        return self.quoted(text)

    def titled(self, title: str) -> str:
        """The subject of a message in quotation marks, or that none is recorded."""
        return self.quoted(title) if title else str(self.texts["untitled"])

    def thing(self, thing: str) -> str:
        """What an act was about, in quotation marks; words that were searched for have some already."""
        return self.quoted(thing.strip("“”"))

    def listed(self, texts: Sequence[str]) -> str:
        """`a, b and c`."""
        *others, last = texts
        return self.joined(f"{', '.join(others)} {self.texts['and']} ", last) if others else last

    def begun(self, text: str) -> str:
        """A text that begins a sentence: its first letter is a capital."""
        return f"{text[:1].upper()}{text[1:]}"

    def either(self, texts: Sequence[str]) -> str:
        """`a, b or c`; with a negation before it, none of them; of none nothing."""
        *others, last = texts or ("",)
        return self.joined(f"{', '.join(others)} {self.texts['or']} ", last) if others else last

    def span(self, text: str) -> str:
        """`7d` → `7 days`, `1d` → `one day`; in German as it stands after “von”."""
        duration(text)
        count, unit = int(text.strip()[:-1]), text.strip()[-1]
        return self.say("unit", self.form("unit", unit, count), n=count)

    def nouns(self, channels: Mapping[str, int], *, delivery: bool = False) -> dict[str, str]:
        """`message`, `messages` and whatever else the templates of the language need, as one says of these channels."""
        channel = next(iter(channels)) if len(channels) == 1 else None
        noun = "delivery" if delivery else str(channel) if self.has("noun", channel) else "other"
        return dict(self.texts["noun"][noun])


@cache
def language(locale: str) -> Language:
    """The templates of `locale`. Raises InputError for a language there are none for."""
    return Language(locale, locales.texts(locale))


@cache
def _holds(rule: str, number: int) -> bool:
    """Whether a rule for plurals, in the form of gettext such as `n % 10 == 1`, is true of a number."""
    return bool(c2py(rule)(number))
