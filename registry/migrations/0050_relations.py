"""Works of one owner that are the same picture, parts of one another, or exposures of one scene."""

import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0049_floods"),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkRelation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        help_text="what the work is to the other one: exhibit.types.Relation", max_length=9
                    ),
                ),
                (
                    "work_shown",
                    models.FloatField(help_text="share of the work's picture that the other one shows, 0 to 1"),
                ),
                ("other_shown", models.FloatField(help_text="share of the other one's picture that the work shows")),
                ("dense", models.FloatField(help_text="share of the textured windows that agree")),
                (
                    "in_place",
                    models.FloatField(help_text="share of the patches that lie where the transform says", null=True),
                ),
                (
                    "drift",
                    models.FloatField(
                        help_text="pixels by which neighbouring patches are displaced together", null=True
                    ),
                ),
                ("noted_at", models.DateTimeField()),
                (
                    "other",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="related_to", to="registry.work"
                    ),
                ),
                (
                    "work",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="relations", to="registry.work"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.comparison.Least("work", "other"),
                        django.db.models.functions.comparison.Greatest("work", "other"),
                        name="work_relation_identity",
                    )
                ],
            },
        ),
    ]
