import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.privacy.scan import changed, is_card, scrub, scrubbed

LOCAL = st.text("abcdefghijklmnopqrstuvwxyz0123456789._+-", min_size=1, max_size=12)
WORDS = st.text(" abcdefghijklmnopqrstuvwxyzäöüß", max_size=20)


def luhn(body: str) -> str:
    return next(body + str(last) for last in range(10) if is_card(body + str(last)))


@pytest.mark.parametrize(
    ("text", "clear"),
    [
        ("write to jo.doe+shop@mail.example.co.uk please", "write to [e-mail] please"),
        ("k=jo%40example.de&x=1", "k=[e-mail]&x=1"),
        ("jürgen@bücher.example", "[e-mail]"),
        ("call +49 171 1234567", "call [phone]"),
        ("call +1 (212) 555-0123 now", "call [phone] now"),
        ("0171/1234567", "[phone]"),
        ("(030) 123456", "[phone]"),
        ("(030)\u00a0123456", "[phone]"),  # a blank that does not break is a blank
        ("212\u2011555\u20110123", "[phone]"),  # a dash of any kind is a dash
        ("212-555-0123", "[phone]"),
        ("0049 30 123456", "[phone]"),
        ("0049301234567", "[phone]"),
        ("call 0049301234567 now", "call [phone] now"),
        ("0049(30)123456", "[phone]"),
        ("001.212.555.0123", "[phone]"),
        ("+123 4567", "[phone]"),  # seven digits
        ("+12345678901234567", "[phone]"),  # seventeen
        ("card 4111 1111 1111 1111", "card [card]"),
        ("4111111111111111", "[card]"),
        ("378282246310005", "[card]"),
        ("a@b.de, +49 171 1234567, 5500-0000-0000-0004", "[e-mail], [phone], [card]"),
    ],
)
def test_takes_out(text, clear):
    assert scrubbed(text) == clear


@pytest.mark.parametrize(
    "text",
    [
        "order 400-0000001-0000001",
        "302-1234567-7654321",
        "9783161484100",  # an ISBN without hyphens
        "978-3-16-148410-0",
        "4111 1111 1111 1112",  # a wrong check digit
        "0000000000000000",
        "6666666666666",  # a right check digit, and one digit only
        "411111111111117",  # fifteen digits, a wrong check digit
        "1000000000000008",  # a right check digit, and no first digit of a card
        "+12 3456",  # six digits
        "+123456789012345678",  # eighteen
        "0000123456789",  # no country begins with 0
        "+0123456789",
        "2026-11-20 10:15:00",
        "20.11.2026",
        "11/20/2026",
        "iphone 15 128 256 512",
        "1920x1080 144hz",
        "12345678",
        "B00SYN0000",
        "150017772-5866948781",
        "€ 1,234.50 - 2,345.60",
        "lego 10280 10281 10309",
        "usb 3.0 10 100 1000",
        "me @ home",
        "50% off 2024-2025",
        "",
    ],
)
def test_leaves_alone(text):
    assert scrubbed(text) == text


@given(
    before=WORDS,
    local=LOCAL,
    domain=st.sampled_from(["example.de", "mail.example.com", "x.org"]),
    after=WORDS,
)
def test_no_email_address_survives(before, local, domain, after):
    assert f"{local}@{domain}" not in scrubbed(f"{before} {local}@{domain} {after}")


@given(body=st.from_regex(r"[2-6][0-9]{11,17}", fullmatch=True), gap=st.sampled_from(["", " ", "-"]))
def test_no_card_number_survives(body, gap):
    number = luhn(body)
    groups = gap.join(number[place : place + 4] for place in range(0, len(number), 4))
    assert scrubbed(f"my card {groups} thanks") == "my card [card] thanks"


@given(st.text(max_size=60))
def test_scrubbing_twice_changes_nothing_more(text):
    assert scrubbed(scrubbed(text)) == scrubbed(text)


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
            st.sampled_from(["a@b.de", "+49 171 1234567"]),
        ),
        max_size=8,
    )
)
def test_a_column_is_its_texts(texts):
    column = pl.Series("query", texts, dtype=pl.String)
    assert scrub(column).to_list() == [None if text is None else scrubbed(text) for text in texts]
    assert scrub(column).name == "query"


@given(st.lists(st.text("0123456789+-()/. @%a\u00a0\u2011", min_size=6, max_size=24), max_size=20))
def test_no_text_with_a_number_is_passed_over(texts):
    assert scrub(pl.Series(texts, dtype=pl.String)).to_list() == [scrubbed(text) for text in texts]


@given(
    number=st.sampled_from(
        [
            "+49 171 1234567",
            "(030) 123456",
            "0171/1234567",
            "212.555.0123",
            "0049 30 123456",
            "4111-1111-1111-1111",
        ]
    ),
    gaps=st.lists(st.sampled_from([" ", "-", "\u00a0", "\u2011"]), min_size=6, max_size=6),
)
def test_no_kind_of_gap_is_passed_over(number, gaps):
    turn = iter(gaps)
    text = "x " + "".join(next(turn) if sign in " -" else sign for sign in number) + " y"
    assert scrub(pl.Series([text])).to_list() == [scrubbed(text)]


@pytest.mark.parametrize(
    "number",
    [
        "0049301234567",
        "00441632960961",
        "001.212.555.0123",
        "0049(30)123456",
        "+49301234567",
        "4111111111111111",
    ],
)
def test_a_column_with_nothing_but_one_number_is_looked_at(number):
    (clear,) = scrub(pl.Series([f"{number} please"])).to_list()
    assert clear in {"[phone] please", "[card] please"}


@pytest.mark.parametrize(
    ("digits", "is_one"),
    [
        ("4222222222222", True),  # thirteen digits
        ("4000000000000000006", True),  # nineteen
        ("400000000006", False),  # twelve
        ("40000000000000000001", False),  # twenty
        ("5500000000000004", True),
        ("5500000000000005", False),
        ("6666666666666", False),
    ],
)
def test_a_card_number_has_thirteen_to_nineteen_digits_and_a_check_digit(digits, is_one):
    assert is_card(digits) is is_one


def test_a_long_text_takes_no_longer_than_its_length():
    assert scrubbed("1 " * 200_000) == "1 " * 200_000
    assert scrubbed("a" * 200_000 + "@") == "a" * 200_000 + "@"


@pytest.mark.parametrize("before", ["", "to ", "iban=", "%20", "_", "é", "a\u200b"])
@pytest.mark.parametrize("number", ["DE89370400440532013000", "gb29 nwbk 6016 1331 9268 19"])
def test_an_account_number_is_seen_wherever_one_may_begin(before, number):
    text = f"{before}{number} ok"
    assert scrub(pl.Series([text])).to_list() == [scrubbed(text)]
    assert changed(pl.Series([text]), scrubbed, ids=True).to_list() == [scrubbed(text)]
    assert ("[IBAN]" in scrubbed(text)) == (before != "a\u200b")  # which reads as one word


def test_ids_of_letters_and_digits_are_not_looked_at_one_by_one():
    looked_at = []
    ids = pl.Series([f"3fe{n:02}aa81c2d4e5f6ab{n:02}12345678" for n in range(50)])
    assert changed(ids, lambda text: looked_at.append(text) or text, ids=True).to_list() == ids.to_list()
    assert looked_at == []
