"""A report as a document: a title and sections, written as Markdown, as HTML or as JSON.

Whatever text of the source's stands in it is data: it is cleaned and escaped here, once, for every form.
"""

import html
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from audit.errors import InputError
from audit.events.document import Document
from audit.privacy.clean import clean

FORMATS = ("md", "txt", "html", "json")
"""How a report can be written."""

_MARKDOWN = re.compile(
    r"(?P<harmless>\[[^\W\d_][^\W_,. -]*(?:[,. -]+[^\W_]+)*\](?![(\[:]))"  # words in brackets that are no link
    r"|([\\`*\[\]<|~]|&(?=#?\w+;)|>(?! )|(?<! )>"  # emphasis, code, links, HTML, tables, entities
    r"|(?<![^\W_])_|_(?![^\W_])"  # an underscore that is not inside a word
    r"|:(?=//)|(?<=www)\.)",  # what some renderers make a link of
    re.IGNORECASE,
)
_SPACES = re.compile(r"[^\S\u00a0\u202f]+")
_MARKDOWN_START = re.compile(r"^(\d+)?((?(1)[.)]|[#+\-=>]))")


class Table(Document, kw_only=False):
    """Rows under a heading each column has.

    The first cell of a row names it; `caption` says what is counted.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Node(Document, kw_only=False):
    """A sentence, and those that stand below it."""

    text: str
    below: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (may be empty), paragraphs, list items, and lines to be set in a fixed-width type; a table, a tree.

    `figure`: an inline picture for the HTML alone, finished and escaped by what draws it; the text beside it says the same.
    """

    heading: str = ""
    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    figure: str = ""
    table: Table | None = None
    tree: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """`kind` is internal or reply, replay or sweep; `locale` the language; `customer` a pseudonym, empty where it is about none."""

    kind: str
    locale: str
    title: str
    sections: tuple[Section, ...]
    customer: str = ""

    def written(self, form: str) -> str:
        """The report in one of `FORMATS`. Raises InputError for another."""
        writers: dict[str, Callable[[Report], str]] = {
            "md": _markdown,
            "txt": _plain,
            "html": _html,
            "json": _json,
        }
        if form not in writers:
            raise InputError(f"no report as {form!r}; one of {', '.join(FORMATS)}")
        return writers[form](self)

    def document(self) -> "ReportDocument":
        """The report as a document, each text on one line."""
        return ReportDocument(
            kind=self.kind,
            locale=self.locale,
            customer=self.customer or None,
            title=one_line(self.title),
            sections=tuple(map(_section_document, self.sections)),
        )


class SectionEntry(Document):
    """A part of a report under its heading, which may be empty."""

    heading: str
    paragraphs: tuple[str, ...]
    items: tuple[str, ...]
    code: tuple[str, ...]
    """Lines to be set in a fixed-width type."""
    table: Table | None
    tree: tuple[Node, ...]


class ReportDocument(Document, schema="whysent.report/1"):
    """A report: a note, a reply, a replay or a curve."""

    kind: str
    """internal, reply, replay or sweep."""
    locale: str
    customer: str | None
    """A pseudonym; a reply names nobody."""
    title: str
    sections: tuple[SectionEntry, ...]


def _section_document(section: Section) -> SectionEntry:
    return SectionEntry(
        heading=one_line(section.heading),
        paragraphs=_one_lines(section.paragraphs),
        items=_one_lines(section.items),
        code=_one_lines(section.code),
        table=None if section.table is None else _cleaned_table(section.table),
        tree=tuple(map(_cleaned_node, section.tree)),
    )


def _cleaned_table(table: Table) -> Table:
    return Table(one_line(table.caption), _one_lines(table.columns), tuple(map(_one_lines, table.rows)))


def _cleaned_node(node: Node) -> Node:
    return Node(one_line(node.text), tuple(map(_cleaned_node, node.below)))


def _one_lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(one_line, texts))


def one_line(text: str) -> str:
    """`text` without anything that acts on a terminal, and on one line; spaces that may not break stay as they are."""
    return clean(_SPACES.sub(" ", str(text))).strip()


def _json(report: Report) -> str:
    return json.dumps(report.document().to_json(), ensure_ascii=False, indent=2) + "\n"


def _markdown(report: Report) -> str:
    blocks = [f"# {_md(report.title)}"]
    for section in report.sections:
        if section.heading:
            blocks.append(f"## {_md(section.heading)}")
        blocks += [_md(text) for text in section.paragraphs]
        if section.table is not None:
            blocks.append(_md_table(section.table))
        if section.items:
            blocks.append("\n".join(f"- {_md(text)}" for text in section.items))
        if section.tree:
            blocks.append("\n".join(_md_tree(section.tree, "")))
        if section.code:
            blocks.append("\n".join(f"    {one_line(text)}" for text in section.code))
    return "\n\n".join(blocks) + "\n"


def _plain(report: Report) -> str:
    """As one pastes it into a letter: no mark of any markup."""
    blocks = [one_line(report.title)]
    for section in report.sections:
        blocks += [one_line(section.heading)] if section.heading else []
        blocks += _one_lines(section.paragraphs)
        if section.table is not None:
            rows = (section.table.columns, *section.table.rows)
            blocks.append(
                "\n".join([one_line(section.table.caption), *("\t".join(_one_lines(row)) for row in rows)])
            )
        if section.items:
            blocks.append("\n".join(f"- {one_line(text)}" for text in section.items))
        if section.tree:
            blocks.append("\n".join(_plain_tree(section.tree, "")))
        if section.code:
            blocks.append("\n".join(f"    {one_line(text)}" for text in section.code))
    return "\n\n".join(blocks) + "\n"


def _plain_tree(tree: Iterable[Node], indent: str) -> Iterable[str]:
    for node in tree:
        yield f"{indent}- {one_line(node.text)}"
        yield from _plain_tree(node.below, f"{indent}  ")


def _md_tree(tree: Iterable[Node], indent: str) -> Iterable[str]:
    for node in tree:
        yield f"{indent}- {_md(node.text)}"
        yield from _md_tree(node.below, f"{indent}  ")


def _md(text: str) -> str:
    return _MARKDOWN_START.sub(lambda start: f"{start[1] or ''}\\{start[2]}", _md_inline(text))


def _md_inline(text: str) -> str:
    """Text that does not stand at the start of a line."""
    return _MARKDOWN.sub(lambda sign: sign["harmless"] or f"\\{sign[0]}", one_line(text))


def _md_table(table: Table) -> str:
    rows = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    written = [
        "| " + " | ".join(cell if cell == "---" else _md_inline(cell) for cell in row) + " |" for row in rows
    ]
    return "\n".join((f"{_md(table.caption)}\n", *written))


def _html(report: Report) -> str:
    sheets = (
        ("report.css", "tables.css")
        if any(section.table or section.figure for section in report.sections)
        else ("report.css",)
    )
    style = "".join(
        files("audit.queries.reports").joinpath(name).read_text(encoding="utf-8") for name in sheets
    )
    title = _escaped(report.title)
    body = "\n".join(
        [f"<h1>{title}</h1>", *(line for section in report.sections for line in _html_section(section))]
    )
    return (
        f'<!doctype html>\n<html lang="{report.locale}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _html_section(section: Section) -> Iterable[str]:
    if section.heading:
        yield f"<h2>{_escaped(section.heading)}</h2>"
    for text in section.paragraphs:
        yield f"<p>{_escaped(text)}</p>"
    if section.figure:
        yield section.figure
    if section.table is not None:
        yield from _html_table(section.table)
    if section.items:
        yield "<ul>"
        yield from (f"<li>{_escaped(text)}</li>" for text in section.items)
        yield "</ul>"
    yield from _html_tree(section.tree)
    if section.code:
        yield "<pre>" + "\n".join(_escaped(text) for text in section.code) + "</pre>"


def _html_tree(tree: Sequence[Node]) -> Iterable[str]:
    if tree:
        yield "<ul>"
        for node in tree:
            yield f"<li>{_escaped(node.text)}"
            yield from _html_tree(node.below)
            yield "</li>"
        yield "</ul>"


def _html_table(table: Table) -> Iterable[str]:
    yield "<table>"
    yield f"<caption>{_escaped(table.caption)}</caption>"
    head = "".join(f'<th scope="col">{_escaped(name)}</th>' for name in table.columns)
    yield f"<thead><tr>{head}</tr></thead>\n<tbody>"
    for name, *values in table.rows:
        cells = "".join(f"<td>{_escaped(cell)}</td>" for cell in values)
        yield f'<tr><th scope="row">{_escaped(name)}</th>{cells}</tr>'
    yield "</tbody>\n</table>"


def _escaped(text: str) -> str:
    return html.escape(one_line(text), quote=True)
