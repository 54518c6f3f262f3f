"""TOML that people write: a file read to the end, its tables made into Structs, or refused in one line.

A Struct says what a table may hold. `Meta(description=...)` on a field says in words what its value must be;
`read_by` hands the value to a function of one's own. Both are what a refusal says.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeGuard, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from audit.errors import InputError

Table = TypeVar("Table", bound=Struct)

Text = Annotated[str, Meta(pattern=r"\S", description="must be a text")]
Flag = Annotated[bool, Meta(description="must be true or false")]
Texts = Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(description="must be a list of texts")]


class TableError(InputError):
    """One key of a table has a value that it cannot have: `key` (with dots, where tables lie in tables), `problem`."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


class UnknownKeyError(TableError):
    """A table has a key that nothing reads; `nearest_key`: one that is read, or empty; `hint` says it."""

    def __init__(self, key: str, nearest_key: str) -> None:
        self.nearest_key = nearest_key
        self.hint = _did_you_mean(nearest_key)
        super().__init__(key, f"unknown key{self.hint}")


def read(path: Path) -> dict[str, Any]:
    """The content of a TOML file. Raises InputError naming the file, and the byte or line that is wrong."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}; look at its name and its modes"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 at byte {error.start}") from error
    try:
        return parsed(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def shipped(package: str, name: str) -> dict[str, Any]:
    """The TOML file `name` that lies beside the code of `package`."""
    return tomllib.loads(files(package).joinpath(name).read_text(encoding="utf-8"))


def parsed(text: str) -> dict[str, Any]:
    """The content of a TOML text. Raises InputError, also for numbers and nesting beyond what Python reads."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InputError(
            "is no TOML that can be read: lists or tables stand too deep in each other"
        ) from error
    except ValueError as error:
        raise InputError(f"is no TOML: {error}") from error


def convert(table: Mapping[str, Any], shape: type[Table]) -> Table:
    """One table as a `shape`. Raises UnknownKeyError (naming the nearest key), else TableError for a wrong or missing value."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    for key in table:
        if key not in fields:
            raise UnknownKeyError(key, nearest_word(key, fields))
    values = {}
    for key, field in fields.items():
        if key in table:
            values[field.name] = _value(key, field.type, table[key])
        elif field.required:
            raise TableError(key, _description(field.type) or "is missing")
    return shape(**values)


def _value(key: str, annotation: Any, written: Any) -> Any:
    readers = (note.extra["reader"] for note in _notes(annotation) if note.extra and "reader" in note.extra)
    reader = next(readers, None)
    try:
        return msgspec.convert(written, annotation) if reader is None else reader(written)
    except msgspec.ValidationError as error:
        raise TableError(key, _description(annotation) or str(error)) from error
    except UnknownKeyError as error:
        raise UnknownKeyError(f"{key}.{error.key}", error.nearest_key) from error
    except TableError as error:
        raise TableError(f"{key}.{error.key}", error.problem) from error
    except InputError as error:
        raise TableError(key, str(error)) from error


def _description(annotation: Any) -> str | None:
    return next((note.description for note in _notes(annotation) if note.description), None)


def _notes(annotation: Any) -> Iterator[Meta]:
    """What an annotation and its parts are annotated with, the outermost before the parts."""
    yield from (note for note in getattr(annotation, "__metadata__", ()) if isinstance(note, Meta))
    for part in get_args(annotation):
        yield from _notes(part)


def read_by(reader: Callable[[Any], Any], missing: str | None = None) -> Meta:
    """Annotates a field whose value `reader` makes out of what is written; it raises InputError with what is wrong.

    `missing`: what is said where a field that has no default is not written.
    """
    return Meta(extra={"reader": reader}, description=missing)


def one_of(words: Iterable[str], missing: str | None = None) -> Meta:
    """Annotates a field whose value is one of `words`; `missing`: as of `read_by`."""
    allowed = tuple(words)

    def reader(written: Any) -> str:
        if written not in allowed:
            raise InputError(unknown(str(written), allowed))
        return str(written)

    return read_by(reader, missing)


def table(shape: type[Struct], problem: str) -> Meta:
    """Annotates a field that holds one `shape`; `problem` is said where no table is written."""

    def reader(written: Any) -> Struct:
        if not isinstance(written, dict):
            raise InputError(problem)
        return convert(written, shape)

    return read_by(reader)


def tables(shape: type[Struct], problem: str) -> Meta:
    """Annotates a field that holds a tuple of `shape`; `problem` is said where no list of tables is written."""

    def reader(written: Any) -> tuple[Struct, ...]:
        if not are_tables(written):
            raise InputError(problem)
        return tuple(convert(row, shape) for row in written)

    return read_by(reader)


def are_tables(written: Any) -> TypeGuard[list[dict[str, Any]]]:
    """Whether `[[...]]` was written, or a list of tables."""
    return isinstance(written, list) and all(isinstance(row, dict) for row in written)


def unknown(word: str, allowed: Iterable[str]) -> str:
    """What is said of a word that is none of `allowed`: the nearest, else all of them."""
    words = list(allowed)
    return f"unknown {word!r}" + (nearest(word, words) or f"; one of {', '.join(words)}")


def nearest(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean 'limit'?`, or nothing where no allowed word is near."""
    return _did_you_mean(nearest_word(word, allowed))


def nearest_word(word: str, allowed: Iterable[str]) -> str:
    """The allowed word that is nearest, or empty where none is near."""
    return next(iter(get_close_matches(word, list(allowed), 1, 0.5)), "")


def _did_you_mean(word: str) -> str:
    return f"; did you mean {word!r}?" if word else ""
