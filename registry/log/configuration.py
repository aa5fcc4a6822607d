"""Log entries for the configuration, one for each start with a changed configuration."""

from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from evidence.formats.codec import to_plain
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.types import Json
from registry.db.locks import Lock, hold
from registry.log import audit_log
from registry.log.models import LogOpening
from registry.services.services import Services

CONFIGURATION_EVENT = "configuration"
URL_SETTINGS = {"database_url", "redis_url", "mail_url"}
"""Settings that may contain a password; only their host is recorded."""
SECRET_SETTINGS = {"metrics_token"}  # recorded only as set or not set


def log_configuration(services: Services) -> bool:
    """Record the configuration in the log if it differs from the last recorded one; return True if it was recorded."""
    settings = to_loggable_dict(services.config)
    digest = Digest.from_bytes(encode_canonical(settings)).hex
    with transaction.atomic():
        hold(Lock.SETTINGS)
        rows = LogOpening.objects.filter(submission__type=EntryType.SETTING, content__what=CONFIGURATION_EVENT)
        last_opening = rows.order_by("-submission_id").first()
        if last_opening is not None and (last_opening.details or {}).get("digest") == digest:
            return False
        audit_log.log_change(CONFIGURATION_EVENT, by="", details={"digest": digest, "settings": settings})
    return True


def to_loggable_dict(config: Config) -> dict[str, Any]:
    """Return all settings as JSON, without passwords and without the data folder, which differs between machines."""
    result = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name in URL_SETTINGS:
            result[field.name] = urlsplit(value).hostname or ""
        elif field.name in SECRET_SETTINGS:
            result[field.name] = bool(value)
        elif field.name == "anchors":
            result[field.name] = [_describe_anchor(anchor) for anchor in value]
        elif field.name != "data_dir":
            result[field.name] = to_plain(value)
    return result


def _describe_anchor(anchor: Json) -> dict[str, Any]:
    """Return a timestamp service's kind, name and hosts. URLs are omitted because they may contain an API key."""
    hosts = [urlsplit(url).hostname or "" for url in anchor.urls]
    return {"development": anchor.development, "hosts": hosts, "kind": anchor.kind, "name": anchor.name}
