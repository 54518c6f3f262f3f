"""The same answer twice: some explanations made a second time, elsewhere.

Another process with another hash seed and another number of threads reads the same rows in another order, puts them in
order as an import does, counts anew what is known beside them, and explains.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from multiprocessing import get_context
from random import Random

from audit import why
from tests.bench import decided
from tests.bench.decided import Decision
from tests.bench.populations import Population

_ELSEWHERE = {"PYTHONHASHSEED": "4711", "POLARS_MAX_THREADS": "3"}

Asked = tuple[str, Decision]
"""A customer and what was decided of them."""


def digest(made: why.Explanation) -> str:
    """What two equal answers have in common."""
    return blake2b(
        json.dumps(made.document().to_json(), ensure_ascii=False).encode(), digest_size=16
    ).hexdigest()


def digests(population: Population, asked: Sequence[Asked]) -> list[str]:
    """The digests of these explanations, made in another process from the rows in another order."""
    with _environment(_ELSEWHERE), get_context("spawn").Pool(1) as pool:
        return pool.apply(_explained, (population, asked))


def _explained(population: Population, asked: Sequence[Asked]) -> list[str]:
    events, context = population.made(Random(population.seed))
    whole = {str(own["customer_id"][0]): own for own in events.partition_by("customer_id")}
    return [digest(decided.EXPLAIN[type_](whole[customer], context, id_)) for customer, (type_, id_) in asked]


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
