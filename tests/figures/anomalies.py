"""The figures of what is out of an account's pattern: when it was, how many things, how many others, how usual elsewhere."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from audit.events.schema import BEHAVIOUR
from audit.findings.anomaly import OutOfPattern
from audit.queries.reports.document import Section
from audit.queries.reports.language import Language
from tests.figures.history import Row
from tests.figures.reading import day
from tests.figures.said import Said, Told


def of_anomalies(section: Section, says: Language, said: Said) -> Iterator[Told]:
    """Each order or session with the things in it."""
    yield from (Told(text, []) for text in section.paragraphs)
    for node, entry in zip(section.tree, said.unusual, strict=True):
        rows = [said.history.by_id[event] for event in entry.evidence]
        english = says.locale == "en"
        family = "session" if entry.order_id.__class__.__name__ == "UnsetType" else "order"
        others = len(
            {_basket(row, family) for row in _acts(said, family)} - {_basket(row, family) for row in rows}
        )
        at = min(row["occurred_at"] for row in rows)
        things = {row["item_id"] or row["item_name"] for row in rows} - {None}
        nearer = round(entry.percentile * others / 100)
        zone = next((row["time_zone"] for row in rows if row["time_zone"]), "UTC")
        hour = [str(at.astimezone(ZoneInfo(zone)).hour), "00"] if ":00" in entry.text else []
        count = sum("nothing else here" in thing.text for thing in entry.because)
        new = []
        if " of a kind" in entry.text and "It is of" not in entry.text:
            new = [str(count), str(len(things))] if english else [str(count)] * (count < len(things))
        rank = _rank(nearer, others) if english else _german_rank(nearer, others)
        yield Told(
            node.text, [day(at), str(len(things)), *rank, *hour, *new, *_rarity(entry, english=english)]
        )
        recorded, *named, events = node.below
        yield Told(recorded.text, [])
        for below, thing in zip(named, entry.because, strict=True):
            own = [row for row in rows if thing.item_id in {row["item_id"], row["item_name"]}]
            customers, accounts = said.data.owners(family, own[0]["item_id"]) if own else (0, 1)
            share = 100 * customers / accounts
            written = f"{share:.0f}" if share >= 10 else f"{share:.1f}" if share >= 0.1 else "0.1"
            written = "11" if customers < 11 else written
            written = written if english else written.replace(".", "")
            yield Told(below.text, [*_others(said, family, own, entry_rows=rows, text=thing.text), written])
        yield Told(events.text, [str(len(rows) - 12)] if len(rows) > 12 else [])


def _rank(nearer: int, others: int) -> list[str]:
    """One other, or all of them, are not counted twice."""
    return [] if others <= 1 else [str(others)] if nearer == others else [str(nearer), str(others)]


def _german_rank(nearer: int, others: int) -> list[str]:
    return [] if nearer == 0 else [str(others)] if nearer == others else [str(nearer), str(others)]


def _rarity(entry: OutOfPattern, *, english: bool) -> list[str]:
    if entry.common is None:
        return []
    hundredths = round(100 * entry.common)
    return [*([str(hundredths or 1)] if hundredths or english else []), "100"]


def _acts(said: Said, family: str) -> list[Row]:
    return (
        said.history.orders
        if family == "order"
        else [row for row in said.history.acts if row["kind"] in BEHAVIOUR]
    )


def _basket(row: Row, family: str) -> str:
    return row["order_id"] or row["event_id"] if family == "order" else row["session_id"] or row["event_id"]


def _others(said: Said, family: str, own: list[Row], *, entry_rows: list[Row], text: str) -> list[str]:
    """How often else the account has it, or something of its kind."""
    if not own:
        return []
    baskets = {_basket(row, family) for row in entry_rows}
    rest = [row for row in _acts(said, family) if _basket(row, family) not in baskets]
    if " other time" in text:
        return [str(len({_basket(row, family) for row in rest if row["item_id"] == own[0]["item_id"]}))]
    if "never this one" in text:
        return [str(sum(row["category"] == own[0]["category"] for row in rest))]
    return []
