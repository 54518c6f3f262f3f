"""Replaying as one types: how long until the first answer and the whole one, and how long the screen stands still.

`python -m tests.bench.bench_live [--without-kernel] WORKSPACE ...` drives the Rules screen in a process of its own for
each workspace. It adds a rule that is switched off, so give it a copy. A timer ticks every 5 ms on the screen's own
loop; its longest gap while nothing happens is the baseline of its longest gap while rules are edited. Beside it ticks a
process that does nothing else: what it misses, the machine withheld. Milliseconds count from the key that ends an
edit; without the pause that the screen waits for a next key they stand beside.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

TICK = 0.005
IDLE = 3.0
EDITS = {
    "frequency_cap": ({"limit": "3", "window": "7d"}, "limit", ("2", "1", "4", "5", "3")),
    "frequency_cap by the day": (
        {"limit": "1", "window": "1d", "window_kind": "calendar"}, "limit", ("2", "3", "4", "2", "1"),
    ),
    "cooldown": (
        {"window": "7d", "after": "order_completed", "same": "category"}, "window", ("8d", "30d", "3d", "14d", "7d"),
    ),
    "cooldown to re-purchase": (
        {"window": "repurchase", "after": "order_completed", "same": "category"}, "fallback",
        ("90d", "30d", "300d", "60d", "180d"),
    ),
    "quiet_hours": ({"quiet": "21:00-08:00"}, "quiet", ("22:00-08:00", "21:00-07:00", "20:00-08:00", "23:00-06:00", "21:00-09:00")),
    "sunset": ({"unengaged": "5"}, "unengaged", ("6", "4", "3", "7", "5")),
    "consent": ({}, "grace", ("1d", "2d", "3d", "4d", "0d")),
}  # fmt: skip
"""What is made → its form, the field that is edited, and what is typed into it."""


class Watch:
    """When the loop last ticked, and the longest time it did not."""

    def __init__(self):
        self.longest, self._last = 0.0, time.perf_counter()

    async def run(self):
        while True:
            now = time.perf_counter()
            self.longest, self._last = max(self.longest, now - self._last), now
            await asyncio.sleep(TICK)

    def taken(self):
        longest, self.longest = self.longest, 0.0
        return 1000 * longest


class Control:
    """The same in a process that does nothing else."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.bench_live", "--tick", "."],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def taken(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def end(self):
        self._process.stdin.close()
        self._process.wait()


async def tick_alone():
    """Answer each line with the longest gap since the one before, in milliseconds."""
    watch = Watch()
    ticking = asyncio.create_task(watch.run())
    while await asyncio.to_thread(sys.stdin.readline):
        print(watch.taken(), flush=True)
    ticking.cancel()


def app_on(folder):
    from audit.privacy.roles import Role, Viewer
    from tui.app import WhysentApp
    from tui.session.core import CoreSession

    return WhysentApp(CoreSession(folder, Viewer(Role.ADMIN)))


class Driven:
    """The Rules screen, its answers noted with their moment."""

    def __init__(self, app, pilot):
        from tui.widgets.replay_panes import ReplayPane

        self.app, self.pilot, self.answers = app, pilot, []
        pane = app.screen.query_one(ReplayPane)
        for name, method in {"sample": "show_sample", "whole": "show_replay"}.items():
            setattr(pane, method, self.noted(name, getattr(pane, method)))

    def noted(self, name, show):
        """`show`, with the moment noted at which it begins."""

        def shown(answer):
            self.answers.append((name, time.perf_counter()))
            return show(answer)

        return shown

    async def whole(self):
        """Wait for the whole answer."""
        while not any(name == "whole" for name, _ in self.answers):  # noqa: ASYNC110 - a test of no clock but its own
            await asyncio.sleep(TICK)

    async def edited(self, key, text):
        """Put a text into a field; milliseconds until the first answer, whether it is a sample, and until the whole."""
        from textual.widgets import Input

        self.answers.clear()
        began = time.perf_counter()
        self.app.screen.query_one(f"#row-{key}").query_one(Input).value = text
        await self.whole()
        (first, at), (_, end) = self.answers[0], self.answers[-1]
        await asyncio.sleep(0.3)
        return 1000 * (at - began), first == "sample", 1000 * (end - began)


async def measure(folder, *, kernel):
    from audit.rules.kernel import preload
    from tui.widgets.rule_form import PAUSE

    if not kernel:
        preload.installed = lambda: False
    app, watch, control, told = app_on(folder), Watch(), Control(), []
    async with app.run_test(size=(120, 36)) as pilot:
        ticking = asyncio.create_task(watch.run())
        await pilot.press("3")
        await pilot.pause()
        began = time.perf_counter()
        await app.screen.workers.wait_for_complete(
            [one for one in app.screen.workers if one.group == "prepare"]
        )
        made_ready = time.perf_counter() - began, watch.taken()
        await app.workers.wait_for_complete()  # the work list of Find is made meanwhile
        await asyncio.sleep(1)
        watch.taken(), control.taken()
        await asyncio.sleep(IDLE)
        idle = watch.taken(), control.taken()
        driven = Driven(app, pilot)
        for name, (form, key, texts) in EDITS.items():
            entry = app.session.rules.blank(name.split(" ")[0])
            await app.screen._open(entry)
            await asyncio.sleep(0.3)
            driven.answers.clear()
            for field, text in {"id": "bench", **form}.items():
                from textual.widgets import Input

                app.screen.query_one(f"#row-{field}").query_one(Input).value = text
            await driven.whole()
            await asyncio.sleep(0.3)
            watch.taken(), control.taken()
            made = [await driven.edited(key, text) for text in texts]
            told.append(
                {
                    "rule": name, "first": median(one[0] for one in made), "sampled": any(one[1] for one in made),
                    "whole": median(one[2] for one in made), "gaps": (watch.taken(), control.taken()),
                }
            )  # fmt: skip
        ticking.cancel()
        control.end()
        prepared = app.session.replays._prepared()
        print(
            json.dumps(
                {
                    "events": app.session.workspace.events().height, "messages": prepared.messages, "pause": 1000 * PAUSE,
                    "ready_s": made_ready[0], "ready_gap": made_ready[1], "idle": idle, "kernel": preload.is_ready(),
                    "rules": told,
                }
            )
        )  # fmt: skip
        app.exit(0)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workspaces", nargs="+", type=Path)
    parser.add_argument("--without-kernel", action="store_true", help="as without the extra whysent[fast]")
    for name in ("--one", "--tick"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.tick:
        asyncio.run(tick_alone())
        return
    if asked.one:
        asyncio.run(measure(asked.workspaces[0], kernel=not asked.without_kernel))
        return
    for folder in asked.workspaces:
        more = ["--without-kernel"] if asked.without_kernel else []
        command = [sys.executable, "-m", "tests.bench.bench_live", "--one", *more, str(folder)]
        made = json.loads(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        )
        print(
            f"{folder.name}: {made['events']:,} events, {made['messages']:,} messages; kernel {'ready' if made['kernel'] else 'not used'}; "
            f"made ready in {made['ready_s']:.1f} s (longest gap {made['ready_gap']:.0f} ms)"
        )
        print(
            f"{'rule':>26} {'first ms':>9} {'':>6} {'whole ms':>9} {'less pause':>11} {'longest gap ms':>15} {'beside it':>10}"
        )
        print(
            f"{'nothing typed (baseline)':>26} {'':>9} {'':>6} {'':>9} {'':>11} {made['idle'][0]:>15.0f} {made['idle'][1]:>10.0f}"
        )
        for one in made["rules"]:
            kind = "sample" if one["sampled"] else "whole"
            print(
                f"{one['rule']:>26} {one['first']:>9.0f} {kind:>6} {one['whole']:>9.0f} "
                f"{one['whole'] - made['pause']:>11.0f} {one['gaps'][0]:>15.0f} {one['gaps'][1]:>10.0f}"
            )


if __name__ == "__main__":
    main()
