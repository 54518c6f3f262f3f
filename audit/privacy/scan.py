"""Identifiers that people type where none belong: e-mail addresses, phone, card and account numbers, addresses of computers.

Careful in both directions. A run of digits is a card number only if it has 13 to 19 digits, a first digit that
payment cards use and a right check digit (ISO/IEC 7812: Luhn); an account number only with the length of its country and its check
digits (ISO 13616: IBAN); a phone number only if it starts with `+` or `00`, is set in groups the way phone numbers are (ITU-T E.164: at
most 15 digits), or is a number of one of the `scan.toml` regions in their own grouping. Order numbers, ISBNs, dates, prices, sizes stay.

A text is looked at as it reads: percent-encoding undone, signs of other widths as usual ones (NFKC), signs without width left out.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import cache, lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Any, NamedTuple

import polars as pl

from audit.privacy.clean import is_repetitive, mask
from audit.storage import toml_input

EMAIL, PHONE, CARD, IBAN, IP, DEVICE = "[e-mail]", "[phone]", "[card]", "[IBAN]", "[IP]", "[device]"

_GAP = r"[ \u00a0\-\u2010-\u2015]"
_HEX = "[0-9A-Fa-f]"
_AT = r"(?: at |\s?[\[({]\s?at\s?[\])}]\s?)"
_DOT = r"(?: dot |\s?[\[({]\s?dot\s?[\])}]\s?)"
_IN_IDS = (
    r"@|%(?:25)*40|\uff20|\ufe6b"
    r"|\+\d{7}"
    r"|\d\.\d{1,3}\.\d{1,3}\.\d"
    rf"|{_HEX}:{_HEX}{{1,4}}:{_HEX}{{1,4}}:{_HEX}|{_HEX}::{_HEX}"
    rf"|(?i:{_AT}[a-z0-9-]+(?:{_DOT}|\.))"
)
_ELSEWHERE = (
    rf"{_HEX}{{2}}(?:-{_HEX}{{2}}){{5}}"
    r"|[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\ufffd\uff01-\uff5e]|%(?:25)*2[Bb]"
    rf"|(?:\d{_GAP}?){{13}}"
    r"|(?:\+|00)[1-9]|\(0?\d{2,5}\)"
    rf"|\b0\d{{1,5}}(?:[ \u00a0/]\d|{_GAP}\d{{3}})|\b0\d{{8,11}}\b"
    rf"|\d{{3}}(?:{_GAP}|\.)\d{{3}}(?:{_GAP}|\.)\d{{4}}"
    r"|\b\d{3}(?:[ \u00a0]\d{2}){3}\b"
)


@cache
def _suspect(*, ids: bool) -> str:
    """Texts without this hold nothing to take out: one scan of a column settles most of it."""
    account = (
        rf"(?:^|[^A-Za-z0-9]|%{_HEX}{{2}})(?i:{'|'.join(_data()['iban_lengths'])})"
        r"\d\d(?: ?[A-Za-z0-9]{4}){2} ?[A-Za-z0-9]{3}"
    )
    return f"{_IN_IDS}|{account}" if ids else f"{_IN_IDS}|{account}|{_ELSEWHERE}"


_PART = r"[^\s@<>()\[\],;:\"'=&?]"
_EMAIL = re.compile(rf"(?<!{_PART}){_PART}+(?:@|%40){_PART}{{1,253}}\.[^\W\d_]{{2,}}", re.IGNORECASE)
_SPELLED = re.compile(
    rf"(?<![\w.+-])[\w.+-]+(?:{_AT}[\w-]+(?:{_DOT}[\w-]+)*?{_DOT}|\s?[\[({{]\s?at\s?[\])}}]\s?[\w.-]+\.)[^\W\d_]{{2,}}",
    re.IGNORECASE,
)
_DEVICE = re.compile(rf"(?<![\w:-]){_HEX}{{2}}([:-]){_HEX}{{2}}(?:\1{_HEX}{{2}}){{4}}(?![\w:-])")
_IPV6 = re.compile(
    rf"(?<![\w:.])(?:{_HEX}{{1,4}}:{{1,2}}){{2,7}}(?:{_HEX}{{1,4}}|(?:\d{{1,3}}\.){{3}}\d{{1,3}})?(?![\w:])"
)
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"(?<![\w.])(?<!\w/){_BYTE}(?:\.{_BYTE}){{3}}(?!\.?\w)")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d(?: ?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_DIGITS = re.compile(r"(?<![\w.,+/:#-])\+?\(?\d[\d ().\-/\u00a0\u2010-\u2015]{5,30}\d(?![\w:]|[.,/-]\d)")
_CARD = re.compile(r"[2-6](?:[ -]?\d){12,18}")
_GROUPS = re.compile(
    r"(?:\+|00)[1-9][\d ().\-/]*"  # international
    r"|\(0?\d{2,5}\) ?\d[\d \-/]*"  # (030) 123456, (212) 555-0123
    r"|0\d{1,5}(?:[ /]|-(?=\d{3}))\d[\d \-/]*"  # 030 123456, 0171/1234567, 020 7946 0958
    r"|\d{3}[-. ]\d{3}[-. ]\d{4}"  # 212-555-0123
)
_NATIONAL = re.compile(
    r"\d{3}(?: \d{2}){3}"
)  # 612 34 56 78; of 512 345 678 and 20 12 34 56 nobody can tell that they are no sizes
_FEWEST, _MOST = 7, 15
_SHORTEST = 5
_ODD = re.compile(r"[^\x00-\x7f]|%[0-7][0-9A-Fa-f]|%25")
_SIGN = re.compile(r"%(?:25)*([0-7][0-9A-Fa-f])|.", re.DOTALL)


_FIRST = 2_000
"""Values of a column that are looked at to find out what it is like."""


class Found(NamedTuple):
    """An identifier in a text: where it stands, what takes its place, and how it reads."""

    start: int
    end: int
    label: str
    reads: str


def scrub(column: pl.Series) -> pl.Series:
    """A String column with every such identifier replaced by what it is: `[e-mail]`, `[phone]`, `[card]`, `[IBAN]`, `[IP]`, `[device]`.

    Only texts that could hold one are looked at closely, each different text once.
    """
    return changed(column, scrubbed)


def changed(column: pl.Series, change: Callable[[str], str], *, ids: bool = False) -> pl.Series:
    """A String column with those texts changed that could hold an identifier, each different text once; `ids`: it holds ids,
    in which numbers mean nothing.
    """
    different = column.unique() if is_repetitive(column) else column
    suspects = different.filter(different.str.contains(_suspect(ids=ids)))
    if suspects.is_empty():
        return column
    clear = {text: new for text in suspects.unique() if (new := change(text)) != text}
    return column.replace(clear) if clear else column


def scrubbed(text: str) -> str:
    """One text without such identifiers."""
    return replaced(text, lambda identifier: identifier.label)


def replaced(text: str, put: Callable[[Found], str]) -> str:
    """One text with something in the place of each identifier."""
    parts, at = [], 0
    for identifier in find(text):
        parts += [text[at : identifier.start], put(identifier)]
        at = identifier.end
    return "".join((*parts, text[at:]))


def find(text: str) -> list[Found]:
    """The identifiers in a text, in their order."""
    if len(text) < _SHORTEST:
        return []
    view, places = _as_it_reads(text)
    spans = []
    for is_possible, pattern, label in _PATTERNS:
        if not is_possible(view):
            continue
        fresh = [(*at, view[at[0] : at[1]]) for at in map(label, pattern.finditer(view)) if at[2]]
        if fresh:
            view = _without(view, fresh)
            spans += fresh
    if not spans:
        return []
    return sorted(
        Found(start, end, label, reads) if places is None else Found(places[start], places[end], label, reads)
        for start, end, label, reads in spans
    )


def _without(view: str, spans: list[tuple[int, int, str, str]]) -> str:
    """A text of the same length in which nothing is found any more at these places."""
    parts, at = [], 0
    for start, end, _, _ in spans:
        parts += [view[at:start], f"[{' ' * (end - start - 2)}]"]
        at = end
    return "".join((*parts, view[at:]))


def looks_like(column: pl.Series) -> str | None:
    """What most of a column's different values are and nothing else, by its first: a label as `scrub` puts it, or None."""
    values = column.drop_nulls().head(_FIRST)
    if 2 * values.str.contains(_suspect(ids=False)).sum() < len(values) or not len(values):
        return None
    different = values.unique().to_list()
    labels = [
        hits[0].label
        for text in different
        if len(hits := find(text.strip())) == 1 and hits[0].end - hits[0].start == len(text.strip())
    ]
    return max(set(labels), key=labels.count) if 2 * len(labels) >= len(different) else None


Who = Callable[[str], Collection[str]]
"""The pseudonyms of those who have an e-mail address."""


def pseudonymous(text: str, who: Who) -> str:
    """A text with the pseudonym of whoever has it in place of each e-mail address; of one that nobody has, its mask."""
    return _EMAIL.sub(lambda match: " ".join(sorted(who(match[0]))) or mask("email", match[0]), text)


def emails(text: str) -> list[str]:
    """The e-mail addresses in a text."""
    return [
        identifier.reads.rstrip(".")
        for identifier in find(text)
        if identifier.label == EMAIL and "@" in identifier.reads
    ]


def phones(text: str) -> list[str]:
    """The telephone numbers in a text."""
    return [identifier.reads for identifier in find(text) if identifier.label == PHONE]


def is_card(digits: str) -> bool:
    """Whether 13 to 19 digits carry a right check digit (Luhn) and are not all the same."""
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether a text is an account number of a country that has them, with right check digits (ISO 13616)."""
    if len(text) != _data()["iban_lengths"].get(text[:2]):
        return False
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def _as_it_reads(text: str) -> tuple[str, list[int] | None]:
    """A text in usual signs, and where each of them stands in it; None where that is the same."""
    if not _ODD.search(text):
        return text, None
    signs: list[str] = []
    places: list[int] = []
    for match in _SIGN.finditer(text):
        sign = match[0]
        if match[1]:
            sign = chr(int(match[1], 16))
        elif sign > "\x7f":
            sign = (
                ""
                if unicodedata.category(sign) == "Cf" or sign == "\ufffd"
                else unicodedata.normalize("NFKC", sign)
            )
        signs.append(sign)
        places += [match.start()] * len(sign)
    return "".join(signs), [*places, len(text)]


Label = Callable[[re.Match[str]], tuple[int, int, str]]
"""Where in a match an identifier stands, and what it is; nothing where it is none."""


def _always(label: str) -> Label:
    return lambda match: (*match.span(), label)


def _ipv6(match: re.Match[str]) -> tuple[int, int, str]:
    try:
        IPv6Address(match[0])
    except AddressValueError:
        return 0, 0, ""
    return (*match.span(), IP if len(re.findall(_HEX + "+", match[0])) > 2 else "")


def _account(match: re.Match[str]) -> tuple[int, int, str]:
    """An account number; words may follow it."""
    length = _data()["iban_lengths"].get(match[0][:2].upper(), 0)
    signs = [at for at, sign in enumerate(match[0]) if sign != " "]
    if len(signs) < length or not length:
        return 0, 0, ""
    end = signs[length - 1] + 1
    whole = end == len(match[0]) or match[0][end] == " "
    is_one = whole and is_iban(match[0][:end].replace(" ", "").upper())
    return match.start(), match.start() + end, IBAN if is_one else ""


def _number(match: re.Match[str]) -> tuple[int, int, str]:
    text = match[0]
    plain = re.sub(r"[\u00a0\u2010-\u2015]", lambda m: " " if m[0] == "\u00a0" else "-", text)
    digits = re.sub(r"\D", "", plain)
    label = ""
    if _CARD.fullmatch(plain) and is_card(digits):
        label = CARD
    elif _FEWEST <= len(digits) <= _MOST + 2 and (_GROUPS.fullmatch(plain) or _is_national(plain, digits)):
        label = PHONE
    return (*match.span(), label)


def _is_national(text: str, digits: str) -> bool:
    """Whether this is a mobile number of a region of `scan.toml`: in its own grouping, or in one run that begins with 0."""
    if text == digits:
        return text.startswith("0") and bool(_mobile(with_zero=True).fullmatch(text)) and not _is_isbn(text)
    is_grouped = _NATIONAL.fullmatch(text) and _mobile(with_zero=False).fullmatch(digits)
    return bool(is_grouped) and _is_grouped_as_in_a_region(text)


def _is_isbn(digits: str) -> bool:
    return len(digits) == 10 and sum(int(digit) * (10 - at) for at, digit in enumerate(digits)) % 11 == 0


@lru_cache(maxsize=100_000)
def _is_grouped_as_in_a_region(text: str) -> bool:
    import phonenumbers

    for region in _data()["regions"]:
        number = phonenumbers.parse(text, region)
        if phonenumbers.is_valid_number(number):
            written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
            if re.findall(r"\d+", written) == text.split(" "):
                return True
    return False


@cache
def _mobile(*, with_zero: bool) -> re.Pattern[str]:
    """The mobile numbers of regions in which one dials a 0 first, or of those in which one does not; of the US no number tells."""
    from phonenumbers import PhoneMetadata  # half a second, for those only who need it

    regions = [PhoneMetadata.metadata_for_region(region) for region in _data()["regions"] if region != "US"]
    patterns = [
        metadata.mobile.national_number_pattern
        for metadata in regions
        if metadata is not None
        and metadata.mobile is not None
        and (metadata.national_prefix == "0") == with_zero
    ]
    return re.compile(("0" if with_zero else "") + "(?:" + "|".join(f"(?:{each})" for each in patterns) + ")")


@cache
def _data() -> dict[str, Any]:
    return toml_input.shipped("audit.privacy", "scan.toml")


def _has_groups(view: str) -> bool:
    return "::" in view or view.count(":") > 5


_PATTERNS: tuple[tuple[Callable[[str], object], re.Pattern[str], Label], ...] = (
    (lambda view: "@" in view or "%40" in view, _EMAIL, _always(EMAIL)),
    (re.compile(r"\bat\b", re.IGNORECASE).search, _SPELLED, _always(EMAIL)),
    (lambda view: view.count(":") > 4 or view.count("-") > 4, _DEVICE, _always(DEVICE)),
    (_has_groups, _IPV6, _ipv6),
    (lambda view: view.count(".") > 2, _IPV4, _always(IP)),
    (re.compile(r"[A-Za-z]{2}\d\d ?[A-Za-z0-9]{4}").search, _IBAN, _account),
    (re.compile(r"\d.{5,}\d", re.DOTALL).search, _DIGITS, _number),
)
"""What a text must have for a pattern to be tried, the pattern, and what it finds."""
