"""`whysent case --paste`: the customer whose letter it is, and what it is about."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from audit.events.document import Document
from audit.privacy.scan import scrubbed
from audit.queries import locales
from audit.queries.case import Case, read_case
from audit.queries.complaints import customers, letter, matching
from audit.queries.complaints.letter import Letter
from audit.queries.complaints.matching import History, Match, Subject
from audit.queries.customer import CustomerPicture, picture
from audit.queries.findings_documents import findings_of
from audit.queries.reports import shipped_words
from audit.queries.reports.language import language

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace


class LookedFor(Document):
    """An identifier that stands in the letter."""

    kind: Literal["pseudonym", "email", "phone", "name", "number"]
    """number: of a customer, an order or a message."""
    masked: str
    customers: int
    """How many customers have it."""


class FittingCustomer(Document):
    """A customer whose letter it may be."""

    customer: str
    by: tuple[str, ...]
    """The kinds of identifiers that lead to them."""
    masked: dict[str, str]
    """What the vault may show of their identifiers, by field."""


class About(Document):
    """Something in the customer's history that the letter is, or may be, about."""

    kind: Literal["finding", "message", "segment", "item"]
    id: str
    """As `whysent why` takes it."""
    check: str | None
    """Of a finding: what found it."""
    text: str
    words: tuple[str, ...]
    """The words of the letter that lead there, as they are written in it."""
    quoted: tuple[str, ...]
    """The subjects of mails that the letter quotes."""
    passages: tuple[str, ...]
    """The sentences of the letter in which the words stand, without addresses and telephone numbers."""


class Complaint(Document):
    """What was made of a letter. Its text is nowhere kept; what is repeated of it here stands in this answer alone."""

    language: str | None
    """The code of the language it is written in; null where that is none that customers are answered in, or not clear."""
    looked_for: tuple[LookedFor, ...]
    fitting: tuple[FittingCustomer, ...]
    """Of several none is opened: `--customer` says whose letter it is."""
    matched: tuple[str, ...]
    """The words of the letter that stand in this customer's history or led to what it is about."""
    about: About | None
    """Null where nothing in this history is what the letter is about."""
    others: tuple[About, ...]
    """What else it may be about, the likeliest first."""
    absent: tuple[str, ...]
    """Where it is about nothing here: what the letter names and this history does not."""
    absent_checks: tuple[str, ...]
    """Where it is about nothing here: the checks that ask what the letter complains of, and found nothing."""


class CaseOfLetter(Document, schema="whysent.case/1"):
    """The case that a letter belongs to."""

    customer: str | None
    """Null where nobody fits, or several do."""
    complaint: Complaint
    picture: CustomerPicture | None
    """As `whysent show --json` prints it."""

    @property
    def question(self) -> str:
        """What the checks that the letter speaks of would have asked, in a few words; empty where it names none."""
        return "; ".join(shipped_words.questions(language(locales.FIRST), self.complaint.absent_checks))


def read(ws: "Workspace", text: str, *, customer: str | None = None, whole: bool = True) -> CaseOfLetter:
    """Whose letter `text` is and what it is about; `customer` says whose, where that is known. Unless `whole`, without the picture.

    Raises NotFoundError for an unknown `customer`.
    """
    parts = letter.read(text, names_sensitive=ws.view.names_sensitive)
    writers = customers.writers(ws, parts)
    fitting = tuple(
        FittingCustomer(
            customer=name,
            by=tuple(dict.fromkeys(_kind(clue.identifier.field) for clue in clues)),
            masked=ws.vault.masked(name),
        )
        for name, clues in writers.fitting.items()
    )
    looked_for = tuple(
        LookedFor(kind=_kind(kind), masked=masked, customers=known)
        for kind, masked, known in writers.looked_for
    )
    pseudonym = ws.resolve(customer) if customer else fitting[0].customer if len(fitting) == 1 else None
    if pseudonym is None:
        nothing = Subject(None, (), (), (), ())
        return CaseOfLetter(
            customer=None, complaint=_complaint(parts, looked_for, fitting, nothing), picture=None
        )
    case = read_case(ws, pseudonym)
    subject = about(case, parts)
    return CaseOfLetter(
        customer=pseudonym,
        complaint=_complaint(parts, looked_for, fitting, subject),
        picture=picture(case, strips=True) if whole else None,
    )


def about(case: Case, parts: Letter) -> Subject:
    """What a letter of the customer of `case` is about; what whoever asks is not told is not matched."""
    told = case.view.shown(findings_of(case.found))
    return matching.subject(parts, History(case, told))


def _kind(field: str) -> Literal["pseudonym", "email", "phone", "name", "number"]:
    kinds: dict[str, Literal["pseudonym", "email", "phone", "name"]] = {
        "pseudonym": "pseudonym", "email": "email", "phone": "phone", "name": "name",
    }  # fmt: skip
    return kinds.get(field, "number")


def _complaint(
    parts: Letter, looked_for: tuple[LookedFor, ...], fitting: tuple[FittingCustomer, ...], subject: Subject
) -> Complaint:
    chosen = _told(parts, [] if subject.about is None else [subject.about])
    return Complaint(
        language=locales.language_of(token.text for token in parts.body.tokens),
        looked_for=looked_for,
        fitting=fitting,
        matched=subject.matched,
        about=chosen[0] if chosen else None,
        others=_told(parts, subject.others),
        absent=subject.absent_words,
        absent_checks=subject.absent_checks,
    )


def _told(parts: Letter, matches: Iterable[Match]) -> tuple[About, ...]:
    return tuple(
        About(
            kind=match.candidate.kind,
            id=match.candidate.id,
            check=match.candidate.check or None,
            text=match.candidate.text,
            words=parts.body.words(match.places),
            quoted=tuple(match.subjects),
            passages=tuple(scrubbed(sentence) for sentence in parts.body.sentences(match.places)),
        )
        for match in matches
    )
