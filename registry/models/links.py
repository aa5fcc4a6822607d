"""Links with which people outside take something away, without signing in."""

from django.db import models

from registry.fields import DigestField
from registry.models.evidence import Report
from registry.models.packages import Package
from registry.models.people import Owner


class DownloadLink(models.Model):
    """A link to one package or one report, for somebody without an account, until a day. Only its digest is kept."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="download_links")
    number = models.PositiveIntegerField()
    token_digest = DigestField(unique=True, help_text="SHA-256 of the token in the address")
    password = models.CharField(max_length=200, blank=True, help_text="hashed as Django hashes passwords; may be empty")
    package = models.ForeignKey(Package, null=True, blank=True, on_delete=models.PROTECT, related_name="links")
    report = models.ForeignKey(Report, null=True, blank=True, on_delete=models.PROTECT, related_name="links")
    note = models.CharField(max_length=200, blank=True, help_text="for whom it is; shown to members alone")
    made_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    downloads = models.PositiveIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="wrong passwords in a row")
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "number"], name="download_link_identity"),
            models.CheckConstraint(
                condition=models.Q(package=None) ^ models.Q(report=None), name="download_link_to_one_thing"
            ),
        ]
        ordering = ["owner", "-number"]
