"""Models for partners, their requests, agreements, and checkpoints of their logs."""

from django.db import models

from registry.db.fields import SentenceField


class Partner(models.Model):
    """Another installation, whose keys the operator has verified with its operator."""

    name = models.CharField(max_length=63)
    url = models.CharField(max_length=300, help_text="of its site")
    log_key = models.CharField(max_length=300, help_text="of its log: name+key id+base64 (C2SP signed-note)")
    witness_key = models.CharField(max_length=300, help_text="with which it cosigns others' heads")
    made_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="why it was revoked")
    fault = SentenceField(blank=True, help_text="what was wrong when its log was looked at last")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="when its log was last compared")
    unexplained = models.TextField(
        blank=True, db_default="", default="", help_text="a head that its log has signed, larger than what it shows"
    )
    captures = models.BooleanField(default=False, help_text="whether it is asked to visit with us at each capture")
    visits = models.PositiveIntegerField(default=0, help_text="so many visits it may ask for in a day")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=models.Q(revoked_at=None), name="partner_name")
        ]

    @property
    def origin(self) -> str:
        """The name of the partner's log."""
        return self.log_key.partition("+")[0]


class PartnerCall(models.Model):
    """A request of a partner that was accepted, with its nonce, so that it cannot be replayed."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="calls")
    nonce = models.CharField(max_length=32)
    call = models.CharField(max_length=40, help_text="what it asked for")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["partner", "nonce"], name="partner_call_identity")]
        indexes = [models.Index(fields=["partner", "call", "at"], name="partner_call_times")]


class Agreement(models.Model):
    """The terms under which a partner may search here blindly, which the software enforces."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="agreements")
    fields = models.JSONField(default=list, help_text="what is told of a picture that matches")
    queries = models.PositiveIntegerField(help_text="so many may be asked in all")
    used = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField()
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True, help_text="when a refusal was last put into the log")


class WitnessedHead(models.Model):
    """The last cosigned checkpoint of a partner's log; later ones must be consistent with it."""

    origin = models.CharField(max_length=200, unique=True)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="heads")
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField(help_text="as its log signed it")
    cosigned_at = models.DateTimeField()


class LogFork(models.Model):
    """Two contradictory checkpoints signed by one log, stored permanently as proof."""

    origin = models.CharField(max_length=200, unique=True)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="forks")
    known = models.TextField(help_text="the signed head that was known")
    other = models.TextField(help_text="the signed head that doesn't go with it")
    path: "models.JSONField[list[str]]" = models.JSONField(
        default=list, help_text="a consistency proof that leads to the larger root, and not from the smaller one"
    )
    source = models.CharField(max_length=200, help_text="where the other head came from")
    found_at = models.DateTimeField()
