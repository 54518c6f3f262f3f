"""What a check is: how it finds something, and what is tried, explained and said of what it found."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import polars as pl

from audit.events.schema import BEHAVIOUR
from audit.findings import catalogue
from audit.findings.check_context import CheckContext
from audit.why import counterfactual, data_sufficiency
from audit.why.counterfactual import Plan
from audit.why.model import Absence, Facts, Reason
from audit.why.silence import Alike
from audit.why.wording import kinds_in_words
from audit.workspace.context import Context

Finding = Mapping[str, Any]
"""A finding as a row: the columns of whysent.findings/1, sensitive topics named."""


@dataclass(frozen=True, slots=True)
class ExcludedEvents:
    """Events that a check looked at and did not count: what each is called, the rows, and why they do not count.

    `{}` in the reason stands for the `figures`, in their order; in other languages it is looked up as it stands.
    """

    noun: str
    events: pl.DataFrame
    reason: str
    figures: tuple[int, ...] = ()


class Check(ABC):
    """One check. A class in `checks/` says what it finds, and whatever differs from the defaults below.

    `id`: the id of its row in the catalogue, which holds its title, severity, thresholds and sources.
    `handed_to`: who answers the customer in place of a reply, such as `privacy`; empty: a reply may.
    `offers_opt_out`: whether a reply offers to stop all advertising.
    `alike`: which later messages are like those of a finding, so that they may not be said to have ended.
    `again`: of a check of how messages came (`alike` none but themselves): that it has not been so since, with `{since}`, as
    colleagues read it. What a customer is told stands in the files of the languages.
    `customers_ask`: whether a letter to a customer says so where it could not be checked.
    `finds_no_cause`: whether its findings say that nothing the customer did led to them.
    `subject_names`: what the subject of its findings is: a name that the data has, a channel, a sensitive topic, a campaign
    whose recipients it is about, or nothing beyond what the check asks; `campaigns`: its messages are known by their campaigns.
    `titles_rule`: whether the rule it suggests has a title of ours, and not one that somebody wrote.
    `slow`: looked at last where only one finding is looked for.
    """

    id: ClassVar[str]
    handed_to: ClassVar[str] = ""
    offers_opt_out: ClassVar[bool] = True
    alike: ClassVar[Alike] = "campaign"
    again: ClassVar[str] = ""
    customers_ask: ClassVar[bool] = True
    finds_no_cause: ClassVar[bool] = False
    subject_names: ClassVar[Literal["data", "channel", "topic", "audience", "campaigns", "nothing"]] = "data"
    titles_rule: ClassVar[bool] = True
    slow: ClassVar[bool] = False

    @property
    def thresholds(self) -> dict[str, Any]:
        """The numbers of its row in the catalogue."""
        return catalogue.row(self.id).thresholds

    @abstractmethod
    def detect(self, context: CheckContext) -> pl.DataFrame:
        """What it finds in whole customers: a frame of `schema.DETECTED`, a row a finding."""

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """What has to do with a finding of the one customer of `context` and does not count to it.

        Events that the finding names may be among them; they are taken out later.
        """
        del context, finding
        return ()

    def counts_until(self, context: CheckContext, finding: Finding) -> datetime | None:
        """Until when (UTC) one more message of the same kind counts to a finding, by the window of the check.

        None where no day ends it, and where none is known. The day is tried before it is said.
        """
        del context, finding
        return None

    def removal_plans(self, context: CheckContext, finding: Finding) -> Sequence[Plan]:
        """The messages that have to go so that a finding is no more; none at all where only trying can tell."""
        del context, finding
        return ()

    def last_resort(self, context: CheckContext, finding: Finding) -> Sequence[Plan]:
        """What ends a finding where plans and search found nothing: minimal, but not a smallest set."""
        del context, finding
        return ()

    def nearest_events(self, events: pl.DataFrame, evidence: pl.DataFrame) -> Iterable[pl.DataFrame]:
        """Fewer of the customer's `events` to look among, the fewest first. `evidence`: the finding's own events."""
        del events, evidence
        return ()

    def beside_events(self, context: CheckContext, finding: Finding) -> Reason | None:
        """What a finding rests on beside events of the customer: what did not happen, or what everybody's say."""
        del context, finding
        return None

    def events_that_end_it(self, finding: Finding, messages: pl.DataFrame) -> Iterable[pl.DataFrame]:
        """Events, a row each, that did not happen and may each have kept it from finding anything, the likeliest first.

        `messages`: the finding's messages, else its evidence, all columns.
        """
        del finding, messages
        return ()

    def context_of_copies(self, population: Context, finding: Finding) -> Context:
        """The context in which copies of the finding's customer are decided; they have names of their own."""
        del finding
        return population

    def newest_of_its_kind(
        self, context: CheckContext, case: str | None, subject: str | None
    ) -> Sequence[str]:
        """Messages (event_ids) with which it was so again, beside those of the finding: none, as a rule."""
        del context, case, subject
        return ()


class NoActCheck(Check):
    """A check that finds something because no act of the customer supports it."""

    def beside_events(self, context: CheckContext, finding: Finding) -> Reason | None:
        """No act that fits before the finding."""
        del context
        needed = data_sufficiency.kinds()
        return Reason(
            f"no act that fits, such as {kinds_in_words(needed)}, before them",
            absent=Absence(kinds=tuple(needed), since=None, until=finding["to"]),
            facts=Facts(covered=True),
        )

    def events_that_end_it(self, finding: Finding, messages: pl.DataFrame) -> Iterable[pl.DataFrame]:
        """A look at what the first of the messages is about, the day before."""
        del finding
        for message in messages.head(1).to_dicts():
            yield counterfactual.event(
                messages,
                kind="product_viewed",
                occurred_at=message["occurred_at"] - timedelta(days=1),
                item_id=message["item_id"],
                category=message["category"],
            )


def split_at_cause(
    context: CheckContext,
    finding: Finding,
    messages: pl.DataFrame,
    *,
    before: str,
    after: str,
    figures: tuple[int, ...] = (),
) -> Iterator[ExcludedEvents]:
    """Messages that do not count, those before the first cause of the finding apart from those after it.

    `figures`: those of the reason `after`.
    """
    cause = context.events.filter(pl.col("event_id").is_in(finding["cause"]))["occurred_at"].min()
    is_before = pl.lit(value=False) if cause is None else pl.col("occurred_at") < cause
    yield ExcludedEvents("message", messages.filter(is_before), before)
    yield ExcludedEvents("message", messages.filter(~is_before), after, figures)


def acts_about_something_else(context: CheckContext, finding: Finding) -> Iterator[ExcludedEvents]:
    """The acts up to a finding that no act supports."""
    acts = context.of_kind(*BEHAVIOUR).filter(pl.col("occurred_at") <= finding["to"])
    yield ExcludedEvents("act", acts, "about something else, or not the customer's own")
