import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.privacy.clean import mask, mask_all


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("email", "max.muster@web.de", "m•••@•••.de"),
        ("email", "x@mail.example.co.uk", "x•••@•••.uk"),
        ("email", "no address", "•••"),
        ("email", "a@b", "•••"),
        ("email", "@web.de", "•••"),
        ("email", "max@web.d3", "•••"),
        ("email", "max@web.", "•••"),
        ("email", "  max@web.de ", "m•••@•••.de"),
        ("email", '"a@b"@web.de', '"•••@•••.de'),
        ("name", "3 Doors Down", "D. D."),
        ("name", "007", "•••"),
        ("phone", "1234", "•••"),
        ("phone", "12345", "•••45"),
        ("phone", "1-2-3-4", "•••"),
        ("address", "Musterweg 1, Germany, Atlantis", "•••"),
        ("address", "Musterweg 1\ngermany", "•••, germany"),
        ("address", "Germany", "•••"),
        ("name", "Maria da Silva", "M. d. S."),
        ("name", "", "•••"),
        ("phone", "+49 171 1234567", "•••67"),
        ("phone", "110", "•••"),
        ("address", "Musterweg 1, 10115 Berlin, Germany", "•••, Germany"),
        ("address", "Musterweg 1\n10115 Berlin", "•••"),
        ("address", "Berlin", "•••"),
        ("ip", "203.0.113.9", "•••"),
        ("user_agent", "Mozilla/5.0", "•••"),
        ("anything", "at all", "•••"),
    ],
)
def test_masks(field, value, shown):
    assert mask(field, value) == shown


def test_each_mask_once_in_order():
    values = [
        ("email", "a@x.de"),
        ("email", "b@x.de"),
        ("email", "a@y.de"),
        ("ip", "1.1.1.1"),
        ("ip", "2.2.2.2"),
    ]
    assert mask_all(values) == {"email": "a•••@•••.de, b•••@•••.de", "ip": "•••"}


@given(
    field=st.sampled_from(["email", "name", "phone", "address", "ip"]),
    value=st.from_regex(r"[a-z0-9]{6,20}(@[a-z]{3,9}\.de)?", fullmatch=True),
)
def test_no_run_of_three_characters_survives(field, value):
    shown = mask(field, value)
    named = value.removesuffix(".de")  # the top-level domain is meant to be seen
    assert not any(named[place : place + 3] in shown for place in range(len(named) - 2))
