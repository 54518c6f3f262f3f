"""Made-up identifiers, none like another, and the places in a file where people leave them."""

import csv
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl

from audit.ingest import free_text, map_language
from audit.ingest.map_language import Map
from audit.privacy.scan import is_card
from audit.storage import toml_input
from tests.audit.ingest import files

CIPHERS = str.maketrans("0123456789", "bdfghjkmpq")


def word(number: int) -> str:
    """A syllable of its own for each number."""
    return f"qu{number}".translate(CIPHERS) + "z"


def _email(number: int) -> str:
    return f"jo.{word(number)}@example.org"


def _iban(number: int) -> str:
    account = f"DE00{37040044:08}{number:010}"
    digits = "".join(str(int(sign, 36)) for sign in account[4:] + account[:4])
    return f"DE{98 - int(digits) % 97:02}{account[4:]}"


def _card(number: int) -> str:
    body = f"41119{number:010}"
    return next(body + str(last) for last in range(10) if is_card(body + str(last)))


WRITTEN = {
    "e-mail": _email,
    "e-mail in capitals": lambda n: _email(n).upper(),
    "e-mail with a tag": lambda n: f"jo+{word(n)}@example.org",
    "e-mail percent-encoded": lambda n: _email(n).replace("@", "%40"),
    "e-mail percent-encoded twice": lambda n: _email(n).replace("@", "%2540"),
    "e-mail in full width": lambda n: "".join(chr(ord(sign) + 0xFEE0) for sign in _email(n)),
    "e-mail with a sign of no width": lambda n: _email(n).replace("@", "\u200b@").replace("jo", "j\u200do"),
    "e-mail spelled out": lambda n: f"jo.{word(n)} at example dot org",
    "e-mail in brackets": lambda n: f"jo.{word(n)} [at] example (dot) org",
    "phone": lambda n: f"+49 171 55{n:05}",
    "phone with dashes": lambda n: f"+1-212-5{n // 10000:02}-{n % 10000:04}".replace("-500-", "-555-"),
    "phone after 00": lambda n: f"004917155{n:05}",
    "phone in full width": lambda n: "+４９ １７１ ５５" + "".join(chr(ord(c) + 0xFEE0) for c in f"{n:05}"),
    "phone percent-encoded": lambda n: f"%2B49%2017155{n:05}",
    "phone, German": lambda n: f"0171 55{n:05}",
    "phone, German, in one": lambda n: f"017155{n:05}",
    "phone, British": lambda n: f"020 7946 {n:04}",
    "phone, French": lambda n: "06 " + " ".join(f"6{n:07}"[at : at + 2] for at in (0, 2, 4, 6)),
    "phone, Spanish": lambda n: "612 " + " ".join(f"{n:06}"[at : at + 2] for at in (0, 2, 4)),
    "phone, American": lambda n: f"(212) 555-{n:04}",
    "IPv4": lambda n: f"198.51.{100 + n // 100}.{100 + n % 100}",
    "IPv6": lambda n: f"2001:db8:c0:{n:x}::7",
    "IPv6 in full": lambda n: f"2001:0db8:00c0:{n:04x}:0000:0000:0000:0009",
    "IBAN": _iban,
    "IBAN in groups": lambda n: " ".join(re.findall(".{1,4}", _iban(n))),
    "card": _card,
    "card in groups": lambda n: "-".join(re.findall("....", _card(n))),
    "device": lambda n: f"00:1a:2b:{n // 256:02x}:{n % 256:02x}:7f",
}
"""Kinds of identifiers that are known by their form."""

COLUMNS = {
    "Nachname": "name", "prénom": "name", "apellidos": "name", "billing_last_name": "name", "contactName": "name",
    "Straße": "address", "shipping_address_line1": "address", "adresse de livraison": "address", "domicilio": "address",
    "geburtsdatum": "birth", "date_of_birth": "birth", "fecha de nacimiento": "birth", "SSN": "ssn", "x_forwarded_for": "IPv4",
    "Kontonummer (IBAN)": "IBAN", "contact_phone_2": "phone, American, bare", "idfa": "device id", "cookie": "cookie",
    "userEmail": "e-mail",
}  # fmt: skip
"""Names of columns and keys that say what is in them, in the languages of the formats."""

NAMED = {
    "name": lambda n: f"Ada {word(n).title()}",
    "address": lambda n: f"{word(n).title()}weg {n}",
    "birth": lambda n: str(date(1901, 1, 1) + timedelta(days=n)),
    "ssn": lambda n: f"078-05-{n:04}",
    "phone, American, bare": lambda n: f"212555{n:04}",
    "device id": lambda n: f"6D92078A-8246-4BA4-AE5B-{n:012}",
    "cookie": lambda n: f"GA1.2.77{n:06}.1767607200",
    **WRITTEN,
}

UNCAUGHT = {
    "name in a silent column": lambda n: f"Ada {word(n).title()}",
    "address in a silent column": lambda n: f"{word(n).title()}weg {n}",
    "birth in a silent column": lambda n: str(date(1951, 1, 1) + timedelta(days=n)),
    "phone, American, in one": lambda n: f"213555{n:04}",
    "phone, Polish": lambda n: f"512 {n // 1000:03} {n % 1000:03}",
    "phone, a landline in one": lambda n: f"03055{n:05}",
}
"""What no form tells, under a name that says nothing: docs/privacy.md says so."""


def plain(text: str) -> str:
    """Text in one spelling, in which a canary is found however it is written."""
    text = unquote(unquote(unicodedata.normalize("NFKC", text).replace("\\u0040", "@"))).casefold()
    text = re.sub("[\u00ad\u200b-\u200f\u2060\ufeff\ufffd]", "", text)
    return re.sub(r"(?<=\d)[ ().\-/]+(?=\d)", "", text)


@dataclass
class Planter:
    """Plants canaries, and knows where each one stands."""

    planted: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    _next: Any = field(default_factory=lambda: count(101))
    _turn: Counter[str] = field(default_factory=Counter)

    def canary(self, format_name: str, place: str, kind: str = "", why: str = "") -> str:
        """A new identifier; of the kinds that are known by their form the next, where none is named."""
        if not kind:
            kinds = list(WRITTEN)
            kind = kinds[self._turn[place] % len(kinds)]
            self._turn[place] += 1
        number = next(self._next)
        text = (NAMED | UNCAUGHT)[kind](number)
        sought = plain(text)
        if kind.startswith(("e-mail", "name", "address")):
            sought = word(number)
        elif kind.startswith("phone"):
            sought = re.sub(r"\D", "", sought)[-9:]
        assert sought not in self.planted, sought
        self.planted[sought] = format_name, place, kind
        return text

    def leaks(self, text: str) -> list[tuple[str, str, str]]:
        """The canaries that stand in a text."""
        found = pl.Series([plain(text)]).str.extract_many(list(self.planted), overlapping=True)
        return [self.planted[sought] for sought in found[0].unique()]


STRUCTURE = (
    "kind", "occurred_at", "recorded_at", "customer_id", "time_zone", "country", "currency", "price", "quantity",
    "message_class", "machine", "gift", "source", "channel",
)  # fmt: skip
"""Our columns whose values decide what becomes of a row: nothing is planted in theirs."""


def _last(path: str) -> str:
    return path.replace("[]", "").replace("[0]", "").rsplit(".", 1)[-1].casefold()


@dataclass
class Sample:
    """The files of a format, with canaries wherever its map lets them stand; `label` says what it comes as, if not as text."""

    planter: Planter
    name: str
    map: Map | None = None
    label: str = ""
    _ids: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.map is None:
            self.map = map_language.made(toml_input.shipped("audit.ingest", f"maps/{self.name}.toml"))
        self.label = self.label or self.name
        parts = self.map.each_table
        structure: list[str] = [name for part in parts for name in self._structure(part)]
        self.structural = {_last(name) for name in structure} | {"recordtype", "type", "event", "object_type"}
        self.times = {
            _last(name)
            for part in parts
            for column in ("occurred_at", "recorded_at")
            if column in part.columns
            for name in part.columns[column].column
        }
        self.ids = {
            _last(name)
            for part in parts
            for column in free_text.IDS
            if column in part.columns
            for name in part.columns[column].column
        }
        self.identifiers = {_last(name): field for part in parts for name, field in part.identifiers.items()}
        used = (name for part in parts for origin in part.columns.values() for name in origin.column)
        for name in used:
            self.identifiers.pop(_last(name), None)

    def _structure(self, part: Map) -> Iterable[str]:
        yield from part.judged_by()
        for column, origin in part.columns.items():
            if column in STRUCTURE or origin.pattern:
                yield from origin.column
        for further in part.event:
            for origin in further.columns.values():
                yield from origin.column
        for join in part.join:
            yield from (*join.on, *join.on.values())
        if part.fill:
            yield from part.fill.by

    def text(self, key: str, value: str) -> str:
        """A text of the source with a canary in it."""
        last = _last(key)
        if not value or last in self.structural or re.fullmatch(r"[\d.,:T+ Z-]+|true|false|\d{4}-.*", value):
            return value
        if (last, value) not in self._ids:
            field = self.identifiers.get(last)
            kind = {"name": "name", "address": "address", "ip": "IPv4", "email": "e-mail"}.get(
                field or "", "e-mail" if last in self.ids else ""
            )
            planted = self.planter.canary(self.label, f"{key} of the format", kind)
            self._ids[last, value] = planted if field else f"{value} {planted}"
        return self._ids[last, value]

    def object(self, value: Any, key: str = "") -> Any:
        """A JSON value of the source with canaries in its texts."""
        if isinstance(value, dict):
            return {inner: self.object(element, inner) for inner, element in value.items()}
        if isinstance(value, list):
            return [self.object(element, key) for element in value]
        if isinstance(value, str) and value[:1] in ("{", "["):
            return json.dumps(self.object(json.loads(value)))
        return self.text(key, value) if isinstance(value, str) else value

    def columns(self) -> dict[str, str]:
        """Columns and keys that a format does not know."""
        canary = self.planter.canary
        named = {column: canary(self.label, f"a column {column}", kind) for column, kind in COLUMNS.items()}
        silent = {
            f"x{number}": canary(self.label, "a column that says nothing", kind)
            for number, kind in enumerate(WRITTEN)
        }
        silent |= {
            f"y{number}": canary(self.label, "a column that says nothing", kind)
            for number, kind in enumerate(UNCAUGHT)
        }
        lines = "\n".join(
            f"{key}: {canary(self.label, 'a line of key: value', kind)}"
            for key, kind in (
                ("Nachname", "name"),
                ("contact phone", "phone, American, bare"),
                ("mail", "e-mail"),
            )
        )
        return {
            **named,
            **silent,
            "remarks": f"Dear {named['contactName']}, of {named['domicilio']}: "
            + canary(self.label, "free text", ""),
            "link": f"https://shop.example.test/?q={canary(self.label, 'a URL', 'e-mail percent-encoded')}&p=1",
            "lines": lines,
            "cells": json.dumps(self.nested()),
            f"answer of {canary(self.label, 'the header', 'e-mail')}": "yes",
        }

    def nested(self) -> Any:
        """An object whose keys and values hold canaries, at several depths."""
        canary = self.planter.canary
        return {
            "by": {
                canary(self.label, "a JSON key", "e-mail"): 3,
                canary(self.label, "a JSON key", "phone"): "x",
            },
            "deep": [{"k": f"call {canary(self.label, 'a nested value', '')}"}],
            "billing": {
                "last_name": canary(self.label, "a nested name", "name"),
                "strasse": canary(self.label, "a nested address", "address"),
            },
            "contact_phone": canary(self.label, "a nested phone", "phone, American, bare"),
        }

    def rows(self, rows: list[dict[str, Any]], *, nested: bool) -> Iterator[dict[str, Any]]:
        """Rows with canaries, and one more that is refused for its time."""
        for number, row in enumerate(rows):
            planted = self.object(row)
            if not number:
                further = self.columns()
                if nested:
                    further["cells_"] = self.nested()
                planted |= {key: value for key, value in further.items() if key not in planted}
                yield self._without_time(
                    {**planted, "secret": self.planter.canary(self.label, "a refused row")}
                )
            yield planted

    def _without_time(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {inner: self._without_time(element, inner) for inner, element in value.items()}
        if isinstance(value, list):
            return [self._without_time(element, key) for element in value]
        if isinstance(value, str) and value[:1] in ("{", "["):
            return json.dumps(self._without_time(json.loads(value)))
        return "soon" if _last(key) in self.times and value not in (None, "") else value

    def file(self, source: Path, folder: Path) -> Path:
        """A file of the format's sample, planted."""
        content = source.read_text(encoding="utf-8")
        target = folder / source.name
        if source.suffix == ".mbox":
            target.write_text(self.mailbox(content), encoding="utf-8")
        elif source.suffix in (".ndjson", ".json", ".jsonl"):
            self.posts(_rows(source), target)
        elif source.suffix == ".txt":
            target.write_text(self.lines(content), encoding="utf-8")
        else:
            self.table(source, target)
        return target

    def table(self, source: Path, target: Path) -> None:
        """A table of text, planted; one without a header has no column for what its format does not know."""
        assert self.map is not None
        part = next((part for part in self.map.each_table if part.header), None)
        if part is None:
            planted = list(self.rows(_rows(source), nested=False))
            header, delimiter = list(dict.fromkeys(key for row in planted for key in row)), ","
        else:
            header = list(part.header)
            delimiter = part.delimiter or ","
            given = csv.DictReader(
                io.StringIO(source.read_text(encoding="utf-8")), header, delimiter=delimiter
            )
            filled = [self._filled(self.object(row)) for row in given]
            refused = {"page_title": self.planter.canary(self.label, "a refused row")}
            planted = [*filled, self._without_time(filled[0]) | refused]
        written = io.StringIO()
        table = csv.DictWriter(written, header, delimiter=delimiter)
        if part is None:
            table.writeheader()
        table.writerows(planted)
        target.write_text(written.getvalue(), encoding="utf-8")

    def _filled(self, row: dict[str, str]) -> dict[str, str]:
        """A row of a table without a header, canaries in its empty cells."""
        canary = self.planter.canary
        return {
            key: value
            or (
                ""
                if _last(key) in self.structural
                else canary(self.label, "a cell", "e-mail" if key.endswith("id") else "")
            )
            for key, value in row.items()
        }

    def lines(self, content: str) -> str:
        """Lines in a form of their own: a customer who is called by a telephone number, and lines that are refused."""
        canary = self.planter.canary
        number = canary(self.label, "an id", "phone, German, in one")
        return content + f" {number} 19970101  1   11.77\n {canary(self.label, 'a refused row')}\n"

    def tables(self, folder: Path) -> files.Tables:
        """The tables of a database, planted."""
        tables = {}
        for source in sorted(folder.glob("*.csv")):
            planted = list(self.rows(_rows(source), nested=False))
            header = list(dict.fromkeys(key for row in planted for key in row))
            tables[source.stem] = header, [[row.get(key) for key in header] for row in planted]
        return tables

    def posts(self, rows: list[dict[str, Any]], target: Path) -> Path:
        """Rows of JSON, planted."""
        lines = [json.dumps(row, ensure_ascii=False) for row in self.rows(rows, nested=True)]
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return target

    def records(self, rows: list[dict[str, Any]]) -> bytes:
        """Rows as an Avro container, planted."""
        planted = [
            {re.sub(r"\W", "_", key): value for key, value in row.items() if "@" not in key}
            for row in self.rows(rows, nested=False)
        ]
        types: dict[str, list[str]] = {}
        for key, value in (cell for row in planted for cell in row.items()):
            kind = "long" if isinstance(value, int) else "string"
            types[key] = sorted({*types.get(key, ()), kind})
        return files.avro("users.messages.email.Send", types, planted)

    def mailbox(self, content: str) -> str:
        """Mails with canaries in their headers and in what was written."""
        canary = self.planter.canary
        for header in ("From", "X-Gmail-Labels", "List-Id", "List-Unsubscribe"):
            planted = canary(self.label, header, "e-mail")
            content = content.replace(f"{header}: ", f"{header}: {planted} ", 1)
        more = "".join(f"{header}: {canary(self.label, header, kind)}\n" for header, kind in _HEADERS.items())
        content = content.replace("Subject: ", f"{more}Subject: {canary(self.label, 'subject', 'phone')} ", 1)
        return content.replace("Dear ", f"Dear {canary(self.label, 'a body', 'e-mail')} ", 1)

    def maildir(self, content: str, folder: Path) -> None:
        """The same mails, a file each."""
        for name in ("cur", "new", "tmp"):
            (folder / name).mkdir(parents=True)
        for number, mail in enumerate(re.split(r"(?m)^From \d+@xxx .*\n", self.mailbox(content))[1:]):
            (folder / "cur" / f"170{number}.M1.host:2,S").write_text(mail, encoding="utf-8")


_HEADERS = {
    "Cc": "e-mail",
    "Bcc": "e-mail",
    "Reply-To": "e-mail",
    "Return-Path": "e-mail",
    "X-Originating-IP": "IPv4",
}


def _rows(source: Path) -> list[dict[str, Any]]:
    """The rows of a sample."""
    content = source.read_text(encoding="utf-8")
    if source.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(content)))
    if source.suffix == ".json":
        value = json.loads(content)
        return value if isinstance(value, list) else [value]
    return [json.loads(line) for line in content.splitlines()]
