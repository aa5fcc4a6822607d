"""The append-only log, receipts and states of outside witnesses, and witnesses that were added.

What a leaf commits to lies in openings, which can be erased; the leaves stay.
"""

from django.db import models

from registry.accounts.models import Owner
from registry.db.claimable import Claimable
from registry.db.fields import DigestField, SentenceField


class LogSubmission(models.Model):
    """An entry written down in the transaction of the deed it witnesses, waiting for its sequence number."""

    type = models.CharField(max_length=16)
    time = models.DateTimeField()
    commitment = models.BinaryField()
    owner = models.ForeignKey(Owner, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["type", "id"], name="log_submission_type")]


class LogWaiting(models.Model):
    """A submission without an entry. Triggers keep these rows: the sequencer needn't look through all submissions."""

    submission = models.OneToOneField(LogSubmission, primary_key=True, on_delete=models.PROTECT, related_name="+")


class LogOpening(models.Model):
    """What a commitment opens to. Erasing the row leaves the log whole and the leaf mute."""

    submission = models.OneToOneField(LogSubmission, on_delete=models.CASCADE, related_name="opening")
    salt = models.BinaryField()
    content = models.JSONField()
    details = models.JSONField(null=True, blank=True, help_text="what the content states the digest of, if anything")


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
    """A signed tree head, as a C2SP signed note."""

    origin = models.CharField(max_length=200)
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField()
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "size"], name="log_checkpoint_identity")]


class LogOrigin(models.Model):
    """A name under which the log's heads are signed. A new one begins only after a break, and the last one counts."""

    name = models.CharField(max_length=200, unique=True)
    began_at = models.DateTimeField()
    public_key = models.BinaryField(
        null=True, blank=True, help_text="of the key that signs under it, where it is known"
    )
    submission = models.OneToOneField(LogSubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="+")


class AddedWitness(models.Model):
    """An outside witness that an operator added on the site or by a command, beside those of the configuration."""

    name = models.CharField(max_length=63, primary_key=True)
    kind = models.CharField(max_length=20)
    settings = models.JSONField(help_text="as a table of the configuration has them")
    roots = models.TextField(blank=True, help_text="PEM, of an authority")
    added_by = models.CharField(max_length=200)
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["added_at", "name"]


class AnchorReceipt(Claimable):
    """What one outside witness gave back for one checkpoint, or directly for one seal digest.

    ``todo`` asks the witness; ``doing``/``todo`` with a pending proof asks again; ``done`` is complete.
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
    digest = DigestField(help_text="what was witnessed: of the checkpoint's note, or of the manifest")
    proof = models.BinaryField(null=True, blank=True)
    grown_at = models.DateTimeField(null=True, blank=True, help_text="when the proof last changed")
    material = models.JSONField(default=dict, blank=True, help_text="file name → base64 of certificates, block headers")
    time = models.DateTimeField(null=True, blank=True)
    qualified = models.CharField(
        max_length=10, blank=True, default="", help_text="day of the operator's list that named the witness qualified"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "witness", "digest"], name="anchor_receipt_identity")]
        indexes = [models.Index(fields=["not_before"], name="anchor_receipt_todo", condition=~models.Q(state="done"))]


class WitnessState(models.Model):
    """How an outside witness has answered one question lately. While it is silent, all that waits waits together."""

    class Question(models.TextChoices):
        """What it is asked: to take a digest, or whether a receipt is complete."""

        SUBMIT = "submit"
        UPGRADE = "upgrade"

    kind = models.CharField(max_length=16)
    witness = models.CharField(max_length=100)
    question = models.CharField(max_length=8, choices=Question.choices, default=Question.SUBMIT)
    answered_at = models.DateTimeField(null=True, blank=True)
    silent_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="questions in a row without an answer")
    ask_after = models.DateTimeField(null=True, blank=True)
    error = SentenceField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "witness", "question"], name="witness_state_identity")]
