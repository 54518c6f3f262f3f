"""Rows of one shape that are read a column at a time say what they say when they are read one after another."""

import io
import json
import random
from collections.abc import Callable

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.ingest import json_rows
from audit.ingest.paths import Paths

KEYS = ("a", "b", "a", "b", "c d", "attributes", "row", "ä.b", "é\u200b")
TEXTS = (
    "x",
    "y",
    "z",
    "",
    "[1]",
    "[1]",
    " x",
    '{"b":"y"}',
    "[",
    "a\nb",
    "ä",
    "\u200b",
    "\x7f",
    "5",
    "\ud800",
    "a:b, c",
)
NUMBERS = (
    "0",
    "7",
    "23",
    "-12.50",
    "-0",
    "1e5",
    "007",
    "9" * 25,
    "9" * 101,
    "123456789012345678901234567890.5",
)
PATHS = (
    "a",
    "b",
    "a.b",
    "a[].b",
    "b[]",
    "b[0]",
    "c d",
    "c d.a",
    "a[0].b",
    "attributes",
    "ä.b",
    "b.attributes",
    "a.b[].a",
)

leaves = st.one_of(st.sampled_from(("text", "number", "true", "false", "null")))
skeletons = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=3)
    ),
    max_leaves=6,
)
objects = st.lists(st.tuples(st.sampled_from(KEYS), skeletons), min_size=1, max_size=4)


def written(skeleton: object, chance: random.Random) -> str:
    """One object, list or value of this shape; keys may stand twice."""
    if skeleton == "text":
        return json.dumps(chance.choice(TEXTS), ensure_ascii=chance.random() < 0.05)
    if skeleton == "number":
        return chance.choice(NUMBERS)
    if isinstance(skeleton, str):
        return skeleton
    assert isinstance(skeleton, list)
    if skeleton and isinstance(skeleton[0], tuple):
        inner = (
            f"{json.dumps(key, ensure_ascii=False)}: {written(value, chance)}" for key, value in skeleton
        )
        return "{" + ", ".join(inner) + "}"
    return "[" + ",".join(written(value, chance) for value in skeleton) + "]"


@settings(max_examples=45, deadline=None)
@given(
    shapes=st.lists(objects, min_size=1, max_size=2),
    names=st.lists(st.sampled_from(PATHS), unique=True, max_size=4),
    records=st.lists(st.sampled_from(("a", "b[]", "a.b")), max_size=1),
    dropped=st.lists(st.sampled_from(("a", "c d", "b.a")), max_size=1),
    every_list=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_rows_of_a_shape_say_what_they_say_one_after_another(  # noqa: PLR0917 - as drawn
    shapes: list[list[tuple[str, object]]],
    names: list[str],
    records: list[str],
    dropped: list[str],
    every_list: bool,
    seed: int,
) -> None:
    chance = random.Random(seed)
    lines = [written(chance.choice(shapes), chance).encode("utf-8", "surrogatepass") for _ in range(20)]
    alike(
        lines, lambda: Paths(names, lambda key: key in ("b", "row"), records, dropped, every_list=every_list)
    )


def alike(lines: list[bytes], paths: Callable[[], Paths]) -> None:
    """Read lines both ways."""

    def read(fewest: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        kept, json_rows.FEWEST = json_rows.FEWEST, fewest
        try:
            ((rows, refused, _),) = json_rows.chunks(io.BytesIO(b"\n".join(lines)), "a.json", paths().apart)
        finally:
            json_rows.FEWEST = kept
        return rows, refused

    (rows, refused), (rows_alone, refused_alone) = read(1), read(10**9)
    assert rows.columns == rows_alone.columns
    assert rows.equals(rows_alone), (rows.to_dicts(), rows_alone.to_dicts())
    assert refused.equals(refused_alone)


def test_an_element_that_says_nothing_is_not_left_over() -> None:
    alike([b'{"a": ["x"]}', b'{"a": ["y"]}', b'{"a": [""]}'], lambda: Paths(["a[].b"]))


def test_of_many_rows_of_a_few_shapes_none_is_read_by_itself() -> None:
    rows = [f'{{"a": "x{nth}", "b": {nth}}}' if nth % 3 else f'{{"a": "x{nth}"}}' for nth in range(300)]
    rows[7], rows[8] = '{"a": "\\u0041"}', '{"a": "x", "a": "y"}'
    frames, left = json_rows.Shapes(lambda fields: [(fields, {})]).read(rows)
    assert left == [7, 8]
    assert sum(frame.height for frame in frames) == 298
