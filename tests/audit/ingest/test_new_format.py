"""The recipe "a file format" of docs/architecture.md, followed: one object in one file, and `import` reads it."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from audit import ingest
from audit.ingest import formats
from audit.ingest.format import REJECTED, Batch, Format, Options
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
