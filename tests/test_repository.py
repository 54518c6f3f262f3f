"""The repository speaks of the product alone, and everything in it can be used anywhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def files() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def test_the_top_level_is_what_it_is_said_to_be() -> None:
    top = {path.relative_to(ROOT).parts[0] for path in files()}
    allowed = {
        "pyproject.toml",
        "README.md",
        "tui",
        "audit",
        "fixtures",
        "tests",
        "docs",
        "LICENSE",
        "CHANGELOG.md",
    }
    assert {name for name in top if not name.startswith(".")} <= allowed


def test_no_path_of_one_machine_and_no_lock_file_is_kept() -> None:
    for path in files():
        assert path.name != "uv.lock"
        if path.suffix in {".py", ".md", ".toml", ".sh"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![\w.:/])/(work|root|home/\w+)/", text), path
