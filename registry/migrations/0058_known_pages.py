"""Pages that a watch has visited, with how often they were seen to change."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table and the column; both fill from the next run on."""

    dependencies = [("registry", "0055_search_consents")]

    operations = [
        migrations.AddField(
            "crawl",
            "by_change",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="known pages are visited by how probably they have changed",
            ),
        ),
        migrations.CreateModel(
            "KnownPage",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.BinaryField(help_text="128-bit key of the normalised URL")),
                ("url", models.TextField()),
                (
                    "depth",
                    models.PositiveSmallIntegerField(help_text="links followed since the source, the fewest so far"),
                ),
                (
                    "shown",
                    models.BinaryField(
                        help_text="digest of the pictures and words that it showed when it was visited last"
                    ),
                ),
                ("visited_at", models.DateTimeField()),
                (
                    "visits",
                    models.PositiveIntegerField(default=0, help_text="that could be compared with the one before"),
                ),
                (
                    "changes",
                    models.PositiveIntegerField(default=0, help_text="of those, visits that found it changed"),
                ),
                ("days", models.FloatField(default=0, help_text="between its first visit and its last")),
                (
                    "watch",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="known_pages",
                        to="registry.watch",
                    ),
                ),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("watch", "key"), name="known_page_identity")]},
        ),
    ]
