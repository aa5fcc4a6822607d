"""Spaces, fingerprints, the change list that every index is a cache of, and networks that describe pictures."""

from django.db import models

from registry.db.claimable import Claimable
from registry.db.fields import DigestField
from registry.pictures.models import Picture


class SpaceRow(models.Model):
    """What makes two vectors comparable (:class:`exhibit.types.Space`)."""

    name = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    metric = models.CharField(max_length=8)
    width = models.PositiveIntegerField()
    parameters = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="space_identity")]


class FingerprintRow(models.Model):
    """One vector in one space of one picture, or of a part of it. Keyed by picture only."""

    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="fingerprints")
    space = models.ForeignKey(SpaceRow, on_delete=models.PROTECT, related_name="+")
    part = models.CharField(max_length=16)
    vector = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["picture", "space", "part"], name="fingerprint_identity")]


class IndexChange(models.Model):
    """One addition to, or removal from, a collection of pictures in a space.

    An index holds the changes up to a number; its tail is what came later. Numbers are the rows' own. Those of works
    and of stated fingerprints are in commit order: one appender at a time holds an advisory lock until it commits.
    Pictures are added by many at once, who share a lock: of two numbers the later may be committed first. Whoever reads
    how far they go waits for those who are adding (``registry.fingerprints.fingerprints.last_change``), so that nothing
    comes below a number that was read up to.
    """

    class Collection(models.TextChoices):
        """The sets of pictures that are searched."""

        WORKS = "works"
        PICTURES = "pictures"
        PRINTS = "prints"
        """Of works, the fingerprints that were only stated: what was measured here is never among them."""

    class Operation(models.TextChoices):
        """What happened to the vector."""

        ADD = "add"
        REMOVE = "remove"

    collection = models.CharField(max_length=8, choices=Collection.choices)
    space = models.ForeignKey(SpaceRow, on_delete=models.PROTECT, related_name="+")
    number = models.BigIntegerField()
    operation = models.CharField(max_length=6, choices=Operation.choices)
    fingerprint = models.ForeignKey(FingerprintRow, on_delete=models.CASCADE, related_name="changes")
    removes = models.BigIntegerField(null=True, blank=True, help_text="the number of the addition that is taken back")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "space", "number"], name="index_change_identity")]
        indexes = [models.Index(fields=["fingerprint", "collection"], name="index_change_of_fingerprint")]


class MilvusCollection(models.Model):
    """Which collection in Milvus holds the pictures seen in a space (``registry.fingerprints.archive``)."""

    space = models.OneToOneField(SpaceRow, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=255, help_text="empty while none counts")
    sequence = models.BigIntegerField(help_text="the highest change number that counts there")


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
