"""Works that are held back, on how many new sites each was found on a day, and look-alikes that no case taught."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

FILL = """
INSERT INTO registry_foundday (work_id, day, sites, different, looks)
SELECT work_id, (opened_at AT TIME ZONE 'UTC')::date, count(*), count(*), '' FROM registry_case GROUP BY 1, 2
"""
"""The past of works so far; which of its pictures looked alike isn't known, so that no steady work is held back."""

DISMISSED = "DELETE FROM registry_lookalike WHERE case_id IS NULL"


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0047_papers"),
    ]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="kind",
            field=models.CharField(
                choices=[
                    ("case.opened", "a case was opened"),
                    ("case.decided", "a case was decided, or opened again"),
                    ("bundle.sealed", "evidence was sealed"),
                    ("bundle.witnessed", "enough witnesses have answered for sealed evidence"),
                    ("watch.missed-canary", "a watch missed a known copy"),
                    ("work.held", "a work is held back, found on far more sites than ever"),
                    ("report.ready", "a report is ready"),
                    ("notice.due", "a notice is due to be looked at again"),
                    ("webhook.paused", "a webhook didn't answer for days and was paused"),
                    ("test", "a test that a member asked for"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="lookalike",
            name="case",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="look_alikes", to="registry.case"
            ),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, DISMISSED),
        migrations.CreateModel(
            name="Flood",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("todo", "Todo"), ("doing", "Doing"), ("done", "Done"), ("failed", "Failed")],
                        default="todo",
                        max_length=8,
                    ),
                ),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("claimed_by", models.CharField(blank=True, db_default="", help_text="the process", max_length=200)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                (
                    "held_since",
                    models.DateTimeField(
                        blank=True, help_text="since when the machine keeps it from being done", null=True
                    ),
                ),
                ("error", models.TextField(blank=True)),
                (
                    "waits_since",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="when it was last put to work"
                    ),
                ),
                ("at", models.DateTimeField(help_text="since when nothing is opened")),
                (
                    "sites",
                    models.PositiveIntegerField(help_text="on which the work would have been found newly on that day"),
                ),
                (
                    "different",
                    models.PositiveIntegerField(help_text="those of them whose picture looked like none before"),
                ),
                ("limit", models.PositiveIntegerField(help_text="beyond which that was")),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[("", "None"), ("dismissed", "Dismissed"), ("opened", "Opened")],
                        default="",
                        max_length=9,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decided_by", models.CharField(blank=True, max_length=300)),
                (
                    "released",
                    models.PositiveIntegerField(
                        default=0, help_text="new sites that were taken up: its past from then on"
                    ),
                ),
                (
                    "work",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="floods", to="registry.work"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="lookalike",
            name="flood",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="look_alikes", to="registry.flood"
            ),
        ),
        migrations.CreateModel(
            name="FoundDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("sites", models.PositiveIntegerField(default=0, help_text="parties for which a case was opened")),
                (
                    "different",
                    models.PositiveIntegerField(
                        default=0, help_text="those of them whose picture looked like none before"
                    ),
                ),
                ("looks", models.BinaryField(default=b"", help_text="hashes of those pictures, one after the other")),
                (
                    "work",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="found_days", to="registry.work"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="flood",
            index=models.Index(condition=models.Q(("state", "done"), _negated=True), fields=["id"], name="flood_todo"),
        ),
        migrations.AddConstraint(
            model_name="flood",
            constraint=models.UniqueConstraint(
                condition=models.Q(("decision__in", ["", "dismissed"])), fields=("work",), name="flood_of_work"
            ),
        ),
        migrations.AddConstraint(
            model_name="foundday",
            constraint=models.UniqueConstraint(fields=("work", "day"), name="found_day_identity"),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
