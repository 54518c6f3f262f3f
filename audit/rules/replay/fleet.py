"""Replay over a fleet: whole customers at a time from a lazy scan; totals are kept, decisions written as they are made.

Memory is bounded by the customers at hand. With the optional extra the kernel decides, several parts at a time, and no
message becomes a Python object; without it, or for rules it does not know, the reference does.
"""

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from itertools import chain, islice
from pathlib import Path

import polars as pl

from audit.errors import InputError
from audit.events.schema import SCHEMA, empty
from audit.population.stats import PopulationContext
from audit.rules import kernel
from audit.rules.kernel import kernel_cache
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.rules.replay import simulation
from audit.rules.replay.curve import sweep
from audit.rules.replay.event_pruning import COLUMNS, MissingColumn, by_row, columns
from audit.rules.replay.simulation import BECAME, Progress
from audit.rules.replay.totals import FLAGS, PartTotals, Sums, Totals, cells
from audit.rules.scopes import RuleSet

ROWS = 500_000
"""Events in a part; a customer with more is still taken whole. Twice as many take a tenth longer: their arrays are asked of
the system anew each time."""

ROWS_WITH_CAUSES = 250_000
"""The same where causes are asked for: they take all columns, and several rows for a message."""

_A_FLEET = 3
"""So many parts are a fleet, however few messages are in them."""

_MOST_HANDS = 4
"""Parts decided at a time, one a core: more would have more memory at hand."""

Causes = Callable[[pl.DataFrame], pl.DataFrame]
"""Events of whole customers → why each message was sent, as `histories.histories` reads it."""


def simulate(
    scan: pl.LazyFrame,
    rules: Iterable[Rule] | RuleSet,
    ctx: PopulationContext,
    *,
    ids: Mapping[str, str] | None = None,
    causes: Causes | None = None,
    decisions: Path | None = None,
    numbers: Path | None = None,
    progress: Progress | None = None,
    rows: int | None = None,
) -> Totals:
    """Replay `rules`, or a set of them made before, over the events of `scan` (all customers, in `ORDER`): the totals that `replay.simulate` gives.

    `causes` tells why the messages of some customers were sent, out of all columns of their events; it is asked if a rule
    reads them, and InputError is raised if it is missing then. `decisions`: a Parquet file for what `replay.simulate`
    gives as `decisions`, which appears when all is done. `numbers`: a folder of this very scan, in which what stands for
    its texts is kept (`kept`) from the first totals on. `progress` is told how many events of how many are done, and may
    raise to stop it: then nothing is written.
    """
    with whole(decisions) if decisions is not None else nullcontext() as keep:
        (totals,) = simulate_each(
            scan,
            [rules],
            ctx,
            ids=ids,
            causes=causes,
            keep=keep,
            numbers=numbers,
            progress=progress,
            rows=rows,
        )
    return totals


def simulate_each(
    scan: pl.LazyFrame,
    points: Sequence[Iterable[Rule] | RuleSet],
    ctx: PopulationContext,
    *,
    ids: Mapping[str, str] | None = None,
    causes: Causes | None = None,
    keep: Callable[[pl.DataFrame], None] | None = None,
    numbers: Path | None = None,
    progress: Progress | None = None,
    rows: int | None = None,
) -> list[Totals]:
    """`simulate` for each of `points`, in one pass: what is read, and what stands for it, is made once for all of them.

    `keep` takes the decisions on some customers at a time.
    """
    sets = [rules if isinstance(rules, RuleSet) else RuleSet(rules, ids) for rules in points]
    causes_of = causes if any(rule.reads_causes for rules in sets for rule in rules.rules) else None
    for rules in sets:
        histories.refuse_without(causes_of, rules.rules)
    rows = rows or (ROWS if causes_of is None else ROWS_WITH_CAUSES)
    work = _Work(sets, ctx, causes_of, rows, keep)
    try:
        with work.numbers(numbers) as stored:
            parts = work.done(scan, work.columns(stored), progress, stored)
    except MissingColumn:
        parts = work.done(scan, COLUMNS, progress)
    return [
        _together(of_set, rules, ctx) for of_set, rules in zip(zip(*parts, strict=True), sets, strict=True)
    ]


def whole_customers(scan: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    """`scan` in parts of about `rows` rows, never cutting through a customer."""
    waiting: list[pl.DataFrame] = []
    for batch in scan.collect_batches(chunk_size=rows, maintain_order=True):
        waiting.append(batch)
        if sum(map(len, waiting)) >= rows and batch["customer_id"][0] != batch["customer_id"][-1]:
            everything = pl.concat(waiting)
            cut = everything["customer_id"].search_sorted(everything["customer_id"][-1], side="left")
            yield everything[:cut]
            waiting = [everything[cut:]]
    if sum(map(len, waiting)):
        yield pl.concat(waiting)


def by_reference(
    events: pl.DataFrame,
    sets: Sequence[RuleSet],
    ctx: PopulationContext,
    causes: pl.DataFrame | None = None,
    *,
    detailed: bool = False,
) -> list[PartTotals]:
    """The totals of some customers by each set of rules, with the decisions if `detailed`."""
    return [
        PartTotals(
            simulation.sums(replay.decisions, replay.messages, replay.rules),
            replay.decisions.select(BECAME)
            .hstack(replay.outcomes.select(FLAGS[:-1]))
            .with_columns(provider=replay.messages["mailbox_provider"])
            .group_by(pl.all())
            .agg(n=pl.len().cast(pl.Int64)),
            replay.messages["customer_id"].n_unique(),
            replay.decisions if detailed else None,
        )
        for replay in sweep(events, sets, ctx, causes=causes)
    ]


class _Work:
    """What is done with the customers at hand; `keep` takes the decisions on their messages."""

    def __init__(
        self,
        sets: Sequence[RuleSet],
        ctx: PopulationContext,
        causes: Causes | None,
        rows: int,
        keep: Callable[[pl.DataFrame], None] | None,
    ) -> None:
        self._sets, self._ctx = sets, ctx
        self._rules = tuple(dict.fromkeys(rule for rules in sets for rule in rules.rules))
        self._causes, self._rows, self._keep = causes, rows, keep

    def numbers(self, folder: Path | None) -> AbstractContextManager[kernel_cache.Numbered | None]:
        """What is kept there, or will be; None where it is of no use."""
        return kernel_cache.numbers(folder) if folder is not None and self._adds_up() else nullcontext()

    def columns(self, stored: kernel_cache.Numbered | None) -> Sequence[str]:
        """What is read: what is asked for by all means, where the kernel decides and only totals are wanted."""
        if self._causes is not None:
            return tuple(SCHEMA)
        if stored is not None:
            return by_row(self._rules) if stored.heights else COLUMNS
        return columns(self._rules) if self._adds_up() else COLUMNS

    def _adds_up(self) -> bool:
        """Whether only totals are wanted, and by rules that the kernel knows, of what lies in the events themselves."""
        only = self._keep is None and self._causes is None
        return only and all(map(kernel.knows, self._sets)) and kernel.installed()

    def done(
        self,
        scan: pl.LazyFrame,
        names: Sequence[str],
        progress: Progress | None,
        stored: kernel_cache.Numbered | None = None,
    ) -> list[list[PartTotals]]:
        """The totals of each part, by each set of rules. Raises MissingColumn where columns are asked for that are not among `names`."""
        heights = stored.heights if stored is not None else ()
        total = sum(heights) if heights or progress is None else scan.select(pl.len()).collect().item()
        selected = scan.select(names)
        frames = kernel_cache.cut(selected, heights) if heights else whole_customers(selected, self._rows)
        ahead = list(islice(frames, _A_FLEET))
        fast = bool(heights) or self._is_fleet(ahead)
        if not fast and not {*names}.issuperset(COLUMNS):
            raise MissingColumn
        hands = min(os.cpu_count() or 1, _MOST_HANDS) if fast and self._causes is None else 1
        part = partial(self._part, fast=fast, stored=stored if fast else None)
        nobody = empty().select(COLUMNS if self._causes is None else tuple(SCHEMA))
        totals, done = [self._part(0, nobody, fast=False, stored=None)], 0
        with closing(_at_a_time(hands, part, chain(ahead, frames))) as parts:
            del ahead
            for height, part_totals in parts:
                for totals_of_set in part_totals:
                    if self._keep is not None and totals_of_set.decisions is not None:
                        self._keep(totals_of_set.decisions)
                totals.append([of_set._replace(decisions=None) for of_set in part_totals])
                done += height
                if progress is not None:
                    progress(done, total)
        return totals

    def _is_fleet(self, ahead: Sequence[pl.DataFrame]) -> bool:
        """Whether the kernel decides: many parts, or many messages."""
        if len(ahead) < _A_FLEET:
            sent = sum(int((events["kind"] == "message_sent").sum()) for events in ahead)
            return all(simulation.is_fleet(sent, rules) for rules in self._sets)
        return all(map(kernel.knows, self._sets)) and kernel.installed()

    def _part(
        self, number: int, events: pl.DataFrame, *, fast: bool, stored: kernel_cache.Numbered | None
    ) -> list[PartTotals]:
        causes = None if self._causes is None else self._causes(events)
        detailed = self._keep is not None
        if not fast:
            return by_reference(events, self._sets, self._ctx, causes, detailed=detailed)
        from audit.rules.kernel import totals

        encoding = stored.of(number, events) if stored is not None else None
        return totals.fleet(events, self._sets, self._ctx.facts, causes, encoding=encoding, detailed=detailed)


def _at_a_time(
    hands: int, act: Callable[[int, pl.DataFrame], list[PartTotals]], frames: Iterable[pl.DataFrame]
) -> Generator[tuple[int, list[PartTotals]]]:
    """Of each frame its height and what `act` makes of its number and it, in order: `hands` at a time, and one read ahead."""
    if hands == 1:
        yield from ((frame.height, act(number, frame)) for number, frame in enumerate(frames))
        return
    waiting: deque[tuple[int, Future[list[PartTotals]]]] = deque()
    with ThreadPoolExecutor(hands) as pool:
        try:
            for number, frame in enumerate(frames):
                waiting.append((frame.height, pool.submit(act, number, frame)))
                if len(waiting) > hands:
                    height, future = waiting.popleft()
                    yield height, future.result()
            for height, future in waiting:
                yield height, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _together(parts: Sequence[PartTotals], rules: RuleSet, ctx: PopulationContext) -> Totals:
    everything = pl.concat([part.cells for part in parts])
    complaints = everything.filter("complained")["provider"].unique().implode()
    complaint_known = pl.col("provider").is_in(complaints, nulls_equal=True).alias("complaint_known")
    return Totals(
        rules.rules,
        cells(everything.with_columns(complaint_known)),
        sum(part.customers for part in parts),
        Sums(
            {rule.id: sum(part.sums.by_rule.get(rule.id, 0) for part in parts) for rule in rules.rules},
            sum(part.sums.affected for part in parts),
            pl.concat([part.sums.displaced for part in parts]),
        ),
        ctx.coverage,
    )


@contextmanager
def whole(out: Path) -> Iterator[Callable[[pl.DataFrame], None]]:
    """Give what takes a frame; when all were taken, put them together at `out`.

    Each is written at once into a folder beside `out`, which is gone at the end, however it ends. What stood at `out`
    stays until the new file is whole. Raises InputError where that cannot be written.
    """
    with _clear_errors(out):
        folder = Path(tempfile.mkdtemp(prefix=".whysent-", dir=out.parent))
    parts: list[Path] = []

    def take(frame: pl.DataFrame) -> None:
        parts.append(folder / f"{len(parts):06d}.parquet")
        with _clear_errors(out):
            frame.write_parquet(parts[-1])

    try:
        yield take
        with _clear_errors(out):
            together = folder / "together.parquet"
            pl.scan_parquet(parts).sink_parquet(together)
            _move(together, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(made: Path, out: Path) -> None:
    """Put it in the place of a file; into what is no file, such as a pipe, write it."""
    if out.exists() and not out.is_file():
        with made.open("rb") as source, out.open("wb") as target:
            shutil.copyfileobj(source, target)
    else:
        made.replace(out)


@contextmanager
def _clear_errors(out: Path) -> Iterator[None]:
    from polars.exceptions import ComputeError

    try:
        yield
    except (OSError, ComputeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{out}: cannot be written: {said}; name another file") from error
