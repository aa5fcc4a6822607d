"""Answers to points of the claim check, in place of the one reason that a notice took for a work's term."""

import django.db.models.deletion
from django.db import migrations, models


def keep_reasons(apps, schema_editor):
    """What was written as a reason stays with what its writer considered."""
    for row in apps.get_model("registry", "NoticeCase").objects.exclude(term_reason="").iterator():
        row.answers["term_reason"] = row.term_reason
        row.save(update_fields=["answers"])


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0068_agreements'),
    ]

    operations = [
        migrations.CreateModel(
            name='ClaimAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('point', models.CharField(max_length=20)),
                ('grounds', models.JSONField(help_text='what the point rested on')),
                ('words', models.TextField()),
                ('by', models.CharField(max_length=300)),
                ('at', models.DateTimeField()),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='claim_answers', to='registry.case')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('case', 'point'), name='claim_answer_identity')],
            },
        ),
        migrations.RunPython(keep_reasons, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='noticecase',
            name='term_reason',
        ),
    ]
