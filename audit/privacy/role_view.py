"""What is told to whom about sensitive topics: the one place that decides it, for every event, field and sentence.

Everything is decided on the events as they are. What is *told* passes a `RoleView` on its way out: the events that are put
into words (`events`), and every answer of a command, a screen or a report (`shown`). For a role that is told sensitive
topics it changes nothing. For another one, what speaks of such a topic stands as `MARK`; where it is the id of something
that a command or a rule takes (a segment, campaign, item, category, topic, rule), as a stand-in of its own,
`withheld-5f0c9a1e`, which `meant` turns back.

Something speaks of a sensitive topic by itself, through a sign of the sensitive map, or through the company it keeps: the
subject of a mail about a sensitive topic, its campaign, the item that was ordered. A value that also stands in events about
something else says nothing and is told.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from hashlib import blake2b
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import msgspec
import polars as pl

from audit.events import sensitive_topics, vocabulary
from audit.events.schema import KINDS, MESSAGE_CLASSES, SOURCES

MARK = "withheld: a sensitive topic"
"""Stands where a sensitive topic would be named."""

T = TypeVar("T")

_IDS = ("segment_id", "campaign_id", "item_id", "category", "trigger")
_TEXTS = ("campaign_name", "subject", "item_name", "query")
_COMPANY = (*_IDS, *_TEXTS)
"""Columns that speak of what their event is about."""

_BESIDE = (
    "list_id", "reason", "placement", "experiment_id", "variant", "persona", "sender",
    "source_name", "series_step", "recipient",
)  # fmt: skip
"""Columns that speak of a sensitive topic only by themselves."""

_BELOW = " > "
"""Stands between the levels of a category."""

_LEAST_LETTERS = 4
"""House value: a name of fewer letters, or a number, says nothing unless it is a sign by itself."""

_PLAIN = frozenset({*KINDS, *MESSAGE_CLASSES, *SOURCES, "email", "push", "text", "high", "medium", "info"})
"""Words of our own that say nothing, whatever a source calls by them."""

_OF_LIFE = ("customer_deceased", "registry_closed")
"""Kinds that are about a life, and are not named where it changed; goods come back for many reasons."""

_WORD = re.compile(r"[^\W_]+")
_COMPOUND = re.compile(r"\w+(?:[-:./@_]+\w+)+|\w*_\w*")
_ID = re.compile(r"[\w:./@-]+")
_REMEMBERED = 100_000
"""Texts mostly come again; of so many it is remembered how they are told."""

_PSEUDONYM = re.compile(r"c_[0-9a-z]{8}")
_STAND_IN = re.compile(r"withheld-[0-9a-f]{8}")
_WITHHELD = re.compile(f"{MARK}|{_STAND_IN.pattern}")
_WIDEST_GAP = 4
"""Signs between two words of a name, at most: `a > b`, and the same escaped."""


class _Name(NamedTuple):
    """A name that is withheld: its words in lower case, and how it is spelled if only that counts."""

    words: tuple[str, ...]
    spelled: str | None


class _Place(NamedTuple):
    """Where a text stands in an answer: in which field, inside what has which id (a rule, a finding).

    `sensitive`: what declares the field names it in its `SENSITIVE`, because all that stands there is.
    """

    ident: str = ""
    field: str = ""
    sensitive: bool = False


_ANYWHERE = _Place()


class RoleView:
    """What one role is told. `names_sensitive`: sensitive topics by name. `key` makes the stand-ins of one workspace."""

    def __init__(self, *, names_sensitive: bool = True, key: str = "") -> None:
        self.names_sensitive = names_sensitive
        self._key = key.encode()[:64]
        self._exact: dict[str, str] = {}
        self._names: dict[str, list[_Name]] = {}
        self._originals: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._marked: dict[tuple[_Place, str], str] = {}
        self._turned_back: set[str] = set()
        for sign in () if names_sensitive else sensitive_topics.signs():
            self._add(sign, MARK, associated=False)
        for topic, title in () if names_sensitive else sensitive_topics.titles().items():
            self._add(title, MARK)
            self._add(topic, self._stand_in(topic))
            self._exact |= {title: MARK, topic: self._stand_in(topic)}

    # -- what is told ----------------------------------------------------------------------------------------------

    def tells(self, *, sensitive: object) -> bool:
        """Whether something may be told by name that touches a sensitive topic, or does not."""
        return self.names_sensitive or not sensitive

    def shown(self, answer: T) -> T:
        """`answer` as it is told: a document, a frame, a text, or anything made of them; counts stay as they are."""
        return answer if self.names_sensitive else _mapped(answer, self._told)

    def _told(self, text: str, place: _Place) -> str:
        worded = MARK if place.sensitive else self.text(text)
        if place.ident and worded is not text and MARK in worded:
            self._marked[place, worded] = text
        return worded

    def text(self, text: str) -> str:
        """A text as it is told."""
        if self.names_sensitive:
            return text
        texts = self._texts  # another one as soon as another name is known
        if text not in texts:
            texts[text] = self._exact.get(text) or self._spoken(text)
            if len(texts) > _REMEMBERED:
                self._texts = {}
        return texts[text]

    def events(self, events: pl.DataFrame) -> pl.DataFrame:
        """Events (canonical columns) to be put into words: no field speaks of a sensitive topic or of what changed a life.

        Ids of events and messages are as `shown` gives them; what else is withheld is `MARK`, whole or in part.
        """
        if self.names_sensitive:
            return events
        ids = ("event_id", "message_id")
        marked = _mapped(events.drop(ids), lambda text, _: _STAND_IN.sub(MARK, self.text(text)))
        life = events.select(vocabulary.life_changed()).to_series()
        hidden = {
            name: pl.when(life).then(None).otherwise(name) for name in (*_COMPANY, *_BESIDE, "attributes")
        }
        hidden["topics"] = (
            pl.when(pl.col("topics").list.contains(MARK)).then(pl.lit([MARK])).otherwise("topics")
        )
        hidden["kind"] = pl.when(life).then(pl.lit(MARK)).otherwise("kind")
        return self.shown(events.select(ids)).hstack(marked.with_columns(**hidden)).select(events.columns)

    def meant(self, question: T) -> T:
        """`question` with what was withheld put back: stand-ins, and texts that come back in their place as they were told."""
        return question if self.names_sensitive else _mapped(question, self._restored)

    def guesses(self, name: str) -> bool:
        """Whether a name that somebody asks for is withheld and did not come as its stand-in: it stays unknown to them."""
        return name in self._exact and name not in self._turned_back

    def _restored(self, text: str, place: _Place) -> str:
        marked = self._marked.get((place._replace(ident=self._turned(place.ident)), text))
        return self._turned(text) if marked is None else marked

    def _turned(self, text: str) -> str:
        return _STAND_IN.sub(lambda match: self._original(match[0]), text)

    def _original(self, stand_in: str) -> str:
        name = self._originals.get(stand_in)
        if name is None:
            return stand_in
        self._turned_back.add(name)
        return name

    @property
    def known(self) -> int:
        """How many names are withheld so far."""
        return len(self._exact)

    # -- what speaks -----------------------------------------------------------------------------------------------

    def learn(self, events: pl.DataFrame | pl.LazyFrame) -> None:
        """Learn from events (of the canonical columns those that are there) which of their values are to be withheld."""
        if self.names_sensitive:
            return
        names = events.collect_schema().names()
        if {"kind", "reason"} <= set(names):
            self._learn_life(events)
        columns = [name for name in _COMPANY if name in names]
        rows = events.lazy().select(*columns, "topics").unique().collect()
        for _ in range(2):  # what keeps company with what keeps company: a click names only its campaign
            withheld = list(self._exact)
            speaks = pl.any_horizontal(_speaks(name) | pl.col(name).is_in(withheld) for name in columns)
            stated = sensitive_topics.of_topics(pl.col("topics")).is_not_null()
            judged = rows.with_columns(speaks=speaks.fill_null(value=False) | stated)
            says = pl.col("category").is_not_null() | (pl.col("topics").list.len() > 0)
            plain = judged.filter(~pl.col("speaks"), says)
            for name in columns:
                self._learn_company(name, set(judged.filter("speaks")[name]) - {None}, set(plain[name]))

    def _learn_life(self, events: pl.DataFrame | pl.LazyFrame) -> None:
        """What changed a life is not named, where one of these was."""
        changes = events.lazy().filter(vocabulary.life_changed()).select(pl.col("kind").unique()).collect()
        for kind in changes["kind"]:
            if kind in _OF_LIFE:
                self._add(kind, self._stand_in(kind), associated=False)
            for name in vocabulary.life_changes().get(kind, ()):
                self._add(name, MARK)

    def learn_ids(self, events: pl.DataFrame) -> None:
        """Learn which ids of events, and what stands beside what they are about, speak by themselves."""
        if self.names_sensitive:
            return
        for name in filter(events.columns.__contains__, ("event_id", "message_id", "order_id", *_BESIDE)):
            values = events.select(pl.col(name).drop_nulls().unique())
            for value in values.filter(_speaks(name))[name]:
                self._add(value, self._stand_in(value) if name.endswith("_id") else MARK, associated=False)

    def _learn_company(self, column: str, values: set[str], elsewhere: set[str]) -> None:
        for value in values - elsewhere:
            self._add(value, self._stand_in(value) if column in _IDS else MARK)
        if column == "category":
            self._learn_levels(values - elsewhere, elsewhere)

    def _learn_levels(self, paths: set[str], elsewhere: set[str]) -> None:
        """The last level of a category, and every level above under which nothing else lies."""
        plain_paths = [path_elsewhere.split(_BELOW) for path_elsewhere in elsewhere if path_elsewhere]
        leaves = {levels[-1] for levels in plain_paths}
        above = {tuple(levels[:depth]) for levels in plain_paths for depth in range(1, len(levels) + 1)}
        for path in paths:
            levels = path.split(_BELOW)
            for depth in range(1, len(levels)):
                if tuple(levels[:depth]) not in above:
                    self._add(_BELOW.join(levels[:depth]), MARK)
            if len(levels) > 1 and levels[-1] not in leaves:
                self._add(levels[-1], MARK)
                self._add(levels[-1].lower(), MARK)

    def learn_names(self, ids: Iterable[str], titles: Iterable[str]) -> None:
        """Take in names of what is known to be sensitive: ids, and what they are called."""
        for ident in ids:
            self._add(ident, self._stand_in(ident))
        for title in titles:
            self._add(title, MARK)

    def learn_rule(self, ident: str, title: str | None, scopes: Iterable[str]) -> bool:
        """Whether a rule speaks of a sensitive topic, through its id, title or scopes; what names it is withheld then."""
        if self.names_sensitive:
            return False
        speaking = [scope for scope in scopes if self.text(scope) != scope]
        if not speaking and self.text(ident) == ident and self.text(title or "") == (title or ""):
            return False
        self.learn_names([ident, *speaking], [title] if title else [])
        return True

    def _add(self, name: str, instead: str, *, associated: bool = True) -> None:
        """Withhold a name; `associated`: it is no sign by itself, so that inside a sentence its spelling counts."""
        words = tuple(word.casefold() for word in _WORD.findall(name))
        says_nothing = associated and (name in _PLAIN or sum(map(str.isalpha, name)) < _LEAST_LETTERS)
        if name in self._exact or not words or says_nothing:
            return
        self._exact[name] = instead
        withheld = _Name(words, name if associated and len(words) == 1 else None)
        like_it = (*self._names.get(words[0], ()), withheld)
        self._names[words[0]] = sorted(like_it, key=lambda member: -len(member.words))
        self._texts = {}

    def _stand_in(self, name: str) -> str:
        digest = blake2b(name.encode(), key=self._key, digest_size=4).hexdigest()
        self._originals[f"withheld-{digest}"] = name
        return f"withheld-{digest}"

    # -- inside a text ---------------------------------------------------------------------------------------------

    def _spoken(self, text: str) -> str:
        """`text` without what speaks in it; an id that does is one stand-in."""
        marked = self._without_names(text)
        return self._stand_in(text) if marked != text and _ID.fullmatch(text) else marked

    def _without_names(self, text: str) -> str:
        """`text` with what speaks in it marked: the longest names first, then ids of several parts that speak."""
        words = list(_WORD.finditer(text))
        spans: list[tuple[int, int]] = []
        number = 0
        while number < len(words):
            name = self._name_at(text, words, number)
            if name is not None:
                end_number = number + len(name.words) - 1
                spans.append((words[number].start(), words[end_number].end()))
                number = end_number
            number += 1
        for match in _COMPOUND.finditer(text):
            covered = any(start <= match.start() and match.end() <= end for start, end in spans)
            if not covered and sensitive_topics.is_name(match[0]) and not _PSEUDONYM.fullmatch(match[0]):
                spans = [span for span in spans if span[1] <= match.start() or match.end() <= span[0]]
                spans.append(match.span())
        for start, end in sorted(spans, reverse=True):
            text = text[:start] + MARK + text[end:]
        return text

    def _name_at(self, text: str, words: list[re.Match[str]], number: int) -> _Name | None:
        for name in self._names.get(words[number][0].casefold(), ()):
            part = words[number : number + len(name.words)]
            if tuple(word[0].casefold() for word in part) != name.words:
                continue
            gaps = (after.start() - before.end() for before, after in pairwise(part))
            alone = name.spelled is None or _stands_alone(text, part[0].span(), name.spelled)
            if alone and all(gap <= _WIDEST_GAP for gap in gaps):
                return name
        return None


def _stands_alone(text: str, span: tuple[int, int], spelled: str) -> bool:
    """Whether the word at `span` is spelled so, and no part of a longer id."""
    around = text[max(span[0] - 1, 0) : span[0]] + text[span[1] : span[1] + 1]
    return text[slice(*span)] == spelled and not set(around) & set("-_")


def _speaks(column: str) -> pl.Expr:
    """Whether a value of `column` speaks of a sensitive topic by itself."""
    words, name = sensitive_topics.speaks(pl.col(column)), sensitive_topics.in_name(pl.col(column))
    return words if column in ("query", "item_name", "subject") else words | name


Change = Callable[[str, _Place], str]
"""What becomes of a text that stands somewhere in an answer."""


def _mapped(value: Any, change: Change, place: _Place = _ANYWHERE) -> Any:
    """`value` with every text in it changed."""
    if isinstance(value, str):
        return change(value, place)
    if isinstance(value, msgspec.Struct):
        return _with_fields(value, value.__struct_fields__, change, place, msgspec.structs.replace)
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.init]
        return _with_fields(value, names, change, place, replace)
    if isinstance(value, Mapping):
        ident = _ident(value.get("id"), place)
        keys = [change(key, place) if isinstance(key, str) else key for key in value]
        values = [_mapped(member, change, _Place(ident, str(key))) for key, member in value.items()]
        return _merged(zip(keys, values, strict=True))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_mapped(member, change, place) for member in value))
    if isinstance(value, (tuple, list, set, frozenset)):
        return type(value)(_mapped(member, change, place) for member in value)
    return _mapped_frame(value, change) if isinstance(value, pl.DataFrame) else value


def _ident(ident: object, place: _Place) -> str:
    """The id of what a field belongs to: its own, else that of what it stands in."""
    return ident if isinstance(ident, str) else place.ident


def _with_fields(
    value: Any, names: Iterable[str], change: Change, place: _Place, replaced: Callable[..., Any]
) -> Any:
    before = {name: getattr(value, name) for name in names}
    ident, sensitive = _ident(before.get("id"), place), getattr(value, "SENSITIVE", ())
    places = {name: _Place(ident, name, name in sensitive) for name in before}
    after = {name: _mapped(member, change, places[name]) for name, member in before.items()}
    different = {name: member for name, member in after.items() if member is not before[name]}
    return replaced(value, **different) if different else value


def _merged(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """A mapping of `pairs`; counts that come to stand under one key add up, anything else keeps a key of its own.

    What is withheld comes last, so that its place in the alphabet says nothing.
    """
    merged: dict[Any, Any] = {}
    for key, value in pairs:
        if key in merged and isinstance(value, int):
            merged[key] += value
            continue
        free, number = key, 2
        while free in merged:
            free, number = f"{key} ({number})", number + 1
        merged[free] = value
    return dict(sorted(merged.items(), key=lambda item: _WITHHELD.search(str(item[0])) is not None))


def _mapped_frame(frame: pl.DataFrame, change: Change) -> pl.DataFrame:
    """`frame` with the texts of every column changed, lists of texts too."""
    columns = []
    for name, dtype in frame.schema.items():
        if dtype not in (pl.String, pl.List(pl.String)):
            continue
        texts = frame[name].explode(empty_as_null=True) if dtype == pl.List(pl.String) else frame[name]
        changed = {text: change(text, _ANYWHERE) for text in texts.drop_nulls().unique()}
        changed = {text: replacement for text, replacement in changed.items() if replacement != text}
        if changed:
            column = pl.col(name)
            columns.append(
                column.replace(changed)
                if dtype == pl.String
                else column.list.eval(pl.element().replace(changed))
            )
    return frame.with_columns(columns)
