"""Whose letter it is: addresses, numbers and names in it, looked up in the blind index; what it is of them that leads on."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from audit.events import sensitive_topics
from audit.privacy import scan
from audit.privacy.clean import mask
from audit.privacy.lookup import Identifier
from audit.queries.complaints.letter import Letter
from audit.queries.complaints.words import spelled, vocabulary

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace

_PSEUDONYM = re.compile(r"\bc_[0-9a-z]{8}\b")
_NUMBERED = re.compile(r"(?<![\w@])#?([^\W_](?:[\w./:#-]*[^\W_])?)(?![\w@])")
_DATE_OR_SUM = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-](?:\d{2}|\d{4})?|\d{4}-\d\d-\d\d|\d{1,2}[.:]\d\d|\d+[.,]\d{1,2}|(?:19|20)\d\d"
)
_NAME_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")

_COUPLE = re.compile(
    r"(?P<first>[^\W\d_][\w'’-]*)\s+(?P<and>\S+)\s+(?P<second>[^\W\d_][\w'’-]*)\s+(?P<last>[^\W\d_][\w'’-]*)"
)

_LONGEST_NAME = 4
_FEWEST_CHARACTERS = 4
_FEWEST_DIGITS = 5
"""House values: how many words a name has at most; how short a number with letters in it, and one of digits alone, may be."""


class Strength(IntEnum):
    """How much an identifier says of who wrote, the most first."""

    OWN = 1
    QUOTED = 2
    SIGNED = 3
    BARE = 4
    IN_PASSING = 5


@dataclass(frozen=True, slots=True)
class Clue:
    """An identifier in a letter. `named`: whether it looks like one, so that it is worth telling that nobody has it."""

    identifier: Identifier
    strength: Strength
    named: bool = True


def clues(letter: Letter) -> list[Clue]:
    """Everything in a letter by which somebody may be known."""
    by_identifier: dict[Identifier, Clue] = {}
    for clue in (*_addresses(letter), *_numbers(letter), *_names(letter)):
        before = by_identifier.get(clue.identifier)
        if before is None or clue.strength < before.strength:
            by_identifier[clue.identifier] = clue
    return list(by_identifier.values())


def _addresses(letter: Letter) -> Iterator[Clue]:
    for part, line in letter.lines:
        strength = Strength.QUOTED if part == "quoted" else Strength.OWN
        yield from (Clue(Identifier("email", text), strength) for text in scan.emails(line))
        yield from (Clue(Identifier("phone", text), strength) for text in scan.phones(line))
        yield from (Clue(Identifier("pseudonym", text), strength) for text in _PSEUDONYM.findall(line))


def _numbers(letter: Letter) -> Iterator[Clue]:
    """Numbers of customers and orders: those that are called so or have letters in them; then those of digits alone."""
    called = vocabulary().markers("numbers")
    for part, line in letter.lines:
        rest = scan.scrubbed(line)
        for match in _NUMBERED.finditer(rest):
            text = match[1]
            if not any(map(str.isdigit, text)) or _DATE_OR_SUM.fullmatch(text) or _PSEUDONYM.fullmatch(text):
                continue
            before = spelled(rest[: match.start()]).split()
            is_called = match[0].startswith("#") or any(" ".join(before[-n:]) in called for n in (1, 2))
            mixed = any(map(str.isalpha, text)) and len(text) >= _FEWEST_CHARACTERS
            if not (is_called or mixed or (text.isdigit() and len(text) >= _FEWEST_DIGITS)):
                continue
            strength = Strength.QUOTED if part == "quoted" else Strength.OWN
            if not is_called and not mixed:
                strength = Strength.BARE
            yield Clue(Identifier("source_id", text), strength, is_called)
            for spelling in dict.fromkeys((text, text.lower(), text.upper())):
                yield Clue(Identifier("order", spelling), strength, is_called and spelling == text)


def _names(letter: Letter) -> Iterator[Clue]:
    """Words beside one another that may be a name: how the letter is signed says most, what it says in passing least."""
    introduced = vocabulary().markers("names")
    for part, written in letter.lines:
        if part == "salutation":
            continue
        line = scan.scrubbed(written).replace(scan.EMAIL, ";")
        words = list(_NAME_WORD.finditer(line))
        for length in range(2, _LONGEST_NAME + 1):
            for first in range(len(words) - length + 1):
                run = words[first : first + length]
                between = [line[a.end() : b.start()] for a, b in pairwise(run)]
                if any(gap.strip() not in ("", ",") or len(gap) > length for gap in between):
                    continue
                before = spelled(line[: run[0].start()]).split()
                introduces = any(" ".join(before[-n:]) in introduced for n in (1, 2, 3))
                signed = part in ("signature", "header") or introduces
                name = line[run[0].start() : run[-1].end()]
                looks = signed and all(word[0][0].isupper() for word in run)
                strength = Strength.SIGNED if signed else Strength.IN_PASSING
                yield Clue(Identifier("name", name), strength, looks and len(words) == length)
        if part in ("signature", "header"):
            yield from (Clue(Identifier("name", name), Strength.SIGNED) for name in _couple(line))


def _couple(line: str) -> Iterator[str]:
    """Both names of two who sign with one surname: `Katrin und Per Olsen`."""
    match = _COUPLE.fullmatch(line.strip())
    if match and (match["and"] in "&+" or spelled(match["and"]) in vocabulary().markers("and")):
        yield f"{match['first']} {match['last']}"
        yield f"{match['second']} {match['last']}"


@dataclass(frozen=True)
class Writers:
    """Who may have written a letter: `fitting` customers, each with the clues that lead to them; all `clues`, known or not."""

    fitting: dict[str, tuple[Clue, ...]]
    known: dict[Identifier, frozenset[str]]
    clues: tuple[Clue, ...]

    @property
    def looked_for(self) -> list[tuple[str, str, int]]:
        """Kind of identifier, its mask, and how many customers have it: those that were found, and those that look like one."""
        rows: dict[tuple[str, str], set[str]] = {}
        for clue in self.clues:
            kind, value = clue.identifier
            customers = self.known.get(clue.identifier, frozenset())
            if customers or clue.named:
                shown = (
                    ("number", mask("number", value))
                    if kind in ("source_id", "order")
                    else (kind, mask(kind, value))
                )
                rows.setdefault(shown, set()).update(customers)
        return [(*shown, len(customers)) for shown, customers in rows.items()]


def writers(ws: "Workspace", letter: Letter) -> Writers:
    """Who may have written it. An order whose number names a sensitive topic is not looked for where whoever asks is not told it."""
    asked = [clue for clue in clues(letter) if ws.view.names_sensitive or not _is_sensitive(clue.identifier)]
    known = _with_parts_of_names(ws, [clue.identifier for clue in asked])
    clued = [(clue, known[clue.identifier]) for clue in asked if clue.identifier in known]
    fitting = _narrowed(clued, named=any(c.named and c.identifier.field == "name" for c in asked))
    by_customer = {
        name: tuple(clue for clue, customers in clued if name in customers) for name in sorted(fitting)
    }
    return Writers(by_customer, known, tuple(asked))


def _is_sensitive(identifier: Identifier) -> bool:
    return identifier.field == "order" and sensitive_topics.is_name(identifier.value)


def _with_parts_of_names(
    ws: "Workspace", identifiers: Iterable[Identifier]
) -> dict[Identifier, frozenset[str]]:
    """What is known of each; a name of two words is also that of whom the vault knows by both apart."""
    asked = list(identifiers)
    pairs = {
        i: [Identifier("name", word) for word in i.value.replace(",", " ").split()]
        for i in asked
        if i.field == "name"
    }
    pairs = {name: parts for name, parts in pairs.items() if len(parts) == 2}
    known = ws.known_by([*asked, *(part for parts in pairs.values() for part in parts)])
    for name, (first, last) in pairs.items():
        both = known.get(first, frozenset()) & known.get(last, frozenset())
        if both:
            known[name] = known.get(name, frozenset()) | both
    return {identifier: known[identifier] for identifier in asked if identifier in known}


def _narrowed(clued: Iterable[tuple[Clue, frozenset[str]]], *, named: bool) -> frozenset[str]:
    """Whom the strongest clues point to; weaker ones decide among these only. Where the strongest disagree, all of them.

    `named`: the letter is signed by somebody, so that a name in passing is somebody else's.
    """
    rows = list(clued)
    fitting: frozenset[str] = frozenset()
    for strength in Strength:
        if named and strength is Strength.IN_PASSING and not fitting:
            break
        sets = [customers for clue, customers in rows if clue.strength is strength]
        if not sets:
            continue
        common = frozenset.intersection(*sets) or frozenset.union(*sets)
        fitting = (fitting & common or fitting) if fitting else common
        if len(fitting) == 1:
            break
    return fitting
