"""The manual inside the program: the pages of docs/, the answers to what strangers ask, the commands; and a search over their words."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import takewhile
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.keys import hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

HEADING = re.compile(r"^(#{1,3}) +(.+)$")
PAGES = (
    "checks", "rules", "segments", "campaigns", "privacy", "formats", "maps", "semantics", "contract",
)  # fmt: skip
"""The pages that are of use to whoever sits at the screens; of glossary and keys each row is offered by itself."""
SHIPPED = (*PAGES, "glossary")


@dataclass(frozen=True, slots=True)
class Page:
    """Something to read: `title`, `text` (Markdown), where it stands, and where it leads: `go` is an action, `words` others for it."""

    kind: str
    title: str
    text: str
    place: str = ""
    go: str = ""
    words: str = ""

    @property
    def first_line(self) -> str:
        """Its first paragraph in one line, without the signs of Markdown."""
        plain = (line.strip("*_> ") for line in self.text.strip().splitlines())
        lines = (line for line in plain if not line or not line.startswith(("#", "|", "```", "<")))
        said = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(takewhile(bool, lines)))
        return " ".join(re.sub(r"[*`]", "", said).split())


def pages() -> tuple[Page, ...]:
    """Everything there is to read: answers first, their keys as they are set, then the sections of the manual, terms, and commands."""
    return (*_answers(), *_of_manual())


@cache
def _of_manual() -> tuple[Page, ...]:
    return (*_sections(), *_commands())


def _folder() -> Traversable | Path:
    """The pages lie beside the code in what is installed, and beside the packages where it is worked on."""
    from importlib.resources import files

    beside = Path(__file__).parents[1] / "docs"
    return beside if (beside / "glossary.md").is_file() else files("tui") / "manual"


def _answers() -> Iterator[Page]:
    for row in _told()["question"]:
        yield Page(
            "answer", row["ask"], hint(row["answer"]), "question", row.get("go", ""), row.get("words", "")
        )


@cache
def _told() -> dict[str, Any]:
    from audit.storage import toml_input

    return toml_input.shipped("tui", "questions.toml")


def _sections() -> Iterator[Page]:
    """The pages, cut at their headings, and the rows of the glossary."""
    for name in PAGES:
        lines = _lines(name)
        heads = [at for at, line in enumerate(lines) if HEADING.match(line)]
        title = lines[0].lstrip("# ")
        for at, end in zip(heads, [*heads[1:], len(lines)], strict=True):
            head = lines[at].lstrip("# ")
            body = "\n".join(lines[at + 1 : end]).strip()
            if body:
                yield Page("page", head if head == title else f"{title}: {head}", body, f"docs/{name}.md")
    for line in _lines("glossary"):
        term, _, meaning = line.strip("| ").partition(" | ")
        if line.startswith("| ") and term != "term":
            yield Page("term", term, meaning, "glossary")


def _lines(page: str) -> list[str]:
    return (_folder() / f"{page}.md").read_text(encoding="utf-8").splitlines()


def _commands() -> Iterator[Page]:
    from audit.storage import toml_input

    for name, row in toml_input.shipped("tui.commands", "help.toml").items():
        examples = "\n".join(row["examples"])
        text = f"{row['prints']}\n\n```\n{examples}\n```\n\n`whysent {name} --help` tells the options."
        yield Page("command", f"whysent {name}", text, "command line")


# -- search --------------------------------------------------------------------------------------------------------

WEIGHTS = {"title": 4.0, "words": 3.0, "about": 2.0, "text": 0.6}
"""House values: a word counts by where it stands."""

NEAR = 0.8
"""House value: so much a word counts whose beginning was typed, or that was typed with a slip."""

BEGUN = 2.0
"""House value: so many times as well fits what is called as was typed."""


@cache
def _alike() -> dict[str, str]:
    """Words that mean the same to whoever asks → one of them."""
    return {_stem(word): _stem(group[0]) for group in _told()["alike"] for word in group}


def _stem(word: str) -> str:
    """A word without its ending: `looked`, `looking` and `looks` are `look`."""
    if word.endswith("ies") and len(word) > 4:
        return f"{word.removesuffix('ies')}y"
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


@cache
def _little() -> frozenset[str]:
    """Words that say nothing of what is looked for."""
    return frozenset(_told()["little"].split())


@lru_cache(maxsize=4096)
def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as they are held against each other."""
    found = (word for word in re.findall(r"[^\W_]+", text.lower()) if word not in _little())
    return tuple(_alike().get(stem, stem) for stem in map(_stem, found))


class Index:
    """Entries found by their words. An entry: its fields (title, words, about, text), a boost; found by its number."""

    def __init__(self, entries: Iterable[tuple[dict[str, str], float]]) -> None:
        self._weights: dict[str, dict[int, float]] = defaultdict(dict)
        self._boosts: list[float] = []
        self._lengths: list[int] = []
        self._titles: list[str] = []
        for at, (fields, boost) in enumerate(entries):
            self._boosts.append(boost)
            self._titles.append(fields["title"].lower())
            self._lengths.append(len(words_of(fields["title"])))
            for name, text in fields.items():
                for word, count in Counter(words_of(text)).items():
                    weight = WEIGHTS[name] * (count / (count + 1) * 2 if name == "text" else 1)
                    here = self._weights[word]
                    here[at] = max(here.get(at, 0.0), weight)
        self._words = sorted(self._weights)

    def __len__(self) -> int:
        return len(self._boosts)

    def search(self, query: str, most: int = 30) -> list[tuple[int, float]]:
        """The entries that fit best, with how well: rare words count more, and so does whoever has all of them."""
        asked = [(self._bearers(word), self._rarity(word)) for word in dict.fromkeys(words_of(query))]
        total = sum(rarity for _, rarity in asked)
        scores: dict[int, float] = defaultdict(float)
        matched: dict[int, float] = defaultdict(float)
        for bearers, rarity in asked:
            for at, weight in bearers.items():
                scores[at] += weight * rarity
                matched[at] += rarity * min(weight / WEIGHTS["about"], 1.0)
        begun = query.strip().lower()
        ranked = (
            (
                at,
                score * (matched[at] / total) ** 2 * self._boosts[at] / (1 + 0.03 * self._lengths[at])
                * (BEGUN if self._titles[at].startswith(begun) else 1.0),
            )
            for at, score in scores.items()
        )  # fmt: skip
        return sorted(ranked, key=lambda one: (-one[1], one[0]))[:most]

    def _rarity(self, word: str) -> float:
        return log(1 + len(self) / (1 + len(self._bearers(word))))

    def _bearers(self, word: str) -> dict[int, float]:
        """The entries that have a word, or one that begins so; else those with one that was meant."""
        begun = takewhile(lambda at: at.startswith(word), self._words[bisect_left(self._words, word) :])
        near = list(begun) if len(word) > 1 else [word] * (word in self._weights)
        if not near and len(word) > 3:
            from difflib import get_close_matches

            near = get_close_matches(word, self._words, n=3, cutoff=0.8)
        bearers: dict[int, float] = {}
        for other in near:
            share = 1.0 if other == word else NEAR
            for at, weight in self._weights[other].items():
                bearers[at] = max(bearers.get(at, 0.0), weight * share)
        return bearers
