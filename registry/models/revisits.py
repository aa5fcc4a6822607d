"""Pictures that were seen before a work was registered, and whose bytes had expired by then."""

from django.db import models

from registry.models.crawls import Crawl
from registry.models.people import Owner
from registry.models.pictures import Picture


class Revisit(models.Model):
    """A picture seen before resembled a registered one; its bytes are asked for again where it was seen.

    It is a hint for a person and no match: only bytes that come again are compared, and make a match of their own.
    """

    class Outcome(models.TextChoices):
        """What came of asking again."""

        WAITING = "waiting"
        CAME = "came"
        CHANGED = "changed"
        GONE = "gone"
        UNREACHED = "unreached"

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="revisits")
    registered = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="revisits_as_registered")
    found = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="revisits_as_found")
    crawl = models.ForeignKey(Crawl, on_delete=models.CASCADE, related_name="revisits")
    hamming = models.PositiveSmallIntegerField(help_text="bits between the hashes; 256 when they weren't compared")
    inliers = models.PositiveIntegerField(null=True, blank=True, help_text="details found again in the small copy")
    dense = models.FloatField(null=True, blank=True, help_text="share of the small copy's pixels that agree")
    outcome = models.CharField(max_length=9, choices=Outcome.choices, default=Outcome.WAITING)
    sentence = models.TextField(blank=True)
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "registered", "found"], name="revisit_identity")]
        indexes = [models.Index(fields=["crawl"], name="revisit_waiting", condition=models.Q(outcome="waiting"))]
