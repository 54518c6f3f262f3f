"""A workspace that cannot be written, and a disk without room: one clear line, exit code 2, nothing taken."""

import json
import os
import shlex
import subprocess
import sys

import pytest

from audit.rules.files import loads
from audit.workspace.workspace import Workspace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts of Linux")

CAP = '[[rule]]\nid = "cap"\nkind = "frequency_cap"\nlimit = 2\nwindow = "7d"\n'
LINE = '{"customer_id":"007","occurred_at":"2026-01-01T10:00:00Z","message_id":"m1"}\n'
READ_ONLY = "mount --bind workspace workspace && mount -o remount,ro,bind workspace"
FULL = (
    "mount -t tmpfs -o size=2m tmpfs disk && cp -r workspace disk && "
    "{ dd if=/dev/zero of=disk/rest bs=1k 2>dd; ! cp disk/rest disk/more 2>cp; }"
)
WRITING = (
    ["gate"],
    ["rules", "add", "other.toml", "--yes"],
    ["rules", "import", "other.toml", "--yes"],
    ["rules", "set", "cap", "limit=5", "--yes"],
    ["rules", "disable", "cap", "--yes"],
    ["rules", "undo", "--yes"],
    ["rules", "draft", "other.toml"],
    ["rules", "propose", "other.toml"],
    ["rules", "policy", "--second-person", "rules"],
    ["rules", "handover", "--format", "csv", "--out", "people.csv"],
)


@pytest.fixture
def place(tmp_path):
    ws = Workspace.create(tmp_path / "workspace", synthetic=True)
    ws.book.apply(ws.book.plan_add(loads(CAP)))
    (tmp_path / "other.toml").write_text(CAP.replace('"cap"', '"other"'))
    (tmp_path / "disk").mkdir()
    return tmp_path


def told(place, mounting, workspace, commands, after="true"):
    """What the commands said where `mounting` holds, which is a room of its own; and what `after` prints there."""
    asked = [[*command, "--workspace", workspace] for command in commands]
    python = shlex.join([sys.executable, "-m", "tests.tui.closed", json.dumps(asked), LINE])
    script = f"{{ {mounting}; }} || exit 77; {python} && {after}"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=place,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in {1, 77} and not done.stdout:
        pytest.skip("no mounts for this user")
    first, _, rest = done.stdout.partition("\n")
    return json.loads(first), rest


def refused(answer, *said):
    """Exit code 2, and a last line that says one of these; the only one that is about a mistake."""
    code, _, err = answer
    *before, last = err.splitlines()
    assert code == 2
    assert last.startswith("whysent: ") and any(words in last for words in said)
    assert not any(line.startswith(("whysent: ", "Traceback")) for line in before)


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_read_only_workspace_is_read_and_takes_nothing(place):
    before = bytes_of(place / "workspace")
    answers, _ = told(place, READ_ONLY, "workspace", [*WRITING, ["rules", "list", "--json"]])
    *writing, listed = answers
    for answer in writing:
        refused(answer, "read-only", "Read-only", "cannot be written")
    assert listed[0] == 0
    assert [rule["id"] for rule in json.loads(listed[1])["rules"]] == ["cap"]
    assert bytes_of(place / "workspace") == before
    assert not (place / "people.csv").exists()


def test_a_disk_without_room_takes_nothing_and_says_so(place):
    writing = [*WRITING[:-1], ["rules", "export", "disk/rules.toml"]]
    answers, left = told(
        place, FULL, "disk/workspace", writing, "cmp disk/workspace/book.db workspace/book.db && ls disk"
    )
    for answer in answers:
        refused(answer, "no room left", "No space left")
    assert answers[0][1] == ""
    assert left.split() == ["more", "rest", "workspace"]
