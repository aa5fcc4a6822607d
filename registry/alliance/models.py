"""Models for partners, their requests, agreements, and checkpoints of their logs."""

from django.db import models

from registry.db.fields import SentenceField


class Partner(models.Model):
    """Another installation. The two operators have verified each other's keys."""

    name = models.CharField(max_length=63)
    url = models.CharField(max_length=300, help_text="base URL of the partner's site")
    log_key = models.CharField(
        max_length=300, help_text="public key of the partner's log: name+key id+base64 (C2SP signed-note)"
    )
    witness_key = models.CharField(
        max_length=300, help_text="public key with which the partner cosigns checkpoints of other logs"
    )
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="reason for the revocation")
    fault = SentenceField(blank=True, help_text="problem found at the last check of its log")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="time of the last comparison of its log")
    unexplained = models.TextField(
        blank=True,
        db_default="",
        default="",
        help_text="a checkpoint signed by its log that is larger than the one it shows",
    )
    captures = models.BooleanField(default=False, help_text="whether it is requested to visit pages at each capture")
    visits = models.PositiveIntegerField(default=0, help_text="maximum number of visits that it may request per day")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=models.Q(revoked_at=None), name="partner_name")
        ]

    @property
    def origin(self) -> str:
        """The name of the partner's log."""
        return self.log_key.partition("+")[0]


class PartnerCall(models.Model):
    """An accepted request of a partner. Its nonce is stored to reject replays."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="calls")
    nonce = models.CharField(max_length=32)
    call = models.CharField(max_length=40, help_text="type of the request")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "nonce"], name="partner_call_identity")]
        indexes = [models.Index(fields=["partner", "call", "at"], name="partner_call_times")]


class Agreement(models.Model):
    """The terms under which a partner may run blind searches here. The software enforces them."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="agreements")
    fields = models.JSONField(default=list, help_text="fields that are disclosed about a matching picture")
    queries = models.PositiveIntegerField(help_text="maximum number of queries in total")
    used = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True, help_text="time of the last log entry about a refusal")


class CosignedCheckpoint(models.Model):
    """The last cosigned checkpoint of a partner's log; later ones must be consistent with it."""

    origin = models.CharField(max_length=200, unique=True)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="heads")
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField(help_text="the checkpoint as signed by its log")
    cosigned_at = models.DateTimeField()


class LogFork(models.Model):
    """Two contradictory checkpoints signed by one log, stored permanently as proof."""

    origin = models.CharField(max_length=200, unique=True)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="forks")
    known = models.TextField(help_text="the signed checkpoint that was known first")
    other = models.TextField(help_text="the signed checkpoint that is inconsistent with it")
    path: "models.JSONField[list[str]]" = models.JSONField(
        default=list,
        help_text="a consistency proof that yields the root of the larger checkpoint but not that of the smaller one",
    )
    source = models.CharField(max_length=200, help_text="source of the other checkpoint")
    found_at = models.DateTimeField()
