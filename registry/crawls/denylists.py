"""The operator's rules: hosts that are not visited, and bytes that are not stored. Changes are recorded in the log."""

from django.db import transaction

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry.crawls.models import HostDenial
from registry.log import audit_log
from registry.pictures.models import BlockedDigest


def deny(host: str, *, by: str, reason: str) -> None:
    """Stop visiting a host and its subdomains."""
    with transaction.atomic():
        HostDenial.objects.update_or_create(host=host, defaults={"reason": reason})
        audit_log.log_change("host denied", by=by, about={"host": host, "reason": reason})


def allow(host: str, *, by: str) -> None:
    """Remove a host from the deny list; raises ``NotFoundError`` if it is not listed."""
    with transaction.atomic():
        deleted, _ = HostDenial.objects.filter(host=host).delete()
        if not deleted:
            raise NotFoundError(f"{host} isn't denied.", hint="Denied hosts: exhibit api GET /operator/denied-hosts")
        audit_log.log_change("host allowed", by=by, about={"host": host})


def block(digest: Digest, *, by: str, reason: str) -> bool:
    """Block bytes from being stored; return True if they were not blocked before."""
    with transaction.atomic():
        _, is_new = BlockedDigest.objects.get_or_create(digest=digest, defaults={"reason": reason})
        if is_new:
            audit_log.log_change("bytes blocked", by=by, about={"digest": digest.hex, "reason": reason})
    return is_new
