"""What could act on a terminal is made visible or replaced, and nothing else is."""

import polars as pl
import pytest

from audit.privacy.clean import clean, clean_column


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\x00", "\u2400"),
        ("\x1b", "\u241b"),
        ("\x1f", "\u241f"),
        (" ", " "),
        ("~", "~"),
        ("\x7f", "\u2421"),
        ("\x80", "\ufffd"),
        ("\x9f", "\ufffd"),
        ("\u00a0", "\u00a0"),
        ("\u202e", "\ufffd"),
        ("\u200b", "\ufffd"),
        ("\ud800", "\ufffd"),
    ],
)
def test_a_control_character_is_shown_as_its_picture_and_other_hostile_ones_as_unknown(character, shown):
    assert clean(f"a{character}b") == f"a{shown}b"


def test_a_column_is_its_texts():
    column = pl.Series(["plain", "bell\x07", None, "\u2028"])
    assert clean_column(column).to_list() == ["plain", "bell\u2407", None, "\ufffd"]
    assert clean_column(column.head(1)).to_list() == ["plain"]


def test_a_column_is_cleaned_as_each_of_its_texts_is():
    texts = [f"a{chr(code)}\x1fb" for code in range(0x3000)] + ["\ufeff\U0001f600"]
    assert clean_column(pl.Series(texts)).to_list() == [clean(text) for text in texts]
