"""The figures of a text: its numbers and days, as they are read, without those of names, subjects and ids."""

import re
from collections.abc import Iterable
from datetime import datetime

MONTHS = {
    name: number
    for names in (
        "January February March April May June July August September October November December",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    )
    for number, name in enumerate(names.split(), start=1)
}
QUOTED = re.compile(r"“[^”]*”|„[^“]*“|«[^»]*»|\"[^\"]*\"|\\?\[[^\]]*\\?\]|\(f_\w+\)")
"""Texts of the source's, events by their id, findings by theirs."""

FIGURE = re.compile(
    rf"(?P<iso>\d{{4}}-\d\d-\d\d(?: \d\d:\d\d)?)"
    r"|(?P<dotted>\d\d\.\d\d\.\d{4})(?P<at> \d\d:\d\d)?"
    rf"|(?P<day>\d{{1,2}})(?:er|\.)? (?:de )?(?P<month>{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b(?: (?:de )?(?P<year>\d{{4}}))?(?P<time> \d\d:\d\d)?"
    r"|(?P<number>(?<![\w.,-])\d[\d.,\u202f]*\d|\d)"
)


def figures(text: str, names: Iterable[str] = ()) -> list[str]:
    """The figures in the order of reading: days and minutes in ISO form, numbers without the sign for thousands.

    `names`: what things are called in the data; their figures are not ours.
    """
    plain = QUOTED.sub(" ", text)
    for name in sorted(
        (name for name in names if re.search(r"\d", name) and not re.fullmatch(r"\d{1,5}", name)),
        key=len,
        reverse=True,
    ):
        plain = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", plain, flags=re.IGNORECASE)
    return [_normal(match) for match in FIGURE.finditer(plain)]


def _normal(match: re.Match[str]) -> str:
    if match["iso"]:
        return match["iso"]
    if match["dotted"]:
        dotted = "-".join(reversed(match["dotted"].split(".")))
        return f"{dotted}{match['at'] or ''}"
    if match["month"]:
        day = f"{MONTHS[match['month']]:02}-{int(match['day']):02}"
        return f"{match['year'] or '????'}-{day}{match['time'] or ''}"
    number = match["number"]
    return (
        number if re.fullmatch(r"\d\.\d+", number) and len(number) < 5 else re.sub(r"[.,\u202f]", "", number)
    )


def day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def span(first: datetime, last: datetime) -> list[str]:
    """The days of `on 2026-03-01`, `from 2026-03-01 to 2026-03-08`."""
    return list(dict.fromkeys((day(first), day(last))))
