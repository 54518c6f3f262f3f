import sqlite3
import sys
from datetime import UTC, datetime

import polars as pl
import pytest

from audit.errors import InputError, WorkspaceError
from audit.privacy import keys
from audit.privacy.links import NOBODY
from audit.privacy.log import Entry
from audit.privacy.lookup import Identifier
from audit.privacy.vault import Vault
from audit.privacy.vault_tables import namesakes

KEY = keys.Key(bytes(range(32)))


@pytest.fixture
def vault(tmp_path):
    return Vault.create(tmp_path / "vault.db", KEY)


def identifiers(*rows):
    return pl.DataFrame(rows, schema=["customer_id", "field", "value"], orient="row")


def raw(tmp_path):
    return (tmp_path / "vault.db").read_bytes()


def test_a_source_id_keeps_its_pseudonym(vault):
    first = vault.pseudonyms(["007", "7", "ünal"], import_id="i1")
    again = vault.pseudonyms(["7", "007", "new"], import_id="i2")
    assert len(set(first.values())) == 3
    assert again["007"] == first["007"]
    assert again["7"] == first["7"]
    assert again["new"] not in first.values()
    assert all(name.startswith("c_") and len(name) == 10 for name in first.values())


def test_pseudonyms_are_random_not_made_from_the_id(tmp_path):
    one = Vault.create(tmp_path / "one.db", KEY).pseudonyms(["a"], import_id="i")
    two = Vault.create(tmp_path / "two.db", KEY).pseudonyms(["a"], import_id="i")
    assert one != two


def test_a_taken_pseudonym_is_never_given_again(vault):
    names = iter(["c_1", "c_1", "c_2"])
    assert vault.pseudonyms(["a", "b"], import_id="i", maker=lambda _: next(names)) == {
        "a": "c_1",
        "b": "c_2",
    }
    with pytest.raises(WorkspaceError, match="no free pseudonym"):
        vault.pseudonyms(["c"], import_id="i", maker=lambda _: "c_1")


def test_resolves_pseudonym_source_id_and_email_however_typed(vault):
    name = vault.pseudonyms(["4711"], import_id="i")["4711"]
    vault.put(identifiers((name, "email", "Jürgen@Example.DE")), import_id="i")
    for text in (name, "4711", " 4711 ", "jürgen@example.de", " JU\u0308RGEN@EXAMPLE.DE\n"):
        assert vault.resolve(text) == name
    assert vault.resolve("nobody@example.de") is None
    assert vault.resolve("04711") is None


def test_only_whole_email_addresses_are_found(vault):
    name = vault.pseudonyms(["1"], import_id="i")["1"]
    vault.put(identifiers((name, "name", "jo@example.de")), import_id="i")
    assert vault.resolve("jo@example.de") is None


def test_an_address_of_several_customers_is_refused_with_their_names(vault):
    names = vault.pseudonyms(["1", "2"], import_id="i")
    vault.put(identifiers(*((name, "email", "shared@example.de") for name in names.values())), import_id="i")
    with pytest.raises(InputError, match="2 ids of one address"):
        vault.resolve("shared@example.de")


def test_nothing_lies_in_clear(vault, tmp_path):
    name = vault.pseudonyms(["customer-4711"], import_id="i")["customer-4711"]
    vault.put(identifiers((name, "email", "jo@example.de"), (name, "name", "Jo Doe")), import_id="i")
    content = raw(tmp_path)
    for secret in (b"customer-4711", b"jo@", b"example.de", b"Jo Doe", KEY.secret):
        assert secret not in content


def test_only_what_the_log_says_is_revealed(vault):
    name = vault.pseudonyms(["1"], import_id="i")["1"]
    vault.put(identifiers((name, "email", "max@web.de"), (name, "phone", "0171 1234567")), import_id="i")
    logged = Entry(1, datetime(2026, 1, 1, tzinfo=UTC), "jo", "reveal", name, {"reveals": ["email"]})
    assert vault.revealed("email", [name, "c_nobody"], logged=logged) == {name: ("max@web.de",)}
    with pytest.raises(WorkspaceError, match="phone: row 1 of the log does not reveal it"):
        vault.revealed("phone", [name], logged=logged)


def test_shows_masks_only(vault):
    name = vault.pseudonyms(["1"], import_id="i")["1"]
    rows = [
        (name, "email", "max@web.de"),
        (name, "email", "mia@web.de"),
        (name, "ip", "10.0.0.1"),
        (name, "name", "Max Muster"),
    ]
    assert vault.put(identifiers(*rows), import_id="i") == 4
    assert vault.put(identifiers(*rows), import_id="j") == 0
    assert vault.masked(name) == {"email": "m•••@•••.de", "ip": "•••", "name": "M. M."}
    assert vault.masked("c_nobody") == {}


def test_a_discarded_import_leaves_nothing(vault):
    kept = vault.pseudonyms(["1"], import_id="good")["1"]
    vault.confirm("good")
    vault.pseudonyms(["1", "2"], import_id="bad")
    vault.put(identifiers((kept, "email", "a@example.de")), import_id="bad")
    assert vault.pending() == ["bad"]
    vault.discard("bad")
    vault.discard("good")
    assert vault.pending() == []
    assert vault.resolve("1") == kept
    assert vault.resolve("2") is None
    assert vault.resolve("a@example.de") is None


def test_an_import_id_is_used_once(vault):
    vault.pseudonyms(["1"], import_id="i")
    vault.confirm("i")
    with pytest.raises(WorkspaceError, match="confirmed already"):
        vault.pseudonyms(["2"], import_id="i")


def test_identifiers_of_unknown_customers_are_refused(vault):
    with pytest.raises(WorkspaceError):
        vault.put(identifiers(("c_nobody", "email", "a@example.de")), import_id="i")
    assert vault.pending() == []


def test_source_ids_in_clear_for_those_asked(vault):
    names = vault.pseudonyms(["1", "2"], import_id="i")
    assert vault.source_ids([names["2"], "c_nobody"]) == {names["2"]: "2"}


def test_sealed_bytes_open_with_the_same_key_only(vault, tmp_path):
    sealed = vault.seal(b"raw row")
    assert b"raw" not in sealed
    assert vault.unseal(sealed) == b"raw row"
    other = Vault.create(tmp_path / "other.db", keys.generate())
    for broken in (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", sealed[:5]):
        with pytest.raises(WorkspaceError):
            vault.unseal(broken)
    with pytest.raises(WorkspaceError):
        other.unseal(sealed)


def test_values_cannot_be_swapped_between_customers(vault, tmp_path):
    names = vault.pseudonyms(["1", "2"], import_id="i")
    vault.put(
        identifiers((names["1"], "email", "a@example.de"), (names["2"], "email", "b@example.de")),
        import_id="i",
    )
    db = sqlite3.connect(tmp_path / "vault.db")
    db.execute(
        "update identifiers set value = (select value from identifiers where pseudonym = ?) where pseudonym = ?",
        [names["1"], names["2"]],
    )
    db.commit()
    db.close()
    with pytest.raises(WorkspaceError, match="changed"):
        vault.masked(names["2"])


def test_reopens_with_its_key_only(vault, tmp_path):
    name = vault.pseudonyms(["1"], import_id="i")["1"]
    assert Vault.open(tmp_path / "vault.db", KEY).resolve("1") == name
    with pytest.raises(WorkspaceError, match="not the key of this vault"):
        Vault.open(tmp_path / "vault.db", keys.generate())


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to be read as one" * 20])
def test_what_is_no_vault_is_refused(tmp_path, content):
    path = tmp_path / "vault.db"
    path.write_bytes(content)
    with pytest.raises(WorkspaceError, match=r"vault\.db"):
        Vault.open(path, KEY)


def test_a_vault_of_a_newer_version_is_refused(vault, tmp_path):
    db = sqlite3.connect(tmp_path / "vault.db")
    db.execute("pragma user_version = 99")
    db.close()
    with pytest.raises(WorkspaceError, match="newer"):
        Vault.open(tmp_path / "vault.db", KEY)


@pytest.mark.skipif(sys.platform == "win32", reason="no file modes on Windows")
def test_only_its_owner_can_read_it(vault, tmp_path):
    vault.pseudonyms(["1"], import_id="i")
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_an_existing_file_is_never_overwritten(vault, tmp_path):
    with pytest.raises(WorkspaceError, match="exists"):
        Vault.create(tmp_path / "vault.db", KEY)


def test_tables_are_strict(vault, tmp_path):
    db = sqlite3.connect(tmp_path / "vault.db")
    tables = db.execute(
        "select name, strict from pragma_table_list where schema = 'main' and name not like '%sqlite%'"
    ).fetchall()
    db.close()
    assert {"people", "identifiers", "imports", "meta"} <= {name for name, _ in tables}
    assert all(strict for _, strict in tables)


def test_finds_names_and_telephone_numbers_however_written(vault):
    one, two = vault.pseudonyms(["1", "2"], import_id="i").values()
    vault.put(
        identifiers(
            (one, "name", "Dr. Zoë Müller-Lang"), (one, "phone", "+49 (0)171 / 234 56 78"), (one, "email", "z@example.org"),
            (two, "name", "Lang"), (two, "name", "Jo"), (two, "phone", "0171 2345679"),
        ),
        import_id="i",
    )  # fmt: skip
    asked = {
        Identifier("name", "müller-lang, ZOË"): {one},
        Identifier("phone", "0049 171 2345678"): {one},
        Identifier("email", "Z@example.org"): {one},
        Identifier("name", "Lang"): {two},
        Identifier("source_id", " 2"): {two},
        Identifier("pseudonym", two): {two},
        Identifier("name", "Zoë Lang"): None,
        Identifier("phone", "678"): None,
    }
    assert vault.known_by(asked) == {known: customers for known, customers in asked.items() if customers}
    assert vault.known_by([Identifier("source_id", "2")], leaving_out=["i"]) == {}


SPELLINGS = (
    "Jo@Example.org",
    " jo@example.org\n",
    "JO@\u200bexample.org",
    "\ufeffjo@exam\u00adple.org",
    "jo@example.org\u00a0",
)


def test_an_address_is_one_person_however_it_is_spelled_and_other_ids_keep_their_case(vault):
    names = vault.pseudonyms([*SPELLINGS, "AB-1", "ab-1", "\ufeffab-1 "], import_id="i")
    assert len({names[spelling] for spelling in SPELLINGS}) == 1
    assert names["AB-1"] != names["ab-1"] == names["\ufeffab-1 "]
    assert {vault.resolve(text) for text in SPELLINGS} == {names["Jo@Example.org"]}
    assert vault.resolve(f"\u200b{names['AB-1']} ") == names["AB-1"]


def test_a_vault_that_an_older_program_filled_knows_its_addresses_in_one_spelling(vault, tmp_path):
    names = vault.pseudonyms(["Jo@Example.org", "b@example.org"], import_id="i")
    older = vault._token("source_id", "Jo@Example.org")
    with sqlite3.connect(tmp_path / "vault.db") as db:
        db.execute("update people set source_token = ? where pseudonym = ?", (older, names["Jo@Example.org"]))
        db.execute("delete from meta where name = 'spelling'")
    for _ in range(2):
        again = Vault.open(tmp_path / "vault.db", KEY).pseudonyms(
            ["jo@example.org", "B@example.org"], import_id="i"
        )
        assert list(again.values()) == list(names.values())


def test_a_vault_that_an_older_program_filled_is_searched_by_name_too(vault, tmp_path):
    name = vault.pseudonyms(["1"], import_id="i")["1"]
    vault.put(identifiers((name, "name", "Ada Byron"), (name, "email", "ada@example.org")), import_id="i")
    with sqlite3.connect(tmp_path / "vault.db") as db:
        db.execute("update identifiers set lookup = null where field <> 'email'")
        db.execute("delete from meta where name = 'lookups'")
    for _ in range(2):
        assert vault.known_by([Identifier("name", "BYRON, ada")]) == {
            Identifier("name", "BYRON, ada"): {name}
        }


def test_two_people_of_one_name_have_no_address_in_common(vault, tmp_path):
    one, two = vault.pseudonyms(["1", "2"], import_id="i").values()
    vault.put(identifiers((one, "name", "Ada Byron"), (two, "name", "Ada Byron")), import_id="i")
    assert namesakes(tmp_path / "vault.db", NOBODY) == {}
