"""Running the command line in this process, as a script would."""

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tui.cli import run


@dataclass(frozen=True)
class Done:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)


class Command:
    """`whysent` on one workspace."""

    def __init__(
        self, workspace: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self.workspace = workspace
        self._capsys = capsys
        self._patch = patch

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Done:
        self._patch.setattr(sys, "stdin", io.StringIO(stdin))
        self._patch.setenv("WHYSENT_WORKSPACE", str(self.workspace))
        self._capsys.readouterr()
        code = run([str(one) for one in arguments])
        printed = self._capsys.readouterr()
        return Done(code, printed.out, printed.err)
