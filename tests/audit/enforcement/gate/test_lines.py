"""What a line holds is the same whether it is parsed fast or strictly."""

import json
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.enforcement.gate import reader
from audit.enforcement.gate.reader import Reader
from audit.errors import InputError

texts = st.text(max_size=6) | st.text('abc\\"{}[]:, \t\r\n\u0000\u001f\u2028é', max_size=8)
values = st.recursive(
    st.none() | st.booleans() | texts | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=5,
)
keys = st.sampled_from(
    ("customer_id", "customer_id", "occurred_at", "event_id", "message_id", "channel", "topics", "machine", "kind", "email")
) | texts  # fmt: skip
meant = {
    "customer_id": st.sampled_from(("c_1", " ", "", "c\u0000")),
    "occurred_at": st.sampled_from(("2026-11-20", "2026-11-20T09:00:00+02:00", "noon", "0001-01-01T00:00:00+09:00")),
    "topics": st.lists(st.sampled_from(("a", "é", "\u0000")), max_size=2),
    "machine": st.booleans(),
    "kind": st.sampled_from(("message_sent", "message_clicked", "message_scent")),
}  # fmt: skip
pairs = st.lists(
    keys.flatmap(lambda key: st.tuples(st.just(key), meant.get(key, texts) | st.none() | values)), max_size=6
).flatmap(
    lambda drawn: st.sampled_from((drawn, [("customer_id", "c_1"), ("occurred_at", "2026-11-20"), *drawn]))
)
blank = st.sampled_from(("", "", " ", "\t", "\r", "\n"))


@st.composite
def written(draw):
    """An object, with the blanks that JSON allows, keys that may stand twice, and sometimes a byte that is wrong."""
    ascii_only = draw(st.booleans())
    parts = [
        f"{draw(blank)}{json.dumps(key, ensure_ascii=ascii_only)}{draw(blank)}:{draw(blank)}"
        f"{json.dumps(value, ensure_ascii=ascii_only)}{draw(blank)}"
        for key, value in draw(pairs)
    ]
    line = ("{" + ",".join(parts) + "}").encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(st.binary(max_size=2)) + line[at + draw(st.integers(0, 2)) :]
    return line


def told(parse, line):
    try:
        made = parse(line)
    except InputError as error:
        return str(error)
    return repr(made)


class Strict(Reader):
    """Reads every line strictly."""

    def __init__(self) -> None:
        super().__init__(b"k")
        self._glance = lambda line: None


FAST, STRICT = Reader(b"k"), Strict()


@settings(max_examples=150, deadline=None)
@given(written())
def test_a_line_is_read_fast_as_it_is_read_strictly(line):
    told_strictly = told(Strict().read, line)
    assert told(Reader(b"k").read, line) == told_strictly
    assert told(FAST.read, line) == told_strictly  # which has seen others like it
    assert told(STRICT.read, line) == told_strictly


def test_most_lines_are_read_fast():
    line = (
        b'{"customer_id":"c_1","occurred_at":"2026-11-20","topics":["a","b"],"machine":true,"channel":null}'
    )
    with mock.patch.object(reader, "parsed", side_effect=AssertionError):
        assert FAST.read(line).event.topics == ("a", "b")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"a":"1","a":"2"}', "the same key twice"),
        (b'{"a" :"1","a":"2"}', "the same key twice"),
        (b'{"a"\r:"1","a":"2"}', "the same key twice"),
        (b'{"a" :"1","a":"2","b":"\\":"}', "the same key twice"),
        (b'{"a":":","a" :":"}', "the same key twice"),
        (b'{"a":"1","\\u0061":"2"}', "the same key twice"),
        (b'{"a":{"b":"1","b":"2"}}', "the same key twice"),
        (b'{"a":NaN}', "NaN is no number"),
        (b'{"a":-Infinity}', "-Infinity is no number"),
        (b'{"a":' + b"9" * 5000 + b"}", "a number of 5,000 characters"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "levels deep"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a":"\xc3"}', "not UTF-8"),
        (b'\xef\xbb\xbf{"a":"1"}', "no JSON"),
        (b'{"a":"1"} {"a":"2"}', "no JSON"),
        (b'{"a":"\n"}', "no JSON"),
    ],
)
def test_hostile_lines_are_told_apart_from_plain_ones(line, said):
    with pytest.raises(InputError, match=said):
        reader.parsed(line)


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        (b'{"a":"x","b":null,"c":true,"d":["y"]}', {"a": "x", "b": None, "c": True, "d": ["y"]}),
        (b'{"a":007.10}', None),
        (b'{"a":7.10}', {"a": "7.10"}),
        (b'{"a":123456789012345678901234}', {"a": "123456789012345678901234"}),
        (b'{"a":1e400}', {"a": "1e400"}),
        (b'{ "a" : "x:y" }\r', {"a": "x:y"}),
    ],
)
def test_numbers_keep_the_text_they_were_written_in(line, holds):
    if holds is None:
        with pytest.raises(InputError):
            reader.parsed(line)
    else:
        assert reader.parsed(line) == holds
