"""How mail leaves, who sends it, and how links in it begin."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from exhibit.config import Config
from workers.addresses import local_site

_SECONDS = 20
_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def django_mail(config: Config) -> dict[str, Any]:
    """Django's settings of mail. Without a server each mail becomes a file, which only this user may read."""
    common = {"DEFAULT_FROM_EMAIL": sender(config), "SERVER_EMAIL": sender(config), "EMAIL_TIMEOUT": _SECONDS}
    if not config.mail_url:
        return {**common, "EMAIL_BACKEND": "workers.mail_files.MailFiles"}
    parts = urlsplit(config.mail_url)
    return {
        **common,
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "",
        "EMAIL_PORT": parts.port or _PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "EMAIL_USE_SSL": parts.scheme == "smtps",
    }


def mail_folder(config: Config) -> Path:
    """Where mail lies that no server takes."""
    return config.data_dir / "mail"


def sender(config: Config) -> str:
    """Who sends: ``mail_from``, or a name of the host that people know."""
    return config.mail_from or f"exhibit@{urlsplit(config.public_url).hostname or 'localhost'}"


def absolute(config: Config, path: str) -> str:
    """The whole address of a page, for a mail or a document.

    Args:
        config: names the site's address; without ``public_url`` it is the one on this machine.
        path: begins with a slash.
    """
    return f"{config.public_url or local_site(config)}{path}"
