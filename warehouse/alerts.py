"""One notifier: mail (plain, STARTTLS or TLS, with or without login) and webhook (JSON, signed). It never breaks a load.

An alert has a key; the same key with the same facts is sent once per `alerts.repeat_hours`. Texts are bilingual and hold rules,
units, periods and counts only. Secrets come from EDU_ALERT_SMTP_PASSWORD, EDU_ALERT_WEBHOOK_URL, EDU_ALERT_WEBHOOK_SECRET or
from a JSON file with mode 0600 with the names smtp_password, webhook_url, webhook_secret. The address of a webhook is a secret:
most services put their key into it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import smtplib
import ssl
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path

from warehouse.config import Settings
from warehouse.errors import UsageError, redact
from warehouse.release.files import replace_text

SECRETS = ("smtp_password", "webhook_url", "webhook_secret")
_TRIES = 3


@dataclass(frozen=True)
class Alert:
    """`key` names what is wrong (event and unit), `zh` and `en` say it; `facts` makes a worse state news again."""

    key: str
    zh: str
    en: str
    facts: str = ""


@dataclass(frozen=True)
class Sent:
    """What became of an alert on one way: mail or webhook. `error` is redacted."""

    way: str
    ok: bool
    error: str = ""


def secret(settings: Settings, name: str) -> str:
    """A secret from the environment or the secrets file; empty if it is not set. UsageError if others may read the file."""
    given = os.environ.get(f"EDU_ALERT_{name.upper()}")
    if given is not None:
        return given
    file = (settings.root / str(settings.get("alerts", "secrets_file"))).resolve()
    if not file.is_file():
        return ""
    if file.stat().st_mode & 0o077:
        raise UsageError(f"The secrets file {file} can be read by others", f"chmod 600 {file}")
    try:
        return str(json.loads(file.read_text()).get(name, ""))
    except (ValueError, AttributeError):
        raise UsageError(
            f"The secrets file {file} is damaged", "it is a JSON object with text values"
        ) from None


def ways(settings: Settings) -> list[str]:
    """Ways that are configured."""
    mail = bool(settings.get("alerts", "smtp_host") and settings.get("alerts", "mail_to"))
    return ["mail"] * mail + ["webhook"] * bool(secret(settings, "webhook_url"))


def notify(settings: Settings, alerts: Sequence[Alert], *, repeat: bool = False) -> list[Sent]:
    """Send what is news on every configured way. Never raises: a fault is part of the answer, and is tried again next time."""
    try:
        there = ways(settings)
        known = _load_state(settings)
        now = time.time()
        wait = float(settings.get("alerts", "repeat_hours")) * 3600
        sent = []
        for way in there:
            news = [a for a in alerts if repeat or _is_news(known.get(f"{way} {a.key}"), a, now, wait)]
            if not news:
                continue
            result = _try(settings, way, news)
            sent.append(result)
            if result.ok:
                known |= {f"{way} {a.key}": {"facts": a.facts, "at": now} for a in news}
        if any(s.ok for s in sent):
            _store_state(settings, known)
        return sent
    except Exception as error:  # whatever is wrong with alerts, the work that they speak of goes on
        return [Sent("alerts", False, redact(str(error)))]


def _is_news(last: object, alert: Alert, now: float, wait: float) -> bool:
    if not isinstance(last, dict):
        return True
    return bool(last.get("facts") != alert.facts or now - float(last.get("at", 0)) >= wait)


def _try(settings: Settings, way: str, alerts: Sequence[Alert]) -> Sent:
    error = ""
    for attempt in range(_TRIES):
        try:
            (_mail if way == "mail" else _webhook)(settings, alerts)
            return Sent(way, True)
        except smtplib.SMTPAuthenticationError:
            return Sent(way, False, "the mail server refused user or password")
        except (OSError, smtplib.SMTPException, ValueError) as fault:
            error = f"{type(fault).__name__}: {redact(str(fault))}"
            time.sleep(0.2 * 2**attempt)
    return Sent(way, False, error)


def _text(alerts: Sequence[Alert]) -> str:
    return "\n\n".join(f"{a.zh}\n{a.en}" for a in alerts)


def _mail(settings: Settings, alerts: Sequence[Alert]) -> None:
    def get(name: str) -> str:
        return str(settings.get("alerts", name))

    message = EmailMessage()
    first = alerts[0].zh + (f"（等 {len(alerts)} 项）" if len(alerts) > 1 else "")
    message["Subject"] = f"[edu] {first}".replace("\n", " ")[:150]
    message["From"] = get("mail_from") or get("mail_to").split(",")[0].strip()
    message["To"] = get("mail_to")
    message.set_content(_text(alerts))
    timeout, security = float(get("timeout_seconds")), get("smtp_security")
    context = ssl.create_default_context(cafile=get("smtp_ca_file") or None)
    host, port = get("smtp_host"), int(get("smtp_port"))
    if security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
    elif security in ("plain", "starttls"):
        client = smtplib.SMTP(host, port, timeout=timeout)
    else:
        raise ValueError("alerts.smtp_security is plain, starttls or tls")
    with client:
        if security == "starttls":
            client.starttls(context=context)
        if get("smtp_user"):
            client.login(get("smtp_user"), secret(settings, "smtp_password"))
        client.send_message(message)


def _webhook(settings: Settings, alerts: Sequence[Alert]) -> None:
    text = _text(alerts)
    # `msgtype` and `text` are what the common chat services of the country read; the rest is for programs.
    document = {"msgtype": "text", "text": {"content": text}, "alerts": [asdict(a) for a in alerts]}
    body = json.dumps(document, ensure_ascii=False, sort_keys=True).encode()
    url = secret(settings, "webhook_url")
    if not url.startswith(("http://", "https://")):
        raise ValueError("the webhook is no http address")
    headers = {"Content-Type": "application/json; charset=utf-8"}
    key = secret(settings, "webhook_secret")
    if key:
        headers["X-Edu-Signature"] = "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=float(settings.get("alerts", "timeout_seconds"))):  # noqa: S310
        pass


def _state_file(settings: Settings) -> Path:
    return settings.data / "state" / "alerts.json"


def _load_state(settings: Settings) -> dict[str, object]:
    try:
        found = json.loads(_state_file(settings).read_text())
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _store_state(settings: Settings, known: dict[str, object]) -> None:
    file = _state_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_text(file, json.dumps(known, ensure_ascii=False, indent=1) + "\n")
