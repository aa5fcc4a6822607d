"""Base model of rows that steps process, and the state of running workers."""

from django.db import models
from django.db.models.functions import Now

from registry.db.fields import SentenceField


class StepState(models.TextChoices):
    """Progress of a row's step."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


UNFINISHED = (StepState.QUEUED, StepState.RUNNING)
"""States of a row whose step has not finished."""


class Claimable(models.Model):
    """A row that a step claims with one conditional UPDATE, processes, and marks in one transaction.

    A row whose claimer has ended is released immediately. A row that stays in ``running`` too long is queued again, so
    every step must tolerate running twice.
    """

    state = models.CharField(max_length=8, choices=StepState.choices, default=StepState.QUEUED)
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=200, blank=True, db_default="", help_text="process that works on the row")
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    held_since = models.DateTimeField(
        null=True, blank=True, help_text="time since which a fault of the machine has blocked the row"
    )
    error = SentenceField(blank=True)
    waits_since = models.DateTimeField(db_default=Now(), help_text="time when the row was created or last reset")

    class Meta:
        abstract = True

    @property
    def is_postponed(self) -> bool:
        """Return True if the row was postponed to a stated time and has not been claimed since."""
        return self.state == StepState.QUEUED and self.not_before is not None


class Heartbeat(models.Model):
    """The last heartbeat of a worker process. A process that ends cleanly deletes its row."""

    name = models.CharField(max_length=200, primary_key=True)
    queues = models.CharField(
        max_length=200, blank=True, help_text="queues that the process serves, separated by commas"
    )
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()


class Lease(models.Model):
    """A task that only one process at a time performs, across all machines; ``epoch`` counts the holders."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=200, blank=True, help_text="holding process; empty after it has ended")
    epoch = models.BigIntegerField(help_text="number of holders so far")
    expires_at = models.DateTimeField(help_text="by the database's clock")


class StepTime(models.Model):
    """Work and time of a step on one day (UTC), summed over all processes."""

    step = models.CharField(max_length=20)
    day = models.DateField()
    runs = models.BigIntegerField(default=0, help_text="number of batches, including those without work")
    rows = models.BigIntegerField(default=0, help_text="number of finished rows")
    seconds = models.FloatField(default=0, help_text="elapsed seconds")
    processor_seconds = models.FloatField(
        default=0, help_text="seconds of processor time, including finished child processes"
    )
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "day"], name="step_time_identity")]
        indexes = [models.Index(fields=["day"], name="step_time_of_day")]


class Dismissal(models.Model):
    """A failed row that the operator has dismissed, with the error. It is not reported again."""

    step = models.CharField(max_length=20)
    row = models.BigIntegerField()
    error = SentenceField(blank=True)
    by = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "row"], name="dismissal_identity")]
