"""What segments are derived from beside the events."""

from dataclasses import dataclass

from audit.population.context import PopulationContext
from audit.segments.model import Definition
from audit.segments.models import Models


@dataclass(frozen=True, slots=True)
class SegmentContext(PopulationContext):
    """`definitions`: those of the workspace, its own and ours; empty: ours. `models`: what the workspace has learned, if it has."""

    definitions: tuple[Definition, ...] = ()
    models: Models | None = None
