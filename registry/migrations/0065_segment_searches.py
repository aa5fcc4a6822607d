"""What each machine searches of an archive that none of them keeps as a whole."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    """Add the table."""

    dependencies = [("registry", "0064_packs")]

    operations = [
        migrations.CreateModel(
            name="SegmentSearch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(choices=[("todo", "Todo"), ("doing", "Doing"), ("done", "Done"), ("failed", "Failed")], default="todo", max_length=8)),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("claimed_by", models.CharField(blank=True, db_default="", help_text="the process", max_length=200)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("held_since", models.DateTimeField(blank=True, help_text="since when the machine keeps it from being done", null=True)),
                ("error", models.TextField(blank=True)),
                ("waits_since", models.DateTimeField(db_default=Now(), help_text="when it was last put to work")),
                ("host", models.CharField(help_text="the machine that keeps them; any may take what has waited", max_length=200)),
                ("numbering", models.CharField(help_text="what the numbers that are found depend on", max_length=300)),
                ("segments", models.JSONField(help_text="names of the segments, with their spaces")),
                ("left", models.JSONField(help_text="those that are still to be searched")),
                ("found", models.JSONField(default=list, help_text="number and distance of the nearest, by kind of query and query")),
                ("work_picture", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="segment_searches", to="registry.workpicture")),
            ],
            options={"abstract": False},
        ),
    ]
