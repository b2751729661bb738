"""The contract of the post port, and what SMTP adds to it: a line that is safe, and nobody who waits."""

from __future__ import annotations

import logging
import socket
import ssl
import threading

import pytest
import trustme

from lib.errors import Unavailable
from lib.outbound import smtp
from lib.outbound.memory import MemoryPost
from lib.outbound.open import open_post
from lib.outbound.port import Mail
from lib.outbound.smtp import WAITING_MAX, SmtpPost
from tests.build.mailbox import mailbox

MAIL = Mail("bob@example.org", "Hear, hear", "Dear Bob,\n\nthe token: " + "x" * 300 + "\n\nérgo\n")
SENDER = "hub@example.org"
SECRET = "the secret of the hub"


def test_memory_keeps_the_last_ones():
    post = MemoryPost(2)
    for n in range(3):
        post.send(Mail("a@b", str(n), ""))
    post.close()
    assert [m.subject for m in post.sent] == ["1", "2"]


@pytest.mark.parametrize("waits", [True, False])
def test_a_message_arrives_as_it_was_written(waits):
    with mailbox() as box:
        post = open_post("127.0.0.1", box.port, SENDER, "", waits=waits)
        assert post is not None
        post.send(MAIL)
        if waits:
            assert len(box.messages) == 1
        post.close()
        (message,) = box.messages
    assert (message["to"], message["from"], message["subject"]) == (MAIL.to, SENDER, MAIL.subject)
    assert message.get_content().replace("\r\n", "\n") == MAIL.text
    assert message["message-id"].endswith("@example.org>") and message["auto-submitted"] == "auto-generated"
    assert box.envelopes == [(SENDER, [MAIL.to])]


def test_without_a_server_there_is_no_post():
    assert open_post("", 587, SENDER, "", waits=False) is None


def test_the_password_goes_over_an_encrypted_line():
    authority = trustme.CA()
    served, trusted = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusted)
    with mailbox(SECRET, served) as box:
        SmtpPost("127.0.0.1", box.port, SENDER, SECRET, waits=True, context=trusted).send(MAIL)
        assert (box.logins, box.encrypted, len(box.messages)) == ([(SENDER, SECRET)], [True], 1)
        # A server whose certificate nobody vouches for hears neither the password nor the message.
        SmtpPost("127.0.0.1", box.port, SENDER, SECRET, waits=True).send(MAIL)
        assert (len(box.logins), len(box.messages)) == (1, 1)


def test_the_password_goes_to_no_other_machine_in_the_clear(monkeypatch, caplog):
    monkeypatch.setattr("lib.outbound.smtp._is_here", lambda host: False)
    with mailbox(SECRET) as box:
        SmtpPost("127.0.0.1", box.port, SENDER, SECRET, waits=True).send(MAIL)
        assert (box.logins, box.messages) == ([], [])
    assert "SMTPNotSupportedError" in caplog.text


def test_to_this_machine_it_may():
    with mailbox(SECRET) as box:
        SmtpPost("127.0.0.1", box.port, SENDER, SECRET, waits=True).send(MAIL)
        assert (len(box.logins), len(box.messages)) == (1, 1)


@pytest.mark.parametrize("fault", ["nobody there", "wrong password", "an address that breaks the header"])
def test_what_cannot_be_sent_is_logged_without_its_secrets(fault, caplog):
    caplog.set_level(logging.DEBUG)
    with mailbox(SECRET) as box:
        port = 1 if fault == "nobody there" else box.port
        password = "wrong password" if fault == "wrong password" else SECRET
        to = "bob@example.org\nBcc: eve@example.org" if "header" in fault else MAIL.to
        SmtpPost("127.0.0.1", port, SENDER, password, waits=True).send(MAIL._replace(to=to))
        assert box.messages == []
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("lib."))
    assert "a mail was not sent" in ours
    for secret in (MAIL.text, "token", "bob", SECRET, "wrong password"):
        assert secret not in ours


def test_who_tries_again_by_himself_hears_what_went_wrong():
    with mailbox() as box:
        SmtpPost("127.0.0.1", box.port, SENDER).deliver(MAIL)
        assert len(box.messages) == 1
        with pytest.raises(Unavailable, match="ValueError") as caught:
            SmtpPost("127.0.0.1", box.port, SENDER).deliver(MAIL._replace(subject="a\nb"))
    assert "token" not in str(caught.value)
    with pytest.raises(Unavailable, match="ConnectionRefusedError"):
        SmtpPost("127.0.0.1", 1, SENDER).deliver(MAIL)
    post = MemoryPost()
    post.deliver(MAIL)
    assert post.sent == [MAIL]


@pytest.mark.parametrize(
    "to", ['"a@b.c', "a<b@c.d", "(a@b.c", "[x@y.z", "a,b@c.d", ";@x", "ü@x.org", "a@b.c>", ":;@x", "a@[1"]
)
def test_an_odd_address_is_nobody_elses_trouble(to):
    with mailbox() as box:
        post = SmtpPost("127.0.0.1", box.port, SENDER)
        for address in (to, MAIL.to):
            post.send(MAIL._replace(to=address))
        post.close()
    assert box.envelopes[-1] == (SENDER, [MAIL.to])
    # One message, to one address, if any.
    assert all(len(addresses) == 1 for _, addresses in box.envelopes)


def test_nobody_waits_for_a_server_that_does_not_answer(caplog, monkeypatch):
    """It takes the connection and says nothing: the queue fills, the rest is dropped, the end is not held up long."""
    monkeypatch.setattr(smtp, "TIMEOUT_S", 3600)
    monkeypatch.setattr(smtp, "CLOSE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        post = SmtpPost("127.0.0.1", silent.getsockname()[1], SENDER, context=ssl.create_default_context())
        for _ in range(WAITING_MAX + 10):
            post.send(MAIL)
        assert caplog.text.count("a mail was dropped") in (9, 10)
        # The end returns although the first message still waits for its answer.
        post.close()
        (thread,) = (t for t in threading.enumerate() if t.name == "post")
        assert "a mail was not sent" not in caplog.text
    # Now everything is refused, and the thread comes to its end.
    monkeypatch.setattr(smtp, "CLOSE_S", 60)
    post.close()
    thread.join()
    assert caplog.text.count("a mail was not sent") >= WAITING_MAX
