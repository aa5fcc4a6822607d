"""Known copies on an owner's own pages: a watch that misses one says so."""

from django.db import models

from registry.models.crawls import Watch
from registry.models.people import Owner
from registry.models.works import Work


class Canary(models.Model):
    """A copy of a work that the owner has put on a page of their own, for a watch to find."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="canaries")
    number = models.PositiveIntegerField()
    work = models.ForeignKey(Work, on_delete=models.PROTECT, related_name="canaries")
    watch = models.ForeignKey(Watch, on_delete=models.PROTECT, related_name="canaries")
    url = models.TextField(help_text="the page that shows the copy")
    key = models.BinaryField(help_text="of the page's normalised URL")
    leads_to = models.TextField(blank=True, help_text="where the page led when it was last visited, if elsewhere")
    added_by = models.CharField(max_length=300)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "canaries"
        constraints = [models.UniqueConstraint(fields=["owner", "number"], name="canary_identity")]
        indexes = [models.Index(fields=["watch", "added_at"], name="canary_of_watch")]
        ordering = ["owner", "number"]
