"""Picture contents, independent of owners."""

from django.db import models
from django.db.models import UniqueConstraint

from registry.accounts.models import Owner
from registry.db.claimable import Claimable
from registry.db.fields import DigestField


class BytesState(models.TextChoices):
    """State of the exact bytes in the blob store."""

    STORED = "stored"
    EXPIRED = "expired"
    PURGED = "purged"
    NEVER = "never"
    """The bytes were never stored: an owner stated only fingerprints of the picture."""


class Picture(Claimable):
    """Content of one picture file. Its step decodes it, computes fingerprints and matches it against all works.

    A picture that cannot be decoded is ``done`` with a refusal; ``failed`` is for steps that may succeed later.
    """

    digest = DigestField(unique=True)
    size = models.BigIntegerField()
    format = models.CharField(max_length=12, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    first_seen = models.DateTimeField()
    refusal = models.CharField(max_length=40, blank=True, help_text="reason why it cannot be read; empty if it can")
    incomplete = models.BooleanField(
        null=True, blank=True, help_text="whether its file is truncated or damaged; null if unknown"
    )
    low_information = models.JSONField(default=list, blank=True)
    bytes_state = models.CharField(max_length=8, choices=BytesState.choices, default=BytesState.STORED)
    thumbnail = DigestField(null=True, blank=True)
    searched = models.CharField(max_length=160, blank=True, help_text="state on which the finished search depends")

    class Meta:
        indexes = [
            models.Index(fields=["state", "id"], name="picture_unfinished", condition=~models.Q(state="done")),
            models.Index(fields=["first_seen"], name="picture_expiry", condition=models.Q(bytes_state="stored")),
        ]


class WithheldFile(models.Model):
    """A file withheld because it shows a purged picture. Bundles state this. Its own bytes are not blocked."""

    digest = DigestField(unique=True)
    because = DigestField(help_text="digest of the purged picture")
    reason = models.CharField(max_length=300, blank=True)
    kept = models.BooleanField(
        help_text="withheld; if false, it was removed because it contained the picture's bytes or was made from them"
    )
    created_at = models.DateTimeField(auto_now_add=True)


class BlockedDigest(models.Model):
    """Digest of bytes that may not be stored. It is checked before anything is stored."""

    digest = DigestField(unique=True)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)


class PictureReport(models.Model):
    """A found picture that a member reported as illegal. It is hidden from the owner; the operator can purge it."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="picture_reports")
    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="reports")
    case = models.ForeignKey("registry.Case", on_delete=models.CASCADE, related_name="+")
    reported_by = models.CharField(max_length=300)
    reason = models.TextField()
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "picture"], name="picture_report_identity")]
