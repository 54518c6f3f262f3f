"""Identifiers that people type where none belong: e-mail addresses, phone and card numbers inside free text.

Careful in both directions. A run of digits is a card number only if it has 13 to 19 digits, a first digit that
payment cards use and a right check digit (ISO/IEC 7812: Luhn); it is a phone number only if it starts with `+` or `00`, or is
set in groups the way phone numbers are (ITU-T E.164: at most 15 digits). Order numbers, ISBNs, dates, prices and sizes stay.
"""

import re

import polars as pl

EMAIL, PHONE, CARD = "[e-mail]", "[phone]", "[card]"

_GAP = r"[ \u00a0\-\u2010-\u2015]"
_SUSPECT = (
    r"@|%40"
    rf"|(?:\d{_GAP}?){{13}}"
    r"|(?:\+|00)[1-9]|\(0?\d{2,5}\)"
    rf"|\b0\d{{1,5}}(?:[ \u00a0/]\d|{_GAP}\d{{3}})"
    rf"|\d{{3}}(?:{_GAP}|\.)\d{{3}}(?:{_GAP}|\.)\d{{4}}"
)
"""Texts without this hold nothing to take out: one scan of a column settles most of it."""

_PART = r"[^\s@<>()\[\],;:\"'=&?]"
_EMAIL = re.compile(rf"(?<!{_PART}){_PART}+(?:@|%40){_PART}{{1,253}}\.[^\W\d_]{{2,}}", re.IGNORECASE)
_DIGITS = re.compile(r"(?<![\w.,+/:#-])\+?\(?\d[\d ().\-/\u00a0\u2010-\u2015]{5,30}\d(?![\w:]|[.,/-]\d)")
_CARD = re.compile(r"[2-6](?:[ -]?\d){12,18}")
_GROUPS = re.compile(
    r"(?:\+|00)[1-9][\d ().\-/]*"  # international
    r"|\(0?\d{2,5}\) ?\d[\d \-/]*"  # (030) 123456, (212) 555-0123
    r"|0\d{1,5}(?:[ /]|-(?=\d{3}))\d[\d \-/]*"  # 030 123456, 0171/1234567, 020 7946 0958
    r"|\d{3}[-. ]\d{3}[-. ]\d{4}"  # 212-555-0123
)
_FEWEST, _MOST = 7, 15


def scrub(column: pl.Series) -> pl.Series:
    """A String column with every such identifier replaced by `[e-mail]`, `[phone]` or `[card]`.

    Only texts that could hold one are looked at closely, each different text once.
    """
    suspect = column.str.contains(_SUSPECT).fill_null(value=False)
    if not suspect.any():
        return column
    texts = column.filter(suspect).unique()
    changed = {text: clear for text in texts if (clear := scrubbed(text)) != text}
    return column.replace(changed) if changed else column


def scrubbed(text: str) -> str:
    """One text without e-mail addresses, phone and card numbers."""
    return _DIGITS.sub(_number, _EMAIL.sub(EMAIL, text))


def emails(text: str) -> list[str]:
    """The e-mail addresses in a text."""
    return [match[0].replace("%40", "@").rstrip(".") for match in _EMAIL.finditer(text)]


def phones(text: str) -> list[str]:
    """The telephone numbers in a text."""
    return [match[0] for match in _DIGITS.finditer(_EMAIL.sub(EMAIL, text)) if _number(match) == PHONE]


def is_card(digits: str) -> bool:
    """Whether 13 to 19 digits carry a right check digit (Luhn) and are not all the same."""
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _number(match: re.Match[str]) -> str:
    text = match[0]
    plain = re.sub(r"[\u00a0\u2010-\u2015]", lambda m: " " if m[0] == "\u00a0" else "-", text)
    digits = re.sub(r"\D", "", plain)
    if _CARD.fullmatch(plain) and is_card(digits):
        return CARD
    if _FEWEST <= len(digits) <= _MOST + 2 and _GROUPS.fullmatch(plain):
        return PHONE
    return text
