"""Bundles of several cases that are handed over together."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the table."""

    dependencies = [
        ('registry', '0032_notices'),
    ]

    operations = [
        migrations.CreateModel(
            name='Package',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('todo', 'Todo'), ('doing', 'Doing'), ('done', 'Done'), ('failed', 'Failed')], default='todo', max_length=8)),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True)),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('number', models.PositiveIntegerField()),
                ('recipient', models.CharField(choices=[('court', 'Court'), ('other-side', 'Other Side')], max_length=10)),
                ('reason', models.TextField(blank=True, help_text='why originals are withheld; the copies say so')),
                ('asked_by', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('progress', models.JSONField(blank=True, default=dict, help_text='{of}: how many bundles, once it is begun')),
                ('files', models.JSONField(blank=True, default=list, help_text='list of {name, digest, size, crc}, with bundle where it is one')),
                ('made_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, help_text='when its files are removed', null=True)),
                ('removed_at', models.DateTimeField(blank=True, help_text='its files are gone, its number stays taken', null=True)),
                ('bundles', models.ManyToManyField(related_name='packages', to='registry.bundle')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='packages', to='registry.owner')),
            ],
            options={
                'ordering': ['owner', '-number'],
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='package_todo'), models.Index(condition=models.Q(('removed_at', None)), fields=['expires_at'], name='package_kept')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='package_identity')],
            },
        ),
    ]
