"""The sequencer, which turns submissions into leaves and signs checkpoints for the timestamp services."""

from django.db import transaction
from django.db.models import Model

from exhibit.digests import Digest
from exhibit.ports import Anchor
from registry.db.locks import Lock, hold
from registry.log.anchors import get_anchors
from registry.log.local_log import get_log
from registry.log.log import load_origins, load_unsequenced, start_origin
from registry.log.models import AnchorReceipt, LogCheckpoint, LogEntry
from registry.services.services import Services

BATCH = 1000


def sequence_log(services: Services) -> int:
    """Assign sequence numbers to waiting submissions, oldest first; returns their number."""
    total = 0
    while True:
        with transaction.atomic():
            hold(Lock.LOG)
            batch = load_unsequenced(BATCH)
            if batch:
                get_log(services).append([entry for _, entry in batch], [pk for pk, _ in batch])
        total += len(batch)
        if len(batch) < BATCH:
            return total


def sign_checkpoint(services: Services) -> LogCheckpoint | None:
    """Sign a checkpoint if the log has grown, and submit it to every timestamp service.

    Returns ``None`` while the log is empty.
    """
    with transaction.atomic():
        hold(Lock.LOG)
        if not LogEntry.objects.exists():
            return None
        log = get_log(services)
        checkpoint = log.sign_checkpoint()
        if not load_origins():
            start_origin(log.origin, log.public_key)
        row = LogCheckpoint.objects.get(origin=checkpoint.origin, size=checkpoint.size)
        digest = Digest.from_bytes(row.note.encode())
        receipts = [get_or_create_receipt(anchor, digest, checkpoint=row) for anchor in get_anchors(services)]
    services.enqueue(AnchorReceipt, [receipt.pk for receipt, is_new in receipts if is_new])
    return row


def get_or_create_receipt(anchor: Anchor, digest: Digest, **subject: Model) -> tuple[AnchorReceipt, bool]:
    """Return the receipt of a timestamp service for a digest, and True if this call created it."""
    defaults = {"development": anchor.development, **subject}
    return AnchorReceipt.objects.get_or_create(kind=anchor.kind, service=anchor.name, digest=digest, defaults=defaults)
