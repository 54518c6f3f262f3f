"""The sensitive map: which rows touch a sensitive topic."""

import polars as pl
import pytest

from audit.events import sensitive_topics


@pytest.mark.parametrize(
    ("row", "topic"),
    [
        ({"category": "Books > Family > Pregnancy"}, "pregnancy"),
        ({"category": "Books > Family"}, None),
        ({"query": "Prenatal Vitamins 90"}, "pregnancy"),
        ({"query": "burn cream"}, None),
        ({"item_name": "Funeral candle"}, "bereavement"),
        ({"segment_id": "expecting-parents"}, "pregnancy"),
        ({"trigger": "segment:expecting-parents"}, "pregnancy"),
        ({"topics": ["books", "health"]}, "health"),
        ({"topics": ["books"], "item_name": None}, None),
        ({}, None),
    ],
)
def test_a_row_is_known_by_any_of_its_texts(row: dict[str, object], topic: str | None) -> None:
    assert sensitive_topics.topic_of_row(row) == topic


def test_a_segment_or_category_is_sensitive_where_the_map_names_its_topic() -> None:
    names = pl.Series(["Expecting-Parents", "frequent-buyer", "patients"])
    paths = pl.Series(["Health > Pharmacy > Creams", "Home > Lamps", "Pharmacyland"])
    assert names.to_frame("n").select(sensitive_topics.in_name(pl.col("n"))).to_series().to_list() == [
        True,
        False,
        True,
    ]
    assert paths.to_frame("p").select(sensitive_topics.in_category(pl.col("p"))).to_series().to_list() == [
        True, False, False,
    ]  # fmt: skip
