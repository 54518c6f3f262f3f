"""Places of linear mode about everybody: who is worst, campaigns; files in and out."""

from __future__ import annotations

import shlex
from functools import cached_property
from typing import TYPE_CHECKING

from audit.errors import InputError, NotFoundError
from tui.linear.customers import Customer, Stories, look_up, read_letter
from tui.linear.decisions import tell_audience
from tui.linear.loop import NUMBER, Action, Loop, Place, called
from tui.linear.rules import Inbox, Rule, Rules
from tui.rendering import bars
from tui.rendering.text import listed_names, number, share
from tui.rendering.wording import SIDES, moment, several
from tui.session import LONG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tui.session.view_models import Agreement, Document, Triage


class Find(Place):
    """Everybody, the worst first, where the role may see a list; or who has a finding of one check."""

    of_everybody = True

    def __init__(self, loop: Loop, check: str = "") -> None:
        super().__init__(loop)
        self._check = check

    @cached_property
    def _triage(self) -> Triage | None:
        return self.session.customers.triage() if self.loop.lists_people else None

    @cached_property
    def _people(self) -> Sequence[Document]:
        if self._triage is None:
            return []
        people = self._triage.customers
        if self._check:
            members = self._triage.members
            having = members.filter(members["key"] == self._check)["customer"]
            people = people.filter(people["customer"].is_in(having.implode()))
        return people.to_dicts()

    def forget(self) -> None:
        self.__dict__.pop("_triage", None)
        self.__dict__.pop("_people", None)

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"Find: customers with {self._check}" if self._check else "Find"

    def answer(self) -> Iterator[str]:
        opening = self.loop.opening
        who = [
            f"you look as {opening.role}",
            f"ticket {opening.ticket}" if opening.ticket else "",
            opening.reason or "",
        ]
        counts = (
            several(opening.customers, "customer"),
            several(opening.events, "event"),
            *filter(None, who),
        )
        yield f"Workspace {opening.name}: {', '.join(counts)}"
        yield opening.coverage
        if self._triage is None:
            yield "Type an e-mail address, a source id or a pseudonym."
        elif not self._people:
            yield f"Nobody: {self._triage.limits}"
        else:
            yield "Customers, the worst first; or type an e-mail address, a source id or a pseudonym."

    def items(self) -> Sequence[str]:
        return [self._row(row) for row in self._people]

    def _row(self, row: Document) -> str:
        counts = f"{several(row['messages'], 'message')}, {several(row['findings'], 'finding')}"
        told = f"{row['severity']}: {row['headline'].rstrip('.')}" if row["severity"] else "nothing found"
        return f"{row['customer']}, {told}, {counts}, last {moment(row['last'])}"

    def open(self, at: int) -> None:
        self.loop.go(Customer(self.loop, self._people[at]["customer"]))

    def actions(self) -> Iterable[Action]:
        yield Action(
            "open", "The customer with that number.", lambda text: self.open(self.chosen(text)), NUMBER
        )
        if self._triage is not None:
            yield Action("checks", "Findings by check; one of them lists who has it.", self._checks)
        last = called("find", "last_cases")
        yield Action(last, "The five cases opened last.", lambda _: self.loop.go(Recent(self.loop)))

    def _checks(self, _: str) -> None:
        assert self._triage is not None
        self.loop.go(Checks(self.loop, self._triage))

    def otherwise(self, text: str) -> bool:
        """An identifier, typed or pasted; words that nobody is called by are no action either."""
        if len(text) > LONG:
            read_letter(self.loop, text)
            return True
        if len(text.split()) > 1:
            return False
        try:
            customer = self.session.customers.resolve(text)
        except NotFoundError:
            if "@" in text:
                raise
            return False
        self.loop.go(Customer(self.loop, customer))
        return True


class Checks(Place):
    """How many findings each check has."""

    title = "Findings by check"

    def __init__(self, loop: Loop, triage: Triage) -> None:
        super().__init__(loop)
        self._checks = triage.checks.to_dicts()

    def items(self) -> Sequence[str]:
        return [
            f"{row['check']}, {row['severity']}: {several(row['findings'], 'finding')} of {several(row['customers'], 'customer')}"
            for row in self._checks
        ]

    def open(self, at: int) -> None:
        self.loop.go(Find(self.loop, self._checks[at]["key"]))


class Recent(Place):
    """The cases opened last."""

    title = "Last cases"

    def items(self) -> Sequence[str]:
        return self.session.customers.recent()

    def open(self, at: int) -> None:
        self.loop.go(Customer(self.loop, self.items()[at]))


class Campaigns(Place):
    """The campaigns, the worst flows first."""

    of_everybody = True

    title = "Campaigns, the worst flows first"

    @cached_property
    def _campaigns(self) -> Sequence[Document]:
        return self.session.customers.campaigns().to_dicts()

    def forget(self) -> None:
        self.__dict__.pop("_campaigns", None)

    def items(self) -> Sequence[str]:
        return [
            f"{row['campaign']}, {row['severity'] or 'nothing found'}: {several(row['findings'], 'finding')} of "
            f"{several(row['customers'], 'customer')}; {several(row['messages'], 'message')}"
            + ("" if row["clicked"] is None else f", {number(row['clicked'])} clicked")
            for row in self._campaigns
        ]

    def open(self, at: int) -> None:
        tell_audience(self.loop, self._campaigns[at]["campaign"])

    def actions(self) -> Iterable[Action]:
        name = called("customer", "audience")
        yield Action(
            name, "Who got it, and what sets them apart.", lambda text: self.open(self.chosen(text)), NUMBER
        )
        yield Action("cap", "Begin a rule of so many mails of it in a window.", self._cap, NUMBER)

    def _cap(self, text: str) -> None:
        campaign = self._campaigns[self.chosen(text)]["campaign"]
        place = Rule(self.loop, self.session.rules.blank("frequency_cap"))
        place.texts |= {"campaigns": listed_names([campaign])}
        self.loop.go(place)


class Reconciled(Place):
    """Where the log and our definitions disagree, of all segments and strips or of one; its number opens the customer."""

    of_everybody = True

    def __init__(self, loop: Loop, only: str = "") -> None:
        super().__init__(loop)
        self._only = only

    @cached_property
    def _agreement(self) -> Agreement:
        return self.session.customers.reconcile(self._only)

    @cached_property
    def _apart(self) -> Sequence[Document]:
        return self._agreement.apart.to_dicts()

    def forget(self) -> None:
        self.__dict__.pop("_agreement", None)
        self.__dict__.pop("_apart", None)

    @property
    def title(self) -> str:  # type: ignore[override]
        return (
            f"Log and our definitions: {self._agreed(self._only)['title']}"
            if self._only
            else "Log and our definitions"
        )

    def _agreed(self, key: str) -> Document:
        return next(row for row in self._agreement.agreed.to_dicts() if row["key"] == key)

    def answer(self) -> Iterator[str]:
        yield f"{several(self._agreement.total, 'disagreement')}, {number(len(self._apart))} listed."

    def items(self) -> Sequence[str]:
        return [
            f"{row['customer']}, {row['where']}, {SIDES[row['side']]}: {row['text']}" for row in self._apart
        ]

    def open(self, at: int) -> None:
        self.loop.go(Customer(self.loop, self._apart[at]["customer"]))

    def actions(self) -> Iterable[Action]:
        yield Action(
            "open", "The customer with that number.", lambda text: self.open(self.chosen(text)), NUMBER
        )
        yield Action("agreement", "How far they agree, of each segment and strip.", self._tell_agreement)
        yield Action(
            "only", "Only the segment or strip of the disagreement with that number.", self._narrow, NUMBER
        )

    def _tell_agreement(self, _: str) -> None:
        for row in self._agreement.agreed.to_dicts():
            counts = f"both {number(row['both'])}, only the log {number(row['logged_only'])}, only ours {number(row['derived_only'])}"
            agree = "" if row["agreement"] is None else f"; they agree for {share(row['agreement'], 0)}"
            self.loop.say(f"{row['title']}: {counts}{agree}")

    def _narrow(self, text: str) -> None:
        title = self._apart[self.chosen(text)]["where"]
        key = next(row["key"] for row in self._agreement.agreed.to_dicts() if row["title"] == title)
        self.loop.go(Reconciled(self.loop, key))


COMMANDS = (
    "import", "map", "formats", "customers", "show", "why", "audit", "segments", "reconcile", "rules", "simulate", "sweep",
    "report", "doctor", "audience",
)  # fmt: skip
"""What may be asked of the command line from here: not what opens screens or reads a stream."""


def everywhere(loop: Loop) -> Iterator[Action]:
    """What leads to other places, from each of them."""

    def of(area: str, action: str, help_: str, do: type[Place]) -> Action:
        return Action(called(area, action), help_, lambda _: loop.go(do(loop)))

    if loop.opening.synthetic:
        yield of("app", "go('stories')", "The stories of the demo.", Stories)
    yield of("app", "go('find')", "Customers, the worst first.", Find)
    yield Action(
        called("app", "seek"),
        "Look somebody up by an e-mail address, a source id or a pseudonym.",
        lambda text: look_up(loop, text),
        "WHO",
    )
    yield Action(
        "paste",
        "A customer's whole letter: whose it is, and what it is about. Nothing of it is kept.",
        lambda _: read_letter(loop, loop.ask_lines("Paste it; a line with only a full stop ends it:")),
    )
    yield of("find", "campaigns", "The campaigns, the worst flows first.", Campaigns)
    yield Action(
        called("app", "go('fleet')"),
        "How many mails people got in a week, over all senders.",
        lambda _: tell_fleet(loop),
    )
    yield of("find", "app.go('agreement')", "Where the log and our definitions disagree.", Reconciled)
    yield of("app", "go('rules')", "The rule book.", Rules)
    yield of("rules", "inbox", "What is proposed.", Inbox)
    yield Action("import", "Bring files in; asks for a map.", lambda text: import_files(loop, text), "PATH")
    yield Action(
        "hand over",
        "Write whom the rules suppress now for the system that sends.",
        lambda text: hand_over(loop, text),
        "FILE",
    )
    yield Action(
        "command", f"Any of these commands: {', '.join(COMMANDS)}.", lambda text: command(loop, text), "WORDS"
    )


def tell_fleet(loop: Loop) -> None:
    """Say how many mails people got in a week."""
    loop.say(*bars.pressure_lines(loop.session.customers.pressure(loop.progress())))


def command(loop: Loop, text: str) -> None:
    """Run a command line on this workspace; what it prints are lines too."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"that cannot be read: {error}") from error
    if not words or words[0] not in COMMANDS:
        raise InputError(f"say one of {', '.join(COMMANDS)}")
    code = loop.command(words)
    loop.say("Done." if code == 0 else f"Ended with the code {code}.")


def import_files(loop: Loop, text: str) -> None:
    """Bring files in, with a map where one is named."""
    path = text or loop.ask("File or folder:")
    if not path:
        raise InputError("nothing was named")
    map_file = loop.ask("Map file, or nothing where the format is known:")
    code = loop.command(["import", path, *(["--map", map_file] if map_file else [])])
    loop.reopen()
    loop.say("Imported." if code == 0 else "Nothing new came in.")


def hand_over(loop: Loop, text: str) -> None:
    """Write whom the enabled rules suppress into a file, or say what to set where a list cannot say it."""
    file = text or loop.ask("File to write:")
    if not file:
        raise InputError("nothing was named")
    form = loop.ask("Format: csv, json, braze, klaviyo or words; by default csv:") or "csv"
    if loop.agree(f"Hand over as {form} into {file}?"):
        code = loop.command(["rules", "handover", "--format", form, "--out", file])
        loop.say("Handed over." if code == 0 else "Not handed over.")
    else:
        loop.say("Nothing was handed over.")
