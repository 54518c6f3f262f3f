"""A finding of every registered check can be explained and reported, to colleagues and to the customer."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit.findings import registry
from audit.ingest import import_paths
from audit.privacy import keys
from audit.queries import documents
from audit.queries.case import read_case
from audit.queries.locales import of_notes
from audit.queries.reports import LOCALES, shipped_words
from audit.queries.reports.customer_facts import ReplyRefusedError
from audit.queries.reports.language import language
from audit.rules.model import from_dict
from audit.workspace.workspace import Workspace
from tests.tui.command import Command
from tui.cli import run

DECLARED = {"id": "declared-cap", "kind": "frequency_cap", "limit": 1, "window": "7d", "declared": True}

MORE = """customer_id,occurred_at,kind,channel,message_id,reason,source_name,email
bounced,2026-01-01T09:00:00Z,message_sent,email,b1,,mail,
bounced,2026-01-01T09:00:05Z,message_bounced,email,b1,hard: user unknown,mail,
bounced,2026-02-01T09:00:00Z,message_sent,email,b2,,mail,
bounced,2026-02-01T09:00:05Z,message_bounced,email,b2,550 5.1.1 no such user,mail,
bounced,2026-03-01T09:00:00Z,message_sent,email,b3,,mail,
twin-1,2026-01-05T09:00:00Z,unsubscribed,email,,,mail,twin@example.org
twin-2,2026-02-01T09:00:00Z,message_sent,email,t2,,mail,Twin@example.org
"""

AIMED = [
    f"{kind},{number},{columns}"
    for number in range(12)
    for kind, columns in (
        ("order_completed", "2026-01-05T09:00:00Z,,,Drugstore > Pregnancy tests,shop"),
        ("message_sent", "2026-01-20T09:00:00Z,email,at-home,,mail"),
    )
]
"""A campaign that people got who had bought the same sensitive thing."""


@pytest.fixture(scope="module")
def workspace(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenes, with a rule that their sender says it keeps to, and with what no scene shows."""
    folder = tmp_path_factory.mktemp("declared") / "workspace"
    shutil.copytree(scenes, folder)
    book = Workspace.open(folder).book
    book.apply(book.plan_add([from_dict(DECLARED)]))
    more = folder.with_name("more.csv")
    more.write_text(MORE)
    aimed = folder.with_name("aimed.csv")
    columns = "kind,customer_id,occurred_at,channel,campaign_id,category,source_name"
    aimed.write_text("\n".join([columns, *AIMED]))
    import_paths(Workspace.open(folder), [more, aimed])
    return folder


@pytest.fixture(scope="module")
def findings(workspace: Path) -> pl.DataFrame:
    file = workspace.with_name("findings.parquet")
    run(["audit", "--all", "--out", str(file), "--workspace", str(workspace)])
    return pl.read_parquet(file)


@pytest.fixture
def whysent(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(workspace, capsys, monkeypatch)


@pytest.mark.parametrize("check_id", registry.CHECKS)
def test_why_and_report_know_it(
    check_id: str, findings: pl.DataFrame, workspace: Path, whysent: Command
) -> None:
    finding = findings.row(by_predicate=(pl.col("id") == shortest(findings, check_id)), named=True)
    about = (finding["customer"], "--finding", finding["id"])
    why = whysent("why", *about, "--json").document
    assert why["because"][0]["facts"] == {"check": check_id}
    assert (why["counterfactual"] is None) == (finding["verdict"] == "breach")
    check = registry.CHECKS[check_id]
    ws = Workspace.open(workspace)
    case = read_case(ws, finding["customer"])
    for locale in LOCALES:
        report = partial(documents.written, case, ws, finding=finding["id"], locale=locale)
        assert locale not in of_notes() or report(kind="internal").written("txt")
        try:
            letter = report(kind="reply").written("txt")
        except ReplyRefusedError:
            continue
        assert not check.handed_to
        assert shipped_words.fault(language(locale), check_id, finding["case"]) in letter


def shortest(findings: pl.DataFrame, check_id: str) -> Any:
    """Of the check's findings that can be told the shortest, so that this stays fast."""
    rows = findings.filter(pl.col("check") == check_id, pl.col("verdict") != "cannot_tell")
    return rows.sort("count", "id")["id"][0]


def test_counts_and_notes_say_that_another_id_has_the_same_address(whysent: Command) -> None:
    for command in ("audit", "show"):
        assert "2 ids of one address, also c_" in whysent(command, "twin-2").out
    assert len(whysent("audit", "twin-2", "--json").document["same_address"]) == 1
    assert "1 with another id of their address, each id capped by itself" in whysent("simulate").out
    told = {one: whysent("simulate", "--customer", one, "--json").document for one in ("twin-2", "bounced")}
    assert [document["same_address"] for document in told.values()] == [1, 0]
    assert "2 ids" not in whysent("audit", "bounced").out
    for locale, said in (
        ("en", "Other ids of the same address"),
        ("de", "Weitere Kennungen derselben Adresse"),
    ):
        assert said in whysent("report", "twin-2", "--locale", locale).out


def test_who_shares_an_address_is_known_without_the_key(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "load", lambda _: pytest.fail("the key was asked for"))
    assert len(Workspace.open(workspace).context().namesakes) == 2
