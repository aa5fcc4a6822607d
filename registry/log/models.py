"""The append-only log, timestamp receipts, and states of timestamp services.

The content to which a leaf commits is stored in openings, which can be erased. The leaves stay.
"""

from django.db import models

from registry.accounts.models import Owner
from registry.db.claimable import Claimable
from registry.db.fields import DigestField, SentenceField


class LogSubmission(models.Model):
    """A log entry, submitted in the transaction of the recorded action. Its sequence number is assigned later."""

    type = models.CharField(max_length=16)
    time = models.DateTimeField()
    commitment = models.BinaryField()
    owner = models.ForeignKey(Owner, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["type", "id"], name="log_submission_type")]


class LogWaiting(models.Model):
    """A submission without an entry. Triggers maintain these rows, so the sequencer need not search all submissions."""

    submission = models.OneToOneField(LogSubmission, primary_key=True, on_delete=models.PROTECT, related_name="+")


class LogOpening(models.Model):
    """The opening of a commitment. If the row is deleted, the log stays valid but the leaf reveals nothing."""

    submission = models.OneToOneField(LogSubmission, on_delete=models.CASCADE, related_name="opening")
    salt = models.BinaryField()
    content = models.JSONField()
    details = models.JSONField(null=True, blank=True, help_text="details whose digest is in the content, if any")


class LogEntry(models.Model):
    """One leaf. A database trigger rejects changes and deletions."""

    sequence = models.BigIntegerField(primary_key=True)
    submission = models.OneToOneField(
        LogSubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="entry"
    )
    type = models.CharField(max_length=16)
    time = models.DateTimeField()
    commitment = models.BinaryField()


class LogNode(models.Model):
    """The hash of a complete subtree of ``2**level`` leaves; level 0 holds the leaf hashes."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="log_node_identity")]


class LogCheckpoint(models.Model):
    """A checkpoint: a signed tree head, as a C2SP signed note."""

    origin = models.CharField(max_length=200)
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField()
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "size"], name="log_checkpoint_identity")]


class LogOrigin(models.Model):
    """A name under which checkpoints are signed. A new name starts if entries were lost; the last is current."""

    name = models.CharField(max_length=200, unique=True)
    began_at = models.DateTimeField()
    public_key = models.BinaryField(null=True, blank=True, help_text="public key that signs with it, if known")
    submission = models.OneToOneField(LogSubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="+")


class AddedTimestampService(models.Model):
    """A timestamp service that an operator added on the website or by a command, in addition to the configured ones."""

    name = models.CharField(max_length=63, primary_key=True)
    kind = models.CharField(max_length=20)
    settings = models.JSONField(help_text="same keys as a table of the configuration")
    roots = models.TextField(blank=True, help_text="root certificates of a timestamp authority, PEM")
    added_by = models.CharField(max_length=200)
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["added_at", "name"]


class AnchorReceipt(Claimable):
    """The timestamp receipt of one service for one checkpoint, or directly for one seal digest.

    In state ``queued``, a request to the service is due. With a pending proof, ``queued`` and ``running`` mean that the
    request is repeated. In state ``done``, the receipt is complete.
    """

    kind = models.CharField(max_length=16)
    service = models.CharField(max_length=100)
    development = models.BooleanField(default=False)
    checkpoint = models.ForeignKey(
        LogCheckpoint, null=True, blank=True, on_delete=models.PROTECT, related_name="receipts"
    )
    bundle = models.ForeignKey(
        "registry.Bundle", null=True, blank=True, on_delete=models.PROTECT, related_name="receipts"
    )
    digest = DigestField(help_text="timestamped digest: of the checkpoint's note or of the manifest")
    proof = models.BinaryField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True, help_text="time when the proof last changed")
    material = models.JSONField(
        default=dict, blank=True, help_text="file name → base64 of certificates and block headers"
    )
    time = models.DateTimeField(null=True, blank=True)
    qualified = models.CharField(
        max_length=10,
        blank=True,
        default="",
        help_text="date of the operator's list that named the service as qualified",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "service", "digest"], name="anchor_receipt_identity")]
        indexes = [
            models.Index(fields=["not_before"], name="anchor_receipt_unfinished", condition=~models.Q(state="done"))
        ]


class TimestampServiceState(models.Model):
    """Recent availability of a timestamp service for one kind of request. While it is down, all its receipts wait."""

    class RequestKind(models.TextChoices):
        """Kind of request: timestamp a digest, or complete a receipt."""

        SUBMIT = "submit"
        UPGRADE = "upgrade"

    kind = models.CharField(max_length=16)
    service = models.CharField(max_length=100)
    question = models.CharField(max_length=8, choices=RequestKind.choices, default=RequestKind.SUBMIT)
    answered_at = models.DateTimeField(null=True, blank=True)
    unresponsive_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="consecutive requests without a response")
    ask_after = models.DateTimeField(null=True, blank=True)
    error = SentenceField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "service", "question"], name="timestamp_service_state_identity")
        ]
