"""What is printed as JSON is a typed document, and its fields stand in the contract as they are."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.events.document import Document
from tests import contract_tables
from tui.commands import output

ROOT = Path(__file__).parents[1]


class Visitor(Document):
    """Somebody who came by."""

    name: str
    at: datetime


class ToyAnswer(Document, schema="whysent.toy/1"):
    """A toy answer."""

    count: int
    """How many came."""
    visitors: tuple[Visitor, ...]
    note: str | None = None


def test_the_field_tables_of_the_contract_are_those_of_the_structs() -> None:
    text = contract_tables.PAGE.read_text(encoding="utf-8")
    schemas = contract_tables.printed()
    assert set(re.findall(r"<!-- fields of (\S+) -->", text)) == set(schemas)
    assert contract_tables.page(text, schemas) == text, "python -m tests.contract_tables writes them anew"


def test_a_new_document_has_its_table_and_is_printed_with_its_schema_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = "before\n<!-- fields of whysent.toy/1 -->\n<!-- end of fields -->\nafter\n"
    assert contract_tables.page(page, {"whysent.toy/1": [ToyAnswer]}) == (
        'before\n<!-- fields of whysent.toy/1 -->\n`"whysent.toy/1"`: A toy answer.\n\n'
        "| field | is | |\n|---|---|---|\n"
        "| `count` | number | How many came. |\n"
        "| `visitors[]` | object | Somebody who came by. |\n"
        "| `visitors[].name` | text |  |\n"
        "| `visitors[].at` | time |  |\n"
        "| `note` | text or null |  |\n"
        "<!-- end of fields -->\nafter\n"
    )
    moment = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    output.document(ToyAnswer(count=1, visitors=(Visitor(name="Ada", at=moment),)))
    assert list(json.loads(capsys.readouterr().out).items()) == [
        ("schema", "whysent.toy/1"),
        ("count", 1),
        ("visitors", [{"name": "Ada", "at": "2026-11-20T09:00:00Z"}]),
        ("note", None),
    ]


def test_nothing_is_read_out_of_a_sentence_of_a_reason() -> None:
    """A reason's facts say what it is; its text is for people."""
    readers = r"\.(?:startswith|endswith|split|partition|removeprefix|removesuffix)\("
    beginning_or_end = r"\.(?:startswith|endswith|removeprefix|removesuffix)\(f?\"[^\"]*[a-z] "
    parsed = re.compile(rf"(?:\.text|\[\"text\"\]|\.thing|str\(error\)){readers}|{beginning_or_end}")
    assert parsed.search('str(fact["thing"]).startswith("the segment ")')
    files = [path for room in ("audit", "tui") for path in (ROOT / room).rglob("*.py")]
    assert [str(path) for path in files if parsed.search(path.read_text(encoding="utf-8"))] == []
