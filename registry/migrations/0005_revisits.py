"""How far the search of the past is, and pictures seen before that are asked for again."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the table of revisits and the progress of a search."""

    dependencies = [("registry", "0004_calibrations")]

    operations = [
        migrations.AddField(
            model_name="workpicture",
            name="progress",
            field=models.JSONField(blank=True, default=dict, help_text="how far the search of the past is, in counts"),
        ),
        migrations.CreateModel(
            name="Revisit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "hamming",
                    models.PositiveSmallIntegerField(
                        help_text="bits between the hashes; 256 when they weren't compared"
                    ),
                ),
                (
                    "inliers",
                    models.PositiveIntegerField(
                        blank=True, help_text="details found again in the small copy", null=True
                    ),
                ),
                (
                    "dense",
                    models.FloatField(blank=True, help_text="share of the small copy's pixels that agree", null=True),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("came", "Came"),
                            ("changed", "Changed"),
                            ("gone", "Gone"),
                            ("unreached", "Unreached"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("sentence", models.TextField(blank=True)),
                ("asked_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "crawl",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="revisits", to="registry.crawl"
                    ),
                ),
                (
                    "found",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisits_as_found",
                        to="registry.picture",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="revisits", to="registry.owner"
                    ),
                ),
                (
                    "registered",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisits_as_registered",
                        to="registry.picture",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("outcome", "waiting")), fields=["crawl"], name="revisit_waiting")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "registered", "found"), name="revisit_identity")
                ],
            },
        ),
    ]
