"""The operator's rules: hosts that aren't visited, bytes that aren't stored. Each change is an entry of the log."""

from django.db import transaction

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from registry.crawls.models import HostDenial
from registry.log import audit_log
from registry.pictures.models import BlockedDigest


def deny(host: str, *, by: str, reason: str) -> None:
    """Visit a host and those below it no more."""
    with transaction.atomic():
        HostDenial.objects.update_or_create(host=host, defaults={"reason": reason})
        audit_log.changed("host denied", by=by, about={"host": host, "reason": reason})


def allow(host: str, *, by: str) -> None:
    """Take a denial back; raises ``NotFoundError`` when there is none."""
    with transaction.atomic():
        gone, _ = HostDenial.objects.filter(host=host).delete()
        if not gone:
            raise NotFoundError(f"{host} isn't denied.", hint="Denied hosts: exhibit api GET /operator/denied-hosts")
        audit_log.changed("host allowed", by=by, about={"host": host})


def block(digest: Digest, *, by: str, reason: str) -> bool:
    """Never store these bytes from now on; returns whether they weren't blocked before."""
    with transaction.atomic():
        _, new = BlockedDigest.objects.get_or_create(digest=digest, defaults={"reason": reason})
        if new:
            audit_log.changed("bytes blocked", by=by, about={"digest": digest.hex, "reason": reason})
    return new
