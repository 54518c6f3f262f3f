"""The words of a letter: cut into tokens, brought to stems, and searched for phrases; the phrases of each language are data."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from importlib.resources import files
from itertools import groupby
from typing import Any, NamedTuple

from audit.events import sensitive_topics
from audit.privacy.lookup import unaccented
from audit.storage import toml_input

GOODS = "goods.toml"

_WORD = re.compile(r"(?:(?<![^\W_])[^\W\d_]-)?[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_ENDS = re.compile(r"[.!?;:…]+(?=\s|$)|\n\s*\n|\n\s*[-*•]\s")
_CLAUSE_ENDS = re.compile(r"[,()–—]|\s-\s")

_GAP = 3
"""House value: words that may stand between two words of a phrase, and between a negation and what it denies."""

_LONG = 5
"""House value: a name of so many letters is known inside a compound too, at its beginning."""

_ENDINGS = ("ern", "ing", "en", "em", "er", "es", "ed", "e", "n")
_SHORTEST_STEM = 3


def folded(word: str) -> str:
    """A word for comparison: casefolded, without accents, hyphens and apostrophes; `ae`, `oe`, `ue` as `ä`, `ö`, `ü`."""
    plain = re.sub(r"['’-]", "", unaccented(word))
    return re.sub(r"(?<![aeiouq])([aou])e", r"\1", plain)


@cache
def stem(word: str) -> str:
    """What is left of a folded word without a plural and one ending, in English and German alike."""
    if len(word) <= _SHORTEST_STEM:
        return word
    if word.endswith("ies"):
        word = f"{word[:-3]}y"
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word


class Token(NamedTuple):
    """A word of a text at `start` to `end`, with the numbers of its sentence and clause."""

    text: str
    fold: str
    stem: str
    start: int
    end: int
    sentence: int
    clause: int


def tokens(text: str) -> list[Token]:
    """The words of a text."""
    sentence_ends = [match.start() for match in _SENTENCE_ENDS.finditer(text) if not _of_a_date(text, match)]
    clause_ends = sorted([*sentence_ends, *(match.start() for match in _CLAUSE_ENDS.finditer(text))])
    cut: list[Token] = []
    sentence = clause = 0
    for match in _WORD.finditer(text):
        while sentence < len(sentence_ends) and sentence_ends[sentence] < match.start():
            sentence += 1
        while clause < len(clause_ends) and clause_ends[clause] < match.start():
            clause += 1
        word = folded(match[0])
        cut.append(Token(match[0], word, stem(word), *match.span(), sentence, clause))
    return cut


def _of_a_date(text: str, end: re.Match[str]) -> bool:
    """Whether the point is that of a day before its month: `am 3. August`."""
    following = _WORD.match(text, end.end() + 1)
    day = end[0] == "." and text[: end.start()][-1:].isdigit()
    return bool(day and following and folded(following[0]) in vocabulary().months)


Word = tuple[str, ...]
"""Alternatives: stems, `begins*`, `*ends`, `=exactly`."""


class Phrase(NamedTuple):
    """Words in their order, or several such parts in any order. `denies`: it begins with a negation itself."""

    parts: tuple[tuple[Word, ...], ...]
    denies: bool


class Text:
    """Text to be searched for phrases. What is denied (`negators`) does not count, nor a word of one of `idioms` without the others."""

    def __init__(self, text: str, negators: frozenset[str], idioms: Iterable[tuple[str, ...]] = ()) -> None:
        self.text = text
        self.tokens = tokens(text)
        self._negators = negators
        self._idioms = tuple(idioms)
        self._places: dict[str, list[int]] = {}
        self.ignored: set[int] = set()
        """Places of words that are set aside: what the letter says it is not about."""

    def __repr__(self) -> str:
        return f"Text of {len(self.tokens)} words"

    @cached_property
    def _by_stem(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for place, token in enumerate(self.tokens):
            places.setdefault(token.stem, []).append(place)
        return places

    @cached_property
    def _in_idioms(self) -> dict[int, set[int]]:
        """The place of each word that an idiom takes its meaning from → the places of the idiom."""
        folds = [token.fold for token in self.tokens]
        found: dict[int, set[int]] = {}
        for idiom in self._idioms:
            for start in range(len(folds) - len(idiom) + 1):
                if (*folds[start : start + len(idiom)],) == idiom:
                    whole = range(start, start + len(idiom))
                    found.update({p: {*whole} for p in whole if folds[p] not in self._negators})
        return found

    def places(self, word: Word) -> list[int]:
        """Where one of the alternatives stands."""
        if len(word) == 1:
            return self._places_of(word[0])
        return sorted({place for alternative in word for place in self._places_of(alternative)})

    def _places_of(self, alternative: str) -> list[int]:
        if alternative[0] not in "*=" and alternative[-1] != "*":
            return self._by_stem.get(alternative, [])
        if alternative not in self._places:
            part = alternative.strip("*=")
            ends, exact = alternative[0] == "*", alternative[0] == "="
            self._places[alternative] = [
                place
                for place, token in enumerate(self.tokens)
                if (
                    token.fold == part
                    if exact
                    else token.fold.endswith(part)
                    if ends
                    else token.fold.startswith(part)
                )
            ]
        return self._places[alternative]

    def find(self, phrase: Phrase, *, denied: bool = False) -> tuple[int, ...]:
        """The places of the words of the first occurrence that counts, those that are `denied` too; empty where there is none."""
        return next(self.occurrences(phrase._replace(denies=phrase.denies or denied)), ())

    def occurrences(self, phrase: Phrase) -> Iterator[tuple[int, ...]]:
        """The places of the words of each occurrence that counts."""
        first, *more = phrase.parts
        for chain in self._chains(first, denies=phrase.denies):
            places, sentence = chain, self.tokens[chain[0]].sentence
            for part in more:
                beside = (c for c in self._chains(part) if self.tokens[c[0]].sentence == sentence)
                following = next((c for c in beside if not {*c} & {*places}), None)
                if following is None:
                    break
                places += following
            else:
                if all(self._in_idioms.get(place, set()) <= {*places} for place in places):
                    yield places

    def _chains(self, words: tuple[Word, ...], *, denies: bool = False) -> Iterator[tuple[int, ...]]:
        for start in self.places(words[0]):
            chain = [start]
            for word in words[1:]:
                after = chain[-1]
                following = (p for p in self.places(word) if after < p <= after + _GAP + 1)
                place = next(following, None)
                if place is None or self.tokens[place].sentence != self.tokens[start].sentence:
                    break
                chain.append(place)
            else:
                if self.ignored.isdisjoint(chain) and (denies or not self.denied(start)):
                    yield tuple(chain)

    def denied(self, place: int) -> bool:
        """Whether a negation stands closely before that word, in its clause."""
        before = self.tokens[max(place - _GAP, 0) : place]
        return any(t.fold in self._negators and t.clause == self.tokens[place].clause for t in before)

    def sentences(self, places: Iterable[int]) -> list[str]:
        """The sentences in which these words stand, in their order."""
        wanted = {self.tokens[place].sentence for place in places}
        by_sentence = groupby(self.tokens, key=lambda token: token.sentence)
        spans = [
            (group[0].start, group[-1].end) for n, each in by_sentence if n in wanted and (group := [*each])
        ]
        return [" ".join(self.text[start:end].split()) for start, end in spans]

    def words(self, places: Iterable[int]) -> tuple[str, ...]:
        """What stands at these places as it is written: neighbours together, each once."""
        runs: list[list[int]] = []
        for place in sorted(set(places)):
            if runs and place == runs[-1][-1] + 1 and self._adjoin(runs[-1][-1]):
                runs[-1].append(place)
            else:
                runs.append([place])
        spans = [(self.tokens[run[0]].start, self.tokens[run[-1]].end) for run in runs]
        return tuple(dict.fromkeys(" ".join(self.text[start:end].split()) for start, end in spans))

    def _adjoin(self, place: int) -> bool:
        return self.tokens[place].clause == self.tokens[place + 1].clause


def phrase(text: str, negators: frozenset[str] = frozenset()) -> Phrase:
    """A phrase as the language files write it."""
    parts = tuple(tuple(map(_word, _spaced(part).split())) for part in text.split(" & "))
    begins = _spaced(text).split()[0].split("|")
    return Phrase(parts, any(folded(alternative) in negators for alternative in begins))


def _spaced(text: str) -> str:
    """`make-up` as the two words that it is in a text; `e-mail` stays one."""
    return re.sub(r"(?<=[^\W\d_]{2})-(?=[^\W\d_])", " ", text)


def _word(text: str) -> Word:
    return tuple(_alternative(alternative) for alternative in text.split("|"))


def _alternative(text: str) -> str:
    word = folded(text.strip("*="))
    if text.endswith("*"):
        return f"{word}*"
    return f"{text[0]}{word}" if text[0] in "*=" else stem(word)


class Vocabulary:
    """What the language files say, all languages together: a letter does not say in which it is written."""

    def __init__(self, languages: Sequence[dict[str, Any]]) -> None:
        self._languages = languages
        self.negators = frozenset(folded(word) for word in self._all("words", "negators"))
        self.numbers: dict[str, int] = {
            folded(word): n for table in languages for word, n in table["numbers"].items()
        }
        self.months = {folded(word): n for table in languages for word, n in table["months"].items()}
        self.stop = frozenset(stem(folded(word)) for word in self._all("words", "stop"))
        self.idioms = tuple(tuple(spelled(text).split()) for text in self._all("words", "idioms"))
        self.contrast = frozenset(folded(word) for word in self._all("words", "contrast"))

    def number(self, word: str) -> int:
        """What a folded word counts, in digits or letters, `achtunddreissig` too; 0 where it counts nothing."""
        if word.isdecimal():
            return int(word) if len(word) < _LONG else 0
        ones, _, tens = word.partition("und")
        compound = self.numbers[ones] + self.numbers[tens] if {ones, tens} <= self.numbers.keys() else 0
        return self.numbers.get(word, compound)

    def _all(self, section: str, key: str) -> list[str]:
        return [text for table in self._languages for text in table[section][key]]

    @cache  # noqa: B019 - there is one
    def phrases(self, key: str) -> tuple[Phrase, ...]:
        """The phrases of `[words]`."""
        return tuple(phrase(text, self.negators) for text in self._all("words", key))

    @cache  # noqa: B019 - there is one
    def markers(self, key: str) -> frozenset[str]:
        """What `[letter]` says of how letters are built, folded word by word."""
        return frozenset(spelled(text) for text in self._all("letter", key))

    @cached_property
    def checks(self) -> dict[str, tuple[tuple[Phrase, ...], tuple[Phrase, ...]]]:
        """Check → its strong and its weak phrases."""
        ids = dict.fromkeys(check for table in self._languages for check in table["check"])
        rows = {check: [table["check"].get(check, {}) for table in self._languages] for check in ids}
        strong, weak = (
            {
                c: tuple(phrase(p, self.negators) for row in rows[c] for p in row.get(strength, ()))
                for c in ids
            }
            for strength in ("strong", "weak")
        )
        return {check: (strong[check], weak[check]) for check in ids}

    @cache  # noqa: B019 - there is one
    def flagged(self, flag: str) -> frozenset[str]:
        """The checks of whose rows one has a flag: `goods` or `alone`."""
        rows = (row for table in self._languages for row in table["check"].items())
        return frozenset(check for check, row in rows if row.get(flag))

    @cached_property
    def goods(self) -> tuple[tuple[Phrase, ...], ...]:
        """The phrases of each kind of goods, in all languages."""
        kinds = toml_input.shipped(__package__, GOODS)["goods"]
        return tuple(tuple(phrase(text) for texts in kind.values() for text in texts) for kind in kinds)


@cache
def sensitive_signs() -> tuple[Phrase, ...]:
    """What names a sensitive topic by itself, in all its inflections."""
    return tuple(
        phrase(" ".join(f"{word}*" for word in _WORD.findall(sign))) for sign in sensitive_topics.signs()
    )


def spelled(text: str) -> str:
    """A line as words to be compared: folded, single blanks."""
    return " ".join(folded(match[0]) for match in _WORD.finditer(text))


@cache
def languages() -> dict[str, dict[str, Any]]:
    """Language → its file: each of this folder."""
    names = sorted(path.name for path in files(__package__).iterdir() if path.name.endswith(".toml"))
    return {n.removesuffix(".toml"): toml_input.shipped(__package__, n) for n in names if n != GOODS}


@cache
def vocabulary() -> Vocabulary:
    """Of all languages."""
    return Vocabulary(list(languages().values()))


def topics(text: Text) -> dict[str, set[int]]:
    """What a text speaks of → the places of its words: stems that say something, and kinds of goods, as `#` and a number."""
    known: dict[str, set[int]] = {}
    vocab = vocabulary()
    for place, token in enumerate(text.tokens):
        says = len(token.fold) >= _SHORTEST_STEM and any(map(str.isalpha, token.fold))
        if says and token.stem not in vocab.stop and place not in text.ignored:
            known.setdefault(token.stem, set()).add(place)
    for number, kind in enumerate(vocab.goods):
        for each in kind:
            for places in text.occurrences(each):
                known.setdefault(f"#{number}", set()).update(places)
    return known


def in_compound(token: str, name: str) -> bool:
    """Whether a word begins with a name and goes on: `kameraangebote` with `kamera`."""
    return len(name) >= _LONG and token.startswith(name)
