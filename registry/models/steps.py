"""What every row that a step works off has in common."""

from django.db import models
from django.db.models.functions import Now


class StepState(models.TextChoices):
    """How far the step of a row is."""

    TODO = "todo"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"


UNFINISHED = (StepState.TODO, StepState.DOING)
"""States of a row whose step hasn't ended."""


class Claimable(models.Model):
    """A row that a step claims with one conditional UPDATE, works off, and marks in one transaction.

    A row whose claimer has ended is free again at once, and one that has stayed in ``doing`` too long is sent again, so
    every step tolerates running twice.
    """

    state = models.CharField(max_length=8, choices=StepState.choices, default=StepState.TODO)
    claimed_at = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=200, blank=True, db_default="", help_text="the process")
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    held_since = models.DateTimeField(
        null=True, blank=True, help_text="since when the machine keeps it from being done"
    )
    error = models.TextField(blank=True)
    waits_since = models.DateTimeField(db_default=Now(), help_text="when it was last put to work")

    class Meta:
        abstract = True

    @property
    def put_off(self) -> bool:
        """Whether it waits for the moment that was set."""
        return self.state == StepState.TODO and self.not_before is not None
