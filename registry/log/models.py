"""The append-only log, keys, and partners whose logs are witnessed.

What a leaf commits to lies in openings, which can be erased; the leaves stay.
"""

from django.db import models

from registry.accounts.models import Owner, User
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


class OwnerKey(models.Model):
    """What all keys of owners have: a public half, and when they ceased to be used or trusted."""

    public_key = models.BinaryField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True, help_text="since when another is used instead")
    revoked_at = models.DateTimeField(null=True, blank=True, help_text="since when nothing that it signs counts")
    revoked_reason = models.TextField(blank=True)

    class Meta:
        abstract = True

    @property
    def active(self) -> bool:
        """Whether it is used for what comes."""
        return self.retired_at is None and self.revoked_at is None


class SealingKey(OwnerKey):
    """An owner's Ed25519 sealing key; the private half is encrypted with the operator's master key."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="sealing_keys")
    encrypted_private_key = models.BinaryField()


class DocumentKey(OwnerKey):
    """An owner's ECDSA P-256 key for PDF signatures, encrypted in the same way, with its self-signed certificate."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="document_keys")
    encrypted_private_key = models.BinaryField()
    certificate = models.BinaryField(help_text="DER")


class DeviceKey(OwnerKey):
    """An Ed25519 key on a device of the owner's own; only its public half is known here."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="device_keys")
    name = models.CharField(max_length=100)


class Countersignature(models.Model):
    """A device key's signature over the manifest of a sealed bundle."""

    bundle = models.ForeignKey("registry.Bundle", on_delete=models.PROTECT, related_name="countersignatures")
    key = models.ForeignKey(DeviceKey, on_delete=models.PROTECT, related_name="countersignatures")
    signature = models.BinaryField()
    made_at = models.DateTimeField(auto_now_add=True)
    submission = models.OneToOneField(LogSubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bundle", "key"], name="countersignature_identity")]


class SecretMark(models.Model):
    """Which secret the installation uses, for machines that share no folder: a fingerprint, from which none follows."""

    name = models.CharField(max_length=40, primary_key=True)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 over name and secret")


class AddedWitness(models.Model):
    """An outside witness that an operator added on the site or by a command, beside those of the configuration."""

    name = models.CharField(max_length=63, primary_key=True)
    kind = models.CharField(max_length=20)
    settings = models.JSONField(help_text="as a table of the configuration has them")
    roots = models.TextField(blank=True, help_text="PEM, of an authority")
    development = models.BooleanField(default=False)
    added_by = models.CharField(max_length=200)
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["added_at", "name"]


class Partner(models.Model):
    """Another installation, whose keys the operator has compared with what its operator says."""

    name = models.CharField(max_length=63)
    url = models.CharField(max_length=300, help_text="of its site")
    log_key = models.CharField(max_length=300, help_text="of its log: name+key id+base64 (C2SP signed-note)")
    witness_key = models.CharField(max_length=300, help_text="with which it cosigns others' heads")
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="why it was revoked")
    fault = SentenceField(blank=True, help_text="what was wrong when its log was looked at last")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="when its log was last compared")
    captures = models.BooleanField(default=False, help_text="whether it is asked to visit with us at each capture")
    visits = models.PositiveIntegerField(default=0, help_text="so many visits it may ask for in a day")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=models.Q(revoked_at=None), name="partner_name")
        ]

    @property
    def origin(self) -> str:
        """The name of its log."""
        return self.log_key.partition("+")[0]


class PartnerCall(models.Model):
    """A request of a partner that was let in, by its nonce: no request counts twice."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="calls")
    nonce = models.CharField(max_length=32)
    call = models.CharField(max_length=40, help_text="what it asked for")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "nonce"], name="partner_call_identity")]
        indexes = [models.Index(fields=["partner", "call", "at"], name="partner_call_times")]


class Agreement(models.Model):
    """What a partner may search here without seeing it, and how much: the software holds it to that."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="agreements")
    fields = models.JSONField(default=list, help_text="what is told of a picture that matches")
    queries = models.PositiveIntegerField(help_text="so many may be asked in all")
    used = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True, help_text="when a refusal was last put into the log")


class WitnessedHead(models.Model):
    """The last head of another's log that was cosigned here. A later one has to continue it."""

    origin = models.CharField(max_length=200, unique=True)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="heads")
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField(help_text="as its log signed it")
    cosigned_at = models.DateTimeField()


class LogFork(models.Model):
    """Two heads that one log has signed and that can't both be true: kept for good as the proof of it."""

    origin = models.CharField(max_length=200, unique=True)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="forks")
    known = models.TextField(help_text="the signed head that was known")
    other = models.TextField(help_text="the signed head that doesn't go with it")
    path: "models.JSONField[list[str]]" = models.JSONField(
        default=list, help_text="a consistency proof that leads to the larger root, and not from the smaller one"
    )
    source = models.CharField(max_length=200, help_text="where the other head came from")
    found_at = models.DateTimeField()


class PasskeyQuestion(models.Model):
    """A decision that a person was asked to sign with a passkey; answered once, within minutes."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    statement = models.JSONField(help_text="what is signed; its digest is the challenge")
    challenge = DigestField(unique=True)
    asked_at = models.DateTimeField()
    answer = models.TextField(blank=True, help_text="canonical JSON, once it was used")
    key_entry = models.ForeignKey(LogSubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    entry = models.OneToOneField(
        LogSubmission,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="passkey",
        help_text="the decision's",
    )

    class Meta:
        indexes = [models.Index(fields=["user", "asked_at"], name="passkey_question_age")]
