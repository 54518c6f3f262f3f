"""A letter taken apart: what the customer says, what they quote, how they sign, and the headers of a mail around it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from audit.events import sensitive_topics
from audit.queries.complaints.words import Text, sensitive_signs, spelled, vocabulary

Part = Literal["own", "header", "signature", "salutation", "quoted"]

_MOST = 200_000
"""House value: of a longer text only so many characters are read."""

_SIGNED = 9
"""House value: a signature has so many lines at most."""

_FEW = 7
"""House value: a salutation or a closing has so many words at most."""

_TITLE = 12
"""House value: a quoted line of so many words at most may be the subject of a mail."""

_HEADER = re.compile(r"^\W{0,4}([^\W\d_][^:\n]{0,24}?)\W{0,2}:\s*(.*)$")
_QUOTED = re.compile(r"^\s*(?:>\s?)+|^\s*\|\s")
_DASHES = re.compile(r"^\s*[-_*=]{2,}\s*$")
_IN_MARKS = re.compile(r"[“„”\"«»]([^“”„\"«»\n]{4,120})[“”\"«»]")


@dataclass
class Letter:
    """The lines of a letter by what they are, and what it quotes as the subject of a mail. Its text is in no `repr`."""

    lines: list[tuple[Part, str]] = field(default_factory=list, repr=False)
    quoted_subjects: list[str] = field(default_factory=list, repr=False)
    body: Text = field(default_factory=lambda: Text("", frozenset()), repr=False)

    def of(self, *parts: Part) -> list[str]:
        """The lines that are one of `parts`."""
        return [line for part, line in self.lines if part in parts]


def read(text: str, *, names_sensitive: bool = True) -> Letter:
    """Take a letter apart. Unless `names_sensitive`, words that name a sensitive topic are set aside, as if they did not stand there."""
    letter = Letter()
    for part, line in _parted(text[:_MOST].replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        heading = _heading(line)
        if heading is not None and heading[0] == "subject":
            _take_subject(letter, part, heading[1])
        else:
            letter.lines.append((part, _QUOTED.sub("", line) if part == "quoted" else line))
    _sign(letter)
    own = "\n".join(line for part, line in letter.lines if part == "own")
    letter.quoted_subjects += [match[1] for match in _IN_MARKS.finditer(own)]
    letter.quoted_subjects += [
        line for line in letter.of("quoted") if 1 < len(line.split()) <= _TITLE and _heading(line) is None
    ]
    letter.body = Text(own, vocabulary().negators, vocabulary().idioms)
    _set_aside(letter.body)
    if not names_sensitive:
        _withhold(letter.body)
    return letter


def _withhold(body: Text) -> None:
    """Set aside what names a sensitive topic by itself."""
    signs = {place for sign in sensitive_signs() for places in body.occurrences(sign) for place in places}
    names = {place for place, token in enumerate(body.tokens) if sensitive_topics.is_name(token.text)}
    body.ignored |= signs | names


def _sign(letter: Letter) -> None:
    """Short lines without an end of a sentence, below the last empty line, are how a letter is signed that takes no leave."""
    own = [at for at, (part, line) in enumerate(letter.lines) if part == "own" and line.strip()]
    if not own:
        return
    last = own[-1]
    begin = next((at + 1 for at in range(last, -1, -1) if not letter.lines[at][1].strip()), 0)
    block = [at for at in own if at >= begin]
    short = all(
        len(letter.lines[at][1].split()) <= _FEW and letter.lines[at][1].rstrip()[-1] not in ".!?:"
        for at in block
    )
    if len(block) < len(own) and len(block) <= _SIGNED and short:
        for at in block:
            letter.lines[at] = ("signature", letter.lines[at][1])


def _take_subject(letter: Letter, part: Part, subject: str) -> None:
    """A mail's subject: own words of the customer, or that of the mail which is answered or forwarded."""
    bare, answers = subject, False
    while (match := re.match(r"^\s*([^\W\d_]{1,13})\s*:\s*", bare)) and spelled(match[1]) in _markers(
        "answers"
    ):
        bare, answers = bare[match.end() :], True
    if answers or part == "quoted":
        letter.quoted_subjects.append(bare)
    if part != "quoted":
        letter.lines.append(("own", f"{bare}.\n" if not answers else ""))


def _parted(lines: list[str]) -> Iterator[tuple[Part, str]]:
    """Each line with the part of the letter that it belongs to."""
    state: Part = "own"
    signed = 0
    begun = False
    for at, line in enumerate(lines):
        block = state != "quoted" and _header_block(lines, at)
        if state != "quoted" and _begins_quote(lines, at) and _marked_below(lines, at):
            yield "quoted", line
            continue
        if state != "quoted" and (_begins_quote(lines, at) or (block and begun)):
            state = "quoted"
        if _QUOTED.match(line) or state == "quoted":
            yield "quoted", line
            continue
        if block or (not begun and _heading(line) is not None):
            yield "header", line
            continue
        if not line.strip() and state == "own":
            yield "own", ""
            continue
        if state == "signature":
            signed += bool(line.strip())
            if _starts_with(line, "postscript") or signed > _SIGNED:
                state = "own"
        words = spelled(line)
        if not words or _starts_with(line, "devices"):
            if _DASHES.match(line) and begun and state == "own":
                state = "signature"
            yield "signature", line
            continue
        if state == "own" and not begun and _short(words) and _starts_with(line, "salutations"):
            begun = True
            yield from _salutation(line)
            continue
        begun = True
        if state == "own" and _is_closing(line):
            state, signed = "signature", 0
            closing, _, rest = line.partition(",")
            yield "signature", rest if _short(spelled(closing)) else line
            continue
        yield state, line


def _salutation(line: str) -> Iterator[tuple[Part, str]]:
    """A salutation, and what follows it in the same line."""
    greeting, comma, rest = line.partition(",")
    yield "salutation", greeting
    if comma and rest.strip():
        yield "own", rest


def _header_block(lines: list[str], at: int) -> bool:
    """Whether a block of mail headers begins or goes on at this line."""
    near = [line for line in lines[max(at - 3, 0) : at + 4] if line.strip()]
    return _heading(lines[at]) is not None and sum(_heading(line) is not None for line in near) >= 2


def _heading(line: str) -> tuple[str, str] | None:
    """The kind of mail header that a line is, and its value."""
    match = _HEADER.match(_QUOTED.sub("", line))
    if match is None:
        return None
    name = spelled(match[1])
    kinds = ("from", "to", "subject", "other_headers")
    kind = next((kind for kind in kinds if name in _markers(kind)), None)
    return None if kind is None else (kind, match[2])


def _begins_quote(lines: list[str], at: int) -> bool:
    """Whether a line says that what follows is an earlier mail."""
    line = lines[at]
    words = spelled(line)
    if line.lstrip().startswith("-") and any(marker in words for marker in _markers("original")):
        return True
    if words in _markers("original"):
        return True
    following = lines[at + 1] if at + 1 < len(lines) else ""
    for text in (line, f"{line.rstrip()} {following.lstrip()}"):
        said = spelled(text).split()
        if (
            text.rstrip().endswith(":")
            and said
            and said[0] in _markers("wrote_begins")
            and any(map(str.isdigit, "".join(said)))
        ):
            return not _markers("wrote").isdisjoint(said)
    return False


def _marked_below(lines: list[str], at: int) -> bool:
    """Whether what follows carries a sign in each line, so that the letter may go on below it."""
    near = [line for line in lines[at + 1 : at + 4] if line.strip()]
    return any(_QUOTED.match(line) for line in near[:2])


def _is_closing(line: str) -> bool:
    """Whether a line takes leave: a closing alone, or before a comma or a name."""
    words = spelled(line)
    if words in _markers("closings"):
        return True
    head, comma, _ = line.partition(",")
    return bool(comma) and spelled(head) in _markers("closings") and len(words.split()) <= _FEW + 2


def _short(words: str) -> bool:
    return len(words.split()) <= _FEW


def _starts_with(line: str, key: str) -> bool:
    words = f"{spelled(line)} "
    return any(words.startswith(f"{marker} ") for marker in _markers(key))


def _markers(key: str) -> frozenset[str]:
    return vocabulary().markers(key)


def _set_aside(body: Text) -> None:
    """Set aside what the customer writes or asks for, and what the letter says it is not about: to the end of the clause, or to a `but`."""
    contrast = vocabulary().contrast
    ours = vocabulary().phrases("ours")
    aside = {place for phrase in ours for places in body.occurrences(phrase) for place in places}
    for phrase in vocabulary().phrases("aside"):
        for places in body.occurrences(phrase):
            clause = body.tokens[places[-1]].clause
            for place in range(places[0], len(body.tokens)):
                token = body.tokens[place]
                if place > places[-1] and (token.clause != clause or token.fold in contrast):
                    break
                aside.add(place)
    body.ignored = aside
