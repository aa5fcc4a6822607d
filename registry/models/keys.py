"""Owners' keys: those that the installation holds, encrypted, and public halves of those that owners hold."""

from django.db import models

from registry.models.log import LogSubmission
from registry.models.people import Owner


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
