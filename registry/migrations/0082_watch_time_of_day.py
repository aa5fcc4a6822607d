"""Watches keep their time of day beside their next run; those that are there get the one at which they run."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

DAY = timedelta(days=1)
LATE = timedelta(minutes=10)
"""So long after its time a run has begun, where nothing was in its way."""


def keep_times(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Give watches of whole days the time of day of their next run, in the installation's zone, by which they ran.

    A change to summer time may have made it later for good. Where the last run on time before that change tells what
    was chosen, it is that again; where none does, it stays as it is.
    """
    watches = apps.get_model('registry', 'Watch').objects.alias(rest=models.F('interval_seconds') % 86_400)
    zone, oldest = timezone.get_default_timezone(), watches.aggregate(models.Min('created_at'))['created_at__min']
    changes = list(skips(zone, oldest, timezone.now() + 3_660 * DAY)) if oldest else []
    for watch in watches.filter(next_run_at__isnull=False, rest=0).iterator():
        here = watch.next_run_at.astimezone(zone)
        chosen = here.time()
        for day, skipped in changes:
            earlier = (datetime.combine(day, chosen) - skipped).time()
            made_later = datetime.combine(day, earlier, zone).astimezone(UTC).astimezone(zone).time() == here.time()
            if made_later and watch.created_at.astimezone(zone).date() <= day <= here.date():
                before = datetime.combine(day, time(), zone).astimezone(UTC)
                ran = watch.crawls.filter(started_at__lt=before).order_by('-started_at')
                times = (row.astimezone(zone) for row in ran.values_list('started_at', flat=True)[:1_000])
                on_time = (one for run in times for one in (earlier, chosen) if _after(one, run) < LATE)
                chosen = next(on_time, chosen)
        if chosen != here.time() and watch.next_run_at > timezone.now():
            watch.next_run_at = datetime.combine(here.date(), chosen, zone).astimezone(UTC)
        watch.time_of_day, watch.time_zone = chosen, str(zone)
        watch.save(update_fields=['time_of_day', 'time_zone', 'next_run_at'])


def skips(zone: tzinfo, first: datetime, last: datetime) -> Iterator[tuple[date, timedelta]]:
    """The days on which clocks skip something, and how much."""
    day = first.astimezone(zone).date()
    while day <= last.astimezone(zone).date():
        noon = datetime.combine(day, time(12), zone)
        skipped = noon.utcoffset() - (noon - DAY).utcoffset()
        if skipped > timedelta(0):
            yield day, skipped
        day += DAY


def _after(at: time, run: datetime) -> timedelta:
    """How long after this time of day something began."""
    return (run.replace(tzinfo=None) - datetime.combine(run.date(), at)) % DAY


class Migration(migrations.Migration):

    dependencies = [('registry', '0081_sightings_without_moment')]

    operations = [
        migrations.AddField('watch', 'time_of_day', models.TimeField(blank=True, help_text='of every run; null when it runs by the hour', null=True)),
        migrations.AddField('watch', 'time_zone', models.CharField(blank=True, db_default='', help_text='where it is that time of day', max_length=64)),
        migrations.RunPython(keep_times, migrations.RunPython.noop),
    ]
