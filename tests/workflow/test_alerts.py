"""Alerts against a real local mail server and web server: every mode, wrong passwords, servers that are not there."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import socket
import ssl

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from warehouse import alerts
from warehouse.alerts import Alert, notify
from warehouse.config import load_settings

LATE = Alert("late 2025-09", "2025-09 有 7 个单位未报", "7 units are late for 2025-09", "7")


class Inbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.rcpt_tos, envelope.content.decode(), session.ssl is not None))
        return "250 OK"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


def settings_with(tmp_path, **values):
    lines = "\n".join(f"{k} = {json.dumps(v)}" for k, v in values.items())
    (tmp_path / "edu.toml").write_text(f"[alerts]\n{lines}\n")
    return load_settings(tmp_path)


def mail_settings(tmp_path, port, **more):
    return settings_with(
        tmp_path, smtp_host="localhost", smtp_port=port, mail_to="a@example.org, b@example.org", **more
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(alerts.time, "sleep", lambda _: None)
    for name in alerts.SECRETS:
        monkeypatch.delenv(f"EDU_ALERT_{name.upper()}", raising=False)


@pytest.mark.parametrize("mode", ("plain", "starttls", "tls", "login"))
def test_mail_in_every_mode(tmp_path, certificate, monkeypatch, mode):
    authority, context = certificate
    inbox = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"hostname": "localhost", "port": port}
    if mode == "tls":
        options["ssl_context"] = context
    if mode in ("starttls", "login"):
        options |= {"tls_context": context, "require_starttls": True}
    if mode == "login":

        def check(server, session, envelope, mechanism, data):
            return AuthResult(success=(data.login, data.password) == (b"edu", b"right"))

        options |= {"authenticator": check, "auth_required": True}
    controller = Controller(inbox, **options)
    controller.start()
    try:
        security = {"login": "starttls"}.get(mode, mode)
        user = {"smtp_user": "edu"} if mode == "login" else {}
        settings = mail_settings(tmp_path, port, smtp_security=security, smtp_ca_file=str(authority), **user)
        monkeypatch.setenv("EDU_ALERT_SMTP_PASSWORD", "wrong")
        if mode == "login":
            answer = notify(settings, [LATE])
            assert [s.ok for s in answer] == [False] and "wrong" not in answer[0].error
            assert inbox.mails == []
        monkeypatch.setenv("EDU_ALERT_SMTP_PASSWORD", "right")
        assert [s.ok for s in notify(settings, [LATE])] == [True]
        assert notify(settings, [LATE]) == []  # said already
    finally:
        controller.stop()
    (to, text, encrypted), *more = inbox.mails
    assert (
        not more and to == ["a@example.org", "b@example.org"] and encrypted == (mode in ("starttls", "login"))
    )
    import email
    import email.policy

    read = email.message_from_string(text, policy=email.policy.default)
    assert LATE.zh in read["Subject"] and LATE.en in read.get_content()


def test_webhook_is_signed_and_tried_again(tmp_path, hook, monkeypatch):
    hook.failures = 2
    monkeypatch.setenv("EDU_ALERT_WEBHOOK_URL", f"http://127.0.0.1:{hook.server_port}/send?key=k")
    monkeypatch.setenv("EDU_ALERT_WEBHOOK_SECRET", "s")
    settings = settings_with(tmp_path)
    assert [s.ok for s in notify(settings, [LATE])] == [True]
    assert len(hook.seen) == 3
    headers, body = hook.seen[-1]
    assert headers["X-Edu-Signature"] == "sha256=" + hmac.new(b"s", body, hashlib.sha256).hexdigest()
    assert LATE.zh in json.loads(body)["text"]["content"]


def test_news_repetition_and_worse(tmp_path, hook, monkeypatch):
    monkeypatch.setenv("EDU_ALERT_WEBHOOK_URL", f"http://127.0.0.1:{hook.server_port}/")
    settings = settings_with(tmp_path, repeat_hours=24)
    assert notify(settings, [LATE]) and not notify(settings, [LATE])
    assert notify(settings, [Alert(LATE.key, "x", "x", "8")])  # more are late
    now = alerts.time.time()
    monkeypatch.setattr(alerts.time, "time", lambda: now + 25 * 3600)
    assert notify(settings, [Alert(LATE.key, "x", "x", "8")])  # a day later


def test_a_server_that_is_not_there_breaks_nothing_and_is_tried_next_time(tmp_path, hook, monkeypatch):
    settings = mail_settings(tmp_path, 1, timeout_seconds=1)
    answer = notify(settings, [LATE])
    assert [(s.way, s.ok) for s in answer] == [("mail", False)]
    assert [(s.way, s.ok) for s in notify(settings, [LATE])] == [("mail", False)]
    monkeypatch.setenv("EDU_ALERT_WEBHOOK_URL", "file:///etc/passwd")
    assert not any(s.ok for s in notify(settings, [LATE]))


def test_secrets_that_others_may_read_are_not_used(tmp_path):
    settings = settings_with(tmp_path, secrets_file="secrets.json")
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"webhook_url": "http://127.0.0.1:9/"}))
    file.chmod(0o644)
    assert [s.ok for s in notify(settings, [LATE])] == [False]
    file.chmod(0o600)
    assert alerts.ways(settings) == ["webhook"]


def test_nothing_configured_sends_nothing(tmp_path):
    assert notify(settings_with(tmp_path), [LATE]) == []
