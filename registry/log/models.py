"""The append-only log, receipts and states of outside witnesses, and added witnesses.

The content that a leaf commits to is in openings, which can be erased; the leaves stay.
"""

from django.db import models

from registry.accounts.models import Owner
from registry.db.claimable import Claimable
from registry.db.fields import DigestField, SentenceField


class LogSubmission(models.Model):
    """A log entry, submitted in the transaction of the act that it records, that waits for its sequence number."""

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
    """The opening of a commitment. Deleting the row keeps the log intact and makes the leaf meaningless."""

    submission = models.OneToOneField(LogSubmission, on_delete=models.CASCADE, related_name="opening")
    salt = models.BinaryField()
    content = models.JSONField()
    details = models.JSONField(null=True, blank=True, help_text="digest stated by the content, if any")


class LogEntry(models.Model):
    """One leaf. PostgreSQL itself refuses to change or delete it."""

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
    """A name under which checkpoints are signed. A new one starts only after a break; the last one is current."""

    name = models.CharField(max_length=200, unique=True)
    began_at = models.DateTimeField()
    public_key = models.BinaryField(null=True, blank=True, help_text="public key that signs with it, if known")
    submission = models.OneToOneField(LogSubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="+")


class AddedWitness(models.Model):
    """An outside witness that an operator added on the site or by a command, in addition to the configured ones."""

    name = models.CharField(max_length=63, primary_key=True)
    kind = models.CharField(max_length=20)
    settings = models.JSONField(help_text="same keys as a table of the configuration")
    roots = models.TextField(blank=True, help_text="certificate of an authority, PEM")
    added_by = models.CharField(max_length=200)
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["added_at", "name"]


class AnchorReceipt(Claimable):
    """The receipt of one outside witness for one checkpoint, or directly for one seal digest.

    In ``todo``, the witness is to be asked; ``doing``/``todo`` with a pending proof asks again; ``done`` is complete.
    """

    kind = models.CharField(max_length=16)
    witness = models.CharField(max_length=100)
    development = models.BooleanField(default=False)
    checkpoint = models.ForeignKey(
        LogCheckpoint, null=True, blank=True, on_delete=models.PROTECT, related_name="receipts"
    )
    bundle = models.ForeignKey(
        "registry.Bundle", null=True, blank=True, on_delete=models.PROTECT, related_name="receipts"
    )
    digest = DigestField(help_text="timestamped digest: of the checkpoint's note or of the manifest")
    proof = models.BinaryField(null=True, blank=True)
    grown_at = models.DateTimeField(null=True, blank=True, help_text="time when the proof last changed")
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
        constraints = [models.UniqueConstraint(fields=["kind", "witness", "digest"], name="anchor_receipt_identity")]
        indexes = [models.Index(fields=["not_before"], name="anchor_receipt_todo", condition=~models.Q(state="done"))]


class WitnessState(models.Model):
    """Recent answers of an outside witness to one question. While it is silent, all its receipts wait together."""

    class Question(models.TextChoices):
        """Request to the witness: to stamp a digest, or to complete a receipt."""

        SUBMIT = "submit"
        UPGRADE = "upgrade"

    kind = models.CharField(max_length=16)
    witness = models.CharField(max_length=100)
    question = models.CharField(max_length=8, choices=Question.choices, default=Question.SUBMIT)
    answered_at = models.DateTimeField(null=True, blank=True)
    silent_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="consecutive requests without a response")
    ask_after = models.DateTimeField(null=True, blank=True)
    error = SentenceField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "witness", "question"], name="witness_state_identity")]
