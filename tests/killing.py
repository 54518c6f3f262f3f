"""Processes to be killed: forked from one that has imported everything, so that a thousand of them take minutes.

    with Killing("tests.audit.rules.killed", tmp_path) as killing:
        with killing.child("editing", path) as child:
            child.stdout.readline()

The child runs a function of the module, its stdin and stdout are pipes, and it is killed (SIGKILL) at the end.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple


class Child(NamedTuple):
    pid: int
    stdin: BinaryIO
    stdout: BinaryIO


class Killing:
    """One process that forks others on demand, one at a time."""

    def __init__(self, module, folder):
        self._pipes = [folder / "stdin.pipe", folder / "stdout.pipe"]
        for pipe in self._pipes:
            os.mkfifo(pipe)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.killing", module, *self._pipes],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    @contextmanager
    def child(self, function, *arguments):
        """A child that runs `function(*arguments)` until the block ends; then it is killed."""
        self._server.stdin.write(json.dumps([function, [str(one) for one in arguments]]) + "\n")
        pid = int(self._server.stdout.readline())
        with self._pipes[0].open("wb", buffering=0) as stdin, self._pipes[1].open("rb") as stdout:
            try:
                yield Child(pid, stdin, stdout)
            finally:
                os.kill(pid, signal.SIGKILL)
                assert self._server.stdout.readline() == "gone\n"


def serve(module, stdin, stdout):
    called = importlib.import_module(module)
    for line in sys.stdin:
        function, arguments = json.loads(line)
        pid = os.fork()
        if not pid:
            os.dup2(os.open(stdin, os.O_RDONLY), 0)
            os.dup2(os.open(stdout, os.O_WRONLY), 1)
            sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
            getattr(called, function)(*arguments)
            os._exit(0)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
