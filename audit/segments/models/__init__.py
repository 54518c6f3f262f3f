"""What was learned from all customers, as it is stored: it stays as it is when events of one customer are left out."""

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b

import msgspec


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of customers by what they do (`learned`) or buy (`alike`).

    `features`: words of the features in `features.toml`, or categories; `mean` and `scale` of their logarithms;
    `centres`: of each group, in those scaled numbers; `names`: of each group. `unit`: only the mixture counts, not how
    much. `least`: what a customer's numbers must add up to.
    """

    id: str
    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    centres: tuple[tuple[float, ...], ...]
    names: tuple[str, ...]
    unit: bool
    least: int
    people: int


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The parameters of a customer base: of buying and dropping out (BG/NBD: r, alpha, a, b; time in days), of what is
    spent a day of buying (Gamma-Gamma: p, q, v). `least`: what a customer is worth from whom on the best fifth begins.
    """

    r: float
    alpha: float
    a: float
    b: float
    p: float
    q: float
    v: float
    least: float
    days: int
    people: int


@dataclass(frozen=True, slots=True)
class Models:
    """Everything that a workspace has learned."""

    learned: Groups | None = None
    alike: Groups | None = None
    lifetime: Lifetime | None = None

    def to_json(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self))

    @property
    def version(self) -> str:
        """A digest of all of it."""
        return blake2b(self.to_json().encode(), digest_size=6).hexdigest()

    def groups(self, model: str) -> Groups:
        """The groups that a condition's `model` (such as `alike@version`) names."""
        groups = self.alike if model.startswith("alike@") else self.learned
        assert groups is not None
        return groups


def from_json(text: str) -> Models:
    """The models that `to_json` wrote."""
    return msgspec.json.decode(text, type=Models)
