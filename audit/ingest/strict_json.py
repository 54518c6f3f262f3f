"""JSON from strangers: what parsers disagree about is refused, numbers keep the text they were written in."""

import json
from typing import Any

from audit.privacy.clean import clean

DEPTH = 32
"""Objects and lists inside each other, at most."""

DIGITS = 100
"""Characters of a number, at most."""


class Number(str):
    """A number as it was written: an id 007.10 or one of 24 digits loses nothing."""

    __slots__ = ()


def loads(text: str) -> Any:
    """Parse one JSON value; numbers are `Number`. Raises ValueError in plain words for what cannot be trusted.

    Refused: the same key twice, more than `DEPTH` levels, numbers longer than `DIGITS`, NaN and infinities.
    """
    if text.count("{") + text.count("[") > DEPTH:
        _refuse_deep(text)
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError(f"more than {DEPTH} levels deep") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg.lower()} at character {error.pos + 1}") from error


def parse(text: str) -> Any:
    """Parse JSON of our own, numbers as `Number`; of a key that stands twice, the last."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def dumps(value: Any) -> str:
    """Compact JSON with numbers as they were written and every text cleaned."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return json.dumps(clean(value), ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ",".join(f"{dumps(str(key))}:{dumps(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumps(each) for each in value) + "]"
    return json.dumps(value, allow_nan=False)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("the same key twice in one object")
    return made


def _number(text: str) -> Number:
    if len(text) > DIGITS:
        raise ValueError(f"a number of {len(text):,} characters")
    return Number(text)


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _refuse_deep(text: str) -> None:
    level, quoted, escaped = 0, False, False
    for sign in text:
        if quoted:
            escaped, quoted = (sign == "\\" and not escaped), (sign != '"' or escaped)
        elif sign == '"':
            quoted = True
        elif sign in "{[":
            level += 1
            if level > DEPTH:
                raise ValueError(f"more than {DEPTH} levels deep")
        elif sign in "}]":
            level -= 1


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_number, parse_float=_number, parse_constant=_constant
)
