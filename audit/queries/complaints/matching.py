"""What in a customer's own history a letter is about: findings first, else a mail, a segment or a recommendation; or nothing."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

import polars as pl

from audit.privacy.role_view import MARK
from audit.queries.case import Case
from audit.queries.complaints.letter import Letter
from audit.queries.complaints.words import Phrase, Text, in_compound, spelled, topics, vocabulary
from audit.queries.findings_documents import Finding

Kind = Literal["finding", "message", "segment", "item"]

_COLUMNS = (
    "item_name", "category", "campaign_name", "subject", "query", "topics", "list_id", "segment_id", "sender", "trigger",
)  # fmt: skip
"""What of an event is said in words."""

_STRONG, _WEAK, _MOST_WORDS = 2.0, 1.0, 6.0
_MOST_GOODS = 3.0
_QUOTED, _MENTIONED = 4.0, 1.5
_NUMBER, _MONTH = 1.0, 0.5
_TELLING = 10
_CLEARLY = 0.45
"""House values: what each sort of evidence weighs. A strong phrase is worth two weak ones, a quoted subject more than both; a
word that stands in one thing of the history only is worth one; a number of so much or more that is exactly right, two."""

_NEAR = 0.15
"""House value: a number is about right for a count that is so near to it."""

_MOST_OTHERS = 8


@dataclass(frozen=True)
class Candidate:
    """What a letter may be about. `check`: of a finding; `topics`, `subjects`: what its events say."""

    kind: Kind
    id: str
    text: str
    check: str = ""
    topics: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    counts: tuple[int, ...] = ()
    months: frozenset[int] = frozenset()


@dataclass
class Match:
    """How well a letter fits a candidate: `wording` of its check, `goods`, those of them `named` in a sentence about messages, `quoted` subject, `figures`; at which places it says so."""

    candidate: Candidate
    wording: float = 0.0
    goods: float = 0.0
    named: float = 0.0
    quoted: float = 0.0
    figures: float = 0.0
    places: set[int] = field(default_factory=set)
    subjects: list[str] = field(default_factory=list)

    @property
    def score(self) -> float:
        return self.wording + self.goods + self.quoted + self.figures


@dataclass(frozen=True)
class Subject:
    """What a letter is about, if anything; other candidates, likeliest first; what it names that is not in the history."""

    about: Match | None
    others: tuple[Match, ...]
    absent_words: tuple[str, ...]
    absent_checks: tuple[str, ...]
    matched: tuple[str, ...]


class History:
    """What may be complained of in one customer's history, as whoever asks is told it."""

    def __init__(self, case: Case, findings: Sequence[Finding]) -> None:
        self._events = case.view.events(case.events)
        self.findings = [finding for finding in findings if finding.verdict != "cannot_tell"]

    @cached_property
    def candidates(self) -> list[Candidate]:
        """Findings, worst first; then campaigns (by their newest message), segments and recommended items."""
        return [*self._of_findings(), *self._campaigns(), *self._segments(), *self._items()]

    @cached_property
    def weights(self) -> Mapping[str, float]:
        """How much each topic says: of the things in this history, the fewer it is about, the more."""
        rows = self._events.select(
            "item_name", "category", "campaign_name", "subject", "query", "segment_id", "topics", "list_id"
        )
        by_thing: dict[tuple[str | None, ...], set[str]] = {}
        for row in rows.unique().iter_rows(named=True):
            thing = (
                row["campaign_name"],
                row["segment_id"],
                row["item_name"] or row["category"] or row["query"],
            )
            by_thing.setdefault(thing, set()).update(*map(_topics_of, _texts(row)))
        by_topic = Counter(topic for thing in by_thing.values() for topic in thing)
        everything = math.log(1 + len(by_thing))
        return {topic: math.log(1 + len(by_thing) / n) / everything for topic, n in by_topic.items()}

    @cached_property
    def topics(self) -> frozenset[str]:
        """All that this history is about."""
        return frozenset(_of_rows(self._events))

    def _of_findings(self) -> Iterator[Candidate]:
        for finding in self.findings:
            ids = [*finding.messages, *finding.cause, *finding.evidence]
            rows = self._events.filter(pl.col("event_id").is_in(ids))
            causes = rows.filter(pl.col("event_id").is_in(finding.cause))["occurred_at"].dt.month()
            yield Candidate(
                "finding", finding.id, finding.text, finding.check, frozenset(_of_rows(rows)), _subjects(rows),
                tuple({finding.count, finding.total} - {0}),
                frozenset({finding.first.month, finding.last.month, *causes}),
            )  # fmt: skip

    def _campaigns(self) -> Iterator[Candidate]:
        sent = self._events.filter(pl.col("kind") == "message_sent")
        campaign = pl.coalesce("campaign_name", "campaign_id", "subject").fill_null("")
        for (name,), rows in sent.group_by(campaign.alias("campaign"), maintain_order=True):
            for subject in rows["subject"].unique(maintain_order=True):
                same = rows.filter(pl.col("subject").eq_missing(pl.lit(subject)))
                if MARK in (name, subject):
                    continue
                newest = same.row(-1, named=True)
                title = f"“{subject or name}” of {newest['occurred_at']:%Y-%m-%d}" + (
                    f" ({name})" if subject else ""
                )
                yield Candidate(
                    "message", newest["message_id"] or newest["event_id"], title, "",
                    frozenset(_of_rows(same)) | _topics_of(str(name)), _subjects(same), (rows.height,),
                )  # fmt: skip

    def _segments(self) -> Iterator[Candidate]:
        rows = self._events.filter(pl.col("kind") == "segment_entered", pl.col("segment_id").is_not_null())
        for (segment,), entered in rows.group_by("segment_id", maintain_order=True):
            if segment != MARK:
                yield Candidate(
                    "segment", str(segment), f"the segment “{segment}”", "", frozenset(_of_rows(entered))
                )

    def _items(self) -> Iterator[Candidate]:
        rows = self._events.filter(pl.col("kind") == "recommendation_shown", pl.col("item_id").is_not_null())
        for (item,), shown in rows.group_by("item_id", maintain_order=True):
            if item != MARK:
                name = shown["item_name"][-1] or item
                yield Candidate("item", str(item), f"{name}, recommended", "", frozenset(_of_rows(shown)))


def subject(letter: Letter, history: History) -> Subject:
    """What a letter is about."""
    reader = _Reader(letter, history)
    matches = sorted(map(reader.match, history.candidates), key=_rank)
    about = next((match for match in matches if reader.accepts(match)), None)
    others = [m for m in matches if m is not about and (m.candidate.kind == "finding" or m.goods >= _CLEARLY)]
    return Subject(
        about,
        tuple(others[:_MOST_OTHERS]),
        reader.absent_words() if about is None else (),
        reader.absent_checks() if about is None else (),
        letter.body.words({*reader.known, *(about.places if about else ())}),
    )


def _rank(match: Match) -> tuple[bool, float]:
    """What is accepted is sought in this order: by its score, a finding before what it is about."""
    return match.candidate.kind != "finding" and not match.quoted, -match.score


class _Reader:
    """One letter, held against one history."""

    def __init__(self, letter: Letter, history: History) -> None:
        self._letter, self._history, self._body = letter, history, letter.body
        vocab = vocabulary()
        self.topics = topics(self._body)
        for place, token in enumerate(self._body.tokens):
            for name in history.topics:
                if in_compound(token.fold, name) and place not in self._body.ignored:
                    self.topics.setdefault(name, set()).add(place)
        self._wordings = {check: self._wording(*phrases) for check, phrases in vocab.checks.items()}
        keys = ("incoming", "segments", "recommendations")
        of_incoming, of_segments, of_items = map(self._sentences_that, keys)
        self._of_messages = of_incoming | of_segments | of_items
        self._incoming, self._as_segment, self._as_item = bool(of_incoming), bool(of_segments), bool(of_items)
        self._other_matters = bool(self._sentences_that("other_matters"))
        self._quotes = {spelled(text) for text in letter.quoted_subjects} - {""}
        self._sentences = f" {spelled(self._body.text)} "
        self.known = {
            place for key, places in self.topics.items() if key in history.topics for place in places
        }
        """Where the letter speaks of what is in this history."""

    def _sentences_that(self, key: str) -> set[int]:
        """The numbers of the sentences in which one of these phrases stands."""
        phrases = vocabulary().phrases(key)
        return {
            self._body.tokens[p[0]].sentence for phrase in phrases for p in self._body.occurrences(phrase)
        }

    def _wording(self, strong: Iterable[Phrase], weak: Iterable[Phrase]) -> tuple[float, set[int]]:
        """What the phrases of a check weigh together, words that stand in several counted once; and where they stand."""
        weight, places = 0.0, set[int]()
        for worth, phrases in ((_STRONG, strong), (_WEAK, weak)):
            for phrase in phrases:
                match = self._body.find(phrase, denied=worth == _WEAK)
                if match and not places.issuperset(match):
                    weight += worth
                    places.update(match)
        return min(weight, _MOST_WORDS), places

    def match(self, candidate: Candidate) -> Match:
        """How well the letter fits a candidate."""
        match = Match(candidate)
        if candidate.check:
            match.wording, places = self._wordings.get(candidate.check, (0.0, set()))
            match.places |= places
        self._match_goods(match)
        self._match_subjects(match)
        self._match_figures(match)
        return match

    def _match_goods(self, match: Match) -> None:
        weights = self._history.weights
        shared = sorted(
            self.topics.keys() & match.candidate.topics, key=lambda key: (-weights.get(key, 0), key)
        )
        covered: set[int] = set()
        for key in shared:
            if not covered.issuperset(self.topics[key]):
                match.goods += weights.get(key, 0.0)
                said = {self._body.tokens[place].sentence for place in self.topics[key]}
                match.named += 0.0 if said.isdisjoint(self._of_messages) else weights.get(key, 0.0)
                covered |= self.topics[key]
        match.goods = min(match.goods, _MOST_GOODS)
        match.places |= covered

    def _match_subjects(self, match: Match) -> None:
        for text in match.candidate.subjects:
            words = spelled(text)
            long = len(words.split()) > 2
            if words in self._quotes or (long and any(words in quote for quote in self._quotes)):
                match.quoted = max(match.quoted, _QUOTED)
            elif long and f" {words} " in self._sentences:
                match.quoted = max(match.quoted, _MENTIONED)
            else:
                continue
            match.subjects.append(text)

    def _match_figures(self, match: Match) -> None:
        vocab, tokens = vocabulary(), self._body.tokens
        for place in range(len(tokens)):
            number = self._number_at(place)
            if number > 2 and any(abs(number - count) <= _NEAR * count for count in match.candidate.counts):
                exactly = number >= _TELLING and number in match.candidate.counts
                match.figures = max(match.figures, 2 * _NUMBER if exactly else _NUMBER)
                match.places.add(place)
        named = {vocab.months.get(token.fold) for token in tokens if token.text[0].isupper()}
        match.figures += _MONTH * bool(named & match.candidate.months)

    def _number_at(self, place: int) -> int:
        """What the word there counts, with the one that belongs to it: both of `thirty-eight` say 38."""
        number, tokens = vocabulary().number, self._body.tokens
        for first in (place - 1, place):
            pair = tokens[max(first, 0) : first + 2]
            if len(pair) == 2 and self._body.text[pair[0].end : pair[1].start] == "-":
                tens, ones = (number(token.fold) for token in pair)
                if 0 < ones < 10 and 20 <= tens < 100 and tens % 10 == 0:
                    return tens + ones
        return number(tokens[place].fold)

    # -- what is enough ------------------------------------------------------------------------------------------------

    def accepts(self, match: Match) -> bool:
        """Whether the letter is about that: what else it may be about has been looked at before, as it fits better."""
        if match.quoted >= _QUOTED:
            return self._incoming or not self._other_matters or match.wording > 0
        if match.candidate.kind != "finding":
            return self._accepts_thing(match)
        alone = match.candidate.check in vocabulary().flagged("alone") and match.wording >= _STRONG
        plainly = not self._other_matters and (
            match.wording > _STRONG or min(match.wording, _STRONG) + match.goods >= 1.5 * _STRONG
        )
        if not (self._incoming or self._as_segment or self._as_item or alone or plainly):
            return False
        if self._other_matters and match.wording < 2 * _STRONG and not alone:
            return False
        if match.wording + match.figures >= _STRONG:
            return match.goods >= _CLEARLY or not self._about_other_goods(match)
        return match.named + match.quoted >= _CLEARLY

    def _accepts_thing(self, match: Match) -> bool:
        says = {"message": self._incoming, "segment": self._as_segment, "item": self._as_item}
        return (
            says[match.candidate.kind] and match.named + match.quoted >= _CLEARLY and not self._other_matters
        )

    def _about_other_goods(self, match: Match) -> bool:
        """Whether the letter names goods that this is not about, where the check is one about goods."""
        if match.candidate.check not in vocabulary().flagged("goods"):
            return False
        weights = self._history.weights
        return bool(self._absent_places()) or any(weights.get(key, 0.0) >= _CLEARLY for key in self.topics)

    def _absent_places(self) -> set[int]:
        """Where goods stand, and what messages are said to be about, that are not in this history."""
        goods = {place for key, places in self.topics.items() if key.startswith("#") for place in places}
        return (goods | self._named_topics()) - self.known

    def _named_topics(self) -> set[int]:
        """The words after `mails about`: up to the first that says nothing."""
        vocab, body = vocabulary(), self._body
        named: set[int] = set()
        for phrase in vocab.phrases("topic"):
            for places in body.occurrences(phrase):
                for place in range(places[-1] + 1, min(places[-1] + 5, len(body.tokens))):
                    token = body.tokens[place]
                    says = token.stem not in vocab.stop and token.fold not in vocab.numbers | vocab.months
                    if token.clause != body.tokens[places[-1]].clause or not token.fold.isalpha():
                        break
                    if says and place not in body.ignored:
                        named.add(place)
                    elif named & {place - 1}:
                        break
        return named

    def absent_words(self) -> tuple[str, ...]:
        """What the letter names that is not in this history; nothing where all that it says of what comes is about another matter."""
        others = self._sentences_that("other_matters")
        if others and self._of_messages <= others:
            return ()
        return self._body.words(self._absent_places())

    def absent_checks(self) -> tuple[str, ...]:
        """What the letter plainly complains of and no check finds here, the plainest first."""
        present = {finding.check for finding in self._history.findings}
        plain = {c: w for c, (w, _) in self._wordings.items() if w >= _STRONG and c not in present}
        best = max(plain.values(), default=0.0)
        return tuple(check for check, weight in plain.items() if weight == best)


def _subjects(rows: pl.DataFrame) -> frozenset[str]:
    return frozenset(text for text in rows["subject"].drop_nulls() if MARK not in text)


def _of_rows(rows: pl.DataFrame) -> set[str]:
    distinct = rows.select(_COLUMNS).unique()
    return {
        topic for row in distinct.iter_rows(named=True) for text in _texts(row) for topic in _topics_of(text)
    }


def _texts(row: Mapping[str, object]) -> Iterator[str]:
    for value in row.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and MARK not in text:
                yield text


@lru_cache(maxsize=4096)
def _topics_of(text: str) -> frozenset[str]:
    return frozenset(topics(Text(text, frozenset())))
