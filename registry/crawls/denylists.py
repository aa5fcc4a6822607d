"""The operator's deny list of hosts and blocklist of bytes that are not stored. Changes are recorded in the log."""

from django.db import transaction

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry.crawls.models import HostDenial
from registry.log import audit_log
from registry.pictures.models import BlockedDigest


def deny_host(host: str, *, by: str, reason: str) -> None:
    """Stop visiting a host and its subdomains."""
    with transaction.atomic():
        HostDenial.objects.update_or_create(host=host, defaults={"reason": reason})
        audit_log.log_change("host denied", by=by, details={"host": host, "reason": reason})


def allow_host(host: str, *, by: str) -> None:
    """Remove a host from the deny list; raises ``NotFoundError`` if it is not listed."""
    with transaction.atomic():
        deleted_count, _ = HostDenial.objects.filter(host=host).delete()
        if not deleted_count:
            raise NotFoundError(
                f"{host} is not on the deny list.", hint="List hosts: exhibit api GET /operator/denied-hosts"
            )
        audit_log.log_change("host allowed", by=by, details={"host": host})


def block_digest(digest: Digest, *, by: str, reason: str) -> bool:
    """Block bytes from being stored; return True if they were not blocked before."""
    with transaction.atomic():
        _, is_new = BlockedDigest.objects.get_or_create(digest=digest, defaults={"reason": reason})
        if is_new:
            audit_log.log_change("bytes blocked", by=by, details={"digest": digest.hex, "reason": reason})
    return is_new
