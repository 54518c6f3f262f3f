"""How fast formats that are maps go in, beside polars doing the least that could be done with the same file.

    python tests/bench/bench_maps.py [ROWS [ROUNDS]]

NDJSON as senders post it (SendGrid, Postmark: flat; Mailgun: nested; Amazon SES, Resend: lists of recipients), beside polars' own reader of
NDJSON; and a flat CSV through a map, beside polars reading text, casting, sorting and writing Parquet. `read`: the file as
batches of text events; `import`: all of the import, down to the workspace on disk. Processor time of the process, medians;
the two take turns.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import polars as pl

from audit import ingest
from audit.ingest import formats, map_formats
from audit.ingest.format import Options
from audit.workspace.workspace import Workspace

START = 1_767_607_200
MAP = """
delimiter = ";"
[columns]
event_id = "Id"
customer_id = "Customer"
occurred_at = "Date"
kind = "Type"
message_id = "Mail"
campaign_name = "Campaign"
subject = "Subject"
price = "Amount"
[constants]
channel = "email"
[time]
format = "%d.%m.%Y %H:%M:%S"
[kinds]
Sent = "message_sent"
Opened = "message_opened"
Clicked = "message_clicked"
Bought = "order_completed"
[numbers]
decimal = ","
"""


def sendgrid(number: int) -> dict[str, object]:
    event = ("processed", "delivered", "open", "click")[number % 4]
    return {
        "email": f"jo{number % 2_000}@example.test", "timestamp": START + number, "event": event,
        "sg_message_id": f"m{number // 4}.filter-7.1", "sg_event_id": f"e{number}", "category": ["spring", "sale"],
        "singlesend_id": f"c{number % 50}", "subject": f"Hello number {number % 50}", "ip": "192.0.2.7",
        "useragent": "Mozilla/5.0", "url": "https://shop.example/a",
    }  # fmt: skip


def mailgun(number: int) -> dict[str, object]:
    event = ("accepted", "delivered", "opened", "clicked")[number % 4]
    headers = {"message-id": f"m{number // 4}@mg", "subject": f"Hello number {number % 50}"}
    data = {
        "id": f"x{number}", "timestamp": START + number + 0.125, "event": event, "recipient": f"jo{number % 2_000}@example.test",
        "message": {"headers": headers}, "campaigns": [], "tags": ["spring"], "client-info": {"bot": ""}, "log-level": "info",
    }  # fmt: skip
    return {"signature": {"timestamp": str(START), "token": "abc"}, "event-data": data}


def ses(number: int) -> dict[str, object]:
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(START + number))
    mail = {
        "timestamp": at, "messageId": f"ses{number}", "destination": [f"jo{number % 2_000}@example.test"],
        "tags": {"campaign": ["spring"]}, "commonHeaders": {"subject": f"Hello number {number % 50}"},
    }  # fmt: skip
    return {"eventType": "Send", "mail": mail, "send": {}}


def postmark(number: int) -> dict[str, object]:
    event = ("Delivery", "Open", "Click", "Bounce")[number % 4]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + number))
    moment = {"Delivery": "DeliveredAt", "Bounce": "BouncedAt"}.get(event, "ReceivedAt")
    return {
        "RecordType": event, "MessageID": f"p{number // 4}", "Recipient": f"jo{number % 2_000}@example.test", moment: at,
        "Tag": "spring", "MessageStream": "outbound", "Metadata": {"order": f"o{number}"}, "ServerID": 23,
    }  # fmt: skip


def resend(number: int) -> dict[str, object]:
    event = ("sent", "delivered", "opened", "clicked")[number % 4]
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(START + number))
    data = {
        "created_at": at, "email_id": f"r{number // 4}", "from": "shop@shop.example", "subject": f"Hello number {number % 50}",
        "to": [f"jo{number % 2_000}@example.test"],
    }  # fmt: skip
    return {"type": f"email.{event}", "created_at": at, "data": data}


def csv_lines(rows: int) -> Iterator[str]:
    yield "Id;Customer;Date;Type;Mail;Campaign;Subject;Amount;Store"
    for number in range(rows):
        at = time.strftime("%d.%m.%Y %H:%M:%S", time.gmtime(START + number))
        kind = ("Sent", "Opened", "Clicked", "Bought")[number % 4]
        yield f"e{number};jo{number % max(rows // 100, 1)};{at};{kind};m{number // 4};Spring {number % 50};Hello number {number % 50};{number % 90},95;{number % 7}"


def least_ndjson(file: Path, _: Path) -> None:
    pl.read_ndjson(file)


def least_csv(file: Path, folder: Path) -> None:
    text = pl.read_csv(file, separator=";", infer_schema=False)
    typed = text.with_columns(
        pl.col("Date").str.to_datetime("%d.%m.%Y %H:%M:%S"),
        pl.col("Amount").str.replace(",", ".", literal=True).cast(pl.Float64),
    )
    typed.sort("Customer", "Date", "Mail").write_parquet(folder / "least.parquet")


def timed(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def main(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["WHYSENT_KEY_FILE"] = str(folder / "key")
        for made in (sendgrid, mailgun, ses, postmark, resend):
            with (folder / f"{made.__name__}.ndjson").open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(made(number)) + "\n" for number in range(rows))
        (folder / "flat.csv").write_text("\n".join(csv_lines(rows)) + "\n", encoding="utf-8")
        (folder / "flat.toml").write_text(MAP, encoding="utf-8")
        print(f"{'':<16} {'least':>9} {'read':>9} {'beside':>7} {'import':>9} {'beside':>7}   rows a second")
        for file in [*sorted(folder.glob("*.ndjson")), folder / "flat.csv"]:
            measured = [each_way(file, folder, number) for number in range(rounds)]
            one, two, three = (statistics.median(times) for times in zip(*measured, strict=True))
            print(
                f"{file.name:<16} {rows / one:>9,.0f} {rows / two:>9,.0f} {one / two:>6.2f}× {rows / three:>9,.0f} {one / three:>6.2f}×"
            )


def each_way(file: Path, folder: Path, number: int) -> tuple[float, float, float]:
    """Seconds of the least that could be done, of reading, of all of the import."""
    name = None if file.suffix == ".csv" else file.stem
    map_file = folder / "flat.toml" if name is None else None
    source = (
        map_formats.format_of(map_file) if map_file else next(f for f in formats.formats() if f.name == name)
    )
    least = least_csv if name is None else least_ndjson
    ws = Workspace.create(folder / f"{file.stem}{number}")
    return (
        timed(lambda: least(file, folder)),
        timed(lambda: [None for _ in source.read(file, Options())]),
        timed(lambda: ingest.import_paths(ws, [file], format=name, map_file=map_file)),
    )


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*given, *(200_000, 3)[len(given) :])
