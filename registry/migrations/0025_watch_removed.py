"""Watches that are removed, and how many pictures each crawl saw."""

from django.db import migrations, models

_COUNT = """
UPDATE registry_crawl SET pictures = (
    SELECT count(DISTINCT picture_id) FROM registry_sighting WHERE crawl_id = registry_crawl.id
) WHERE finished_at IS NOT NULL
"""


class Migration(migrations.Migration):
    """Add the columns, and count for the crawls that have ended."""

    dependencies = [("registry", "0024_report_removal")]

    operations = [
        migrations.AddField("watch", "removed_at", models.DateTimeField(null=True, blank=True)),
        migrations.RemoveConstraint("watch", "watch_name"),
        migrations.AddConstraint(
            "watch",
            models.UniqueConstraint(
                fields=["owner", "name"], condition=models.Q(removed_at=None), name="watch_name"
            ),
        ),
        migrations.AddField(
            "crawl",
            "pictures",
            models.PositiveIntegerField(null=True, blank=True, help_text="different ones, counted at the end"),
        ),
        migrations.RunSQL(_COUNT, migrations.RunSQL.noop),
    ]
