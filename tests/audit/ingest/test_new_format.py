"""The recipe "a file format" of docs/architecture.md, followed: one object in one file, and `import` reads it."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from audit import ingest
from audit.errors import InputError
from audit.ingest import format_kit, formats
from audit.ingest.format import REJECTED, Batch, Format, Options
from audit.queries import doctor
from tests.audit.ingest.files import counts

FIRST_LINE = "log of letters"


def recognises(path: Path) -> bool:
    """By what is in the file."""
    return path.is_file() and path.read_bytes().startswith(FIRST_LINE.encode())


def read(path: Path, options: Options) -> Iterator[Batch]:
    """`2026-03-01 09:00 c1 letter-7` a line; a line of other words is refused."""
    lines = path.read_text().splitlines()[1:]
    words = [(number, line.split()) for number, line in enumerate(lines, start=1)]
    events = [
        {
            "row": number,
            "occurred_at": f"{day}T{time}",
            "customer_id": customer,
            "kind": "message_sent",
            "message_id": letter,
        }
        for number, (day, time, customer, letter) in ((n, w) for n, w in words if len(w) == 4)
    ]
    refused = [(number, "not four words", " ".join(w)) for number, w in words if len(w) != 4]
    options.tell(1, 1, str(path))
    yield Batch(
        str(path),
        "letters",
        rows=len(lines),
        events=pl.DataFrame(events).with_columns(pl.col("row").cast(pl.UInt64)),
        rejected=pl.DataFrame(refused, schema=REJECTED, orient="row"),
    )


LETTERS = Format("letters", "A log of letters", "*.letters", ("message_sent",), recognises, read)


def test_a_format_in_one_file_is_listed_recognised_and_imported(monkeypatch, tmp_path, ws):
    every_format = (LETTERS, *formats.formats())
    monkeypatch.setattr(formats, "formats", lambda: every_format)
    folder = tmp_path / "export"
    folder.mkdir()
    lines = [FIRST_LINE, "2026-03-01 09:00 c1 letter-7", "smudged", "2026-03-02 09:00 c2 letter-8"]
    (folder / "march.letters").write_text("\n".join(lines))
    (folder / "notes.txt").write_text("nothing of ours")

    assert formats.document().to_json()["formats"][0]["name"] == "letters"
    report = ingest.import_paths(ws, [folder], time_zone="Europe/Berlin")
    assert counts(report) == (3, 2, 0, 1, 0)
    assert report.refused_by_reason == {"not four words": 1}
    assert [path.name for path in report.unknown] == ["notes.txt"]
    sent = ws.scan().sort("occurred_at").collect()
    assert sent["message_id"].to_list() == ["letter-7", "letter-8"]
    assert sent["occurred_at"].dt.strftime("%H:%M").to_list() == ["08:00", "08:00"]

    again = ingest.import_paths(ws, [folder / "march.letters"], format="letters", time_zone="Europe/Berlin")
    assert counts(again) == (3, 0, 2, 1, 0)


# -- formats of other distributions, and what helps to write one ---------------------------------------------------


def distribution(place, entry, package, files):
    """A distribution as an installer leaves it on the path: its metadata, and a package with these files."""
    info = place / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[whysent.formats]\n{entry} = {package}\n")
    (place / package).mkdir()
    (place / package / "__init__.py").write_text("raise SystemExit('no code of a format runs')\n")
    for name, text in files.items():
        (place / package / name).write_text(text)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    place = tmp_path / "site"
    format_kit.begin("toyshop", tmp_path)
    written = (tmp_path / "whysent-toyshop" / "whysent_toyshop" / "toyshop.toml").read_text()
    distribution(place, "toyshop", "toy_formats", {"toyshop.toml": written})
    distribution(place, "sendgrid", "toy_rival", {"sendgrid.toml": written})
    distribution(place, "wrecked", "toy_wreck", {"wrecked.toml": "[colums]\n"})
    monkeypatch.syspath_prepend(place)
    formats.external.cache_clear()
    yield tmp_path / "whysent-toyshop" / "samples" / "export.csv"
    formats.external.cache_clear()


def test_a_format_of_another_distribution_is_found_and_a_broken_one_costs_no_other(installed, ws):
    answer = formats.document()
    assert [(one.name, one.package) for one in answer.formats if one.package] == [("toyshop", "toy_formats")]
    assert [(one.name, one.package) for one in answer.unusable] == [
        ("sendgrid", "toy_rival"),
        ("wrecked", "toy_wreck"),
    ]
    assert "there is a format sendgrid already" in answer.unusable[0].problem
    assert "colums" in answer.unusable[1].problem
    report = ingest.import_paths(ws, [installed])
    assert {file.format for file in report.files} == {"toyshop"}
    stated = ws.events().filter(pl.col("kind") == "message_suppressed")
    assert stated["reason"].to_list() == ["frequency capped"]
    assert "too many this week" in stated["attributes"][0]
    (check,) = (one for one in doctor.examine(ws.path).checks if one.name == "formats")
    assert not check.ok
    assert "wrecked of toy_wreck is left out" in check.detail


def test_what_is_begun_keeps_every_promise_and_what_is_spoilt_says_which_not(tmp_path):
    folder = Path(format_kit.begin("toyshop", tmp_path).folder)
    assert all(promise.is_kept for promise in format_kit.check(folder).promises)
    with pytest.raises(InputError, match="is there already"):
        format_kit.begin("toyshop", tmp_path)
    with pytest.raises(InputError, match="there is a format of that name"):
        format_kit.begin("mautic", tmp_path)
    written = folder / "whysent_toyshop" / "toyshop.toml"
    spoilt = written.read_text().replace('"sent" = "message_sent"', "").replace('else = "keep"', "")
    written.write_text(
        spoilt.replace('occurred_at = "happened"', 'occurred_at = "happened"\nsubject = "email"')
    )
    broken = {promise.what for promise in format_kit.check(folder).promises if not promise.is_kept}
    assert "no row is refused" in broken


@pytest.mark.parametrize("known", formats.formats(), ids=lambda known: known.name)
def test_every_format_says_what_it_gives_and_how_it_reads_reasons(known):
    shown = format_kit.shown(known.name)
    assert (shown.title, shown.gives) == (known.title, known.gives)
    assert all(reason.because for reason in shown.reasons)
    columns = () if known.map is None else [part.columns.get("reason") for part in known.map.each_table]
    assert bool(shown.reasons_of) == any(columns)
    assert shown.vault or not known.map or not any(part.identifiers for part in known.map.each_table)


@pytest.mark.parametrize(
    ("name", "field", "column"), [("amazon", "ip", "Customer IP"), ("csv", "phone", "telefon")]
)
def test_columns_that_go_to_the_vault_are_named_where_no_map_says_them(name, field, column):
    assert column in format_kit.shown(name).vault[field]


@pytest.mark.parametrize(
    ("name", "word", "reason"),
    [
        ("sendgrid", "(?i)unsubscribed", "unsubscribed"),
        ("ses", "OnAccountSuppressionList", "complaint"),
        ("klaviyo", "HARD_BOUNCE", "hard bounce"),
        ("klaviyo", "INVALID_EMAIL", "invalid address"),
        ("hubspot", "INVALID_TO_ADDRESS", "invalid address"),
        ("mailjet", "duplicate in campaign", "duplicate"),
        ("iterable", "DuplicateMarketingMessage", "duplicate"),
        ("braze", "EnrollInControl", "holdout"),
    ],
)
def test_a_stated_reason_is_told_in_our_word_beside_theirs(name, word, reason):
    told = [each.reason for each in format_kit.shown(name).reasons if each.because.endswith(word)]
    assert {*told} == {reason}
