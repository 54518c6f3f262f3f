"""The screens' only door to the core: four sets of questions. Every method may take long and is called in a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl

    from audit.rules.replay.totals import ReplayDocument
    from audit.rules.vendor_semantics.preset_comparison import ComparisonDocument
    from tui.session.view_models import (
        Agreement,
        Change,
        Document,
        Draft,
        Drawing,
        Entry,
        OfferedText,
        Opening,
        Picture,
        Plan,
        ProposalCase,
        ProposalGroup,
        RuleTrial,
        Sample,
        Subject,
        Triage,
        Verdict,
    )


Progress = Callable[[int, int], None]
"""Told how many messages of how many are decided."""


class CustomerQuestions(Protocol):
    """What can be asked about everybody, and about one customer."""

    def recent(self) -> tuple[str, ...]:
        """The pseudonyms of the cases opened last, newest first, at most five."""

    def triage(self) -> Triage:
        """Who is worst, and how many findings of each check."""

    def campaigns(self) -> pl.DataFrame:
        """The worst flows first: `campaign, findings, severity, customers, messages, clicked`."""

    def reconcile(self, only: str) -> Agreement:
        """How far log and definitions agree: of all segments and strips, or only of the one with that key."""

    def resolve(self, text: str) -> str:
        """The pseudonym for an e-mail, a source id or a pseudonym. The text is neither kept nor shown."""

    def picture(self, customer: str, without: tuple[str, ...], *, whole: bool = True) -> Picture:
        """One customer, without the events left out. Unless `whole`, recommendations that would take long are left out."""

    def verdict(self, picture: Picture) -> Verdict:
        """The verdict of a picture with its causes and its remedy, which take longer than the picture."""

    def try_rules(self, customer: str, without: tuple[str, ...], suggested: Document | None) -> RuleTrial:
        """What the book's enabled rules do to one customer's messages; where none is enabled, the suggested rule."""

    def derivable_messages(self, customer: str, without: tuple[str, ...]) -> frozenset[str]:
        """The messages (event_ids) that our definitions give."""

    def explain(self, customer: str, subject: Subject, without: tuple[str, ...]) -> Document:
        """`whysent.why/1` of one message, segment, item or finding."""

    def customer_wording(self, picture: Picture, document: Document, locale: str) -> OfferedText:
        """An explanation in words that one could read to the customer; a refusal where there are none."""

    def report(self, customer: str, kind: str, locale: str) -> OfferedText:
        """The internal note or the reply, in a language."""


class RuleBookQuestions(Protocol):
    """The rule book: its entries, forms to fill in, and changes, each with its plan."""

    def entries(self) -> tuple[Entry, ...]:
        """The rules of the book, then those that are proposed."""

    def kinds(self) -> tuple[str, ...]:
        """The kinds of rule there are."""

    def blank(self, kind: str) -> Entry:
        """A rule of that kind that is not in the book yet, with what it needs left empty."""

    def draft(self, texts: Mapping[str, str]) -> Draft:
        """Read a form back."""

    def history(self, rule: str) -> tuple[str, ...]:
        """The versions of a rule, newest first, a line each."""

    def plan(self, change: Change) -> Plan:
        """What a change of the book would do."""

    def apply(self, change: Change, note: str = "") -> str:
        """Make a planned change, or propose it where the workspace wants a second person; what was done, in a line."""


class ReplayQuestions(Protocol):
    """What a rule would have done in the past."""

    def prepare(self, running: Callable[[], bool]) -> None:
        """Load and compile what replays over everybody need, as long as `running` says so."""

    def replay(
        self,
        keys: Document,
        customer: str | None,
        progress: Progress | None = None,
        sampled: Callable[[Sample], None] | None = None,
    ) -> ReplayDocument:
        """`whysent.replay/1` of one rule alone, over one customer or everybody.

        Where the whole takes long, `sampled` is given that of some customers first. `progress` may raise to stop it.
        """

    def curve(self, keys: Document, by: str, progress: Progress, drawn: Callable[[Drawing], None]) -> Drawing:
        """One rule alone at several limits or windows (`by`); where that takes long, `drawn` is given that of a sample first."""

    def vendors(self) -> Mapping[str, str]:
        """The senders whose semantics are known: id → name and what it is there."""

    def compare_with_vendor(self, keys: Document, vendor: str, progress: Progress) -> ComparisonDocument:
        """One rule alone beside the same as a sender would keep it: the field `preset` of `whysent.replay/1`."""


class ProposalQuestions(Protocol):
    """What is proposed, and the answer to it."""

    def inbox(self) -> tuple[ProposalGroup, ...]:
        """What is proposed, by campaign."""

    def propose(self, keys: Document, case: ProposalCase) -> str:
        """Propose a rule, switched on; what was done, in a line."""

    def reject(self, proposal: str, note: str) -> str:
        """Say no to a proposal; what was done, in a line."""


class Session(Protocol):
    """An open workspace as the screens see it: questions in, frozen view models out.

    Every method raises WhysentError for what a person can act on.
    """

    @property
    def customers(self) -> CustomerQuestions: ...

    @property
    def rules(self) -> RuleBookQuestions: ...

    @property
    def replays(self) -> ReplayQuestions: ...

    @property
    def proposals(self) -> ProposalQuestions: ...

    def open(self) -> Opening:
        """Open the workspace and say what it is."""

    def data_version(self) -> str:
        """What findings rest on: another text after an import, or after a change of the declared rules."""

    def warm(self) -> None:
        """Load what looking somebody up will need, so that it is there when they are looked up."""

    def write_export(self, name: str, text: str) -> str:
        """Write `text` into a file of the workspace that only its owner can read; the path."""
