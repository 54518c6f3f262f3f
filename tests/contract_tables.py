"""The field tables of docs/contract.md, made of the structs that are printed. `python -m tests.contract_tables` writes them anew."""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

import audit
from audit.events.document import Document

PAGE = Path(__file__).parents[1] / "docs" / "contract.md"

MARKED = re.compile(r"<!-- fields of (\S+) -->\n.*?<!-- end of fields -->", re.DOTALL)
"""A table in the page, between its marks."""

WORDS = {
    str: "text", int: "number", float: "number", bool: "true or false", datetime: "time", date: "day",
    type(None): "null", Any: "any value",
}  # fmt: skip

Shared = dict[type[Document], str]
"""A struct that was shown already → where."""


def printed() -> dict[str, list[type[Document]]]:
    """Schema → the structs that are printed as it, in the order of their modules."""
    for module in pkgutil.walk_packages(audit.__path__, "audit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    schemas: dict[str, list[type[Document]]] = {}
    for struct in _subclasses(Document):
        schema = struct.__struct_config__.tag
        if isinstance(schema, str) and struct.__module__.startswith("audit."):
            schemas.setdefault(schema, []).append(struct)
    return {schema: sorted(structs, key=_place) for schema, structs in schemas.items()}


def page(text: str, schemas: Mapping[str, Iterable[type[Document]]]) -> str:
    """The page with every table between marks made anew."""
    shared: Shared = {}

    def made(marked: re.Match[str]) -> str:
        schema = marked[1]
        tables = "\n".join(table(struct, schema, shared) for struct in schemas[schema])
        return f"<!-- fields of {schema} -->\n{tables}<!-- end of fields -->"

    return MARKED.sub(made, text)


def table(struct: type[Document], schema: str, shared: Shared) -> str:
    """What a struct is, and a row for each of its fields and of the structs inside it that were not shown before."""
    head = f'`"{schema}"`: {inspect.getdoc(struct)}\n\n| field | is | |\n|---|---|---|\n'
    return head + "".join(
        f"| `{path}` | {kind} | {meaning} |\n" for path, kind, meaning in _rows(struct, "", schema, shared)
    )


def _rows(struct: type[Document], prefix: str, schema: str, shared: Shared) -> Iterator[tuple[str, str, str]]:
    shared.setdefault(struct, f"`{prefix.rstrip('.') or 'the document'}` of {schema}")
    meanings = _meanings(struct)
    for field in msgspec.structs.fields(struct):
        path, kind, inner = (
            prefix + field.encode_name + _suffix(field.type),
            _kind(field.type),
            _inner(field.type),
        )
        known = [part for part in inner if part in shared]
        fresh = [part for part in inner if part not in shared]
        meaning = " ".join([meanings.get(field.name, ""), *(f"As {shared[part]}." for part in known)]).strip()
        if fresh and not meaning:
            meaning = (inspect.getdoc(fresh[0]) or "").partition("\n")[0]
        yield path, kind, meaning.replace("\n", " ").replace("|", "\\|")
        for number, part in enumerate(fresh):
            if number:
                yield path, "or object", (inspect.getdoc(part) or "").partition("\n")[0]
            yield from _rows(part, f"{path}.", schema, shared)


def _kind(annotation: Any) -> str:
    """A type in the words of the page."""
    if isinstance(annotation, types.UnionType) or get_origin(annotation) is typing.Union:
        values = [
            value for part in get_args(annotation) if get_origin(part) is Literal for value in get_args(part)
        ]
        others = [part for part in get_args(annotation) if get_origin(part) is not Literal]
        parts = list(dict.fromkeys([", ".join(values)] * bool(values) + [_kind(part) for part in others]))
        absent = [part for part in parts if part == "left out"]
        return " or ".join([part for part in parts if part != "left out"] + absent)
    if get_origin(annotation) is Literal:
        return ", ".join(map(str, get_args(annotation)))
    if annotation is msgspec.UnsetType:
        return "left out"
    if get_origin(annotation) in {tuple, list, dict} and get_args(annotation):
        return _kind(get_args(annotation)[1 if get_origin(annotation) is dict else 0])
    return WORDS.get(annotation, "object")


def _suffix(annotation: Any) -> str:
    """`[]` behind the name of a list, `{}` behind that of an object with keys of its own."""
    for part in _parts(annotation):
        if get_origin(part) in {tuple, list}:
            return "[]"
        if get_origin(part) is dict:
            return "{}"
    return ""


def _inner(annotation: Any) -> list[type[Document]]:
    """The structs that a type is made of."""
    found: list[type[Document]] = []
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, Document):
            found.append(part)
        elif get_origin(part) in {tuple, list, dict}:
            found += [inner for argument in get_args(part) for inner in _inner(argument)]
    return found


def _parts(annotation: Any) -> tuple[Any, ...]:
    is_union = isinstance(annotation, types.UnionType) or get_origin(annotation) is typing.Union
    return get_args(annotation) if is_union else (annotation,)


def _meanings(struct: type[Document]) -> dict[str, str]:
    """Field → the sentence that stands below it in the code."""
    meanings: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if not (issubclass(base, Document) and base is not Document):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(body, ast.ClassDef)
        for node, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(node, ast.AnnAssign) and isinstance(below, ast.Expr):
                meanings[ast.unparse(node.target)] = str(ast.literal_eval(below.value))
    return meanings


def _subclasses(struct: type[Document]) -> Iterator[type[Document]]:
    for below in struct.__subclasses__():
        yield below
        yield from _subclasses(below)


def _place(struct: type[Document]) -> tuple[str, int]:
    return struct.__module__, inspect.getsourcelines(struct)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), printed()), encoding="utf-8")
