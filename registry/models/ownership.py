"""What stands beside a work's declaration: doubts about whose it is, its chain of title, and how it was changed."""

from django.db import models

from registry.fields import DigestField
from registry.models.works import Work


class OwnershipRemark(models.Model):
    """Something that a person should look at before the work is relied on. It decides nothing."""

    class Kind(models.TextChoices):
        """What it is about."""

        CREDIT = "credit"
        MANIFEST = "manifest"
        TERM = "term"
        DEDICATION = "dedication"

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="remarks")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    details = models.JSONField(default=dict)
    noted_at = models.DateTimeField()
    reason = models.TextField(blank=True, help_text="why it doesn't stand against the work, as a person said")
    answered_by = models.CharField(max_length=300, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["work", "kind"], name="ownership_remark_identity")]
        indexes = [models.Index(fields=["work"], name="ownership_remark_open", condition=models.Q(answered_at=None))]


class WorkAttachment(models.Model):
    """A document of a work's chain of title or registration: exact bytes in the blob store."""

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="attachments")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    about = models.CharField(max_length=300, blank=True, help_text="what it is, in its owner's words")
    digest = DigestField()
    size = models.BigIntegerField()
    added_by = models.CharField(max_length=300)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["work", "number"], name="work_attachment_identity")]
        indexes = [models.Index(fields=["digest"], name="work_attachment_bytes")]
        ordering = ["work", "number"]


class WorkChange(models.Model):
    """One line of a work's history: who changed what, from what to what."""

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="changes")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    by = models.CharField(max_length=300)
    kind = models.CharField(max_length=12, help_text="edited, attached, detached, answered")
    details = models.JSONField(default=dict, help_text="by field: before and after; or what it was about")
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["work", "number"], name="work_change_identity")]
        ordering = ["work", "-number"]
