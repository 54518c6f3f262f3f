"""Whatever a person hands over as TOML is read whole, or refused in one line that names the file."""

import re
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct, field

from audit import segments
from audit.errors import InputError
from audit.flows import campaign_map
from audit.ingest import map_language
from audit.rules import files as rules
from audit.storage import toml_input
from audit.storage.toml_input import Text, Texts, convert, one_of, read_by, tables

BAD = {
    "no TOML": b"[[",
    "is not UTF-8 at byte 4": b"a = \xff",
    "is no TOML: Exceeds": b"a = " + b"9" * 5_000,
    "is no TOML that can be read: .*too deep": b"a = " + b"[" * 100_000,
}


@pytest.mark.parametrize(
    "read", [toml_input.read, campaign_map.read, map_language.read, rules.read, segments.read]
)
@pytest.mark.parametrize("reason", BAD)
def test_what_is_no_toml_is_one_line_of_complaint(tmp_path: Path, reason: str, read) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(BAD[reason])
    with pytest.raises(InputError, match=f"{re.escape(str(path))}: .*{reason}") as refused:
        read(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read: (No such file|Is a directory)"):
        toml_input.read(tmp_path / name)


def test_what_is_toml_is_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes('id = "007"\nname = "Müller"\n'.encode())
    assert toml_input.read(path) == {"id": "007", "name": "Müller"}


def test_the_nearest_word_is_offered_and_no_far_one() -> None:
    assert toml_input.nearest("limt", ["limit", "window"]) == "; did you mean 'limit'?"
    assert toml_input.nearest("zzz", ["limit", "window"]) == ""
    assert toml_input.UnknownKeyError("limt", "limit").nearest_key == "limit"
    assert str(toml_input.UnknownKeyError("limt", "limit")) == "limt: unknown key; did you mean 'limit'?"


def _even(written: object) -> int:
    if not isinstance(written, int) or written % 2:
        raise InputError("must be even")
    return written


class Wheel(Struct, kw_only=True, forbid_unknown_fields=True):
    spokes: Annotated[int, read_by(_even, "every wheel needs some")]


class Cart(Struct, kw_only=True, forbid_unknown_fields=True):
    name: Text
    colours: Texts = ()
    made_of: Annotated[str, one_of(("wood", "steel"))] = "wood"
    weight: Annotated[float, Meta(gt=0, description="must be above 0")] | None = None
    wheels: Annotated[tuple[Wheel, ...], tables(Wheel, "write each wheel as [[wheel]]")] = field(
        name="wheel", default=()
    )


def test_a_table_becomes_the_struct_that_describes_it() -> None:
    cart = convert({"name": "a", "colours": ["red"], "weight": 2, "wheel": [{"spokes": 8}]}, Cart)
    assert cart == Cart(name="a", colours=("red",), weight=2.0, wheels=(Wheel(spokes=8),))


@pytest.mark.parametrize(
    ("table", "key", "problem"),
    [
        ({"name": "a", "wieght": 2}, "wieght", "unknown key; did you mean 'weight'?"),
        ({}, "name", "must be a text"),
        ({"name": " "}, "name", "must be a text"),
        ({"name": "a", "colours": "red"}, "colours", "must be a list of texts"),
        ({"name": "a", "colours": ["red", 1]}, "colours", "must be a list of texts"),
        ({"name": "a", "made_of": "steal"}, "made_of", "unknown 'steal'; did you mean 'steel'?"),
        ({"name": "a", "made_of": "?"}, "made_of", "unknown '?'; one of wood, steel"),
        ({"name": "a", "weight": 0}, "weight", "must be above 0"),
        ({"name": "a", "weight": True}, "weight", "must be above 0"),
        ({"name": "a", "wheel": [{"spokes": 7}]}, "wheel.spokes", "must be even"),
        ({"name": "a", "wheel": [{}]}, "wheel.spokes", "every wheel needs some"),
        ({"name": "a", "wheel": {"spokes": 8}}, "wheel", "write each wheel as [[wheel]]"),
        ({"name": "a", "wheel": [{"spoke": 8}]}, "wheel.spoke", "unknown key; did you mean 'spokes'?"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_is_refused_by_its_key(table: dict, key: str, problem: str) -> None:
    with pytest.raises(toml_input.TableError) as refused:
        convert(table, Cart)
    assert (refused.value.key, refused.value.problem) == (key, problem)
    assert str(refused.value) == f"{key}: {problem}"
