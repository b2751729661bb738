"""The settings: one table, read once, all faults together."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from functions import place
from functions.bind import Bind
from functions.fault import Faulty
from functions.settings import SETTINGS, Settings, read


def of(tmp_path: Path | None = None, **environ: str) -> Settings:
    return read(environ, (tmp_path or Path("/nonexistent")) / ".env")


def test_the_defaults():
    settings = of()
    assert settings == Settings(
        bind=Bind("127.0.0.1", 8080),
        store="sqlite:///var/hub.db",
        bus="embedded",
        public_url="",
        admin_username="admin",
        admin_email="admin@kernelci.org",
        admin_password="",
        secret_key="",
        unified_secret="",
        algorithm="HS256",
        token_expires_s=None,
        keep_alive=timedelta(seconds=45),
        query_docs_max=None,
        origin="tributary",
        source="https://api.kernelci.org/",
        smtp_host="",
        smtp_port=587,
        email_sender="",
        email_password="",
        oidc_audience="",
        push_accounts=frozenset(),
        scheduler_accounts=frozenset(),
        firebase_project="",
        notes=(),
    )


def test_mail_needs_a_sender():
    settings = of(SMTP_HOST="mail.example.org", SMTP_PORT="465", EMAIL_SENDER="hub@example.org", EMAIL_PASSWORD="s p")
    assert (settings.smtp_host, settings.smtp_port, settings.email_password) == ("mail.example.org", 465, "s p")
    for environ in ({}, {"EMAIL_SENDER": "hub"}, {"EMAIL_SENDER": "hub @example.org"}, {"SMTP_PORT": "0"}):
        with pytest.raises(Faulty):
            of(SMTP_HOST="mail.example.org", **environ)
    assert of(EMAIL_SENDER="hub@example.org").smtp_host == ""


def test_all_faults_are_reported_together_and_no_secret_is():
    with pytest.raises(Faulty) as caught:
        of(
            HUB_BIND="localhost", HUB_STORE="var/hub.db", HUB_PUBLIC_URL="hub.example.org", ALGORITHM="none",
            ACCESS_TOKEN_EXPIRE_MINUTES="soon", KEEP_ALIVE_PERIOD="-1", SECRET_KEY="hush-hush",
        )  # fmt: skip
    faults = caught.value.faults
    assert [fault.split()[0] for fault in faults] == [
        "HUB_BIND", "HUB_STORE", "HUB_PUBLIC_URL", "ALGORITHM", "ACCESS_TOKEN_EXPIRE_MINUTES", "KEEP_ALIVE_PERIOD",
    ]  # fmt: skip
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("text", [
    "127.0.0.1", ":8080", "0.0.0.0:", "1.2.3:80", "1.2.3.4:65536", "256.1.1.1:1", "1.2.3.4:-1", "1.2.3.4:٨٠",
    "1.2.3.4:80 x", "localhost", "::1:80", "::1", "[::1]", "[]:80", "[::x]:80", "[127.0.0.1]:80", "a b:80", "-a:80",
    "http://a:80", "é:80", f"{'a' * 64}:80", f"{'a.' * 127}a:80", "a..b:80", "[::1]8080", "[::1:80",
])  # fmt: skip
def test_where_it_cannot_listen(text):
    with pytest.raises(Faulty, match="HUB_BIND must"):
        of(HUB_BIND=text)


@pytest.mark.parametrize(("text", "bind", "url"), [
    (" 0.0.0.0:0 ", Bind("0.0.0.0", 0), "http://127.0.0.1:7"),
    ("localhost:8080", Bind("localhost", 8080), "http://localhost:7"),
    ("hub.example.org.:80", Bind("hub.example.org.", 80), "http://hub.example.org.:7"),
    ("[::1]:8080", Bind("::1", 8080), "http://[::1]:7"),
    ("[0:0:0:0:0:0:0:0]:8080", Bind("::", 8080), "http://[::1]:7"),
    ("[fe80::1%eth0]:8080", Bind("fe80::1%eth0", 8080), "http://[fe80::1%25eth0]:7"),
])  # fmt: skip
def test_where_it_can_listen(text, bind, url):
    found = of(HUB_BIND=text).bind
    assert (found, found.url(7)) == (bind, url)


def test_an_option_wins_and_its_fault_has_its_name():
    environ = {"HUB_BIND": "1.2.3.4:5", "HUB_STORE": "sqlite:///a.db"}
    options = {"HUB_BIND": "[::1]:0", "HUB_STORE": "sqlite:///b.db"}
    settings = read(environ, "/nonexistent/.env", options)
    assert (settings.bind, settings.store) == (Bind("::1", 0), "sqlite:///b.db")
    with pytest.raises(Faulty) as caught:
        read(environ, "/nonexistent/.env", {"HUB_BIND": "", "HUB_STORE": "b.db"})
    assert [fault.split()[0] for fault in caught.value.faults] == ["--bind", "--store"]


def test_a_relative_store_is_below_the_folder_of_its_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("HUB_STORE=sqlite:///my.db\n")
    assert of(tmp_path).store == f"sqlite:///{tmp_path}/my.db"
    assert of(tmp_path, HUB_STORE="sqlite:///my.db").store == "sqlite:///my.db"
    monkeypatch.chdir(tmp_path)
    assert read({}).store == "sqlite:///my.db"


def test_the_default_store_is_the_checkouts_unless_one_is_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert of().store == f"sqlite:///{place.CHECKOUT}/var/hub.db"
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "hub.db").touch()
    assert of().store == "sqlite:///var/hub.db"


def test_kernelci_names_are_synonyms_and_ours_win():
    assert of(KCI_INITIAL_PASSWORD="theirs").admin_password == "theirs"
    assert of(KCI_INITIAL_PASSWORD="theirs", HUB_ADMIN_PASSWORD="ours").admin_password == "ours"
    named = of(KCI_INITIAL_ADMIN_USERNAME="root")
    assert (named.admin_username, named.admin_email) == ("root", "root@kernelci.org")


def test_blank_is_not_set():
    assert of(HUB_BIND="", SECRET_KEY="  ", ACCESS_TOKEN_EXPIRE_MINUTES="") == of()


def test_a_secret_is_taken_as_it_is():
    assert of(SECRET_KEY=" a b " + "x" * 32).secret_key == " a b " + "x" * 32


@pytest.mark.parametrize(("given", "expires_s"), [
    ({"ACCESS_TOKEN_EXPIRE_MINUTES": "30"}, 1800),
    ({"ACCESS_TOKEN_EXPIRE_SECONDS": "90"}, 90),
    ({"ACCESS_TOKEN_EXPIRE_MINUTES": "30", "ACCESS_TOKEN_EXPIRE_SECONDS": "90"}, 90),
    ({"ACCESS_TOKEN_EXPIRE_MINUTES": "0"}, None),
    ({"ACCESS_TOKEN_EXPIRE_MINUTES": "None"}, None),
    ({"ACCESS_TOKEN_EXPIRE_SECONDS": "0"}, None),
])  # fmt: skip
def test_how_long_a_token_lives(given, expires_s):
    assert of(**given).token_expires_s == expires_s


@pytest.mark.parametrize("algorithm", ["none", "RS256", "hs256", "ES256"])
def test_only_hmac_signs(algorithm):
    with pytest.raises(Faulty, match="ALGORITHM must be one of HS256"):
        of(ALGORITHM=algorithm)


def test_a_poll_is_never_held_for_ever():
    assert of(KEEP_ALIVE_PERIOD="0").keep_alive == timedelta(hours=1)
    assert of(KEEP_ALIVE_PERIOD="10").keep_alive == timedelta(seconds=10)
    assert of(HUB_QUERY_DOCS="2000").query_docs_max == 2000
    with pytest.raises(Faulty, match="KEEP_ALIVE_PERIOD must be at most 3600"):
        of(KEEP_ALIVE_PERIOD="3601")


@pytest.mark.parametrize("origin", ["_", "Maestro", "my-lab", "a:b", "é"])
def test_an_origin_is_one_that_kcidb_takes(origin):
    with pytest.raises(Faulty, match="HUB_ORIGIN must be lower-case letters"):
        of(HUB_ORIGIN=origin)
    assert of(HUB_ORIGIN="my_lab2").origin == "my_lab2"


def test_the_environment_wins_over_the_file(tmp_path):
    (tmp_path / ".env").write_text(
        "# a comment\nexport ALGORITHM=HS512\nSECRET_KEY='a$b${HOME}'\nHUB_BIND=\nKEEP_ALIVE_PERIOD=7 # seconds\n"
    )
    settings = of(tmp_path, KEEP_ALIVE_PERIOD="9")
    assert (settings.algorithm, settings.secret_key) == ("HS512", "a$b${HOME}")
    assert settings.keep_alive == timedelta(seconds=9)
    assert settings.bind.port == 8080


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path):
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(Faulty, match=r"\.env cannot be read"):
        of(tmp_path)


def test_what_is_set_and_does_nothing_is_said():
    notes = of(REDIS_HOST="redis", MONGO_SERVICE="mongodb://db", HUB_STROE="x", SECRET_KEY="short").notes
    assert [note.split()[0] for note in notes] == ["REDIS_HOST", "MONGO_SERVICE", "HUB_STROE", "SECRET_KEY"]
    assert "did you mean HUB_STORE?" in notes[2]
    assert "short" not in notes[3].replace("is short", "")


def test_each_default_is_what_its_own_parser_takes():
    for setting in SETTINGS:
        if setting.default:
            setting.parse(setting.default)
        assert setting.help and setting.unit


def test_the_accounts_of_the_cloud():
    settings = of(
        HUB_OIDC_AUDIENCE="https://hub.example.org/", HUB_PUSH_ACCOUNTS=" Push@p.iam.gserviceaccount.com, b@c ,",
        HUB_SCHEDULER_ACCOUNTS="tick@p.iam.gserviceaccount.com", HUB_FIREBASE_PROJECT="my-project-1a2b3",
    )  # fmt: skip
    # The audience is compared to the letter: its slash stays.
    assert settings.oidc_audience == "https://hub.example.org/"
    assert settings.push_accounts == {"push@p.iam.gserviceaccount.com", "b@c"}
    assert settings.scheduler_accounts == {"tick@p.iam.gserviceaccount.com"}
    assert settings.firebase_project == "my-project-1a2b3"


@pytest.mark.parametrize(("name", "text"), [
    ("HUB_OIDC_AUDIENCE", "hub.example.org"), ("HUB_OIDC_AUDIENCE", "https://hub.example.org/?a=1"),
    ("HUB_PUSH_ACCOUNTS", "push"), ("HUB_PUSH_ACCOUNTS", "a@b c@d"), ("HUB_PUSH_ACCOUNTS", "@b"),
    ("HUB_SCHEDULER_ACCOUNTS", ",".join(f"a{n}@b" for n in range(21))),
    ("HUB_OUTBOUND_ALLOW", "10.0.0.1/8"), ("HUB_OUTBOUND_ALLOW", "a b"), ("HUB_OUTBOUND_ALLOW", "http://a"),
    ("HUB_OUTBOUND_ALLOW", ",".join(["a.lan"] * 51)),
    ("HUB_FIREBASE_PROJECT", "My Project"), ("HUB_FIREBASE_PROJECT", "a"), ("HUB_FIREBASE_PROJECT", "../x-y-z"),
])  # fmt: skip
def test_what_names_no_account_of_the_cloud(name, text):
    with pytest.raises(Faulty, match=f"{name} must be"):
        of(**{"HUB_OIDC_AUDIENCE": "https://hub.example.org", name: text})


@pytest.mark.parametrize("name", ["HUB_PUSH_ACCOUNTS", "HUB_SCHEDULER_ACCOUNTS"])
def test_accounts_without_an_audience_are_a_fault(name):
    with pytest.raises(Faulty, match=f"{name} needs HUB_OIDC_AUDIENCE"):
        of(**{name: "a@b"})


def test_the_emulator_of_firebase_is_refused():
    """It would switch the verification of tokens off in Firebase's libraries."""
    with pytest.raises(Faulty, match="FIREBASE_AUTH_EMULATOR_HOST switches the verification"):
        of(FIREBASE_AUTH_EMULATOR_HOST="127.0.0.1:9099", HUB_FIREBASE_PROJECT="my-project")
    assert of(FIREBASE_AUTH_EMULATOR_HOST="127.0.0.1:9099") == of()
