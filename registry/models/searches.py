"""Image searches and marketplaces: owners' keys for them, and what crawls ask them."""

from django.db import models

from registry.models.crawls import Crawl
from registry.models.people import Owner
from registry.models.steps import Claimable


class SearchKey(models.Model):
    """An owner's own key for a search, encrypted with the operator's master key; it is never shown again."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="search_keys")
    service = models.SlugField(max_length=60)
    encrypted = models.BinaryField()
    added_by = models.CharField(max_length=300)
    added_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "service"], name="search_key_identity")]


class Inquiry(Claimable):
    """What a crawl asks a search: one subject after the other, page by page, going on where it was."""

    crawl = models.ForeignKey(Crawl, on_delete=models.CASCADE, related_name="inquiries")
    service = models.SlugField(max_length=60)
    words = models.JSONField(default=list, blank=True, help_text="what is asked for; empty: the owner's pictures")
    cursor = models.BigIntegerField(default=0, help_text="the last registered picture, or number of words, done with")
    page = models.TextField(blank=True, help_text="what names the next page of the present subject")
    pages = models.PositiveIntegerField(default=0, help_text="asked for of the present subject")
    left = models.PositiveIntegerField(help_text="subjects that may still be asked for")
    asked = models.PositiveIntegerField(default=0, help_text="requests that were answered")
    found = models.PositiveIntegerField(default=0, help_text="addresses of pictures that came")
    outcome = models.CharField(max_length=20, blank=True, help_text="why it ended before its subjects did")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["crawl", "service"], name="inquiry_identity")]
        indexes = [models.Index(fields=["id"], name="inquiry_todo", condition=~models.Q(state="done"))]
