"""Slips: a figure in what is said is one too many, one at a time; whoever reads the figures should notice each."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from audit.queries.reports.document import Report
from tests.figures import notes, sentences
from tests.figures.letters import wrong_in_letter
from tests.figures.reading import FIGURE, QUOTED, figures
from tests.figures.said import Said, Told, holds

Slip = tuple[str, str, bool]
"""The sentence, its figure, and whether that it is one too many was noticed."""


def slips(said: Said) -> Iterator[Slip]:
    """Every figure of what is said of a customer, each one too many."""
    for told in every_sentence(said):
        read = figures(told.text, said.names)
        for place, figure in enumerate(read):
            changed = [*read[:place], _more(figure), *read[place + 1 :]]
            yield told.text, figure, not holds(changed, told.figures)
    for (kind, _), report in said.reports.items():
        if kind == "reply":
            yield from _in_letter(report, said)


def every_sentence(said: Said) -> Iterator[Told]:
    """The sentences of explanations and notes."""
    notes_of = (report for (kind, _), report in said.reports.items() if kind == "internal")
    return chain(
        *(sentences.of_explanation(document, said) for document in said.explanations),
        *(notes.of_note(report, said) for report in notes_of),
    )


def _more(figure: str) -> str:
    """A number, the minute or the day of a moment, one more."""
    *before, last = re.split(r"(\d+)(?=\D*$)", figure)[:-1]
    return "".join([*before, str(int(last) + 1).zfill(len(last))])


def _in_letter(report: Report, said: Said) -> Iterator[Slip]:
    for number, section in enumerate(report.sections):
        for name in ("paragraphs", "items"):
            texts: tuple[str, ...] = getattr(section, name)
            for place, text in enumerate(texts):
                for match in FIGURE.finditer(QUOTED.sub(lambda quoted: " " * len(quoted[0]), text)):
                    digits = re.match(r"\d+", match[0])
                    assert digits is not None
                    more = f"{int(digits[0]) + 1}{match[0][digits.end() :]}"
                    changed = f"{text[: match.start()]}{more}{text[match.end() :]}"
                    part = replace(section, **{name: (*texts[:place], changed, *texts[place + 1 :])})
                    parts = (*report.sections[:number], part, *report.sections[number + 1 :])
                    yield text, match[0], any(wrong_in_letter(replace(report, sections=parts), said))
