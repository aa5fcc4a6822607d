"""What the running product says of itself: which workers live, and what the steps have cost."""

from django.db import models


class Heartbeat(models.Model):
    """A process of the workers says that it lives. One that ends cleanly takes its row along."""

    name = models.CharField(max_length=200, primary_key=True)
    queues = models.CharField(max_length=200, blank=True, help_text="that it takes, with commas between them")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()


class StepTime(models.Model):
    """What a step has done and taken on one day (UTC), all processes together."""

    step = models.CharField(max_length=20)
    day = models.DateField()
    runs = models.BigIntegerField(default=0, help_text="batches, those too that found nothing left to do")
    rows = models.BigIntegerField(default=0, help_text="rows that were ended")
    seconds = models.FloatField(default=0, help_text="of the clock")
    processor_seconds = models.FloatField(default=0, help_text="of a core, child processes that have ended included")
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "day"], name="step_time_identity")]
        indexes = [models.Index(fields=["day"], name="step_time_of_day")]


class Dismissal(models.Model):
    """A row of a step that was given up and that the operator leaves as it is, for this reason: it is told no more."""

    step = models.CharField(max_length=20)
    row = models.BigIntegerField()
    error = models.TextField(blank=True)
    by = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "row"], name="dismissal_identity")]
