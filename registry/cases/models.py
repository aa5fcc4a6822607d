"""Models for cases, group decisions, flood protection, captures, and the effects of licence changes."""

from django.db import models
from django.db.models import Index, Q, UniqueConstraint

from exhibit.types import CaseDecision
from registry.accounts.models import Owner, User
from registry.crawls.models import Sighting
from registry.db.claimable import Claimable, StepState
from registry.db.fields import SentenceField, StoredFile, StoredFiles
from registry.matches.models import Match
from registry.pictures.models import Picture
from registry.works.models import LedgerChange, Licence, Work


class Case(models.Model):
    """One owner's case: the use of one work by one site or platform account."""

    Decision = CaseDecision

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="cases")
    number = models.PositiveIntegerField()
    work = models.ForeignKey(Work, on_delete=models.PROTECT, related_name="cases")
    party = models.CharField(max_length=260)
    decision = models.CharField(
        max_length=9,
        choices=[(case_decision.value, case_decision.name.capitalize()) for case_decision in CaseDecision],
        default=Decision.OPEN,
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=300, blank=True, help_text="a person's name, or 'licence ledger'")
    reason = SentenceField(blank=True)
    demonstration = models.BooleanField(default=False, help_text="confirmed by the demonstration switch")
    opened_at = models.DateTimeField()
    disputed_at = models.DateTimeField(
        null=True, blank=True, help_text="time at which a member disputed the decision; empty if it is not disputed"
    )
    is_pending = models.BooleanField(default=True, db_default=True, help_text="a person needs to review it")
    is_related = models.BooleanField(
        default=False,
        db_default=False,
        help_text="all remaining matches are only related pictures; no review is requested",
    )
    likelihood = models.FloatField(default=0, db_default=0, help_text="likelihood of its strongest match, for sorting")
    places = models.PositiveIntegerField(
        default=0, db_default=0, help_text="number of different images on different pages"
    )
    standing = models.CharField(
        max_length=8, blank=True, db_default="", default="", help_text="state of its pages; empty before a visit"
    )
    decided_in = models.ForeignKey(
        "GroupDecision", null=True, blank=True, on_delete=models.SET_NULL, related_name="cases"
    )
    shown = models.ForeignKey("CaseSighting", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    assigned_to = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False,
        help_text="member to whom the case is assigned",
    )  # fmt: skip
    agency = models.CharField(
        max_length=200, blank=True, db_default="", default="", help_text="agency last asked whether it sold a licence"
    )
    agency_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="time at which the agency was asked; empty if no reply is pending"
    )

    class Meta:
        constraints = [
            UniqueConstraint(fields=["owner", "work", "party"], name="case_identity"),
            UniqueConstraint(fields=["owner", "number"], name="case_number"),
        ]
        indexes = [
            Index(fields=["owner", "party"], name="case_waiting", condition=Q(is_pending=True)),
            Index(fields=["owner", "-likelihood", "number"], name="case_next", condition=Q(is_pending=True)),
            Index(fields=["owner", "-likelihood", "number"], name="case_resembling", condition=Q(is_related=True)),
            Index(fields=["owner", "decision", "number"], name="case_by_decision"),
            Index(fields=["owner", "-opened_at", "-id"], name="case_newest"),
            Index(fields=["owner", "number"], name="case_agency_asked", condition=Q(agency_asked_at__isnull=False)),
            Index(fields=["assigned_to", "owner"], name="case_assigned", condition=Q(assigned_to__isnull=False)),
        ]
        ordering = ["owner", "number"]


class GroupDecision(Claimable):
    """A decision to dismiss all pending cases that matched a filter. A background job dismisses them one by one.

    If the member reverses it, the job reopens the cases that have not been decided again since.
    """

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="group_decisions")
    wanted = models.JSONField(help_text="filter of the queue that selected the cases")
    total = models.PositiveIntegerField(help_text="number of cases at that time")
    by = models.CharField(max_length=300)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)
    looked_until = models.BigIntegerField(default=0, db_default=0, help_text="the last of its cases that was processed")
    taught_until = models.BigIntegerField(
        default=0, db_default=0, help_text="the last other case that was updated with it"
    )

    class Meta:
        indexes = [Index(fields=["id"], name="group_decision_unfinished", condition=~Q(state="done"))]


class CaseSighting(models.Model):
    """A match at a sighting that belongs to a case, with the licence that covers it, if any."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="case_sightings")
    match = models.ForeignKey(Match, on_delete=models.PROTECT, related_name="case_sightings")
    sighting = models.ForeignKey(Sighting, on_delete=models.PROTECT, related_name="case_sightings")
    licence = models.ForeignKey(Licence, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    licences_searched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["case", "match", "sighting"], name="case_sighting_identity")]


class FoundDay(models.Model):
    """Numbers of new sites for a work on a day (UTC), and of distinct pictures on them."""

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="found_days")
    day = models.DateField()
    sites = models.PositiveIntegerField(default=0, help_text="number of sites for which a case was opened")
    different = models.PositiveIntegerField(
        default=0, help_text="number of these sites whose picture was unlike all earlier ones"
    )
    looks = models.BinaryField(default=b"", help_text="hashes of those pictures, concatenated")

    class Meta:
        constraints = [UniqueConstraint(fields=["work", "day"], name="found_day_identity")]


class Flood(Claimable):
    """A hold on a work that suddenly matched on far more sites than before. No cases are opened for it while on hold.

    After a member has opened it, a background job opens its cases. Until then the row's state is ``done``.
    """

    class Decision(models.TextChoices):
        """A member's decision. The work stays on hold until the flood is opened."""

        NONE = ""
        DISMISSED = "dismissed"
        OPENED = "opened"

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="floods")
    at = models.DateTimeField(help_text="time from which no cases were opened")
    sites = models.PositiveIntegerField(help_text="number of new sites for the work on that day")
    different = models.PositiveIntegerField(help_text="number of these sites whose picture was unlike all earlier ones")
    limit = models.PositiveIntegerField(help_text="limit that was exceeded")
    decision = models.CharField(max_length=9, choices=Decision.choices, default=Decision.NONE, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=300, blank=True)
    released = models.PositiveIntegerField(
        default=0, help_text="number of new sites that were accepted and count as usual from then on"
    )

    class Meta:
        constraints = [
            UniqueConstraint(fields=["work"], name="flood_of_work", condition=Q(decision__in=["", "dismissed"]))
        ]
        indexes = [Index(fields=["id"], name="flood_unfinished", condition=~Q(state="done"))]

    @classmethod
    def list_active(cls) -> "models.QuerySet[Flood]":
        """Return the floods whose works are on hold."""
        return cls.objects.exclude(decision=cls.Decision.OPENED).filter(work__removed_at=None)


class LookAlike(models.Model):
    """A found picture that a member of an owner dismissed as not a copy of a registered picture.

    Pairs are stored when a case or a flood is dismissed. Pairs of a flood never open a case.
    """

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="look_alikes")
    registered = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="+")
    found = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="+")
    case = models.ForeignKey(Case, null=True, on_delete=models.CASCADE, related_name="look_alikes")
    flood = models.ForeignKey(Flood, null=True, on_delete=models.CASCADE, related_name="look_alikes")
    dismissed_by = models.CharField(max_length=300)
    dismissed_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "registered", "found"], name="look_alike_identity")]


class CaseEvent(models.Model):
    """One line of a case's history."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=20)
    actor = models.CharField(max_length=300, blank=True)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    said = models.JSONField(default=list, db_default=[], blank=True, help_text="list of [phrase name, its values]")
    sentence = SentenceField(blank=True, help_text="text by a person, after the phrases")

    class Meta:
        ordering = ["-at", "-id"]


class Capture(Claimable):
    """One visit to the page and image of a sighting. The first follows a likely match; others are scheduled."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="captures")
    page_key = models.BinaryField()
    image_key = models.BinaryField()
    number = models.PositiveSmallIntegerField(default=1, help_text="1 for the first visit, higher for repeated visits")
    sighting = models.ForeignKey(Sighting, on_delete=models.PROTECT, related_name="captures")
    method = models.CharField(max_length=8, default="http", help_text="http, or browser if the page was rendered")
    outcome = models.CharField(max_length=16, blank=True)
    sentence = SentenceField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    files: StoredFiles = models.JSONField(
        default=list, blank=True, help_text="list of {role, name, media_type, digest, size}"
    )
    digests = models.JSONField(
        default=list, blank=True, help_text="digests (hex) of everything that the files contain or show"
    )
    next_at = models.DateTimeField(null=True, blank=True, help_text="time of the next visit to the page")

    class Meta:
        constraints = [UniqueConstraint(fields=["case", "page_key", "image_key", "number"], name="capture_identity")]
        indexes = [
            Index(fields=["id"], name="capture_unfinished", condition=~Q(state="done")),
            Index(fields=["next_at"], name="capture_next", condition=Q(next_at__isnull=False)),
        ]

    @property
    def stored_files(self) -> list[StoredFile]:
        """Files whose bytes were stored. Of other files, only the digest is listed."""
        return [file for file in self.files if "because" not in file]


class ArchiveLookup(Claimable):
    """A member's query to a web archive for captures of a page and picture."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="archive_questions")
    sighting = models.ForeignKey(Sighting, on_delete=models.PROTECT, related_name="+")
    page_key = models.BinaryField()
    image_key = models.BinaryField()
    requested_by = models.CharField(max_length=300)
    requested_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    elsewhere = models.JSONField(
        default=list, blank=True, help_text="list of statements; empty until the archive responds"
    )
    files: StoredFiles = models.JSONField(
        default=list, blank=True, help_text="responses, and a served picture, as files of a capture"
    )

    class Meta:
        constraints = [
            UniqueConstraint(
                fields=["case", "page_key", "image_key"],
                name="archive_question_once",
                condition=Q(state__in=["queued", "running"]),
            )
        ]
        indexes = [Index(fields=["id"], name="archive_question_unfinished", condition=~Q(state="done"))]


class LedgerEffect(models.Model):
    """Effect of a licence change on a case."""

    class Effect(models.TextChoices):
        """Type of effect."""

        LICENSED = "licensed"
        REOPENED = "reopened"
        STAYED = "stayed"

    change = models.ForeignKey(LedgerChange, on_delete=models.CASCADE, related_name="effects")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="+")
    what = models.CharField(max_length=8, choices=Effect.choices)

    class Meta:
        constraints = [UniqueConstraint(fields=["change", "case"], name="ledger_effect_identity")]


class PageReading(Claimable):
    """Result of parsing a captured page in the sandboxed helper process. Third-party pages are parsed nowhere else."""

    capture = models.OneToOneField(Capture, on_delete=models.CASCADE, related_name="reading")
    statements = models.JSONField(default=list, blank=True, help_text="list of {what, name, words, near}")
    words = models.TextField(blank=True, help_text="letters and digits of a page with a statement")
    addresses = models.JSONField(default=list, blank=True, help_text="email addresses on the page")
    refusal = SentenceField(blank=True, help_text="reason why the page could not be read; empty if it was read")

    class Meta:
        indexes = [models.Index(fields=["id"], name="page_reading_unfinished", condition=~models.Q(state="done"))]

    @property
    def is_read(self) -> bool:
        """True if the page was parsed, even if no statements were found."""
        return self.state == StepState.DONE and not self.refusal
