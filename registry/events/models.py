"""Events of owners and their recipients: mail, browsers, webhooks and feeds."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Index, Q, UniqueConstraint
from django.utils.translation import gettext_lazy as _

from registry.accounts.models import Owner, User
from registry.db.claimable import Claimable, StepState
from registry.db.fields import DigestField, SentenceField


class EventKind(models.TextChoices):
    """Kinds of events. The values are part of the API."""

    CASE_OPENED = "case.opened", _("Case opened")
    """A possible copy of a work was found on a site that had no case for this work."""
    CASE_DECIDED = "case.decided", _("Case decided or reopened")
    """A member or the licence ledger decided a case, or reopened it."""
    BUNDLE_SEALED = "bundle.sealed", _("Evidence sealed")
    """The evidence of a case was sealed."""
    BUNDLE_TIMESTAMPED = "bundle.timestamped", _("Sealed evidence timestamped by the required number of services")
    """The required number of timestamp services returned complete receipts."""
    KNOWN_COPY_MISSED = "watch.missed-known-copy", _("Known copy missed by a watch")
    """A watch missed a known copy."""
    WORK_HELD = "work.held", _("Work put on hold: found on far more sites than before")
    """A work was suddenly found on far more sites than usual: no case is opened until a member responds
    (`POST …/works/12/held`)."""
    REPORT_READY = "report.ready", _("Report ready")
    """A report can be downloaded."""
    NOTICE_DUE = "notice.due", _("Notice due for review")
    """A legal deadline of a notice is near, or a reminder is due."""
    NOTICE_REPLIED = "notice.replied", _("Reply received on the reply page of a notice")
    """A recipient replied on a notice's page. The notice is snoozed until a member reviews it."""
    NOTICE_VISITED = "notice.visited", _("Pages of a notice revisited after a reply that reports removal")
    """Sent once after a reply that reports removal, when no visit to the notice's pages is waiting. `places` counts the
    pages visited since by state (`unseen` if the visit failed), `removed_before` those already found removed."""
    WEBHOOK_PAUSED = "webhook.paused", _("Webhook paused after several days without a response")
    """A webhook was paused after five days without success. Sent only to webhooks without `kinds`."""
    TEST = "test", _("Test requested by a member")
    """A member or program requested a test."""


class Event(models.Model):
    """An event of an owner, recorded in the transaction of the change; stored for 90 days."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=32, choices=EventKind.choices)
    name = models.CharField(max_length=80, blank=True, help_text="name of an event that happens only once")
    about = models.JSONField(help_text="case, bundle or watch concerned; plain data")
    at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "kind", "name"], condition=~Q(name=""), name="event_once")]
        indexes = [Index(fields=["owner", "id"], name="event_of_owner"), Index(fields=["at"], name="event_expiry")]


class Webhook(models.Model):
    """A URL that receives events, signed according to Standard Webhooks."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="webhooks")
    number = models.PositiveIntegerField()
    url = models.TextField()
    kinds = ArrayField(models.CharField(max_length=32), help_text="kinds of events; all, if empty")
    identity = models.UUIDField(
        default=uuid.uuid4, unique=True, help_text="additional data bound to the encrypted secret"
    )
    encrypted_secret = models.BinaryField()
    made_by = models.CharField(max_length=300)
    made_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = SentenceField(blank=True)
    misses = models.PositiveIntegerField(default=0, help_text="consecutive attempts without a successful response")
    failing_since = models.DateTimeField(null=True, blank=True)
    ask_after = models.DateTimeField(null=True, blank=True, help_text="no attempts before this time")

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "number"], name="webhook_identity")]


class Delivery(Claimable):
    """One event for one webhook, tried until it is accepted."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    answers = models.JSONField(default=list, help_text="last attempts: at, status, milliseconds, sentence")
    tries = models.PositiveIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["webhook", "event"], name="delivery_identity")]
        indexes = [
            Index(fields=["id"], name="delivery_unfinished", condition=Q(state__in=["queued", "running"])),
            Index(fields=["webhook", "-id"], name="delivery_log"),
        ]


class MailChoice(Claimable):
    """A member's settings for mails about an owner's events. ``not_before`` is the time of the next possible mail."""

    class MailFrequency(models.TextChoices):
        """Frequency of mails, if there are events to report."""

        AT_ONCE = "at-once", _("immediately")
        DAILY = "daily", _("daily")
        WEEKLY = "weekly", _("weekly")
        NEVER = "never", _("never")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mail_choices")
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="mail_choices")
    mail_frequency = models.CharField(max_length=8, choices=MailFrequency.choices, default=MailFrequency.DAILY)
    sends_replies_at_once = models.BooleanField(
        default=True, db_default=True, help_text="replies to notices are sent at once instead of daily or weekly"
    )
    notified_until = models.BigIntegerField(
        help_text="the last event that was reported to the member or needs no report"
    )
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["user", "owner"], name="mail_choice_identity")]
        indexes = [Index(fields=["not_before"], name="mail_choice_due", condition=Q(state="queued"))]


class PushSubscription(Claimable):
    """A browser's push subscription for a member. ``not_before`` is the time of the next possible message."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="push_browsers")
    identity = models.UUIDField(
        default=uuid.uuid4, unique=True, help_text="identifier by which the browser is recognised"
    )
    endpoint = models.TextField(unique=True, help_text="URL of the push service of the browser's vendor")
    public_key = models.BinaryField(help_text="public key of the browser, an uncompressed point of P-256")
    auth = models.BinaryField(help_text="secret shared only with the browser")
    user_agent = models.CharField(max_length=300, help_text="user agent stated by the browser")
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="time of the last accepted message")
    notified_until = models.BigIntegerField(
        help_text="the last event that was reported to the browser or needs no report"
    )
    misses = models.PositiveIntegerField(default=0, help_text="consecutive attempts without a successful response")

    class Meta:
        indexes = [Index(fields=["not_before"], name="push_browser_due", condition=Q(state="queued"))]

    @property
    def ended(self) -> bool:
        """Return True if sending has stopped after failed attempts; the member can add the browser again."""
        return self.state in (StepState.DONE, StepState.FAILED)


class Feed(models.Model):
    """A member's URL of an Atom feed. Only the digest of its secret is stored."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="feeds")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="feeds")
    digest = DigestField(unique=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "user"], name="feed_identity")]
