"""Runs commands of `whysent` where nothing can be written, and prints what each said: a JSON list of lists on argv."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

from tui.cli import run


def told(command, line):
    """Exit code, stdout and stderr of one command that gets `line` on stdin."""
    sys.stdin = io.StringIO(line)
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = run(command)
    return code, out.getvalue(), err.getvalue()


if __name__ == "__main__":
    print(json.dumps([told(command, sys.argv[2]) for command in json.loads(sys.argv[1])]))
