"""Deposit records of works."""

from django.db import models

from registry.fields import DigestField
from registry.models.keys import SealingKey
from registry.models.log import LogSubmission
from registry.models.works import Work


class Deposit(models.Model):
    """A sealed record of what was declared of a work and of the bytes of its pictures. It never changes."""

    work = models.ForeignKey(Work, on_delete=models.PROTECT, related_name="deposits")
    number = models.PositiveSmallIntegerField()
    seal_digest = DigestField(unique=True, help_text="of the canonical manifest, which lies in the blob store")
    signature = models.BinaryField()
    key = models.ForeignKey(SealingKey, on_delete=models.PROTECT, related_name="+")
    made_by = models.CharField(max_length=300)
    sealed_at = models.DateTimeField()
    submission = models.OneToOneField(LogSubmission, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["work", "number"], name="deposit_identity")]
        ordering = ["work", "-number"]
