"""Models of sealed bundles, deposit records, packages, reports and download links."""

from django.db import models

from exhibit.sentences import Sentence
from registry.accounts.models import Numbered, Owner
from registry.cases.models import Case
from registry.db.claimable import Claimable
from registry.db.fields import DigestField, StoredFiles
from registry.keys.models import DeviceKey, SealingKey
from registry.log.models import LogSubmission
from registry.works.models import Work

REOPENED_CASE = Sentence(
    "The case was reopened before the bundle was sealed. To request another bundle, decide again "
    "that the case is not licensed."
)
"""Reason why a bundle that is no longer needed is not sealed."""


class Countersignature(models.Model):
    """A device key's signature over the manifest of a sealed bundle."""

    bundle = models.ForeignKey("registry.Bundle", on_delete=models.PROTECT, related_name="countersignatures")
    key = models.ForeignKey(DeviceKey, on_delete=models.PROTECT, related_name="countersignatures")
    signature = models.BinaryField()
    made_at = models.DateTimeField(auto_now_add=True)
    submission = models.OneToOneField(LogSubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bundle", "key"], name="countersignature_identity")]


class Bundle(Claimable):
    """Sealed evidence of a case. Its content never changes; proofs are added to it."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="bundles")
    number = models.PositiveSmallIntegerField()
    seal_digest = DigestField(null=True, blank=True, unique=True)
    manifest = DigestField(null=True, blank=True, help_text="digest of the canonical manifest in the blob store")
    signature = models.BinaryField(null=True, blank=True)
    key = models.ForeignKey(SealingKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    contents = models.JSONField(default=list, blank=True, help_text="list of {path, digest} of all sealed files")
    sealed_at = models.DateTimeField(null=True, blank=True)
    submission = models.OneToOneField(LogSubmission, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    timestamped_at = models.DateTimeField(
        null=True, blank=True, help_text="time when enough timestamp services had responded completely"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "number"], name="bundle_identity")]
        indexes = [
            models.Index(fields=["id"], name="bundle_unfinished", condition=~models.Q(state="done")),
            models.Index(fields=["sealed_at"], name="bundle_sealed"),
        ]


class Package(Numbered, Claimable):
    """Bundles of several cases with their receipts at one time, for download as one ZIP.

    Each bundle is stored as its own ZIP, so that finished bundles survive an interruption. The outer ZIP is generated
    while it is sent, so that nothing is stored twice.
    """

    class Recipient(models.TextChoices):
        """Recipient of a package. Packages for the other side omit full-size registered pictures."""

        COURT = "court"
        OTHER_SIDE = "other-side"

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="packages")
    recipient = models.CharField(max_length=10, choices=Recipient.choices)
    reason = models.TextField(blank=True, help_text="reason for withholding originals, stated in the copies")
    requested_by = models.CharField(max_length=300)
    bundles: "models.ManyToManyField[Bundle, models.Model]" = models.ManyToManyField(Bundle, related_name="packages")
    created_at = models.DateTimeField(auto_now_add=True)
    progress = models.JSONField(default=dict, blank=True, help_text="{of}: number of bundles, set at the start")
    files: StoredFiles = models.JSONField(
        default=list, blank=True, help_text="list of {name, digest, size, crc}, with bundle for files that are bundles"
    )
    made_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="time when its files will be removed")
    removed_at = models.DateTimeField(
        null=True, blank=True, help_text="its files were removed; its number stays reserved"
    )

    @property
    def withholding_reason(self) -> str | None:
        """Reason for withholding originals; None if they are included."""
        return self.reason if self.recipient == self.Recipient.OTHER_SIDE else None

    @property
    def bundle_suffix(self) -> str:
        """Suffix of the file names of its bundles."""
        return ".zip" if self.withholding_reason is None else "-without-originals.zip"

    class Meta(Numbered.Meta):
        indexes = [
            models.Index(fields=["id"], name="package_unfinished", condition=~models.Q(state="done")),
            models.Index(fields=["expires_at"], name="package_kept", condition=models.Q(removed_at=None)),
        ]
        ordering = ["owner", "-number"]


class Deposit(models.Model):
    """Sealed, immutable record of a work's declarations and of the bytes of its images."""

    work = models.ForeignKey(Work, on_delete=models.PROTECT, related_name="deposits")
    number = models.PositiveSmallIntegerField()
    seal_digest = DigestField(unique=True, help_text="digest of the canonical manifest, which is in the blob store")
    signature = models.BinaryField()
    key = models.ForeignKey(SealingKey, on_delete=models.PROTECT, related_name="+")
    made_by = models.CharField(max_length=300)
    sealed_at = models.DateTimeField()
    submission = models.OneToOneField(LogSubmission, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["work", "number"], name="deposit_identity")]
        ordering = ["work", "-number"]


class Report(Numbered, Claimable):
    """A downloadable report on a watch or a set of works."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="reports")
    parameters = models.JSONField(default=dict, blank=True)
    progress = models.JSONField(
        default=dict, blank=True, help_text="case numbers, volumes, and the volume started last"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    files: StoredFiles = models.JSONField(
        default=list, blank=True, help_text="list of {name, media_type, digest, size}"
    )
    removed_at = models.DateTimeField(
        null=True, blank=True, help_text="its files were removed; its number stays reserved"
    )

    class Meta(Numbered.Meta):
        ordering = ["owner", "-number"]


class DownloadLink(Numbered):
    """An expiring link to a package or report, for people without an account. Only its token's digest is stored."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="download_links")
    token_digest = DigestField(unique=True, help_text="SHA-256 of the token in the URL")
    password = models.CharField(max_length=200, blank=True, help_text="password hash in Django's format; may be empty")
    package = models.ForeignKey(Package, null=True, blank=True, on_delete=models.PROTECT, related_name="links")
    report = models.ForeignKey(Report, null=True, blank=True, on_delete=models.PROTECT, related_name="links")
    note = models.CharField(max_length=200, blank=True, help_text="recipient, shown only to members")
    made_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    downloads = models.PositiveIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="consecutive wrong passwords")
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta(Numbered.Meta):
        constraints = [
            models.UniqueConstraint(fields=["owner", "number"], name="download_link_identity"),
            models.CheckConstraint(
                condition=models.Q(package=None) ^ models.Q(report=None), name="download_link_to_one_thing"
            ),
        ]
        ordering = ["owner", "-number"]
