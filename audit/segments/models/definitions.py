"""The definitions that a workspace's models give."""

from audit.segments.model import Condition, Definition, Selection
from audit.segments.models import features
from audit.segments.models.model import Models

_PURPOSE = "personalize.content.profiled"


def definitions(models: Models) -> tuple[Definition, ...]:
    """One definition for each model that was learned; a group of it is one segment."""
    made = []
    for id_, title, model in (
        ("learned", "Learned group: {group}", models.learned),
        ("people-like-you", "People like them buy {group}", models.alike),
    ):
        if model is not None:
            asked = Condition(
                test="groups",
                events=Selection(features.kinds(model.id)),
                by=("value",),
                model=f"{model.id}@{models.version}",
            )
            made.append(_definition(id_, title, "learned", features.settings()[model.id]["source"], asked))
    if models.lifetime is not None:
        asked = Condition(
            test="lifetime", events=Selection(("order_completed",)), model=f"lifetime@{models.version}"
        )
        source = features.settings()["lifetime"]["source"]
        made.append(
            _definition("lifetime-value", "Among the most worth in the next year", "value", source, asked)
        )
    return tuple(made)


def _definition(id_: str, title: str, basis: str, source: str, asked: Condition) -> Definition:
    return Definition(
        id=id_,
        title=title,
        aliases=("high lifetime value", "high clv", "top clv") if id_ == "lifetime-value" else (),
        basis=basis,
        purpose=_PURPOSE,
        sensitive=False,
        source=source,
        reason="{why}.",
        any_of=False,
        when=(asked,),
    )
