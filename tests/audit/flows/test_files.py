"""Definitions of flows: what a file may say, and what is refused in one line."""

from datetime import timedelta
from pathlib import Path

import pytest

from audit import flows
from audit.errors import InputError
from audit.flows import campaign_map
from audit.queries import campaigns
from audit.workspace.workspace import Workspace

CART = '[[flow]]\nid = "cart"\nlike = "cart-series"\n'
ASKS = '[[flow]]\nid = "a"\non = { kinds = ["product_viewed"], window = "7d"'


def read(tmp_path: Path, text: str) -> tuple[flows.Flow, ...]:
    path = tmp_path / "flows.toml"
    path.write_text(text, encoding="utf-8")
    kept = flows.read(path)
    assert kept is not None
    return flows.from_json(kept)


def test_a_flow_is_built_on_one_that_ships_and_says_what_is_different(tmp_path: Path) -> None:
    (one,) = read(tmp_path, CART + '[[flow.step]]\nafter = "5h"\nleeway = "1h"\n')
    assert (one.title, one.campaigns) == ("Cart series", ("cart",))
    assert one.trigger is not None
    assert one.trigger.id == "cart"
    assert [(step.name, step.after, step.leeway) for step in one.steps] == [
        ("1", timedelta(hours=5), timedelta(hours=1))
    ]


def test_what_it_asks_for_and_its_exits_end_it(tmp_path: Path) -> None:
    text = '[[flow]]\nid = "r"\nlike = "review-request"\nexits = ["order_refunded", "customer_deceased"]\n'
    (one,) = read(tmp_path, text)
    assert one.trigger is not None
    assert {"product_reviewed", "customer_deceased", "order_refunded"} <= set(one.trigger.ended_by)


def test_every_flow_that_ships_can_be_built_on(tmp_path: Path) -> None:
    text = "".join(f'[[flow]]\nid = "{name}"\nlike = "{name}"\n' for name in flows.shipped())
    assert [one.id for one in read(tmp_path, text)] == list(flows.shipped())
    assert all(one.source for one in read(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[flow]]\nid = "a"\ntriger = "cart"\n', "flow a: triger: unknown key; did you mean 'trigger'?"),
        ('[[flow]]\nid = "a"\ntrigger = "carrt"\n', "flow a: trigger: unknown 'carrt'; did you mean 'cart'?"),
        ('[[flow]]\nid = "a"\nlike = "cart-serie"\n', "flow a: like: unknown 'cart-serie'; did you mean 'cart-series'?"),
        ('[[flow]]\nid = "a"\n', "flow a: trigger: a flow needs a trigger, or a list or segment that it goes to"),
        ("[[flow]]\ntitle = 'x'\n", "flow number 1: id: must be a text"),
        (CART + CART, "flow cart: id: 'cart' stands twice"),
        (CART + 'exits = ["bought"]\n', "flow cart: exits: unknown kind 'bought'"),
        (CART + 'asks_for = ["product_reviewed", "order_completed"]\n', "asks_for: must be one kind of event"),
        (CART + '[[flow.step]]\nafter = "9 hours"\n', "step.after: '9 hours' is no duration"),
        (CART + '[[flow.step]]\nafter = "4h"\nleaway = "1h"\n', "step.leaway: unknown key; did you mean 'leeway'?"),
        (CART + '[[flow.step]]\nafter = "8d"\n', "step.after: must be shorter than the window of its trigger"),
        (CART + '[[flow.step]]\nafter = "4h"\n[[flow.step]]\nafter = "2h"\n', "each step must come later"),
        (CART + '[[flow.step]]\nstep = "1"\n', "step.after: every step needs one"),
        ('[[flow]]\nid = "a"\nlist = "news"\n[[flow.step]]\nafter = "1d"\n', "step: has no meaning without a trigger"),
        ('[[flow]]\nid = "a"\non = { kinds = ["product_viewed"] }\n', "on.window: is needed where no trigger is named"),
        (ASKS + ', same = "brand" }\n', "on.same: unknown 'brand'; one of item, category, segment, order, nothing"),
        (ASKS + ', where = "price >=" }\n', "on.where: 'price >=' does not parse"),
        (ASKS + ', where = "prize > 3" }\n', "names the column 'prize', which events do not have; did you mean 'price'?"),
        (ASKS + """, where = "price > 'x'" }\n""", "cannot be told of every event: cannot compare string"),
        (ASKS + """, where = "topics = 'x'" }\n""", "cannot be told of every event: cannot cast List"),
        (ASKS + """, where = "topics IN ('x')" }\n""", "cannot be told of every event: `is_in`"),
        (ASKS + ', where = "CAST(item_id AS INT) > 3" }\n', "cannot be told of every event: conversion from `str`"),
        (ASKS + ', where = "price > AVG(price)" }\n', "is no condition that one event meets or does not meet"),
        (ASKS + """, where = "UNNEST(topics) = 'x'" }\n""", "is no condition that one event meets or does not meet"),
        (ASKS + ', where = "price" }\n', "is no condition that one event meets or does not meet"),
        (ASKS + ', where = "sum(price) > 3" }\n', "is no condition that one event meets or does not meet"),
        (
            '[[flow]]\nid = "a"\non = { kinds = ["order_completed"], quiet = ["order_completed"], quiet_for = "8d", window = "7d" }\n',
            "on.quiet_for: must be shorter than on.window",
        ),
        (
            ('[[flow]]\nid = "a"\non = { kinds = ["message_clicked"], window = "7d", campaign = "b" }\n'
            '[[flow]]\nid = "b"\non = { kinds = ["message_sent"], window = "7d", campaign = "a" }\n'),
            "flow a: on.campaign: goes in a circle, so none of them ever begins: a → b → a",
        ),
        (
            '[[flow]]\nid = "a"\ncampaigns = ["x", "y"]\non = { kinds = ["message_sent"], window = "7d", campaign = "y" }\n',
            "goes in a circle, so none of them ever begins: a → a",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)
    assert says in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "flows.toml"))
    assert "\n" not in str(refused.value)


def test_a_chain_of_flows_is_no_circle(tmp_path: Path) -> None:
    text = (
        '[[flow]]\nid = "a"\nlike = "cart-series"\n'
        '[[flow]]\nid = "b"\non = { kinds = ["message_clicked"], window = "7d", campaign = "a" }\n'
        '[[flow]]\nid = "c"\non = { kinds = ["message_clicked"], window = "7d", campaign = "b" }\n'
    )
    assert len(read(tmp_path, text)) == 3


def test_a_workspace_keeps_map_and_flows_apart(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path / "ws")
    both, only_flows = tmp_path / "both.toml", tmp_path / "flows.toml"
    both.write_text('[[campaign]]\ncampaign_id = "cart"\ntrigger = "cart"\n' + CART, encoding="utf-8")
    only_flows.write_text('[[flow]]\nid = "win-back"\nlike = "win-back"\n', encoding="utf-8")
    for path, held in ((both, "cart"), (only_flows, "win-back")):
        ws.set_map(campaign_map.read(path), flows.read(path))
        ws = Workspace.open(tmp_path / "ws")
        assert ws.campaigns["campaign_id"].to_list() == ["cart"]
        assert [one.id for one in ws.flows] == [held]
        assert ws.context().flows == ws.flows


def test_the_map_says_how_many_messages_each_flow_gives(scenes: Path) -> None:
    answer = campaigns.campaign_map(Workspace.open(scenes))
    by_id = {entry.id: entry for entry in answer.flows}
    cart = by_id["cart"]
    assert (cart.messages, cart.given, cart.steps) == (9, 2, ("1", "2"))
    assert by_id["review-request"].given == by_id["review-request"].messages == 1
    assert by_id["restock"].given == 14
