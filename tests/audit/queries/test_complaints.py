"""A letter is held against the customers and one customer's history: whose it is, what it is about, and nothing of it is kept."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit.findings.registry import CHECKS
from audit.ingest import import_paths
from audit.queries import locales
from audit.queries.case import read_case
from audit.queries.complaints import answer, customers, letter, words
from audit.queries.complaints.matching import Subject
from audit.workspace.workspace import Workspace
from fixtures import demo, scenes

HERE = Path(__file__).parent
PHONES = {"scene-01-nail-clipper": "+49 (0)30 / 555 01 01", "scene-06-forty-a-day": "040 5550606"}
TWINS = {"twin-a": ("Anna Berger", "anna.a@example.org"), "twin-b": ("Berger, Anna", "anna.b@example.org"),
         "shared-1": ("Una Sands", "family@example.org"), "shared-2": ("Ida Sands", "family@example.org")}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A letter of the files: its text, whose it is, what it may be about."""

    text: str
    customers: tuple[str, ...]
    about: tuple[str, ...]


def letters(name: str) -> Iterator[Case]:
    for row in tomllib.loads((HERE / name).read_text(encoding="utf-8"))["letter"]:
        whose = row["customer"]
        yield Case(
            row["text"],
            tuple([whose] if isinstance(whose, str) else whose) if whose else (),
            tuple(row["about"]),
        )


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The customers of the scenes with addresses, names and some telephone numbers; two of one name, two of one address."""
    folder = tmp_path_factory.mktemp("letters")
    events = scenes.events()
    like_the_first = events.filter(pl.col("customer_id") == "scene-01-nail-clipper")
    twins = [like_the_first.with_columns(customer_id=pl.lit(name), order_id=pl.lit(None, pl.String),
                                         message_id=pl.format("{}-{}", pl.lit(name), "message_id")) for name in TWINS]  # fmt: skip
    known = {
        p.id: (p.name, f"{'.'.join(p.name.lower().split())}@example.org") for p in scenes.people()
    } | TWINS
    people = pl.DataFrame([(ident, *row, PHONES.get(ident)) for ident, row in known.items()],
                          schema=["customer_id", "name", "email", "phone"], orient="row")  # fmt: skip
    everything = pl.concat([events, *twins]).join(people, on="customer_id", how="left", maintain_order="left")
    everything.write_parquet(folder / "events.parquet")
    workspace = Workspace.create(folder / "workspace", synthetic=True)
    import_paths(workspace, [folder / "events.parquet"])
    workspace.set_map(demo.demo_campaigns(), demo.demo_flows())
    return workspace


@dataclass
class Measured:
    """What came of the letters of a file."""

    letters: int = 0
    right_customer: int = 0
    about_something: int = 0
    right_first: int = 0
    invented: int = 0
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.letters} letters: the right customer {self.right_customer} of {self.letters}; "
            f"the right finding first {self.right_first} of {self.about_something}; invented {self.invented}"
        )


CASES: dict[str, answer.Case] = {}
"""The cases that were read, each once."""


def measure(ws: Workspace, name: str) -> Measured:
    """Read every letter of a file as `whysent case --paste` does."""
    result, cases = Measured(), CASES
    pseudonym = {ident: ws.resolve(ident) for ident in [p.id for p in scenes.people()] + [*TWINS]}
    for case in letters(name):
        result.letters += 1
        parts = letter.read(case.text)
        fitting = {*customers.writers(ws, parts).fitting}
        right = fitting == {pseudonym[ident] for ident in case.customers}
        result.right_customer += right
        if not right:
            result.wrong += (
                f"whose: {sorted(fitting)} instead of {case.customers}: {case.text.strip()[:90]}",
            )
        if len(case.customers) != 1 or not right:
            continue
        (whose,) = fitting
        cases[whose] = cases.get(whose) or read_case(ws, whose)
        subject = answer.about(cases[whose], parts).about
        told = None if subject is None else _named(ws, whose, subject.candidate)
        result.about_something += bool(case.about)
        result.right_first += bool(case.about) and told in case.about
        result.invented += not case.about and told is not None
        if (told or "") not in (case.about or ("",)):
            result.wrong += (f"about: {told} instead of {case.about}: {case.text.strip()[:90]}",)
    return result


def _named(ws: Workspace, whose: str, candidate) -> str:
    if candidate.kind != "message":
        return f"{candidate.kind}:{candidate.check or candidate.id}"
    sent = ws.history(whose).filter(pl.col("message_id") == candidate.id)
    return f"message:{sent['campaign_id'][0]}"


def test_sixty_letters_open_the_right_case_at_the_right_finding_and_none_invents_one(
    ws: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    result = measure(ws, "complaints.toml")
    with capsys.disabled():
        print(f"\n{result}", *result.wrong, sep="\n")
    assert result.letters == 60
    assert result.right_customer == 60
    assert result.right_first >= 0.9 * result.about_something
    assert result.invented == 0


@pytest.mark.parametrize(("name", "title"), [("seen", "held out at first"), ("held_out", "held out")])
def test_letters_written_afterwards_open_the_right_case_and_invent_nothing(
    ws: Workspace, capsys: pytest.CaptureFixture[str], name: str, title: str
) -> None:
    result = measure(ws, f"complaints_{name}.toml")
    with capsys.disabled():
        print(f"\n{title}: {result}", *result.wrong, sep="\n")
    assert result.letters == result.right_customer >= 20


@pytest.mark.parametrize("name", ["complaints.toml", "complaints_seen.toml", "complaints_held_out.toml"])
def test_every_letter_is_answered_in_a_language_it_could_be_written_in(name: str) -> None:
    told = [
        locales.language_of(token.text for token in letter.read(case.text).body.tokens)
        for case in letters(name)
    ]
    assert {*told} <= {"en", "de", None}
    assert told.count(None) <= 1, "of a letter of a few words nothing is said"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Ich habe vor einem Jahr einen Knipser gekauft und es kommen zehn Mails. Wann hört das auf?"),
        (
            "en",
            "I bought a nail clipper a year ago and have since received ten e-mails. When is it going to stop?",
        ),
        (
            "fr",
            "J’ai acheté un coupe-ongles il y a un an et je reçois des mails. Quand est-ce que cela cesse ?",
        ),
        (
            "es",
            "Compré un cortaúñas hace un año y desde entonces recibo un correo por semana. ¿Cuándo se acaba?",
        ),
        (None, "Kindle 4711 spam"),
        (None, "the mails and the news: le mail et les news"),
    ],
)
def test_the_language_of_a_letter_is_said_where_its_words_are_clear(language: str | None, text: str) -> None:
    assert locales.language_of(re.findall(r"\w+", text)) == language


def _read(ws: Workspace, text: str) -> Subject:
    parts = letter.read(text)
    (whose,) = customers.writers(ws, parts).fitting
    CASES[whose] = CASES.get(whose) or read_case(ws, whose)
    return answer.about(CASES[whose], parts)


@pytest.mark.parametrize("signed", ["Katrin und Per Olsen", "Per & Katrin Olsen", "Katrin and Per Olsen"])
def test_two_who_sign_with_one_surname_are_known_by_either(ws: Workspace, signed: str) -> None:
    about = _read(
        ws, f"Wir haben die Geschenkliste schließen lassen. Die Post hört nicht auf.\n\n{signed}\n"
    ).about
    assert about is not None
    assert about.candidate.check == "life-changed"


def test_a_date_and_a_number_of_two_words_are_marked_whole(ws: Workspace) -> None:
    body = letter.read("Ich habe mich am 3. August abgemeldet. Es kam 3. Mehr nicht.\n\nJonas Albers\n").body
    assert body.sentences([6]) == ["Ich habe mich am 3. August abgemeldet"]
    assert body.sentences([9]) == ["Es kam 3"]
    many = _read(ws, "Thirty-eight mails in one day! My phone went on humming.\n\nBeate Lorenz\n")
    assert many.matched[0].startswith("Thirty-eight mails")


def test_what_a_letter_of_another_matter_names_by_the_way_is_not_sought(ws: Workspace) -> None:
    text = "I write from my sister's laptop. My order still shows as processing.\n\nTeresa Coleman\n"
    assert _read(ws, text).absent_words == ()
    assert _read(ws, "Why all these mails about laptops?\n\nTeresa Coleman\n").absent_words == ("laptops",)


# -- the words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", words.languages())
def test_every_check_has_the_words_by_which_customers_speak_of_it(language: str) -> None:
    table = words.languages()[language]
    assert table["check"].keys() == CHECKS.keys()
    assert all(row["strong"] for row in table["check"].values())
    assert {key: set(table[key]) for key in ("letter", "words")} == {
        key: set(words.languages()["en"][key]) for key in ("letter", "words")
    }


def test_no_module_knows_a_check_by_its_id() -> None:
    folder = Path(words.__file__).parent
    for path in folder.glob("*.py"):
        assert not [check for check in CHECKS if check in path.read_text(encoding="utf-8")], path


@pytest.mark.parametrize(
    ("one", "other"),
    [("clippers", "clipper"), ("Bücher", "Buch"), ("unsubscribed", "unsubscribe"), ("Windeln", "Windel"), ("fuer", "für"),
     ("cameras", "camera"), ("Kopfhörern", "Kopfhörer"), ("categories", "category"), ("E-Mails", "email")],
)  # fmt: skip
def test_inflections_of_a_word_are_one(one: str, other: str) -> None:
    assert words.tokens(one)[0].stem == words.tokens(other)[0].stem


def found(text: str, phrase: str) -> bool:
    vocab = words.vocabulary()
    return bool(words.Text(text, vocab.negators).find(words.phrase(phrase, vocab.negators)))


def test_a_phrase_is_words_near_one_another_in_one_sentence_and_not_what_is_denied() -> None:
    assert found("I have unsubscribed, twice.", "unsubscribed")
    assert not found("I have never unsubscribed.", "unsubscribed")
    assert not found("Ich habe mich nicht abgemeldet.", "abgemeldet")
    assert found("It was never ordered.", "never ordered")
    assert found("I told you, please stop it", "told stop")
    assert not found("I told you. Please stop it", "told stop")
    assert found("Still mails, though I unsubscribed", "unsubscrib* & still")
    assert found("Werbemails ohne Ende", "*mails")


@pytest.mark.parametrize(
    ("text", "phrase", "there"),
    [
        ("Meine Eltern wussten es nicht einmal.", "einmal", False),
        ("Meine Eltern haben es nicht einmal gewusst.", "nicht einmal gewusst", True),
        ("Nicht einmal gelesen habe ich sie.", "nicht gelesen", True),
        ("Ich habe einmal geschaut, nicht mehr.", "einmal", True),
        ("Five of them came at once.", "once", False),
        ("I looked at it once.", "once", True),
    ],
)
def test_a_word_of_an_idiom_is_no_word_by_itself(text: str, phrase: str, *, there: bool) -> None:
    vocab = words.vocabulary()
    body = words.Text(text, vocab.negators, vocab.idioms)
    assert bool(body.find(words.phrase(phrase, vocab.negators), denied=True)) is there


def test_a_letter_is_taken_apart() -> None:
    text = """From: Jo Public <jo@example.org>
Subject: AW: Camera deals

Hallo Frau Kern,

das meine ich nicht. Nichts gegen die Windeln, aber die Kameras!
> Camera deals
> Yours, Ada Byron

Danke und Gruß
Jo Public
Von meinem iPhone gesendet

-----Ursprüngliche Nachricht-----
Von: Larkfield
Betreff: Deals on cameras and lenses

I unsubscribed.
"""
    parts = letter.read(text)
    assert {"Camera deals", "Deals on cameras and lenses"} <= set(parts.quoted_subjects)
    assert list(filter(None, parts.of("own"))) == [
        "das meine ich nicht. Nichts gegen die Windeln, aber die Kameras!"
    ]
    assert "Jo Public" in parts.of("signature")
    assert "Yours, Ada Byron" in parts.of("quoted")
    about = words.topics(parts.body)
    assert "windel" not in about
    assert "kamera" in about
    assert "Jo Public" not in repr(parts)
    assert "Kameras" not in repr(parts)


def clues(text: str) -> dict[tuple[str, str], int]:
    return {tuple(clue.identifier): clue.strength for clue in customers.clues(letter.read(text))}


def test_what_names_somebody_says_more_or_less_by_where_it_stands() -> None:
    text = """Dear Jonas Albers,

my order number 4711-A came on 12.03.2026 at 10:15 for 19,90. My neighbour Una Sands agrees. 99887 is nothing.

Yours
Ida Sands
Tel. 030 5550101

On 3 Nov 2026 at 07:00 Larkfield <news@larkfield.example> wrote:
> to ida@example.org
"""
    seen = clues(text)
    strength = customers.Strength
    assert ("name", "Jonas Albers") not in seen
    assert seen["order", "4711-A"] == strength.OWN
    assert seen["phone", "030 5550101"] == strength.OWN
    assert seen["name", "Ida Sands"] == strength.SIGNED
    assert seen["name", "Una Sands"] == strength.IN_PASSING
    assert seen["source_id", "99887"] == strength.BARE
    assert seen["email", "ida@example.org"] == strength.QUOTED
    assert not {("source_id", text) for text in ("12.03.2026", "10:15", "19,90", "2026")} & seen.keys()


SCRAPS = [*"\n\n\n:.,>@#*“”-+=|\0", "> ", "From: ", "Betreff: AW: ", "On 3 May Jo wrote:\n", "-----Original Message-----\n", "-- \n", "Gruß\n",
          "jo@example.org", "030 5550101", "c_190xgwf1", "order 4711-A", "12.03.2026", "not about ", "unsubscribed", "achtunddreißig", "🙂"]  # fmt: skip


@example("| Betreff: AW: ")
@given(st.lists(st.sampled_from(SCRAPS), max_size=25).map(" ".join))
@settings(max_examples=25)
def test_whatever_is_pasted_can_be_read(text: str) -> None:
    parts = letter.read(text, names_sensitive=False)
    customers.clues(parts)
    assert parts.body.sentences(range(len(parts.body.tokens))) or not parts.body.tokens
    assert all(0 <= place < len(parts.body.tokens) for place in parts.body.ignored)
