"""Models of notices to a site about one or more cases: senders, outcomes, replies and wordings."""

from django.db import models

from registry.accounts.models import Numbered, Owner
from registry.cases.models import Case, CaseSighting
from registry.db.claimable import Claimable
from registry.db.fields import DigestField, StoredFiles


class Sender(Numbered):
    """A person or organisation that signs for an owner. Signed notices store their own copy of its data."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="senders")
    name = models.CharField(max_length=200)
    capacity = models.CharField(max_length=200, blank=True)
    organisation = models.CharField(max_length=200, blank=True)
    representative = models.CharField(max_length=200, blank=True, help_text="name and position in the organisation")
    code = models.CharField(max_length=18, blank=True, help_text="unified social credit code, GB 32100-2015")
    address = models.CharField(max_length=500, blank=True)
    telephone = models.CharField(max_length=60, blank=True)
    email = models.CharField(max_length=300, blank=True)
    file = models.BinaryField(null=True, blank=True, help_text="the business licence as uploaded; it is not decoded")
    file_name = models.CharField(max_length=200, blank=True)


class Notice(Numbered):
    """A letter about cases of one site, and its state."""

    # Annotated by registry.notices.notices.annotate_replies:
    answered: bool  # True if the notice has replies.
    unread: bool  # True if it has replies that no member has read.
    refuted: bool  # True if a takedown was reported, and a later visit found the image online.

    class Kind(models.TextChoices):
        """Legal basis or type of the notice."""

        DMCA = "dmca"
        DSA = "dsa"
        PRC = "prc"
        OFFER = "offer"
        CEASE = "cease"
        CCB = "ccb"
        COURT = "court"

    class State(models.TextChoices):
        """The last event of the notice."""

        DRAFT = "draft"
        SIGNED = "signed"
        SENT = "sent"
        ANSWERED = "answered"
        COUNTERED = "countered"
        REMOVED = "removed"
        ONLINE = "online"
        RESOLVED = "resolved"
        DISCARDED = "discarded"

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    language = models.CharField(max_length=10)
    party = models.CharField(max_length=260)
    state = models.CharField(max_length=9, choices=State.choices, default=State.DRAFT)
    sender = models.ForeignKey(Sender, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    fields = models.JSONField(default=dict, blank=True, help_text="addressee, sender, and text added by a person")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=300)
    signed_at = models.DateTimeField(null=True, blank=True)
    signed_by = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    files: StoredFiles = models.JSONField(
        default=list, blank=True, help_text="signed and sent files: {name, media_type, digest, size}"
    )
    text = DigestField(null=True, blank=True, help_text="digest of the signed text, UTF-8")
    due_on = models.DateField(null=True, blank=True)
    due_reason = models.CharField(max_length=20, blank=True)
    due_notified_for = models.DateField(null=True, blank=True, help_text="due day of the last reminder to members")
    reply_token = DigestField(null=True, blank=True, unique=True, help_text="SHA-256 of the token in the notice's link")
    reply_until = models.DateTimeField(null=True, blank=True)

    class Meta(Numbered.Meta):
        indexes = [
            models.Index(fields=["owner", "state", "due_on"], name="notice_due"),
            models.Index(fields=["owner", "party"], name="notice_party"),
        ]
        ordering = ["owner", "-number"]


class NoticeCase(models.Model):
    """A case in a notice, with the signer's considerations."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="notice_cases")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="notice_cases")
    answers = models.JSONField(default=dict, blank=True, help_text="purpose, nature, amount, market; text")
    places = models.JSONField(
        default=list, blank=True, help_text="pages listed in the signed notice, as keys of page and image (hex)"
    )
    shown = models.ForeignKey(
        CaseSighting,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="match whose pictures the signed notice shows",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "case"], name="notice_case_identity")]


class ClaimAnswer(models.Model):
    """A member's answer to a point of the claim check. It is valid as long as the point has these grounds."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="claim_answers")
    point = models.CharField(max_length=20)
    grounds = models.JSONField(help_text="evidence on which the point is based")
    words = models.TextField()
    by = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "point"], name="claim_answer_identity")]


class NoticeEvent(models.Model):
    """An event in the history of a notice."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=10)
    day = models.DateField(null=True, blank=True, help_text="day of the event as stated by a person")
    by = models.CharField(max_length=300, blank=True)
    words = models.TextField(blank=True)

    class Meta:
        ordering = ["-at", "-id"]


class NoticeReply(models.Model):
    """A reply submitted on the page that the letter links to."""

    class Kind(models.TextChoices):
        """Subject of the reply."""

        LICENCE = "licence"
        REMOVED = "removed"
        CREDIT = "credit"
        DISPUTE = "dispute"
        OFFER = "offer"

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="replies")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=7, choices=Kind.choices)
    words = models.TextField(blank=True)
    contact = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True, help_text="the notice is paused until then")
    seen_by = models.CharField(max_length=300, blank=True, help_text="member who read it; empty for a withdrawn reply")
    withdrawn_at = models.DateTimeField(null=True, blank=True, help_text="withdrawn on the page before it was read")
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="time when members were notified of the visits after a reported removal"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "number"], name="notice_reply_identity")]
        ordering = ["notice", "number"]


class NoticeReplyFile(models.Model):
    """A file in a reply, exactly as received. Exhibit never decodes it."""

    reply = models.ForeignKey(NoticeReply, on_delete=models.CASCADE, related_name="files")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    digest = DigestField()
    size = models.PositiveIntegerField(help_text="size in bytes")
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reply", "number"], name="notice_reply_file_identity")]
        ordering = ["reply", "number"]


class NoticeMail(Claimable):
    """A signed notice's email. Exhibit sends it to the server again only if a member states that it was not sent."""

    notice = models.OneToOneField(Notice, on_delete=models.CASCADE, related_name="mail")
    to = models.EmailField(max_length=300)
    by = models.CharField(max_length=300)
    message_id = models.CharField(max_length=200)
    begun_at = models.DateTimeField(
        null=True, blank=True, help_text="time from which a mail server has or may have the message; empty before"
    )
    file = models.JSONField(default=dict, blank=True, help_text="its exact bytes: {name, media_type, digest, size}")

    class Meta:
        indexes = [models.Index(fields=["id"], name="notice_mail_unfinished", condition=~models.Q(state="done"))]


class NoticeWording(models.Model):
    """An owner's replacement of a built-in wording, by kind of notice and language."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="notice_wordings")
    kind = models.CharField(max_length=5, choices=Notice.Kind.choices)
    language = models.CharField(max_length=10)
    subject = models.TextField()
    body = models.TextField()
    item = models.TextField()
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=300)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "kind", "language"], name="notice_wording_identity")]
