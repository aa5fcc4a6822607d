"""What pages that visits kept were read as: once each, by a job, and no more in requests."""

import django.db.models.deletion
import django.db.models.functions.datetime
import registry.db.fields
from django.db import migrations, models

UNREAD = """
INSERT INTO registry_pagereading (capture_id, state, attempts, statements, words, addresses, error, refusal)
SELECT visit.id, 'todo', 0, '[]', '', '[]', '', '' FROM registry_capture visit
WHERE visit.state = 'done' AND EXISTS (
  SELECT FROM jsonb_array_elements(visit.files) file
  WHERE file ->> 'role' IN ('dom', 'page') AND NOT jsonb_exists(file, 'because')
)
"""
"""Pages that visits kept before: the tick has them read."""


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0105_push'),
    ]

    operations = [
        migrations.CreateModel(
            name='PageReading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('todo', 'Todo'), ('doing', 'Doing'), ('done', 'Done'), ('failed', 'Failed')], default='todo', max_length=8)),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_by', models.CharField(blank=True, db_default='', help_text='the process', max_length=200)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('held_since', models.DateTimeField(blank=True, help_text='since when the machine keeps it from being done', null=True)),
                ('error', registry.db.fields.SentenceField(blank=True)),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('statements', models.JSONField(blank=True, default=list, help_text='list of {what, name, words, near}')),
                ('words', models.TextField(blank=True, help_text='letters and digits of a page that states something')),
                ('addresses', models.JSONField(blank=True, default=list, help_text='mail addresses on the page')),
                ('refusal', registry.db.fields.SentenceField(blank=True, help_text="why the page couldn't be read; empty if it was")),
                ('capture', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='reading', to='registry.capture')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='page_reading_todo')],
            },
        ),
        migrations.RunSQL(UNREAD, migrations.RunSQL.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
    ]
