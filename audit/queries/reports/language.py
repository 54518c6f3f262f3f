"""What reports say, by language: templates out of `en.toml` and `de.toml`, with dates, numbers and durations in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from audit.errors import InputError
from audit.events.times import duration, parse_iso
from audit.storage import toml_input

LOCALES = ("en", "de")
"""The languages there are templates for."""


@dataclass(frozen=True)
class Language:
    """The templates of one language."""

    locale: str
    texts: Mapping[str, Any]

    def say(self, section: str, key: str, **values: object) -> str:
        """The template `key` of `section`, filled in; whole numbers as one writes them."""
        written = {
            name: self.number(value) if isinstance(value, int) else value for name, value in values.items()
        }
        return str(self.texts[section][key]).format(**written)

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
        return str(self.texts["date"]).format(
            day=at.day, month=self.texts["months"][at.month - 1], year=at.year
        )

    def number(self, count: int) -> str:
        """`1,234`."""
        return f"{count:,}".replace(",", self.texts["thousands"])

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
        begin, end = self.texts["quotes"]
        inner = str.maketrans({"„": "‚", "“": "‘", "”": "’" if self.locale == "en" else "‘"})
        return f"{begin}{text.translate(inner)}{end}"

    def titled(self, title: str) -> str:
        """The subject of a message in quotation marks, or that none is recorded."""
        return self.quoted(title) if title else str(self.texts["untitled"])

    def thing(self, thing: str) -> str:
        """What an act was about, in quotation marks; words that were searched for have some already."""
        return self.quoted(thing.strip("“”"))

    def listed(self, texts: Sequence[str]) -> str:
        """`a, b and c`."""
        *others, last = texts
        return f"{', '.join(others)} {self.texts['and']} {last}" if others else last

    def begun(self, text: str) -> str:
        """A text that begins a sentence: its first letter is a capital."""
        return f"{text[:1].upper()}{text[1:]}"

    def either(self, texts: Sequence[str]) -> str:
        """`a, b or c`; with a negation before it, none of them."""
        last = f" {self.texts['or']} ".join(texts[-2:])
        return ", ".join([*texts[:-2], last])

    def span(self, text: str) -> str:
        """`7d` → `7 days`, `1d` → `one day`; in German as it stands after “von”."""
        duration(text)
        count = int(text.strip()[:-1])
        singular, plural = self.texts["unit"][text.strip()[-1]]
        return str(singular) if count == 1 else f"{self.number(count)} {plural}"

    def nouns(self, channels: Mapping[str, int], *, delivery: bool = False) -> dict[str, str]:
        """`message` and `messages` as one says of these channels."""
        channel = next(iter(channels)) if len(channels) == 1 else None
        noun = "delivery" if delivery else str(channel) if self.has("noun", channel) else "other"
        singular, plural = self.texts["noun"][noun]
        return {"message": singular, "messages": plural}


@cache
def language(locale: str) -> Language:
    """The templates of `locale`. Raises InputError for a language there are none for."""
    if locale not in LOCALES:
        raise InputError(f"no report in {locale!r}; one of {', '.join(LOCALES)}")
    return Language(locale, toml_input.shipped("audit.queries.reports", f"{locale}.toml"))
