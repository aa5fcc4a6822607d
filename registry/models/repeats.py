"""Answers of the API that are given again when a request is sent again."""

from django.db import models

from registry.fields import DigestField


class KeptAnswer(models.Model):
    """The answer to a request that came with an idempotency key, kept in the transaction of its deed."""

    caller = models.CharField(max_length=40, help_text="the token or the person, such as token:7")
    key = models.CharField(max_length=200)
    request = DigestField(help_text="of method, address and body")
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="kept_answer_identity")]
        indexes = [models.Index(fields=["made_at"], name="kept_answer_expiry")]
