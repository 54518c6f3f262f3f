"""gate: decisions for a stream."""

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from audit.errors import InputError
from tui.commands import output
from tui.commands.options import ACCESS, Invocation, RulesFileOption, rules_of, shares

BATCH_LINES = 128
"""Lines that wait for each other, at most: they are there already, and share one write to the record."""

GC_THRESHOLDS = (50_000, 20, 100)
"""When Python looks for circles of what nobody holds: what the gate keeps has none."""

READ_BYTES = 65_536
"""Bytes taken from stdin at once, at most."""


@shares(*ACCESS)
def gate(invocation: Invocation, rules_file: RulesFileOption = None) -> None:
    """Decide messages before they go out: a line of JSON in on stdin, a line out for each."""
    from audit.enforcement import gate as gates
    from audit.workspace.names_told import speaks_of_rule

    invocation.require("gate")
    ws = invocation.open()
    rules = ws.book.enabled() if rules_file is None else rules_of(ws, rules_file)
    if not rules and rules_file is not None:
        raise InputError(f"{rules_file}: holds no rule; write one as a [[rule]] table")
    told = _as_told if any(speaks_of_rule(ws.view, rule) for rule in rules) else str
    with _ended_by_sigterm(), gates.opened(ws, rules) as opened:
        gc.freeze()  # what is known by now stays; looking through it again and again takes most of the time
        gc.set_threshold(*GC_THRESHOLDS)
        output.narrate(f"{len(opened.gate.rules)} rules; ready")
        if not opened.gate.rules:
            output.narrate("no rule in force: every message is exempt")
        for rule in opened.gate.without_causes:
            output.narrate(f"rule {rule} cannot judge a message that comes without its causes")
        try:
            for lines in _lines():
                for start in range(0, len(lines), BATCH_LINES):
                    sys.stdout.write(told(opened.answers(lines[start : start + BATCH_LINES])))
                    sys.stdout.flush()
        except BrokenPipeError:  # nobody reads the answers any more; what is left of them goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _as_told(answers: str) -> str:
    """Answers, a line of JSON each, as whoever looks is told them."""
    return "".join(f"{json.dumps(output.told(json.loads(line)))}\n" for line in answers.splitlines())


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Being told to end (SIGTERM) is as good as Ctrl+C: what was answered is forced to the disk."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _lines() -> Iterator[list[bytes]]:
    """The lines that have come, as soon as there are some; one that never ends is cut where it is too long."""
    from audit.enforcement.gate.reader import LONGEST

    unfinished, cut_off = b"", False
    for part in _parts():
        *lines, unfinished = (unfinished + part).split(b"\n")
        if cut_off and lines:
            lines, cut_off = lines[1:], False
        if cut_off:
            unfinished = b""
        elif len(unfinished) > LONGEST:
            lines, unfinished, cut_off = [*lines, unfinished], b"", True
        yield lines
    if unfinished:
        yield [unfinished]


def _parts() -> Iterator[bytes]:
    stdin = getattr(sys.stdin, "buffer", None)
    if stdin is None:
        yield sys.stdin.read().encode()
        return
    while part := stdin.read1(READ_BYTES):
        yield part
