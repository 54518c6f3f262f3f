"""What scripts rely on: documents, exit codes, one line of complaint, nothing else on stdout."""

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import polars as pl
import pytest

from audit.workspace.workspace import Workspace
from tests.tui.command import Command
from tui import commands
from tui.commands import output

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def whysent(scenes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(scenes, capsys, monkeypatch)


@pytest.fixture
def own(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """On a copy that a test may change."""
    shutil.copytree(scenes, tmp_path / "own")
    return Command(tmp_path / "own", capsys, monkeypatch)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("customers", ["customers", "--limit", "40"]),
        ("show", ["show", "scene-01-nail-clipper"]),
        ("show-happy", ["show", "scene-10-happy-diapers"]),
        ("audit", ["audit", "scene-01-nail-clipper"]),
        ("why-segment", ["why", "scene-10-happy-diapers", "--segment", "baby-household"]),
        ("audit-all", ["audit", "--all"]),
        ("rules", ["rules", "list"]),
        ("rules-show", ["rules", "show", "until-repurchase"]),
        ("simulate", ["simulate"]),
        ("simulate-as-recorded", ["simulate", "--as-recorded"]),
        ("simulate-preset", ["simulate", "--preset", "mautic"]),
        ("presets", ["rules", "presets"]),
        ("kept", ["rules", "kept", "--preset", "klaviyo"]),
        ("presets-klaviyo", ["rules", "presets", "show", "klaviyo", "--declared"]),
        ("handover-words", ["rules", "handover", "--format", "words"]),
        ("sweep", ["sweep", "--rule", "email-weekly-cap", "--limits", "1..6"]),
        ("sweep-windows", ["sweep", "--rule", "email-weekly-cap", "--windows", "1d,3d,7d,4w"]),
        ("simulate-page", ["simulate", "--format", "md"]),
        ("sweep-page", ["sweep", "--rule", "email-weekly-cap", "--limits", "1..6", "--format", "md"]),
        ("map", ["map"]),
        ("formats", ["formats"]),
        ("reply-en", ["report", "scene-01-nail-clipper", "--kind", "reply"]),
        ("reply-de", ["report", "scene-01-nail-clipper", "--kind", "reply", "--locale", "de"]),
        ("internal", ["report", "scene-01-nail-clipper"]),
    ],
)
def test_the_page_is_as_it_was_agreed(whysent: Command, name: str, arguments: list[str]) -> None:
    done = whysent(*arguments)
    assert done.code == 0, done.err
    golden(f"{name}.txt", done.out)


def golden(name: str, printed: str) -> None:
    """Hold `printed` to a golden file; WHYSENT_GOLDEN=write writes it anew, to be read before it is kept."""
    file = GOLDEN / name
    if os.environ.get("WHYSENT_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(printed, encoding="utf-8")
    assert printed == file.read_text(encoding="utf-8")


FIELDS = {
    "customers": {"schema", "total", "customers"},
    "show": {
        "schema", "customer", "at", "events", "first", "last", "coverage", "messages", "segments",
        "recommendations", "findings", "personas", "out_of_pattern",
    },
    "why": {"schema", "customer", "at", "subject", "standing", "until", "because", "evidence", "counterfactual", "rules"},
    "audit": {"schema", "at", "customers", "findings"},
    "simulate": {
        "schema", "rules", "messages", "stopped", "deferred", "let_through", "exempt", "by_rule", "customers",
        "customers_affected", "displaced", "stopped_wanted", "stopped_unwanted", "rates", "complaints_known_for",
        "later", "left_out",
    },
    "formats": {"schema", "formats"},
    "doctor": {"schema", "checks"},
}  # fmt: skip


def test_every_document_has_its_agreed_fields(whysent: Command) -> None:
    shown = whysent("show", "scene-01-nail-clipper", "--json").document
    message = shown["findings"][0]["messages"][0]
    documents = {
        "customers": whysent("customers", "--json").document,
        "show": shown,
        "why": whysent("why", "scene-01-nail-clipper", "--message", message, "--json").document,
        "audit": whysent("audit", "scene-01-nail-clipper", "--json").document,
        "simulate": whysent("simulate", "--json").document,
        "formats": whysent("formats", "--json").document,
        "doctor": whysent("doctor", "--json").document,
    }
    for name, fields in FIELDS.items():
        assert fields <= set(documents[name]), name


def test_every_finding_has_its_agreed_fields(whysent: Command) -> None:
    finding = whysent("audit", "scene-01-nail-clipper", "--json").document["findings"][0]
    assert set(finding) == {
        "id", "customer", "check", "title", "severity", "verdict", "case", "text", "from", "to", "count",
        "total", "excess", "messages", "cause", "evidence", "subject", "sources", "suggested_rule",
        "suggested_effect", "covered_by", "covered_in_part",
    }  # fmt: skip


def test_the_customer_may_be_named_on_stdin_and_is_not_printed(whysent: Command) -> None:
    done = whysent("show", "-", "--json", stdin="scene-01-nail-clipper\n")
    assert done.code == 0
    assert "scene-01" not in done.out + done.err


@pytest.mark.parametrize(("on_terminal", "end", "most"), [(False, "\n", 5), (True, "\r", 40)])
def test_progress_is_a_line_every_few_seconds_in_a_pipe_and_one_line_on_a_terminal(
    on_terminal: bool, end: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return on_terminal

    now = 100.0
    monkeypatch.setattr(output.time, "monotonic", lambda: now)
    monkeypatch.setattr(sys, "stderr", Stream())
    progress = output.Progress("replaying")
    for step in range(2_000):  # twenty seconds, a hundred steps in each
        now = 100.0 + step / 100
        progress(step, 2_000)
    said = sys.stderr.getvalue()
    lines = said.split(end)[:-1]
    assert 4 <= len(lines) <= most
    assert lines[0] == "replaying messages:   5 %"
    assert said.strip("\n").count("\n") == (0 if on_terminal else len(lines) - 1)
    assert "\x1b" not in said


NEXT_STEP = re.compile(
    r"; |`whysent|--[a-z]|\b(one of|there (are|is) |write |name |give |did you mean|nearest|look at)"
)
"""What to do is said: another clause, a command, an option, or the words that there are."""


def test_every_error_that_ends_a_command_names_a_next_step() -> None:
    """Of errors of people's own doing; those of a file's single keys say what a key must be, which is one."""
    root = Path(commands.__file__).parents[2]
    rooms = ("audit/privacy", "audit/storage", "audit/workspace", "audit/queries", "audit/rules/book", "audit/enforcement", "tui/commands")  # fmt: skip
    raised = [
        (file, node.exc)
        for room in rooms
        for file in sorted((root / room).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    kinds = {"WorkspaceError", "NotFoundError", "NotPermittedError", "NoWorkspaceError"}
    silent = []
    for file, error in raised:
        known = ast.unparse(error.func) in kinds or (
            file.parent.name == "commands" and ast.unparse(error.func) == "InputError"
        )
        words = "".join(
            part.value
            for part in ast.walk(error)
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        )
        if known and " " in words.strip() and not NEXT_STEP.search(words):
            silent.append(f"{file.name}: {words}")
    assert len(raised) > 100
    assert silent == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "nobody-at-all"],
        ["why", "scene-01-nail-clipper", "--message", "no-such-message"],
        ["why", "scene-01-nail-clipper", "--segment", "no-such-segment"],
        ["why", "scene-01-nail-clipper", "--item", "no-such-item"],
        ["why", "scene-01-nail-clipper"],
        ["show", "scene-01-nail-clipper", "--without", "no-such-event"],
        ["show", "scene-01-nail-clipper", "--at", "yesterday"],
        ["rules", "show", "no-such-rule"],
        ["rules", "enable", "no-such-rule", "--yes"],
        ["audit", "--all", "--fail-on", "dreadful"],
        ["import", "no-such-file.csv"],
        ["simulate", "--rules", "no-such-file.toml"],
        ["simulate", "--rules", "no-such-file.toml", "--as-recorded"],
        ["rules", "handover", "--rule", "no-such-rule"],
        ["rules", "handover", "--format", "xlsx"],
        ["sweep", "--rule", "no-such-rule", "--limits", "1..3"],
        ["sweep", "--rule", "email-weekly-cap"],
        ["sweep", "--rule", "email-weekly-cap", "--limits", "3..1"],
        ["customers", "--sort", "beauty"],
        ["customers", "--as", "king"],
        ["no-such-command"],
        ["open"],
        ["case", "--ticket", "4711"],
        ["reconcile", "--segment", "no-such-segment"],
        ["rules", "history", "no-such-rule"],
        ["rules", "approve", "p99"],
        ["rules", "approve", "x"],
        ["rules", "presets", "show", "nobody"],
        ["rules", "add", "no-such-file.toml"],
        ["segments", "define", "no-such-file.toml"],
        ["map", "no-such-file.toml"],
        ["audience", "no-such-campaign"],
        ["report", "scene-01-nail-clipper", "--format", "pdf"],
        ["report", "scene-01-nail-clipper", "--locale", "xx"],
        ["report", "scene-01-nail-clipper", "--out", "no/such/folder.md"],
        ["audit", "--all", "--out", "no/such/folder.parquet"],
        ["show", "--nonsense"],
        ["show"],
        ["import"],
    ],
)
def test_wrong_usage_and_unknown_names_are_one_line_and_exit_2(
    whysent: Command, arguments: list[str]
) -> None:
    done = whysent(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert done.err.startswith("whysent: ")
    assert NEXT_STEP.search(done.err), f"what to do next is not said: {done.err}"


def test_a_workspace_named_before_the_command_counts_more_than_the_environments(whysent: Command) -> None:
    """`Command` sets WHYSENT_WORKSPACE; what is typed wins, before the command or after it."""
    for arguments in (["--workspace", "nowhere", "customers"], ["customers", "--workspace", "nowhere"]):
        done = whysent(*arguments)
        assert (done.code, done.out) == (2, "")
        assert "nowhere: no workspace here" in done.err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("customers", "customers"),
        ("show jane@example.com --json", "show …"),
        ("rules inbox", "rules inbox"),
    ],
)
def test_without_a_workspace_the_demo_that_is_there_is_named_with_the_command_that_was_typed(
    whysent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, told: str
) -> None:
    demo = tmp_path / "the demo"
    Workspace.create(demo)
    monkeypatch.setattr("audit.workspace.demo_folder", lambda: demo)
    monkeypatch.setattr("tui.start.terminal", lambda: True)
    whysent.workspace = tmp_path / "none"
    done = whysent(*typed.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"; the demo is there: whysent --workspace '{demo}' {told}".rstrip() + "\n")
    assert "jane" not in done.err


def test_at_a_past_moment_the_coverage_is_that_of_then(whysent: Command) -> None:
    at = "2026-03-01T12:00:00Z"
    shown = whysent("show", "scene-01-nail-clipper", "--at", at, "--json").document
    spans = shown["coverage"]["kinds"].values()
    assert max(span["last"] for span in spans) <= at
    assert max(source["last"] for source in shown["coverage"]["sources"]) <= at
    for asked in ("show", "audit"):
        page = whysent(asked, "scene-01-nail-clipper", "--at", at).out
        assert "data: orders to 23 Feb 2026 18:00 · views to 18 Feb" in page
        assert "Nov 2026" not in page.splitlines()[1 if asked == "show" else 0]


def test_a_customer_without_an_event_is_shown_as_such(whysent: Command) -> None:
    before = whysent("show", "scene-01-nail-clipper", "--at", "2000-01-01T00:00:00Z").out
    assert before.splitlines()[0].endswith(" · no event is left, as of 2000-01-01 00:00")


def test_audit_and_show_say_alike_how_far_the_data_of_a_customer_reaches(whysent: Command) -> None:
    audited, shown = (whysent(asked, "scene-07-cart-burst").out.splitlines() for asked in ("audit", "show"))
    assert audited[0].startswith("data: ")
    assert audited[0] in shown
    assert audited[0] != whysent("customers").out.splitlines()[0]


def test_of_many_segments_that_only_we_give_the_first_are_listed_and_the_rest_counted(own: Command) -> None:
    file = own.workspace.parent / "habits.csv"
    days = product(range(1, 5), "ABCDEFGHIJKLMN")
    rows = (f"x,2026-11-0{day}T12:00:00Z,product_viewed,i{name},Shop > {name}\n" for day, name in days)
    file.write_text("customer_id,occurred_at,kind,item_id,category\n" + "".join(rows))
    own("import", file)
    listed = own("show", "x").out
    assert listed.count("Repeated interest in Shop") == 12
    assert "and 16 more that our definitions alone give; --json lists them" in listed


def test_a_file_damaged_in_its_middle_is_one_line_and_no_traceback(own: Command) -> None:
    files = sorted((own.workspace / "events").iterdir())
    for file in files:
        content = bytearray(file.read_bytes())
        content[4:-200] = bytes(byte ^ 0x5A for byte in content[4:-200])
        file.write_bytes(content)
    done = own("show", "scene-01-nail-clipper", "--json")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert any(f"{file}: is damaged; restore the workspace from a backup" in done.err for file in files)
    checks = own("doctor", "--json").document["checks"]
    (workspace,) = (check for check in checks if check["name"] == "workspace")
    assert not workspace["ok"]
    assert "is damaged; restore the workspace from a backup" in workspace["detail"]


def test_listed_rules_always_say_whether_they_are_on(whysent: Command) -> None:
    listed = whysent("rules", "list", "--json").document["rules"]
    assert {rule["enabled"] for rule in listed} == {True, False}


def test_a_rule_file_without_a_rule_is_named(whysent: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.toml").touch()
    done = whysent("simulate", "--rules", tmp_path / "empty.toml")
    assert (done.code, done.out) == (2, "")
    assert "empty.toml: holds no rule" in done.err


def test_what_is_no_text_is_one_line(whysent: Command) -> None:
    done = whysent("show", "\udcff")
    assert (done.code, done.out, done.err) == (2, "", "whysent: what was given is not UTF-8 text\n")
    done = whysent("why", "scene-01-nail-clipper", "--message", "\udcff")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)


def test_a_terminal_that_cannot_print_the_answer_is_told_what_to_set(scenes: Path) -> None:
    environment = {
        **os.environ,
        "WHYSENT_WORKSPACE": str(scenes),
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
    }
    asked = [sys.executable, "-m", "tui", "show", "scene-01-nail-clipper"]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "set PYTHONUTF8=1" in done.stderr
    assert "Traceback" not in done.stderr
    asked = [
        sys.executable,
        "-m",
        "tui",
        "why",
        "scene-03-father-to-be",
        "--segment",
        "expecting-parent",
        "--json",
    ]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "“" in done.stdout.encode().decode("unicode_escape")


def test_an_interrupt_is_one_line(whysent: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("audit.queries.documents.customers", interrupted)
    done = whysent("customers")
    assert (done.code, done.out, done.err) == (130, "", "whysent: stopped\n")


def test_an_answer_that_cannot_be_written_is_one_line_and_leaves_no_part(
    whysent: Command, tmp_path: Path
) -> None:
    full = Path("/dev/full")
    for arguments in (
        ["audit", "--all", "--out", tmp_path / "no" / "findings.parquet"],
        ["simulate", "--decisions", tmp_path / "no" / "decisions.parquet"],
        *([["audit", "--all", "--out", full]] if full.exists() else []),
    ):
        done = whysent(*arguments)
        assert (done.code, done.out) == (2, "")
        assert done.err.endswith("\n")
        assert "cannot be written" in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_agent_needs_a_ticket_sees_no_lists_and_no_sensitive_topic(whysent: Command) -> None:
    assert whysent("customers", "--as", "agent").code == 3
    assert whysent("audit", "--all", "--as", "agent").code == 3
    assert whysent("show", "scene-03-expecting-mother", "--as", "agent").code == 3
    told = whysent("show", "scene-03-expecting-mother", "--as", "agent", "--ticket", "4711", "--json")
    named = whysent("show", "scene-03-expecting-mother", "--as", "reviewer", "--json")
    assert told.code == named.code == 0
    assert "pregnan" in named.out.lower()
    judged = [*told.document["findings"], *told.document["segments"]]
    assert not re.search("pregnan|expecting", str(judged).lower())


def test_a_change_of_the_book_needs_a_yes(own: Command) -> None:
    planned = own("rules", "disable", "until-repurchase", "--json")
    assert planned.code == 1
    assert not planned.document["applied"]
    assert own("rules", "disable", "until-repurchase", "--yes", "--note", "after ticket 4711").code == 0
    assert (
        own("rules", "history", "until-repurchase", "--json").document["versions"][0]["note"]
        == "after ticket 4711"
    )
    assert own("rules", "undo", "--yes").code == 0
    rules = {one["id"]: one for one in own("rules", "list", "--json").document["rules"]}
    assert rules["until-repurchase"].get("enabled", True)


def inboxed(own: Command, tmp_path: Path) -> Path:
    """A workspace in which an agent asked twice for the same mute, and the operator for a tighter cap."""
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nid = "no-kindle"\nkind = "mute"\ncampaigns = ["kindle-specials"]\n')
    for ticket, customer in (("4711", "scene-05-junk-box"), ("4712", "scene-06-forty-a-day")):
        asked = own(
            "rules", "propose", file, "--customer", customer, "--ticket", ticket, "--note", "stop it", "--as", "agent"
        )  # fmt: skip
        assert asked.code == 0, asked.err
    tighter = own("rules", "show", "email-weekly-cap").out.replace("limit = 3", "limit = 2")
    assert own("rules", "draft", "-", stdin=tighter).code == 0
    assert own("rules", "propose", "p3").code == 0
    return file


def test_the_inbox_is_as_it_was_agreed(own: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.privacy.roles.current_user", lambda: "olga")
    inboxed(own, tmp_path)
    golden("inbox.txt", re.sub(r"\d{4}-\d\d-\d\d", "DAY", own("rules", "inbox").out))
    told = own("rules", "inbox", "--json").document["groups"]
    assert [(one["campaign"], one["proposals"], one["tickets"], one["customers"]) for one in told] == [
        ("kindle-specials", 2, 2, 2), ("", 1, 0, 0),
    ]  # fmt: skip
    assert own("rules", "inbox", "--as", "agent").code == 3
    assert own("rules", "inbox", "--as", "reviewer").code == 0
    assert [one["id"] for one in own("rules", "inbox", "p2", "--json").document["groups"][0]["asked"]] == [
        "p2"
    ]


def test_approving_shows_its_plan_and_asks_and_answers_who_asked_the_same(
    own: Command, tmp_path: Path
) -> None:
    inboxed(own, tmp_path)
    assert own("rules", "approve", "p1", "--as", "reviewer").code == 3
    asked = own("rules", "approve", "p1", "--json")
    assert (asked.code, asked.document["applied"], asked.document["proposal"]) == (1, False, "p1")
    assert own("rules", "approve", "p1", "--yes").code == 0
    assert own("rules", "reject", "p3", "--note", "too few").code == 0
    assert own("rules", "inbox").out == "nothing waits\n"
    states = [
        (one["id"], one["state"])
        for group in own("rules", "inbox", "--all", "--json").document["groups"]
        for one in group["asked"]
    ]
    assert sorted(states) == [("p1", "approved"), ("p2", "approved"), ("p3", "rejected")]
    assert own("rules", "approve", "p3", "--yes").err.startswith("whysent: p3 is rejected since")
    assert own("rules", "show", "no-kindle").code == 0


def test_where_a_second_person_is_asked_a_change_waits_for_somebody_else(
    own: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.privacy.roles.current_user", lambda: "olga")
    assert own("rules", "policy", "--second-person", "rules", "--as", "operator").code == 3
    assert own("rules", "policy", "--second-person", "rules", "--json").document["second_person"] == ["rules"]
    asked = own("rules", "set", "email-weekly-cap", "limit=2", "--yes", "--json")
    assert (asked.code, asked.document["applied"], asked.document["proposal"]) == (0, False, "p1")
    refused = own("rules", "approve", "p1", "--yes")
    assert (refused.code, refused.err.splitlines()[-1]) == (
        3,
        "whysent: rules: olga proposed it; somebody else has to approve it",
    )
    monkeypatch.setattr("audit.privacy.roles.current_user", lambda: "bob")
    assert own("rules", "approve", "p1", "--yes").code == 0
    newest = own("rules", "history", "email-weekly-cap", "--json").document["versions"][0]
    assert (newest["author"], newest["approved_by"], newest["rule"]["limit"]) == ("olga", "bob", 2)
    assert own("rules", "diff", "email-weekly-cap").out == "email-weekly-cap: v1 → v2\n  limit: 3 → 2\n"


def test_an_agent_proposes_for_one_customer_with_a_ticket(own: Command, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nid = "no"\nkind = "mute"\n')
    assert own("rules", "propose", file, "--as", "agent").code == 3
    nobody = own("rules", "propose", file, "--as", "agent", "--ticket", "4711")
    assert (nobody.code, nobody.err) == (
        2,
        "whysent: the role agent proposes for a customer; name them with --customer\n",
    )
    assert own("rules", "propose", "p9").err.startswith("whysent: no proposal p9")


def test_what_a_finding_suggests_is_proposed_for_its_ticket_under_its_campaign(own: Command) -> None:
    agent = ("--ticket", "4711", "--as", "agent")
    found = own("audit", "scene-05-junk-box", *agent, "--json").document["findings"]
    (worst,) = [one for one in found if one["check"] == "ignored-streak"]
    asked = own(
        "rules", "propose", "--customer", "-", "--finding", worst["id"], *agent, "--json", stdin="scene-05-junk-box\n"
    ).document  # fmt: skip
    assert asked["rules"][0]["after"] == worst["suggested_rule"]
    assert (asked["finding"], asked["ticket"], asked["customer"]) == (worst["id"], "4711", worst["customer"])
    assert asked["campaign"] == "ereader-specials"
    nails = own("audit", "scene-01-nail-clipper", "--json").document["findings"][0]
    naming = ("rules", "propose", "--customer", nails["customer"], "--finding", nails["id"])
    refused = own(*naming)
    covered = "already covered by until-repurchase, on since 2026-11-21: it stops 11 of 11; not handed over yet; nothing new is proposed"
    assert (refused.code, refused.err) == (2, f"whysent: finding {nails['id']}: {covered}\n")
    assert own("rules", "disable", "until-repurchase", "--yes").code == 0
    told = own(
        "rules", "propose", "--customer", nails["customer"], "--finding", nails["id"], "--json"
    ).document
    assert told["campaign"]
    assert own("rules", "propose", "--customer", nails["customer"], "--finding", "f_0").code == 2
    assert own("rules", "propose").err.startswith("whysent: nothing to propose: name a rule file")


def test_rules_to_come_are_exported_where_their_moment_is_named(own: Command, tmp_path: Path) -> None:
    assert own("rules", "set", "email-weekly-cap", "limit=9", "--effective", "2999-01-01", "--yes").code == 0
    now, then = tmp_path / "now.toml", tmp_path / "then.toml"
    told = own("rules", "export", now)
    assert "1 changes to come are not in it: --valid-at 2999-01-01T00:00:00Z writes them" in told.err
    assert own("rules", "export", then, "--valid-at", "2999-01-01T00:00:00Z").code == 0
    assert ("limit = 3\n" in now.read_text(), "limit = 9\n" in then.read_text()) == (True, True)


def test_rules_are_asked_for_as_they_were_and_as_they_were_known(own: Command) -> None:
    now, soon = "2999-01-01T00:00:00Z", "2999-06-01T00:00:00Z"
    assert own("rules", "disable", "email-weekly-cap", "--effective", now, "--yes").code == 0
    listed = own("rules", "list")
    assert "to come at 2999-01-01 00:00 UTC: email-weekly-cap v2 (disable)" in listed.out
    (coming,) = own("rules", "list", "--json").document["coming"]
    assert (coming["id"], coming["effective"], coming["state"]) == ("email-weekly-cap", now, "disabled")

    def ids(*arguments: str) -> list[str]:
        return [one["id"] for one in own("rules", "list", *arguments, "--json").document["rules"]]

    assert ids("--valid-at", soon) == ["until-repurchase"]
    assert ids("--valid-at", "2998-01-01T00:00:00Z") == ["email-weekly-cap", "until-repurchase"]
    assert ids("--recorded-at", "2001-01-01T00:00:00Z") == []
    diff = own("rules", "diff", "email-weekly-cap", "--json").document
    assert (diff["from"], diff["to"]) == (1, 2)
    assert diff["changes"] == [{"key": "enabled", "before": None, "after": False}]


def test_a_rule_file_with_a_slip_names_rule_key_and_the_nearest_word(own: Command, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nid = "cap"\nkind = "frequency_cap"\nlimt = 3\nwindow = "7d"\n')
    done = own("rules", "add", file, "--yes")
    assert done.code == 2
    assert "cap" in done.err
    assert "limt: unknown key" in done.err
    assert "limit" in done.err.partition("limt")[2]


def test_fail_on_matches_or_not(whysent: Command) -> None:
    assert whysent("audit", "scene-01-nail-clipper", "--fail-on", "high").code == 1
    assert whysent("audit", "scene-10-happy-diapers", "--fail-on", "low").code == 0


def test_audit_all_writes_every_finding(whysent: Command, tmp_path: Path) -> None:
    out = tmp_path / "findings.parquet"
    answer = whysent("audit", "--all", "--out", out, "--json").document
    assert answer["out"] == str(out)
    assert pl.read_parquet(out).height == sum(one["findings"] for one in answer["totals"])


def test_simulate_writes_a_row_a_message_in_order(whysent: Command, tmp_path: Path) -> None:
    out = tmp_path / "decisions.parquet"
    answer = whysent("simulate", "--decisions", out, "--json").document
    rows = pl.read_parquet(out)
    assert rows.columns == [
        "event_id", "customer_id", "occurred_at", "decision", "deferred_to", "deciding_rule", "failing_rules",
        "counted", "cannot_tell", "assumed", "next_allowed_at",
    ]  # fmt: skip
    assert rows.equals(rows.sort("customer_id", "occurred_at", "event_id"))
    assert rows.filter(pl.col("decision") == "stop").height == answer["stopped"] > 0
    assert answer["messages"] == answer["stopped"] + answer["let_through"] + answer["exempt"] == rows.height


def test_simulate_says_the_same_once_numbers_stand_for_texts(
    own: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audit.rules import kernel
    from audit.rules.kernel import kernel_cache

    expected = own("simulate", "--json").document
    file = tmp_path / "rules.toml"
    file.write_text(
        '[[rule]]\nid = "c"\nkind = "frequency_cap"\nlimit = 1\nwindow = "30d"\nper = ["campaign"]\n'
    )
    simple = own("simulate", "--rules", file, "--json").document
    monkeypatch.setattr(kernel, "MIN_MESSAGES", 1)
    for _ in range(2):
        assert own("simulate", "--json").document == expected
        assert own("simulate", "--rules", file, "--json").document == simple
        assert len(list(own.workspace.glob(f"facts/*/{kernel_cache.NAME}/heights.json"))) == 1


def test_a_preset_stands_beside_the_exact_rules(whysent: Command, tmp_path: Path) -> None:
    file = tmp_path / "daily.toml"
    file.write_text('[[rule]]\nid = "daily"\nkind = "frequency_cap"\nlimit = 1\nwindow = "24h"\n')
    answer = whysent(
        "simulate", "--rules", file, "--preset", "iterable", "--zone", "Asia/Tokyo", "--json"
    ).document
    beside = answer["preset"]
    assert beside["messages"] == answer["messages"]
    assert beside["both"] + beside["only_exact"] == answer["stopped"]
    assert beside["differ"] == beside["only_exact"] + beside["only_preset"] + beside["moved"] > 0
    assert beside["messages"] == beside["differ"] + beside["both"] + beside["neither"]
    assert len(beside["examples"]) == min(5, beside["only_exact"]) + min(5, beside["only_preset"])
    assert {one["id"] for one in beside["rules"]} == {one["id"] for one in answer["rules"]}
    one = whysent("simulate", "--preset", "braze", "--customer", "scene-06-forty-a-day", "--json").document
    assert one["customers"] == 1
    assert one["preset"]["messages"] == one["messages"]


def test_a_page_is_written_for_its_owner_alone(whysent: Command, tmp_path: Path) -> None:
    for name, command in (
        ("replay.html", ["simulate"]),
        ("curve.html", ["sweep", "--rule", "email-weekly-cap", "--limits", "1,2"]),
    ):
        done = whysent(*command, "--format", "html", "--out", tmp_path / name)
        assert (done.code, done.out) == (0, "")
        assert str(tmp_path / name) in done.err
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert (tmp_path / name).read_text(encoding="utf-8").startswith("<!doctype html>")
    done = whysent("simulate", "--format", "json", "--out", tmp_path / "replay.json")
    assert json.loads((tmp_path / "replay.json").read_text())["schema"] == "whysent.replay/1"
    assert whysent("simulate", "--format", "pdf").code > 1
    assert "say which with --format" in whysent("simulate", "--out", tmp_path / "x").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--preset", "brase"], "did you mean 'braze'"),
        (["--preset", "braze", "--zone", "UTC"], "leave --zone away"),
        (["--preset", "klaviyo"], "Klaviyo has none of these caps: email-weekly-cap"),
        (["--preset", "braze", "--as-recorded"], "leave --as-recorded away"),
        (["--zone", "UTC"], "name the sender with --preset"),
    ],
)
def test_a_preset_that_cannot_be_is_refused_in_one_line(
    whysent: Command, arguments: list[str], said: str
) -> None:
    done = whysent("simulate", *arguments)
    assert done.code > 1
    assert said in done.err.splitlines()[-1]
    assert done.out == ""


def test_a_senders_defaults_are_taken_over_and_the_past_is_held_against_them(
    own: Command, tmp_path: Path
) -> None:
    file = tmp_path / "klaviyo.toml"
    file.write_text(whysent_text := own("rules", "presets", "show", "klaviyo", "--declared").out)
    assert "https://help.klaviyo.com/" in whysent_text
    assert own("rules", "import", file, "--yes").code == 0
    listed = {one["id"]: one for one in own("rules", "list", "--json").document["rules"]}
    assert listed["klaviyo-email"]["declared"]
    assert "declared   klaviyo-email" in own("rules", "list").out
    totals = own("audit", "--all", "--json").document["totals"]
    (found,) = [one for one in totals if one["check"] == "declared-vs-observed"]
    before, after = (
        own("rules", "kept", *more, "--json").document["rules"] for more in (["--preset", "klaviyo"], [])
    )
    assert before == after
    assert sum(one["customers_against"] for one in after) == found["findings"] > 0
    assert [one["id"] for one in own("rules", "kept", "klaviyo-sms", "--json").document["rules"]] == [
        "klaviyo-sms"
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no rule is declared"),
        (["--preset", "mautic"], "names no cap of its own"),
        (["nix", "--preset", "klaviyo"], "no declared rule 'nix'"),
        (["--preset", "klaviyo", "--rules", "x.toml"], "leave one away"),
    ],
)
def test_what_cannot_be_held_against_the_past_is_refused_in_one_line(
    whysent: Command, arguments: list[str], said: str
) -> None:
    done = whysent("rules", "kept", *arguments)
    assert done.code > 1
    assert said in done.err


def test_a_sweep_tells_the_totals_of_simulate_at_each_point(whysent: Command) -> None:
    answer = whysent("sweep", "--rule", "email-weekly-cap", "--limits", "2,3", "--json")
    assert "counted with it" not in answer.err
    text = whysent("sweep", "--rule", "email-weekly-cap", "--limits", "2,3").out
    assert "Counted with it, as they are: until-repurchase." in text
    swept = answer.document
    assert [rule["id"] for rule in swept["beside"]] == ["until-repurchase"]
    assert (swept["schema"], swept["rule"]) == ("whysent.sweep/1", "email-weekly-cap")
    assert [(one["limit"], one["window"]) for one in swept["points"]] == [(2, "7d"), (3, "7d")]
    as_it_is = whysent("simulate", "--json").document
    assert {name: as_it_is[name] for name in FIELDS["simulate"] - {"schema", "rules"}} == {
        name: value for name, value in swept["points"][1].items() if name not in {"limit", "window"}
    }
    assert whysent("sweep", "--rule", "email-weekly-cap", "--limits", "2", "--as", "agent").code == 3


def test_the_gate_answers_each_line_on_stdout_and_nothing_else(own: Command, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nid = "cap"\nkind = "frequency_cap"\nlimit = 1\nwindow = "7d"\n')
    at = '"customer_id":"new-one","occurred_at":"2027-01-0'
    lines = [f'{{{at}1"}}', "oops", f'{{{at}2","kind":"product_viewed"}}', f'{{{at}3"}}', f'{{{at}2"}}']
    done = own("gate", "--rules", file, stdin="\n".join(lines))
    told = [json.loads(line) for line in done.out.splitlines()]
    assert (done.code, len(told)) == (0, 5)
    assert [one.get("decision") for one in told] == ["allow", None, None, "stop", None]
    assert told[2] == {"noted": True}
    assert "error" in told[1]
    assert "older" in told[4]["error"]
    assert "new-one" not in done.out + done.err
    assert own("gate", "--as", "reviewer").code == 3


def test_a_handover_is_for_operators_and_its_file_for_its_owner(own: Command, tmp_path: Path) -> None:
    whysent, out = own, tmp_path / "people.json"
    golden("handover.txt", whysent("rules", "handover").out)
    assert whysent("rules", "handover", "--as", "reviewer").code == 3
    done = whysent(
        "rules",
        "handover",
        "--format",
        "json",
        "--out",
        out,
        "--rule",
        "email-weekly-cap",
        "--as",
        "operator",
    )
    assert (done.code, done.out) == (0, "")
    document = json.loads(out.read_text())
    assert document["schema"] == "whysent.handover/1"
    assert {one["rule"] for one in document["people"]} == {"email-weekly-cap"}
    assert all(one["customer"].startswith("scene-") for one in document["people"])
    assert out.stat().st_mode & 0o777 == 0o600
    assert "Pregnancy" in whysent("rules", "handover").out
    told = whysent("rules", "handover", "--as", "operator")
    assert "Pregnancy" not in told.out
    assert "left out" in told.err


def test_an_export_waits_for_a_second_person_where_one_is_asked(
    own: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audit.privacy.log import Log

    monkeypatch.setattr("audit.privacy.roles.current_user", lambda: "olga")
    assert own("rules", "policy", "--second-person", "handover").code == 0
    (said,) = Log(own.workspace / "log.db").entries()
    assert (said.act, said.actor, said.details) == ("policy", "olga", {"asked": ["handover"]})
    waits = own("rules", "handover")
    assert (waits.code, waits.out) == (1, "")
    assert "the export waits as p1" in waits.err
    assert "waits as p1" in own("rules", "handover").err
    assert own("rules", "approve", "p1").code == 3
    monkeypatch.setattr("audit.privacy.roles.current_user", lambda: "bob")
    assert own("rules", "approve", "p1", "--as", "operator").code == 0
    monkeypatch.setattr("audit.privacy.roles.current_user", lambda: "olga")
    done = own("rules", "handover")
    assert (done.code, done.out.splitlines()[0]) == (0, "customer_id,rule,about,until")
    assert "waits as p2" in own("rules", "handover").err


def test_addresses_are_handed_over_by_an_admin_alone(whysent: Command) -> None:
    refused = whysent("rules", "handover", "--format", "klaviyo", "--as", "operator")
    assert (refused.code, refused.out) == (3, "")
    assert "may reveal them too" in refused.err
    assert whysent("rules", "handover", "--format", "xlsx").code == 2


def test_leaving_the_named_events_out_makes_the_decision_fall_and_any_one_back_restores_it(
    whysent: Command,
) -> None:
    shown = whysent("show", "scene-01-nail-clipper", "--json").document
    for segment in (one for one in shown["segments"] if one["derived"]):
        undone = whysent("why", "scene-01-nail-clipper", "--segment", segment["id"], "--json").document[
            "counterfactual"
        ]
        if undone is None or not undone["remove"]:
            continue
        assert segment["id"] not in derived_without(whysent, undone["remove"])
        for one in undone["remove"]:
            assert segment["id"] in derived_without(
                whysent, [other for other in undone["remove"] if other != one]
            )


def derived_without(whysent: Command, events: list[str]) -> set[str]:
    left_out = ["--without", ",".join(events)] if events else []
    shown = whysent("show", "scene-01-nail-clipper", *left_out, "--json").document
    return {one["id"] for one in shown["segments"] if one["derived"]}


def test_an_import_that_refuses_a_no_says_so_first_and_answers_repeat_it(
    own: Command, tmp_path: Path
) -> None:
    file = tmp_path / "mails.csv"
    rows = (
        "7,2026-01-01,message_sent,2",
        "7,soon,unsubscribed,3",
        "7,2026-01-02,order_completed,dear",
        "8,,danced,",
    )
    file.write_text("\n".join(["customer_id,occurred_at,kind,price", *rows]))
    lost = "1 refused row looks like a no, a complaint or a bounce"
    came = own("import", file)
    assert came.err.startswith(f"whysent: {lost}: repair it and import it again\n")
    assert came.out.startswith(lost)
    assert "1 price could not be read: their rows came in, the texts are kept in attributes" in came.out
    for question in (("audit", "7"), ("audit", "--all"), ("show", "7"), ("customers",)):
        said = "1 looks like a no, a complaint or a bounce · 1 price could not be read"
        assert said in " ".join(own(*question).out.split()), question
    assert lost in own("doctor").out


def test_a_second_import_adds_nothing_and_an_import_of_nothing_good_is_a_no(
    own: Command, tmp_path: Path
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("customer_id,occurred_at,kind\n007,2026-01-01T10:00:00Z,order_completed\n")
    assert own("import", file, "--json").document["accepted"] == 1
    again = own("import", file, "--json")
    assert (again.code, again.document["accepted"], again.document["duplicates"]) == (0, 0, 1)
    file.write_text("customer_id,occurred_at,kind\n007,2026-01-01T10:00:00Z,danced\n")
    refused = own("import", file, "--json")
    assert (refused.code, refused.document["quarantined"]) == (1, 1)
    assert Path(refused.document["quarantine"]).is_file()
    assert "refused 1 row: kind is none of those we know" in refused.err
    assert "whysent: nothing came in: no row is left of what was refused" in refused.err
    file.write_text("customer_id,occurred_at,kind\n")
    empty = own("import", file)
    assert (empty.code, empty.err) == (1, "whysent: nothing came in: there is no row\n")
    assert empty.out.endswith("0 customers\n")


def test_one_is_counted_as_one(whysent: Command, tmp_path: Path) -> None:
    whysent.workspace = tmp_path / "one"
    file = tmp_path / "orders.csv"
    file.write_text("customer_id,occurred_at,kind\n007,2026-01-01T10:00:00,order_completed\n")
    brought = whysent("import", file)
    assert "\n1 customer · 2026-01-01" in brought.out
    assert "\n1 time without an offset, read in UTC" in brought.out
    (customer,) = whysent("customers", "--json").document["customers"]
    assert "\n1 of 1 customer\n" in whysent("customers").out
    assert " · 1 event · 2026-01-01" in whysent("show", customer["customer"]).out.splitlines()[0]
    assert "over 1 customer\n" in whysent("audit", "--all").out


A_SMALL_DEMO = "from fixtures import demo; demo.CUSTOMERS = 60; from tui.cli import main; main()"


def test_without_a_terminal_the_demo_lists_whom_to_look_at(tmp_path: Path, key_file: Path) -> None:
    environment = {**os.environ, "WHYSENT_KEY_FILE": str(key_file)}
    run = subprocess.run(
        [sys.executable, "-c", A_SMALL_DEMO, "demo", "--workspace", str(tmp_path / "demo"), "--json"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert '"schema": "whysent.customers/1"' in run.stdout
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_answer(whysent: Command, option: str) -> None:
    done = whysent(option)
    assert done.code == 0
    assert "whysent" in done.out


def test_a_workspace_named_without_a_command_is_the_one_that_opens(
    whysent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def run(folder: Path, **_: object) -> int:
        opened.append(folder)
        return 0

    monkeypatch.setattr("tui.start.terminal", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("WHYSENT_LINEAR", "no")
    monkeypatch.setattr("tui.app.run", run)
    named = tmp_path / "named"
    Workspace.create(named)
    assert whysent("--workspace", str(named)).code == 0
    assert whysent().code == 0
    assert opened == [named, whysent.workspace]


def test_profiles_are_told_with_the_events_that_name_one(whysent: Command) -> None:
    assert (
        "Profiles recorded on 17 of 30 events: profile-1 82%"
        in whysent("show", "scene-02-makeup-for-my-wife").out
    )
