"""A language is one file: what it lacks, what nothing uses, and that every letter says the same in all of them."""

import ast
import re
from collections.abc import Iterator, Mapping
from datetime import time
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, get_args, get_type_hints

import pytest

from audit.errors import InputError
from audit.events.schema import KINDS
from audit.findings import CHECKS
from audit.flows import triggers
from audit.queries import documents, locales, reports
from audit.queries.case import read_case
from audit.queries.remedies import Remedy
from audit.queries.reports.language import language
from audit.rules.model import KINDS as RULES
from audit.why import wording
from audit.workspace.workspace import Workspace
from tests.tui.command import Command

Texts = Mapping[str, Any]

FORMATS = {
    "name",
    "months",
    "date",
    "time",
    "untitled",
    "thousands",
    "quotes",
    "and",
    "sentences",
    "common_words",
}
"""Keys above the sections that every language has."""

ONLY_SOME_NEED = {"joins", "plural", "thousands_from", *(f"date_{day}" for day in range(1, 32))}
"""Keys above the sections that a language has where it needs them."""

OF_NOTES = {"day", "list_rest", "decimal", "inner_quotes", "or"}
"""Keys above the sections that only notes need."""

OF_CUSTOMERS = (
    "unit", "noun", "reply", "sent", "opt_out", "refused", "reconstruction", "because", "trigger", "act", "rule", "engagement",
    "change", "until", "stop", "aloud", "question", "fault", "again",
)  # fmt: skip
"""The sections of which what a customer is told is made."""

GRAMMAR = {"these", "These", "advertising"}
"""Places that a sentence may do without: they are no facts."""


def lacks(told: Texts) -> Iterator[str]:
    """What a language lacks to write to customers, and what it has that nothing reads; English says what there is."""
    english = language("en").texts
    yield from (f"{key}: not there" for key in sorted(FORMATS - told.keys()))
    sections = {key for key, value in told.items() if isinstance(value, dict)} - {"plural"}
    keys = told.keys() - sections - FORMATS - ONLY_SOME_NEED
    yield from (f"{key}: nothing reads it" for key in sorted(keys - OF_NOTES if "internal" in told else keys))
    if "internal" not in told:
        yield from (f"[{key}]: nothing reads it" for key in sorted(sections - {*OF_CUSTOMERS}))
    for section in OF_CUSTOMERS:
        own = told.get(section, {})
        yield from (f"{section}.{key}: not there" for key in english[section] if key not in own)
        for key in own:
            base = re.sub(rf"_({'|'.join(('one', *told.get('plural', {})))})$", "", key)
            if key not in english[section] and base not in english[section]:
                yield f"{section}.{key}: nothing reads it"
            elif section == "noun":
                missing = {"message", "messages"} - own[key].keys()
                yield from (f"noun.{key}.{form}: not there" for form in sorted(missing))
            else:
                yield from _wrong_places(told, section, key, base)


def _wrong_places(told: Texts, section: str, key: str, base: str) -> Iterator[str]:
    """Facts that a sentence leaves out, and places that nothing fills."""
    nouns = {form for forms in told["noun"].values() for form in forms}
    forms = {form.removesuffix(f"_{rule}") for form in nouns for rule in told.get("plural", {})}
    places, english = _places(told[section][key]), language("en").texts[section]
    needed = _places(english[key if key in english else base]) - nouns - GRAMMAR
    yield from (f"{section}.{key}: leaves out {{{place}}}" for place in sorted(needed - places))
    others = [language(locale).texts for locale in locales.locales() if locales.name(locale) != told["name"]]
    known = {place for one in others for name in (key, base) for place in _places(one[section].get(name, ""))}
    known |= nouns | forms | {place.capitalize() for place in known}
    yield from (f"{section}.{key}: nothing fills {{{place}}}" for place in sorted(places - known))


def _places(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("locale", locales.locales())
def test_a_language_lacks_nothing_and_has_nothing_that_nothing_reads(locale: str) -> None:
    assert list(lacks(language(locale).texts)) == []


@cache
def _pieces() -> frozenset[str]:
    """What keys are made of: the texts in the code that reads them, and the ids of what they are about."""
    folder = Path(reports.__file__).parent
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in folder.glob("*.py")]
    texts = {
        part
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for part in re.findall(r"^_?[\w-]+ ?\w* ?\w*$", node.value)
    }
    wordings = {f"{kind}{form}" for kind in RULES for form in ("", "_of_kind", "_repurchase", "_zero")}
    cases = {"queued_before", "before_known", "maybe_machine", "wrong_scope", "allowed_class", "breach"}
    cases |= {
        "order_unasked",
        "order_undone",
        "viewed",
        "searched",
        *get_args(get_type_hints(Remedy)["state"]),
    }
    from_elsewhere = {
        *KINDS,
        *CHECKS,
        *RULES,
        *triggers.definitions(),
        *wording.RECONSTRUCTION,
        *wordings,
        *cases,
    }
    return frozenset(text.strip("_") for text in texts | from_elsewhere if len(text) > 2)


def _made_of(key: str) -> bool:
    return not key or any(
        key.startswith(piece) and _made_of(key[len(piece) :].lstrip("_")) for piece in _pieces()
    )


def test_every_text_for_customers_is_read_by_something() -> None:
    told = language("en").texts
    unread = [
        f"{section}.{key}"
        for section in OF_CUSTOMERS
        if section not in {"unit", "noun", "engagement"}
        for key in told[section]
        if not _made_of(key.removesuffix("_one"))
    ]
    assert unread == [], unread


def _written(texts: Texts) -> Iterator[str]:
    for value in texts.values():
        if isinstance(value, dict):
            yield from _written(value)
        elif isinstance(value, str):
            yield value


def test_french_is_typed_with_narrow_spaces_that_do_not_break_and_curved_apostrophes() -> None:
    texts = list(_written(language("fr").texts))
    assert not [
        text for text in texts if re.search(r"[ \u00a0][:;!?»]|[^\u202f][:;!?»](?!$)|«[^\u202f]|'|\"", text)
    ]
    assert language("fr").titled("Offre") == "«\u202fOffre\u202f»"
    letter = reports.document.one_line(f"{language('fr').titled('Offre')}  :\u202f1\nb")
    assert letter == "«\u202fOffre\u202f» :\u202f1 b"


def test_spanish_opens_its_questions_and_agrees_with_nobodys_gender() -> None:
    for text in _written(language("es").texts):
        assert text.count("?") == text.count("¿")
        assert text.count("!") == text.count("¡")
        assert not re.search(r"\busted (?:está|fue) \w+[ao]\b|suscrit[oa]\b|bienvenid", text)
    for text in _written(language("fr").texts):
        assert not re.search(r"vous (?:êtes|étiez) \w+é\b|vous vous êtes|abonnée?\b|inscrite?\b", text)


@pytest.mark.parametrize(
    ("locale", "day", "time_", "number", "listed"),
    [
        ("en", "1 November 2026", "22:00", "12,345", "Ana, Bob and Iris"),
        ("de", "1. November 2026", "22:00", "12.345", "Ana, Bob und Iris"),
        ("fr", "1er novembre 2026", "22\u202fh\u202f00", "12\u202f345", "Ana, Bob et Iris"),
        ("es", "1 de noviembre de 2026", "22:00", "12\u202f345", "Ana, Bob e Iris"),
    ],
)
def test_days_times_numbers_and_lists_are_those_of_the_language(
    locale: str, day: str, time_: str, number: str, listed: str
) -> None:
    says = language(locale)
    assert says.date("2026-11-01T09:00:00Z") == day
    assert says.time(time(22)) == time_
    assert says.number(12345) == number
    assert says.listed(["Ana", "Bob", "Iris"]) == listed


def test_words_change_before_a_sound() -> None:
    french, spanish = language("fr"), language("es")
    assert french.say("rule", "mute", **french.nouns({"email": 1})).endswith(
        "recevez plus d’e-mails de ce type"
    )
    assert french.say("rule", "mute", **french.nouns({"sms": 1})).endswith("recevez plus de SMS de ce type")
    assert french.say("reply", "sender", title="x", sender="Atelier") == "x, d’Atelier"
    assert spanish.listed(["Ana", "“Ideas”"]) == "Ana e “Ideas”"
    assert spanish.listed(["Ana", "Hielo"]) == "Ana y Hielo"


# -- another language is one more file -----------------------------------------------------------------------------

POLISH = """
name = "Toy Polish"
plural = { few = "n % 10 >= 2 && n % 10 <= 4 && (n % 100 < 12 || n % 100 > 14)" }
months = ["stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września", "października", "listopada", "grudnia"]
"""
NOUN = 'email = { message = "e-mail", messages = "e-maili", messages_few = "e-maile" }'


def toy_text() -> str:
    """English, with a name, months, a noun and a plural of its own, and without what notes say."""
    text = (locales.FOLDER / "en.toml").read_text(encoding="utf-8").partition("# -- the note for")[0]
    for key in ("name", "months", *OF_NOTES):
        text = re.sub(rf"^{key} = .*\n", "", text, count=1, flags=re.MULTILINE)
    return POLISH + re.sub(r"^email = .*$", NOUN, text, flags=re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files of the languages, and one more."""
    for locale in locales.locales():
        (tmp_path / f"{locale}.toml").write_bytes((locales.FOLDER / f"{locale}.toml").read_bytes())
    (tmp_path / "pl.toml").write_text(toy_text(), encoding="utf-8")
    cached = (locales.locales, locales.texts, language)
    monkeypatch.setattr(locales, "FOLDER", tmp_path)
    for one in cached:
        one.cache_clear()
    yield tmp_path
    for one in cached:
        one.cache_clear()


def test_a_file_is_all_that_a_language_takes(folder: Path, scenes: Path) -> None:
    assert list(lacks(language("pl").texts)) == []
    assert locales.locales() == ("en", "de", "es", "fr", "pl")
    ws = Workspace.open(scenes)
    text = documents.report(ws, "scene-01-nail-clipper", kind="reply", locale="pl").written("txt")
    assert "we sent you 11 e-maili about" in text
    assert "on 4 listopada 2025" in text
    with pytest.raises(InputError, match=r"no case note in Toy Polish: .* English \(en\) and German \(de\)"):
        documents.report(ws, "scene-01-nail-clipper", kind="internal", locale="pl")


def test_a_number_takes_the_form_that_the_language_has_for_it(folder: Path) -> None:
    says = language("pl")
    said = {
        n: says.say("sent", "day", first="x", count=n, about="", **says.nouns({"email": 1}))
        for n in (2, 5, 12, 23)
    }
    assert {n: text.rpartition(" ")[2] for n, text in said.items()} == {
        2: "e-maile.", 5: "e-maili.", 12: "e-maili.", 23: "e-maile.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "lack"),
    [
        ('apology = "We are sorry about that."\n', "", "reply.apology: not there"),
        ('bought = "You bought {thing} on {at}."', 'bought = "You bought {thing}."', "sent.bought: leaves out {at}"),
        ('bought = "You bought {thing} on {at}."', 'bought = "{who} bought {thing} on {at}."', "sent.bought: nothing fills {who}"),
        ("[stop]", '[stop]\nmaybe = "x"', "stop.maybe: nothing reads it"),
        ("[stop]", "[start]\nx = 'x'\n[stop]", "[start]: nothing reads it"),
        ('thousands = ","\n', "", "thousands: not there"),
        (NOUN, NOUN.replace('messages = "e-maili", ', ""), "noun.email.messages: not there"),
    ],
)  # fmt: skip
def test_what_a_file_lacks_is_named(folder: Path, before: str, after: str, lack: str) -> None:
    (folder / "pl.toml").write_text(toy_text().replace(before, after), encoding="utf-8")
    assert list(lacks(language("pl").texts)) == [lack]


def test_a_language_without_a_file_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="nothing is written in 'xx'; one of en, de, es, fr"):
        language("xx")


def test_what_is_chosen_for_the_environment_holds_for_customers_and_not_for_notes(
    scenes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(locales.CHOICE, "fr")
    whysent = Command(scenes, capsys, monkeypatch)
    case = ("report", "scene-09-wrong-scope")
    assert "Bonjour [nom]," in whysent(*case, "--kind", "reply", "--format", "txt").out
    assert "Hola, [nombre]:" in whysent(*case, "--kind", "reply", "--locale", "es", "--format", "txt").out
    assert whysent(*case).out.startswith("# Case note")
    refused = whysent(*case, "--locale", "fr")
    assert (refused.code, "no case note in French" in refused.err) == (2, True)
    monkeypatch.setenv(locales.CHOICE, "xx")
    assert "nothing is written in 'xx'" in whysent(*case, "--kind", "reply").err


@pytest.mark.parametrize("locale", locales.locales())
def test_what_is_not_read_out_is_refused_in_the_language(scenes: Path, locale: str) -> None:
    case, says = read_case(Workspace.open(scenes), "scene-08-looked-at-cameras"), language(locale)
    shown = documents.picture(case, strips=False)
    (own, *_) = (one for one in shown.segments if not one.logged)
    with pytest.raises(InputError) as refused:
        reports.aloud(documents.explanation(case, segment=own.id), shown, locale=locale)
    why = says.say("reconstruction", wording.ungrouped(shown.coverage))
    assert str(refused.value) == says.say(
        "refused", "words", why=says.say("refused", "reconstructed", reconstruction=why)
    )
