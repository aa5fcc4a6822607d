"""Log entries for the configuration: one whenever an installation starts with a changed configuration."""

from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from evidence.formats.codec import to_plain
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from exhibit.types import Json
from registry.db.locks import Lock, hold
from registry.log import audit_log
from registry.log.models import LogOpening
from registry.services.services import Services

CONFIGURATION = "configuration"
URL_SETTINGS = {"database_url", "redis_url", "mail_url"}
"""Settings that may contain a password; only their host is recorded."""
SECRET_SETTINGS = {"metrics_token"}  # only whether these are set is recorded


def log_configuration(services: Services) -> bool:
    """Record the configuration in the log if it differs from the last one recorded; returns True if it did."""
    settings = to_plain_configuration(services.config)
    digest = Digest.of(canonical(settings)).hex
    with transaction.atomic():
        hold(Lock.SETTINGS)
        rows = LogOpening.objects.filter(submission__type=EntryType.SETTING, content__what=CONFIGURATION)
        last = rows.order_by("-submission_id").first()
        if last is not None and (last.details or {}).get("digest") == digest:
            return False
        audit_log.log_change(CONFIGURATION, by="", about={"digest": digest, "settings": settings})
    return True


def to_plain_configuration(config: Config) -> dict[str, Any]:
    """Return all settings as plain data, without passwords and the data folder, which differs between machines."""
    plain = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name in URL_SETTINGS:
            plain[field.name] = urlsplit(value).hostname or ""
        elif field.name in SECRET_SETTINGS:
            plain[field.name] = bool(value)
        elif field.name == "anchors":
            plain[field.name] = [_describe_anchor(anchor) for anchor in value]
        elif field.name != "data_dir":
            plain[field.name] = to_plain(value)
    return plain


def _describe_anchor(anchor: Json) -> dict[str, Any]:
    """Return a witness's kind, name and hosts; its URLs may contain a key."""
    hosts = [urlsplit(url).hostname or "" for url in anchor.urls]
    return {"development": anchor.development, "hosts": hosts, "kind": anchor.kind, "name": anchor.name}
