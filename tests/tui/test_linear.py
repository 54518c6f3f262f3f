"""Linear mode: the screens' questions and answers as lines of plain text, typed as a person would type them."""

import io
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import workspace
from audit.privacy.clean import clean
from audit.privacy.roles import Role, Viewer
from audit.workspace.workspace import Workspace
from tests.tui.command import Command
from tui import cli, start
from tui.commands import output
from tui.linear import loop
from tui.linear.customers import VIEWS, Stories, read_letter, step_commands
from tui.linear.desk import Find, everywhere
from tui.linear.loop import Loop, Place
from tui.rendering.replay_summary import LONG_PAST
from tui.rendering.text import spoken
from tui.screens.stories import stories
from tui.session.core import CoreSession
from tui.session.customers import Customers
from tui.session.open_workspace import OpenWorkspace

DRAWN = re.compile("[\u2500-\u259f\u2800-\u28ff]")


def assert_plain(text: str) -> None:
    """Lines of text in which no character acts on a terminal, and none only draws."""
    lines = text.split("\n")
    assert [clean(line) for line in lines] == lines
    assert not DRAWN.search(text), text


@pytest.fixture
def copied(scenes: Path, tmp_path: Path) -> Path:
    """The scenes, to be changed."""
    return Path(shutil.copytree(scenes, tmp_path / "copied"))


@pytest.fixture
def month(tmp_path: Path) -> Path:
    """A month of a marketing system, as it exports it: three campaigns, and one subject that would like to draw."""
    rows = ["Subscriber,Sent,Event,Campaign,Message,Subject"]
    campaigns = (
        ("spring-sale", "Spring \x1b[2Jsale ███", 1),
        ("new-in", "New in this week", 2),
        ("members", "For members", 3),
    )
    for number in range(1, 9):
        for day in range(30):
            for campaign, subject, every in campaigns:
                if day % every == 0:
                    at, message = f"2026-04-{day + 1:02}T{8 + every:02}:00:00Z", f"{number}-{day}-{every}"
                    rows.append(f"s{number}@example.org,{at},sent,{campaign},{message},{subject}")
    file = tmp_path / "month.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "map.toml").write_text(
        '[columns]\ncustomer_id = "Subscriber"\noccurred_at = "Sent"\nkind = "Event"\ncampaign_id = "Campaign"\n'
        'message_id = "Message"\nsubject = "Subject"\n[kinds]\nsent = "message_sent"\n'
        '[constants]\nchannel = "email"\nmessage_class = "marketing"\n',
        encoding="utf-8",
    )
    Workspace.create(tmp_path / "workspace")
    return file


# -- in a terminal -------------------------------------------------------------------------------------------------


class Typed:
    """The real program in a pseudo-terminal, where lines are typed one after the other."""

    def __init__(self, *arguments: str, workspace: Path, **environment: str) -> None:
        pexpect = pytest.importorskip("pexpect")
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "tui", *arguments],
            env={**os.environ, "WHYSENT_WORKSPACE": str(workspace), "TERM": "xterm-256color", **environment},
            dimensions=(24, 80),
            timeout=60,
            encoding="utf-8",
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self._child.delaybeforesend = None
        self.said = ""
        self.answer()

    def answer(self) -> str:
        """What is said until the next question."""
        self._child.expect(r"\n> |or nothing[^\n:]*: |by default (?:no|csv): ")
        said = (self._child.before + self._child.after).replace("\r\n", "\n")
        self.said += said
        return said

    def __call__(self, line: str, *more: str) -> str:
        """Type a line, and answers to what it asks."""
        for typed in (line, *more):
            self._child.sendline(typed)
            said = self.answer()
        return said

    def interrupt(self) -> None:
        self._child.sendintr()

    def end(self) -> None:
        self._child.sendeof()

    def ends(self) -> int:
        """Wait for the program to end; its exit code."""
        self._child.expect(__import__("pexpect").EOF)
        self.said += self._child.before.replace("\r\n", "\n")
        self._child.close()
        return int(self._child.exitstatus)


needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@needs_terminal
def test_script_a_from_a_pasted_address_to_a_reply_and_a_proposal(month: Path) -> None:
    whysent = Typed("open", "--linear", workspace=month.with_name("workspace"))
    whysent(f"import {month}", str(month.with_name("map.toml")))
    verdict = whysent("s1@example.org")
    assert "high: 5" in verdict
    assert "too many for at most 5 in one week" in verdict
    assert "Remedy: The rule “At most 5 marketing mails a week" in verdict
    subjects = whysent("subjects")
    assert "1. Spring ␛[2Jsale , 30 times, 2026-04-01 to 2026-04-30\n" in subjects
    assert "2. New in this week, 15 times, 2026-04-01 to 2026-04-29\n" in subjects
    assert "Why: New in this week, 2026-04-29 10:00" in whysent("why new in")
    whysent("back")
    reply = whysent("reply")
    assert "Reply to the customer" in reply
    assert "Dear [name]," in reply
    assert "Say propose to ask for: At most 5 marketing mails a week" in reply
    assert "proposed as p1" in whysent("propose", "a note", "yes")
    assert "1. p1, " in whysent("inbox")
    whysent.end()
    assert whysent.ends() == 0
    assert_plain(whysent.said)


@needs_terminal
def test_script_c_from_a_month_of_a_marketing_system_to_what_is_handed_over(month: Path) -> None:
    whysent = Typed("open", workspace=month.with_name("workspace"), TERM="dumb")
    assert "rows: 440; accepted: 440" in whysent(f"import {month}", str(month.with_name("map.toml")))
    assert "1. spring-sale, high: 8 findings of 8 customers; 240 messages" in whysent("campaigns")
    assert "8 people got it" in whysent("1")
    whysent("rules")
    assert "Not whole yet: id: is missing" in whysent("new frequency")
    whysent("set id four-a-week")
    whysent("set limit 4")
    assert "At most 4 marketing messages in any 7 days" in whysent("set window 7d")
    assert "of 440 mails it stops 296" in whysent("replay")
    curve = whysent("curve")
    assert "limit 4 (the rule as it stands): stopped 67.3 % (296 of 440; " in curve
    assert "limit 1: stopped 90.9 % (400 of 440; " in curve
    assert "spring-sale took the room of new-in: " in whysent("displaced")
    assert "One place kept for new-in: all else may take 3" in whysent("keep room of new-in")
    whysent("back")
    assert "Nothing was changed." in whysent("save", "")
    assert "Rule four-a-week, frequency cap, version 1, on" in whysent("save", "yes")
    file = month.with_name("handed over.csv")
    assert "8 people" in whysent(f"hand over {file}", "", "yes")
    assert len(file.read_text(encoding="utf-8").splitlines()) == 9
    whysent.interrupt()
    assert whysent.ends() == 130
    assert_plain(whysent.said.replace("^C", ""))


# -- the demo's stories --------------------------------------------------------------------------------------------


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Types lines into a workspace's linear mode; what is said."""

    def play(folder: Path, *lines: str, arguments: tuple[str, ...] = ("open", "--linear")) -> str:
        done = Command(folder, capsys, monkeypatch)(*arguments, stdin="\n".join(lines) + "\n")
        assert done.code == 0
        assert_plain(done.out)
        return done.out

    return play


def test_every_step_of_every_sixth_story_says_what_the_screens_show(
    copied: Path, play: Callable[..., str]
) -> None:
    """A step that goes to another place is followed by the way back."""
    lines: list[str] = []
    for story in stories()[::6]:
        lines += ["stories", str(story.number)]
        for step in story.steps:
            commands = step_commands(step)
            goes = commands[-1].split()[0] in {"why", "rule", "reply"} or "propose" in commands[-1]
            lines += ["mark", *commands, *(["back"] if goes else [])]
    said = play(copied, *lines, "quit", arguments=("demo", "--linear"))
    marked = iter(said.split("\n> mark\n")[1:])
    for story in stories()[::6]:
        for step in story.steps:
            words = " ".join(next(marked).split())
            assert step.shows.casefold() in words.casefold(), (story.title, step, words)


# -- one place after the other, in this process ----------------------------------------------------------------------


class Talk:
    """Linear mode on a session: what is said to a line, and to the lines it asks for."""

    def __init__(self, folder: Path, viewer: Viewer) -> None:
        self._session = CoreSession(folder, viewer)
        self._opening = self._session.open()
        self.commands: list[list[str]] = []

    def __call__(self, *lines: str, first: Callable[[Loop], Place] = Find) -> str:
        places = Loop(self._session, self._opening, self._run, everywhere, read_letter)
        typed, said = io.StringIO("\n".join(lines)), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
            patch.setattr(sys, "stdin", typed)
            output.as_lines(True)
            try:
                assert places.run(first(places)) == 0
            finally:
                output.as_lines(False)
        assert_plain(said.getvalue())
        return said.getvalue()

    def _run(self, words: list[str]) -> int:
        self.commands.append(words)
        return 0


@pytest.fixture(scope="module")
def talk(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """An admin, on scenes that may be changed."""
    return Talk(shutil.copytree(scenes, tmp_path_factory.mktemp("talk") / "copied"), Viewer())


def test_names_may_be_cut_and_a_wrong_one_is_told_the_nearest(talk: Talk) -> None:
    said = talk("scene-01-nail-clipper", "subj", "s", "reqly", "99", "why something else")
    assert ". Nail clipper deals, 3 times, 2025-11-18 to 2026-11-03\n" in said
    assert "Not done: “s” could be segments or stories or subjects; write more of it." in said
    assert "Not done: “reqly” is nothing to do here; the nearest is reply." in said
    assert "Not done: there is no 99; the numbers go from 1 to 8." in said
    assert "Not done: nothing here is called “something else”; the numbers go from 1 to 8." in said


def test_a_long_list_is_said_in_parts(talk: Talk) -> None:
    said = talk("scene-01-nail-clipper", "more", "more")
    assert "\n1 to 20 of 23; say more\n" in said
    assert "\n21 to 23 of 23; that is all\n" in said
    assert said.endswith("> more\nNot done: that is all.\n> \n\n")


def test_leaving_a_mail_out_for_good_leaves_out_what_brought_it_about(talk: Talk) -> None:
    said = talk("scene-01-nail-clipper", "propose leaving out 1")
    assert (
        "brought this mail about. No mail rests on this mail, so leaving it out would stop nothing. This leaves out what brought it about."
        in said
    )


def test_what_hangs_on_an_event_and_the_words_for_the_customer(talk: Talk) -> None:
    said = talk(
        "scene-01-nail-clipper", "why", "words", "words xx", "words fr", "2", "leave out", "back", "put back"
    )
    assert "\nWhy: bought Nail clipper, steel, 2025-11-04 18:20\n" in said
    assert "Not done: xx is no language here; there are en, de, es, fr" in said
    assert "ous vous avons envoyé" in said
    assert "Gone: finding: Mailed about what was already bought" in said
    assert "Nothing is left out." in said


def test_a_rule_is_edited_and_an_edit_is_not_lost_unasked(talk: Talk) -> None:
    said = talk(
        "rules",
        "1",
        "limit",
        "set limit many",
        "set limit 2",
        "back",
        "",
        "curve",
        "save",
        "yes",
        "undo",
        "yes",
        "history",
    )
    assert "Not whole yet: limit: 'many' is no whole number" in said
    assert "At most 2 marketing e-mails in any 7 days" in said
    assert "The edit is not saved. Lose it? yes or no, by default no:" in said
    assert "limit 2 (the rule as it stands): stopped" in said
    assert "limit: 3 becomes 2" in said
    assert "Rule email-weekly-cap, frequency cap, version 2, on" in said
    assert "takes back: v2" in said
    assert "v3" in said.split("> history")[1]


def test_a_campaign_whose_name_has_commas_and_quotes_gets_into_a_rule_whole(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"campaign": 'a, "b"', "severity": "", "findings": 0, "customers": 1, "messages": 1, "clicked": 0}
    monkeypatch.setattr(Customers, "campaigns", lambda _: pl.DataFrame([row]))
    said = talk("campaigns", "cap 1", "set id one", "set limit 1", "set window 7d")
    assert 'of the campaign "a, ""b""" in any 7 days' in said


def test_of_a_past_too_long_to_be_replayed_twice_that_is_said(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenWorkspace, "effect", lambda *_: None)
    assert LONG_PAST in talk("rules", "1", "replay")


def test_a_proposal_is_answered_with_a_note(talk: Talk) -> None:
    case = ("scene-05-junk-box", "propose", "they asked", "yes")
    said = talk(*case, "inbox", "1", "replay 1", "approve 1", "no", "reject 1", "not now", "reject 1", "")
    assert "“they asked”" in said
    assert "If it is approved, as against the book as it is:" in said
    assert "Nothing was changed." in said
    assert "p1 is rejected." in said
    assert "Nothing waits." in said


LETTER = """Dear Sir or Madam,
I bought one nail clipper and have been sent ten mails about nail clippers since.
When is it going to stop? My number with you is scene-01-nail-clipper.
Kind regards"""


def test_a_letter_opens_the_case_it_is_about(talk: Talk) -> None:
    said = talk("paste", *LETTER.split("\n"), ".", "letter", "letter 99", "weeks", "back")
    assert "The letter is about: 11 mails about nail clippers since" in said
    assert "it says “" in said
    assert "Listed: weeks, " in said
    assert re.search(r"^\d+\. week of 2026-11-02: 1 mail", said, re.MULTILINE)
    assert "Nobody here is known by what stands in this letter." in talk(
        "paste", "Who sends me these mails?", "."
    )


@needs_terminal
def test_a_letter_pasted_where_a_line_is_awaited_is_taken_as_one(scenes: Path) -> None:
    whysent = Typed("case", "--ticket", "4711", "--as", "agent", workspace=scenes, WHYSENT_LINEAR="1")
    assert "The letter is about: 11 mails about nail clippers since" in whysent(LETTER)
    whysent.end()
    assert whysent.ends() == 0
    assert_plain(whysent.said)


def test_long_work_says_that_it_goes_on(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def long(_: list[str]) -> int:
        time.sleep(0.3)
        return 0

    monkeypatch.setattr(loop, "BEAT", 0.01)
    monkeypatch.setattr(talk, "_run", long)
    assert "Still working.\n" in talk("command rules list")


def test_commands_are_run_where_they_neither_draw_nor_read_on(talk: Talk) -> None:
    talk.commands.clear()
    said = talk(
        "command rules list --json",
        "command gate",
        "command 'open",
        "import a file.csv",
        "",
        "hand over x.csv",
        "",
        "no",
    )
    assert talk.commands == [["rules", "list", "--json"], ["import", "a file.csv"]]
    assert "Not done: say one of import, map, " in said
    assert "Not done: that cannot be read: No closing quotation" in said
    assert "Nothing was handed over." in said


def test_where_log_and_definitions_disagree_is_worked_through_by_number(talk: Talk) -> None:
    said = talk("log and ours", "agreement", "1", "back", "only 1")
    apart = re.findall(r"^1\. (\S+), ([^\n]+?), (?:only|both|log|ours)[^:]*: ", said, re.MULTILINE)
    customer, where = apart[0]
    assert re.search(rf"^{re.escape(where)}: both \d", said, re.MULTILINE), "how far they agree there"
    assert re.search(rf"^Customer {customer}", said, re.MULTILINE), "its number opens the customer"
    assert f"Log and our definitions: {where}" in said
    assert apart[-1][1] == where


def test_a_step_of_a_story_names_what_is_listed_as_the_lines_do() -> None:
    told = {step_commands(step)[0] for story in stories() for step in story.steps if "tab" in step.press}
    assert told and told <= VIEWS.keys()


def test_an_agent_sees_nobody_but_the_customer_of_the_ticket(scenes: Path) -> None:
    said = Talk(scenes, Viewer(Role.AGENT, "4711"))("rules", "campaigns", "scene-10-happy-diapers", "try")
    assert "you look as agent, ticket 4711\n" in said
    assert not re.search("^1\\. c_", said, re.MULTILINE)
    assert said.count("not in the role agent") == 2
    assert "0 of 28 mails stopped" in said


@settings(max_examples=12)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    "1",
                    "2",
                    "3",
                    "99",
                    "scene-01-nail-clipper",
                    "scene-08-looked-at-cameras",
                    "mails",
                    "subjects",
                    "segments",
                    "recommended",
                    "findings",
                    "pattern",
                    "why",
                    "propose",
                    "reply",
                    "report",
                    "rule",
                    "try",
                    "audience",
                    "next",
                    "language",
                    "words",
                    "set",
                    "new",
                    "cap",
                    "curve",
                    "displaced",
                    "replay",
                    "save",
                    "on",
                    "history",
                    "rules",
                    "inbox",
                    "campaigns",
                    "find",
                    "checks",
                    "stories",
                    "help",
                    "back",
                    "again",
                    "more",
                    "undo",
                    "yes",
                    "no",
                    "quit",
                    "m@example.org",
                ]
            ),
            st.sampled_from(
                [
                    "leave out 1",
                    "put back",
                    "why 2",
                    "set limit 1",
                    "new cap",
                    "last cases",
                    "look up x",
                    "open 3",
                ]
            ),
            st.text(max_size=12),
        ),
        max_size=14,
    )
)
def test_whatever_is_typed_is_answered_in_plain_lines(talk: Talk, lines: list[str]) -> None:
    talk(*lines, first=Stories)


@given(st.text())
def test_what_is_spoken_is_plain(text: str) -> None:
    assert not DRAWN.search(spoken(text))
    assert spoken(spoken(text)) == spoken(text)


# -- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "dumb"}, True),
        ({"TERM": "dumb", "WHYSENT_LINEAR": "0"}, False),
        ({"WHYSENT_LINEAR": "1"}, True),
        ({"ACCESSIBLE": "1"}, True),
        ({"ACCESSIBLE": ""}, False),
        ({"WHYSENT_LINEAR": "maybe", "ACCESSIBLE": "true"}, True),
    ],
    ids=str,
)
def test_it_begins_by_itself_where_the_environment_asks_for_it(
    environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "WHYSENT_LINEAR", "ACCESSIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert start.wants_lines() is wanted


def test_where_there_is_no_workspace_one_may_begin_with_a_file_or_another_folder(
    tmp_path: Path, month: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def begun(*lines: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        code = cli.run(["--linear"])
        printed = capsys.readouterr()
        assert_plain(printed.out)
        return code, printed.out, printed.err

    monkeypatch.delenv("WHYSENT_WORKSPACE", raising=False)
    monkeypatch.setattr(workspace, "_data_folder", lambda: tmp_path / "data")
    code, said, complaint = begun()
    assert "2. Take a file in. Your own export or mailbox." in said
    assert (code, complaint.count("\n")) == (2, 1)
    assert "no workspace here; make one with: whysent import FILE, or whysent demo" in complaint
    assert begun("9", "quit")[0] == 0
    code, said, _ = begun("3", "nix", "3", str(tmp_path / "workspace"), "quit")
    assert "There is no workspace in nix." in said
    assert (code, "Workspace workspace: 0 customers" in said) == (0, True)
    assert not (tmp_path / "data").exists()
    file = tmp_path / "e.csv"
    file.write_text("customer_id,occurred_at,kind\na,2026-01-01,message_sent\n")
    code, said, complaint = begun("2", str(month), "2", str(file), "quit")
    assert "the column customer_id is missing" in complaint
    assert "1 customer, 1 event, you look as admin" in said


def test_answers_of_commands_are_lines_too(scenes: Path, play: Callable[..., str]) -> None:
    said = play(scenes, arguments=("--linear", "rules", "list"))
    assert said.startswith(
        "1. on; rule: email-weekly-cap; version: v1; kind: frequency_cap; title: At most three"
    )
    assert play(scenes, arguments=("sweep", "--rule", "email-weekly-cap", "--limits", "1..3", "--linear"))


def test_every_action_stands_in_the_manual(talk: Talk) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "linear.md").read_text(encoding="utf-8")
    said = talk(
        "help", "campaigns", "help", "rules", "help", "1", "help", "inbox", "help", "scene-01-nail-clipper",
        "look up scene-08-looked-at-cameras", "help", "why", "help", "back", "rule", "help", "back", "reply", "help",
    )  # fmt: skip
    told = re.findall(r"^([a-z/ ]+?)(?: [A-Z]+| FIELD VALUE| limit or window)?: [A-Z]", said, re.MULTILINE)
    names = {name for name in told if name not in {"more", "quit", "open", "note", "put into the book"}}
    assert {"subjects", "leave out", "hand over", "as a sender", "approve", "words", "displaced"} <= names
    assert not {name for name in names if f"`{name}`" not in manual and f"{name}:" not in manual}
