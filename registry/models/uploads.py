"""Files that people bring to be registered, many at once, with the table that declares them."""

from django.db import models

from registry.fields import DigestField
from registry.models.people import Owner
from registry.models.steps import Claimable
from registry.models.works import Work


class Upload(models.Model):
    """Files that somebody brings in one go, in portions. Their bytes wait in a folder until they are registered."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="uploads")
    number = models.PositiveIntegerField()
    announced = models.PositiveIntegerField(default=0, help_text="files that were to come, as their sender said")
    author = models.CharField(max_length=300, blank=True, help_text="declared of all files that nothing else names")
    rights_statement = models.TextField(blank=True, help_text="declared likewise")
    reads_metadata = models.BooleanField(default=True, help_text="what is left out is taken from the files")
    table_name = models.CharField(max_length=300, blank=True)
    started_by = models.CharField(max_length=300)
    started_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True, help_text="when its sender said that all have been sent")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "number"], name="upload_identity")]
        ordering = ["owner", "-number"]


class UploadLine(models.Model):
    """One line of an upload's table: what is declared of a file."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="lines")
    file = models.CharField(max_length=300)
    declared = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "file"], name="upload_line_identity")]


class UploadFile(Claimable):
    """One file of an upload. Its step registers it; what can't be registered is done, too, with the reason."""

    class Outcome(models.TextChoices):
        """What came of a file."""

        REGISTERED = "registered"
        KNOWN = "known"
        REFUSED = "refused"

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=300)
    digest = DigestField(null=True, blank=True, help_text="absent for what was too large to be taken")
    size = models.BigIntegerField()
    line = models.ForeignKey(UploadLine, null=True, blank=True, on_delete=models.SET_NULL, related_name="files")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    reason = models.CharField(max_length=40, blank=True, help_text="why it was refused, a stable word")
    work = models.ForeignKey(Work, null=True, blank=True, on_delete=models.SET_NULL, related_name="upload_files")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["upload", "name", "digest"], name="upload_file_identity", nulls_distinct=False
            )
        ]
        indexes = [
            models.Index(fields=["id"], name="upload_file_todo", condition=~models.Q(state="done")),
            models.Index(fields=["upload", "outcome", "name"], name="upload_file_results"),
        ]
