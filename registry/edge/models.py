"""Models for contributors and their results."""

from django.db import models
from django.db.models import Index, Q, UniqueConstraint

from registry.crawls.models import FrontierUrl
from registry.db.claimable import Claimable
from registry.db.fields import DigestField, SentenceField
from registry.pictures.models import Picture


class Contributor(models.Model):
    """A contributor's machine, which leases picture URLs and signs its results with its own key."""

    name = models.CharField(max_length=100)
    digest = DigestField(unique=True, help_text="digest of its token, which cannot be read again")
    made_at = models.DateTimeField()
    public_key = models.BinaryField(
        null=True, unique=True, help_text="Ed25519 public key, 32 bytes; empty before it joins"
    )
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    reason = SentenceField(blank=True, help_text="reason, if its results were found to be wrong")
    pictures = models.PositiveIntegerField(default=0, help_text="number of accepted pictures")
    seconds = models.FloatField(default=0, help_text="seconds between leases and their delivery")
    checked = models.PositiveIntegerField(default=0, help_text="number of results whose picture was also fetched here")
    wrong = models.PositiveIntegerField(
        default=0, help_text="number of results that differed, and of invalid deliveries"
    )
    suspicion = models.PositiveIntegerField(
        default=0, help_text="number of wrong results minus later correct ones, at least 0"
    )

    class Meta:
        constraints = [UniqueConstraint(fields=["name"], condition=Q(revoked_at=None), name="contributor_name")]


class EdgeResult(Claimable):
    """A contributor's result for a URL, at most one per URL; it is a hint, not a sighting or evidence."""

    class Outcome(models.TextChoices):
        """The processing outcome of a result."""

        CAME = "came"
        KEPT = "kept"  # not similar to any work yet; later works are compared with it
        HERE = "here"  # similar to a work; this installation fetches it
        NOTHING = "nothing"  # no picture was received
        DROPPED = "dropped"  # the contributor was removed because of wrong results

    contributor = models.ForeignKey(Contributor, on_delete=models.PROTECT, related_name="results")
    target = models.OneToOneField(FrontierUrl, null=True, on_delete=models.SET_NULL, related_name="edge_result")
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.CAME)
    digest = DigestField(null=True, help_text="digest of the bytes that it reports")
    hashes = models.BinaryField(default=b"", help_text="hashes of all orientations and parts, 32 bytes each")
    vectors = models.BinaryField(
        default=b"", help_text="descriptors of the whole, the centre and further parts, float32"
    )
    drawn = models.BooleanField(default=False, help_text="whether the result was sampled for verification")
    picture = models.OneToOneField(
        Picture,
        null=True,
        on_delete=models.SET_NULL,
        help_text="placeholder without bytes, with which works registered later are compared",
    )

    class Meta:
        indexes = [Index(fields=["id"], name="edge_result_unfinished", condition=~Q(state="done"))]
