"""Reports of an owner's cases."""

from django.db import models

from registry.accounts.models import Numbered, Owner
from registry.db.claimable import Claimable
from registry.db.fields import KeptFiles


class Report(Numbered, Claimable):
    """The downloadable account of a watch or a set of works."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="reports")
    parameters = models.JSONField(default=dict, blank=True)
    progress = models.JSONField(default=dict, blank=True, help_text="numbers of its cases, volumes, the one begun last")
    created_at = models.DateTimeField(auto_now_add=True)
    files: KeptFiles = models.JSONField(default=list, blank=True, help_text="list of {name, media_type, digest, size}")
    removed_at = models.DateTimeField(null=True, blank=True, help_text="its files are gone, its number stays taken")

    class Meta(Numbered.Meta):
        ordering = ["owner", "-number"]
