"""Networks that describe pictures: which there are, which serves, and what it hasn't described yet."""

from django.db import models

from registry.db.claimable import Claimable
from registry.db.fields import DigestField
from registry.matches.models import SpaceRow
from registry.pictures.models import Picture


class DescriptorModel(Claimable):
    """A network with its card. Its step describes all pictures anew, batch by batch, when it is to come into use.

    Outside of that the row is ``done``.
    """

    name = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    digest = DigestField(help_text="of the ONNX file, which is among the blobs")
    size = models.BigIntegerField()
    card = models.JSONField()
    space = models.OneToOneField(SpaceRow, on_delete=models.PROTECT, related_name="+")
    shipped = models.BooleanField(default=False, help_text="it came with the software")
    added_at = models.DateTimeField(auto_now_add=True)
    shared = models.JSONField(null=True, blank=True, help_text="the signed card with which it came from somebody else")
    measurement = models.JSONField(null=True, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    cursor = models.BigIntegerField(default=0, help_text="pictures up to here were described, or were not there")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="descriptor_identity")]
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class DescriptorChoice(models.Model):
    """The one row that says which network is in use: changing it is the whole switch."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    serving = models.ForeignKey(DescriptorModel, on_delete=models.PROTECT, related_name="+")
    building = models.ForeignKey(DescriptorModel, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="descriptor_choice_single")]


class DescriptorGap(models.Model):
    """A picture whose bytes are there, without a vector of a network: it failed, or there was nothing to describe."""

    model = models.ForeignKey(DescriptorModel, on_delete=models.CASCADE, related_name="gaps")
    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "picture"], name="descriptor_gap_identity")]
