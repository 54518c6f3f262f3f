"""Tiny invented exports in Amazon's layouts, each generation from the same rows."""

import csv
import io
import zipfile
from datetime import UTC, datetime

import polars as pl

from audit.events.schema import conform
from audit.ingest.amazon.reader import read_together
from audit.ingest.format import Options
from audit.ingest.normalise import cast
from audit.ingest.values import Conventions

MADE = datetime(2021, 6, 1, 12, 0, tzinfo=UTC)

SENT = [
    "Marketplace Name",
    "Region",
    "Message Type",
    "Message Id",
    "Reference",
    "Was Message Sent",
    "Message Sent Time",
    "Sent Day",
]
ENGAGEMENT = [
    "Marketplace Name",
    "Region",
    "Reference",
    "Event Type",
    "Message Id",
    "Related Link",
    "Event Time",
    "Event Day",
]
PUSH = [
    "Marketplace Name",
    "Region",
    "Was Message Sent",
    "Message Id",
    "Device Sent Number",
    "Sent Time",
    "Recorded Time",
    "Device",
]
FEEDBACK = [
    "Message Id",
    "Reference",
    "Email Delivery Status",
    "Bounce Type",
    "Bounce Reason",
    "Region",
    "Email Delivered Time",
]
PREFERENCES = [
    "NotificationType",
    "NotificationId",
    "NotificationIdDescription",
    "NotificationTopic",
    "NotificationCommunicationChannel",
    "Action",
    "ActionTimestamp",
    "Marketplace",
]
ORDERS = [
    "Website",
    "Order ID",
    "Order Date",
    "Currency",
    "Unit Price",
    "ASIN",
    "Quantity",
    "Order Status",
    "Ship Date",
    "Shipping Address",
    "Product Name",
    "Gift Message",
    "Gift Sender Name",
]
SEARCH = [
    "First Search Time (GMT)",
    "Session ID",
    "Query ID",
    "Prime Customer (Y/N)",
    "First Search Query String",
    "Customer IP",
    "Keywords",
    "Clicked Any Item (Y/N)",
]


def table(header, *rows, mark=True, newline="\n"):
    """A CSV as bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow(header)
    writer.writerows(rows)
    return (b"\xef\xbb\xbf" if mark else b"") + text.getvalue().encode()


def sent(message, at, *, was="Yes", kind="Email", reference="1"):
    return ["Amazon.it", "EU", kind, message, reference, was, at, at[:10] + " 00:00"]


def engaged(message, at, kind="Email Open", reference="1"):
    return ["Amazon.it", "EU", reference, kind, message, "", at, at[:10] + " 00:00"]


def folder(path, files):
    """An unpacked export: name → bytes."""
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path


def zipped(path, files, made=MADE):
    """One zip: name → bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, made.timetuple()[:6]), content)
    return path


def zip_of_zips(path, files, made=MADE):
    """A zip of 2021: each file in a zip of its own."""
    inner = {}
    for name, content in files.items():
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(name, made.timetuple()[:6]), content)
        inner[name.removesuffix(".csv") + ".zip"] = packed.getvalue()
    return zipped(path, inner, made)


def batches(*paths, customer="me"):
    return list(read_together(paths, Options(customer)))


def events(*paths):
    """The events of an export, each once, in order of time, and without columns that are empty."""
    frames = []
    for batch in batches(*paths):
        done = cast(batch.events, Conventions())
        made, refused = done.events, done.refused
        assert refused.is_empty(), refused
        frames.append(conform(made))
    frame = (
        pl.concat(frames)
        .unique("event_id", keep="first", maintain_order=True)
        .sort("occurred_at", "event_id")
    )
    return frame[[column.name for column in frame if column.null_count() < frame.height]]


def one(tmp_path, name, content):
    """The events of an export of a single file."""
    return events(zipped(tmp_path / "export.zip", {name: content}))
