"""Whatever a person hands over as TOML is read whole, or refused in one line that names the file."""

import re
from pathlib import Path

import pytest

from audit import segments
from audit.errors import InputError
from audit.flows import campaign_map
from audit.ingest import mapped
from audit.rules import files as rules
from audit.storage import toml_input

BAD = {
    "no TOML": b"[[",
    "is not UTF-8 at byte 4": b"a = \xff",
    "is no TOML: Exceeds": b"a = " + b"9" * 5_000,
    "is no TOML that can be read: .*too deep": b"a = " + b"[" * 100_000,
}


@pytest.mark.parametrize(
    "read", [toml_input.read, campaign_map.read, mapped.read_map, rules.read, segments.read]
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
