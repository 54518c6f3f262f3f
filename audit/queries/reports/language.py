"""What reports say, by language: templates out of `en.toml` and `de.toml`, with dates and durations in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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
        """The template `key` of `section`, filled in."""
        return str(self.texts[section][key]).format(**values)

    def rest(self, count: int) -> str:
        """`and 3 more`."""
        return str(self.texts["list_rest"]).format(n=count)

    def has(self, section: str, key: str | None) -> bool:
        """Whether there is such a template."""
        return key in self.texts[section]

    def date(self, moment: str | datetime | None) -> str:
        """`4 November 2025`, UTC."""
        at = parse_iso(moment) if isinstance(moment, str) else moment
        assert at is not None
        return str(self.texts["date"]).format(
            day=at.day, month=self.texts["months"][at.month - 1], year=at.year
        )

    def span(self, text: str) -> str:
        """`7d` → `7 days`."""
        duration(text)
        count = int(text.strip()[:-1])
        singular, plural = self.texts["unit"][text.strip()[-1]]
        return f"{count} {singular if count == 1 else plural}"

    def nouns(self, channels: Mapping[str, int]) -> dict[str, str]:
        """`message` and `messages` as one says of these channels."""
        singular, plural = self.texts["noun"]["email" if set(channels) == {"email"} else "other"]
        return {"message": singular, "messages": plural}


@cache
def language(locale: str) -> Language:
    """The templates of `locale`. Raises InputError for a language there are none for."""
    if locale not in LOCALES:
        raise InputError(f"no report in {locale!r}; one of {', '.join(LOCALES)}")
    return Language(locale, toml_input.shipped("audit.queries.reports", f"{locale}.toml"))
