"""A report as one reads it: headings stand out, and the marks of Markdown are gone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from textual.content import Content

from tui.rendering.text import content

if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPED = re.compile(r"\\([\\`*_\[\]<>|~&#+\-=.):])")
_STYLES = {"# ": "bold underline", "## ": "bold", "### ": "bold"}


def readable(markdown: str) -> Content:
    """Our own reports' Markdown: headings, paragraphs, lists, fenced code."""
    return Content("\n").join(_lines(markdown))


def _lines(markdown: str) -> Iterator[Content]:
    fenced = False
    for line in markdown.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
            continue
        mark = next((mark for mark in _STYLES if line.startswith(mark)), "")
        text = line if fenced else _ESCAPED.sub(r"\1", line.removeprefix(mark))
        yield content(f"    {text}" if fenced else text, _STYLES.get(mark, ""))
