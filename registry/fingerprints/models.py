"""Spaces, fingerprints, the change list from which indexes are built, and models that compute descriptors."""

from django.db import models

from registry.db.claimable import Claimable
from registry.db.fields import DigestField
from registry.pictures.models import Picture


class SpaceRow(models.Model):
    """Parameters that make two vectors comparable (:class:`exhibit.types.Space`)."""

    name = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    metric = models.CharField(max_length=8)
    width = models.PositiveIntegerField()
    parameters = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="space_identity")]


class FingerprintRow(models.Model):
    """One vector of a picture, or of one of its parts, in one space."""

    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="fingerprints")
    space = models.ForeignKey(SpaceRow, on_delete=models.PROTECT, related_name="+")
    part = models.CharField(max_length=16)
    vector = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["picture", "space", "part"], name="fingerprint_identity")]


class IndexChange(models.Model):
    """One addition to, or removal from, a collection of pictures in a space.

    An index contains the changes up to a number; later changes are its tail. Numbers are the rows' own primary keys.
    Changes of works and of declared fingerprints are in commit order: a single writer holds an advisory lock until it
    commits. Many writers add pictures at once and share a lock, so a higher number may be committed before a lower one.
    Code that reads the highest number waits for these writers (``registry.fingerprints.fingerprints.get_last_change``),
    so that no lower number is added afterwards.
    """

    class Collection(models.TextChoices):
        """The collections of pictures that can be searched."""

        WORKS = "works"
        PICTURES = "pictures"
        PRINTS = "prints"
        """Fingerprints that owners declared for works, as opposed to computed ones."""

    class Operation(models.TextChoices):
        """Kind of change."""

        ADD = "add"
        REMOVE = "remove"

    collection = models.CharField(max_length=8, choices=Collection.choices)
    space = models.ForeignKey(SpaceRow, on_delete=models.PROTECT, related_name="+")
    number = models.BigIntegerField()
    operation = models.CharField(max_length=6, choices=Operation.choices)
    fingerprint = models.ForeignKey(FingerprintRow, on_delete=models.CASCADE, related_name="changes")
    removes = models.BigIntegerField(null=True, blank=True, help_text="number of the addition that is undone")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "space", "number"], name="index_change_identity")]
        indexes = [models.Index(fields=["fingerprint", "collection"], name="index_change_of_fingerprint")]


class MilvusCollection(models.Model):
    """The Milvus collection that holds the pictures seen in a space (``registry.fingerprints.archive``)."""

    space = models.OneToOneField(SpaceRow, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=255, help_text="empty while no collection is in use")
    sequence = models.BigIntegerField(help_text="highest change number in the collection")


class DescriptorModel(Claimable):
    """A descriptor model with its card. Before it is activated, its job computes descriptors of all pictures.

    At any other time the row is ``done``.
    """

    name = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    digest = DigestField(help_text="digest of the ONNX file in the blob store")
    size = models.BigIntegerField()
    card = models.JSONField()
    space = models.OneToOneField(SpaceRow, on_delete=models.PROTECT, related_name="+")
    shipped = models.BooleanField(default=False, help_text="included in the software")
    added_at = models.DateTimeField(auto_now_add=True)
    shared = models.JSONField(null=True, blank=True, help_text="signed card of a network received from someone else")
    measurement = models.JSONField(null=True, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    cursor = models.BigIntegerField(
        default=0, help_text="pictures up to this number were described or were not available"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="descriptor_identity")]
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class DescriptorChoice(models.Model):
    """The single row that names the active models. Updating this row switches to another model."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    serving = models.ForeignKey(DescriptorModel, on_delete=models.PROTECT, related_name="+")
    building = models.ForeignKey(DescriptorModel, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="descriptor_choice_single")]


class DescriptorGap(models.Model):
    """A stored picture without a vector of a model, because computing it failed or the picture has no content."""

    model = models.ForeignKey(DescriptorModel, on_delete=models.CASCADE, related_name="gaps")
    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "picture"], name="descriptor_gap_identity")]
