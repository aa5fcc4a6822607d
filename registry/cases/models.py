"""Models for cases, flood protection, captures, and the effects of licence changes."""

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
    demonstration = models.BooleanField(default=False, help_text="confirmed by the switch meant for demonstrations")
    opened_at = models.DateTimeField()
    disputed_at = models.DateTimeField(
        null=True, blank=True, help_text="since when a member says it was decided wrongly"
    )
    waits = models.BooleanField(default=True, db_default=True, help_text="a person has to look at it")
    resembles = models.BooleanField(
        default=False, db_default=False, help_text="all that is left of it only resembles the work; nobody is asked"
    )
    likelihood = models.FloatField(default=0, db_default=0, help_text="of its strongest match, to sort by")
    places = models.PositiveIntegerField(default=0, db_default=0, help_text="different images on different pages")
    standing = models.CharField(
        max_length=8, blank=True, db_default="", default="", help_text="how its places stand; empty before a visit"
    )
    decided_in = models.ForeignKey(
        "GroupDecision", null=True, blank=True, on_delete=models.SET_NULL, related_name="cases"
    )
    shown = models.ForeignKey("CaseSighting", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    assigned_to = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False,
        help_text="the member who looks after it",
    )  # fmt: skip
    agency = models.CharField(
        max_length=200, blank=True, db_default="", default="", help_text="that was asked last whether it sold a licence"
    )
    asked_at = models.DateTimeField(null=True, blank=True, help_text="since when the agency's answer is awaited")

    class Meta:
        constraints = [
            UniqueConstraint(fields=["owner", "work", "party"], name="case_identity"),
            UniqueConstraint(fields=["owner", "number"], name="case_number"),
        ]
        indexes = [
            Index(fields=["owner", "party"], name="case_waiting", condition=Q(waits=True)),
            Index(fields=["owner", "-likelihood", "number"], name="case_next", condition=Q(waits=True)),
            Index(fields=["owner", "-likelihood", "number"], name="case_resembling", condition=Q(resembles=True)),
            Index(fields=["owner", "decision", "number"], name="case_by_decision"),
            Index(fields=["owner", "-opened_at", "-id"], name="case_newest"),
            Index(fields=["owner", "number"], name="case_asked", condition=Q(asked_at__isnull=False)),
            Index(fields=["assigned_to", "owner"], name="case_assigned", condition=Q(assigned_to__isnull=False)),
        ]
        ordering = ["owner", "number"]


class GroupDecision(Claimable):
    """A decision to clear all waiting cases that matched a filter; its step clears them one by one.

    If the person reverses it, the step reopens the cases that nobody has decided otherwise since.
    """

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="group_decisions")
    wanted = models.JSONField(help_text="which cases: what the queue was asked for")
    total = models.PositiveIntegerField(help_text="of them, at that time")
    by = models.CharField(max_length=300)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)
    looked_until = models.BigIntegerField(default=0, db_default=0, help_text="the last of its cases that was looked at")
    taught_until = models.BigIntegerField(default=0, db_default=0, help_text="the last other case that learned of it")

    class Meta:
        indexes = [Index(fields=["id"], name="group_decision_todo", condition=~Q(state="done"))]


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
    """The number of sites on which a work was newly found on a day (UTC), and of their distinct pictures."""

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="found_days")
    day = models.DateField()
    sites = models.PositiveIntegerField(default=0, help_text="parties for which a case was opened")
    different = models.PositiveIntegerField(default=0, help_text="those of them whose picture looked like none before")
    looks = models.BinaryField(default=b"", help_text="hashes of those pictures, one after the other")

    class Meta:
        constraints = [UniqueConstraint(fields=["work", "day"], name="found_day_identity")]


class Flood(Claimable):
    """A hold on a work that suddenly matched on far more sites than ever; no case is opened for it meanwhile.

    Once a person has opened it, its step opens the withheld cases; otherwise the row's state is ``done``.
    """

    class Decision(models.TextChoices):
        """A person's decision; a flood stays in force until it is opened."""

        NONE = ""
        DISMISSED = "dismissed"
        OPENED = "opened"

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="floods")
    at = models.DateTimeField(help_text="since when nothing is opened")
    sites = models.PositiveIntegerField(help_text="on which the work would have been found newly on that day")
    different = models.PositiveIntegerField(help_text="those of them whose picture looked like none before")
    limit = models.PositiveIntegerField(help_text="beyond which that was")
    decision = models.CharField(max_length=9, choices=Decision.choices, default=Decision.NONE, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=300, blank=True)
    released = models.PositiveIntegerField(default=0, help_text="new sites that were taken up: its past from then on")

    class Meta:
        constraints = [
            UniqueConstraint(fields=["work"], name="flood_of_work", condition=Q(decision__in=["", "dismissed"]))
        ]
        indexes = [Index(fields=["id"], name="flood_todo", condition=~Q(state="done"))]

    @classmethod
    def in_force(cls) -> "models.QuerySet[Flood]":
        """Return the floods whose works are held back."""
        return cls.objects.exclude(decision=cls.Decision.OPENED).filter(work__removed_at=None)


class LookAlike(models.Model):
    """A found picture that a person declared not a copy of a registered one, for one owner.

    Pairs are learned from a case or a flood. Pairs learned from a flood open no case at all.
    """

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="look_alikes")
    registered = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="+")
    found = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="+")
    case = models.ForeignKey(Case, null=True, on_delete=models.CASCADE, related_name="look_alikes")
    flood = models.ForeignKey(Flood, null=True, on_delete=models.CASCADE, related_name="look_alikes")
    cleared_by = models.CharField(max_length=300)
    cleared_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "registered", "found"], name="look_alike_identity")]


class CaseEvent(models.Model):
    """One line of a case's history."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=20)
    actor = models.CharField(max_length=300, blank=True)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    said = models.JSONField(default=list, db_default=[], blank=True, help_text="list of [name of a phrase, its values]")
    sentence = SentenceField(blank=True, help_text="a person's words, after the phrases")

    class Meta:
        ordering = ["-at", "-id"]


class Capture(Claimable):
    """One visit to the page and image of a sighting: immediately if a match is likely, and again later."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="captures")
    page_key = models.BinaryField()
    image_key = models.BinaryField()
    number = models.PositiveSmallIntegerField(default=1, help_text="1 for the first visit, more for recaptures")
    sighting = models.ForeignKey(Sighting, on_delete=models.PROTECT, related_name="captures")
    method = models.CharField(max_length=8, default="http", help_text="http, or browser when the page was rendered")
    outcome = models.CharField(max_length=16, blank=True)
    sentence = SentenceField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    files: StoredFiles = models.JSONField(
        default=list, blank=True, help_text="list of {role, name, media_type, digest, size}"
    )
    digests = models.JSONField(default=list, blank=True, help_text="of everything that the files carry or show, in hex")
    next_at = models.DateTimeField(null=True, blank=True, help_text="when the place is to be visited again")

    class Meta:
        constraints = [UniqueConstraint(fields=["case", "page_key", "image_key", "number"], name="capture_identity")]
        indexes = [
            Index(fields=["id"], name="capture_todo", condition=~Q(state="done")),
            Index(fields=["next_at"], name="capture_next", condition=Q(next_at__isnull=False)),
        ]

    @property
    def kept(self) -> list[StoredFile]:
        """The files whose bytes were stored; for other files only the digests are known."""
        return [file for file in self.files if "because" not in file]


class ArchiveQuestion(Claimable):
    """A member's request to query a web archive for captures of a place's page and picture."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="archive_questions")
    sighting = models.ForeignKey(Sighting, on_delete=models.PROTECT, related_name="+")
    page_key = models.BinaryField()
    image_key = models.BinaryField()
    asked_by = models.CharField(max_length=300)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    elsewhere = models.JSONField(default=list, blank=True, help_text="list of what it states; empty before it answers")
    files: StoredFiles = models.JSONField(
        default=list, blank=True, help_text="its answers, and a picture that it served, as a capture's files"
    )

    class Meta:
        constraints = [
            UniqueConstraint(
                fields=["case", "page_key", "image_key"],
                name="archive_question_once",
                condition=Q(state__in=["todo", "doing"]),
            )
        ]
        indexes = [Index(fields=["id"], name="archive_question_todo", condition=~Q(state="done"))]


class LedgerEffect(models.Model):
    """The effect of a licence change on a case."""

    class What(models.TextChoices):
        """The effect on the case."""

        LICENSED = "licensed"
        REOPENED = "reopened"
        STAYED = "stayed"

    change = models.ForeignKey(LedgerChange, on_delete=models.CASCADE, related_name="effects")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="+")
    what = models.CharField(max_length=8, choices=What.choices)

    class Meta:
        constraints = [UniqueConstraint(fields=["change", "case"], name="ledger_effect_identity")]


class PageReading(Claimable):
    """The helper's result of reading a captured page; pages from third parties are parsed nowhere else."""

    capture = models.OneToOneField(Capture, on_delete=models.CASCADE, related_name="reading")
    statements = models.JSONField(default=list, blank=True, help_text="list of {what, name, words, near}")
    words = models.TextField(blank=True, help_text="letters and digits of a page that states something")
    addresses = models.JSONField(default=list, blank=True, help_text="mail addresses on the page")
    refusal = SentenceField(blank=True, help_text="why the page couldn't be read; empty if it was")

    class Meta:
        indexes = [models.Index(fields=["id"], name="page_reading_todo", condition=~models.Q(state="done"))]

    @property
    def is_read(self) -> bool:
        """True if the page was read, even if it states nothing."""
        return self.state == StepState.DONE and not self.refusal
