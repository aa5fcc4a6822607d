"""Patterns of the addresses of a crawl, the turn of each page among those of its pattern, and which pages showed anything new."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Add the columns: what lies in a frontier already belongs to no pattern and is never left out."""

    dependencies = [("registry", "0059_search_charges")]

    operations = [
        migrations.AddField(
            "frontierurl",
            "pattern",
            models.BinaryField(help_text="128-bit key of what it shares with other addresses of its kind", null=True),
        ),
        migrations.AddField(
            "frontierurl",
            "turn",
            models.PositiveIntegerField(
                db_default=0, default=0, help_text="among those of its pattern; 0 for a picture"
            ),
        ),
        migrations.AddField(
            "frontierurl",
            "shows_new",
            models.BooleanField(help_text="whether it showed or led to what its crawl had not seen", null=True),
        ),
        migrations.AlterField(
            "frontierurl",
            "state",
            models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("leased", "Leased"),
                    ("done", "Done"),
                    ("refused", "Refused"),
                    ("left-out", "Left Out"),
                ],
                default="pending",
                max_length=8,
            ),
        ),
        migrations.RemoveIndex("frontierurl", "frontier_pending"),
        migrations.AddIndex(
            "frontierurl",
            models.Index(
                condition=Q(("state", "pending")), fields=["crawl", "host", "depth", "turn", "id"], name="frontier_pending"
            ),
        ),
        migrations.AddIndex(
            "frontierurl",
            models.Index(
                condition=Q(("pattern__isnull", False)), fields=["crawl", "pattern", "turn"], name="frontier_pattern"
            ),
        ),
        migrations.AddIndex(
            "frontierurl",
            models.Index(
                condition=Q(("pattern__isnull", False), ("state", "done")),
                fields=["crawl", "pattern", "turn"],
                name="frontier_pattern_done",
            ),
        ),
    ]
