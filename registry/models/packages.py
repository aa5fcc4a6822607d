"""Bundles of several cases that are handed over together."""

from django.db import models

from registry.models.evidence import Bundle
from registry.models.people import Owner
from registry.models.steps import Claimable


class Package(Claimable):
    """Bundles of several cases with the receipts of one day, to be taken away as one ZIP.

    Each bundle lies in the blob store as a ZIP of its own; the one ZIP around them is made while it is sent. So what
    was made before an interruption stays, and nothing is kept twice.
    """

    class Recipient(models.TextChoices):
        """Whom it is for; the copy for the other side leaves registered pictures in full size out."""

        COURT = "court"
        OTHER_SIDE = "other-side"

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="packages")
    number = models.PositiveIntegerField()
    recipient = models.CharField(max_length=10, choices=Recipient.choices)
    reason = models.TextField(blank=True, help_text="why originals are withheld; the copies say so")
    asked_by = models.CharField(max_length=300)
    bundles: "models.ManyToManyField[Bundle, models.Model]" = models.ManyToManyField(Bundle, related_name="packages")
    created_at = models.DateTimeField(auto_now_add=True)
    progress = models.JSONField(default=dict, blank=True, help_text="{of}: how many bundles, once it is begun")
    files = models.JSONField(
        default=list, blank=True, help_text="list of {name, digest, size, crc}, with bundle where it is one"
    )
    made_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="when its files are removed")
    removed_at = models.DateTimeField(null=True, blank=True, help_text="its files are gone, its number stays taken")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "number"], name="package_identity")]
        indexes = [
            models.Index(fields=["id"], name="package_todo", condition=~models.Q(state="done")),
            models.Index(fields=["expires_at"], name="package_kept", condition=models.Q(removed_at=None)),
        ]
        ordering = ["owner", "-number"]
