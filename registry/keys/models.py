"""Owners' keys, and requests for passkey signatures of members."""

from django.db import models

from registry.accounts.models import Owner, User
from registry.db.fields import DigestField
from registry.log.models import LogSubmission


class OwnerKey(models.Model):
    """Abstract base of owners' keys: the public half, and the times of retirement and revocation."""

    public_key = models.BinaryField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="time since which another key has been used instead"
    )
    revoked_at = models.DateTimeField(
        null=True, blank=True, help_text="time since which its signatures have been invalid"
    )
    revoked_reason = models.TextField(blank=True)

    class Meta:
        abstract = True

    @property
    def active(self) -> bool:
        """Return True if the key is used for new signatures."""
        return self.retired_at is None and self.revoked_at is None


class SealingKey(OwnerKey):
    """An owner's Ed25519 sealing key; the private half is encrypted with the operator's master key."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="sealing_keys")
    encrypted_private_key = models.BinaryField()


class DocumentKey(OwnerKey):
    """An owner's ECDSA P-256 key for PDF signatures, encrypted in the same way, with its self-signed certificate."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="document_keys")
    encrypted_private_key = models.BinaryField()
    certificate = models.BinaryField(help_text="self-signed certificate, DER")


class DeviceKey(OwnerKey):
    """An Ed25519 key on a device of the owner; Exhibit knows only its public half."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="device_keys")
    name = models.CharField(max_length=100)


class PasskeyQuestion(models.Model):
    """A request to sign an action with a passkey. It is valid for one response, for a few minutes."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    statement = models.JSONField(help_text="signed content; its digest is the challenge")
    challenge = DigestField(unique=True)
    requested_at = models.DateTimeField()
    answer = models.TextField(blank=True, help_text="canonical JSON, set after use")
    key_entry = models.ForeignKey(LogSubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    entry = models.OneToOneField(
        LogSubmission,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="passkey",
        help_text="log submission of the signed action",
    )

    class Meta:
        indexes = [models.Index(fields=["user", "requested_at"], name="passkey_question_age")]
