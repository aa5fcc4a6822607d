"""Collections of works, many works changed at once, and what a list of 100,000 works is sorted and counted by."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.db import migrations, models

LIVING = models.Q(removed_at=None)
UNSAFE = LIVING & ~models.Q(low_information=[])
TITLES = (models.F('owner'), django.db.models.functions.text.Lower('title'), models.F('number'))


def to(name, **how):
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=f'registry.{name}', **how)


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0077_web_archive'),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkEdit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('todo', 'Todo'), ('doing', 'Doing'), ('done', 'Done'), ('failed', 'Failed')], default='todo', max_length=8)),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('claimed_by', models.CharField(blank=True, db_default='', help_text='the process', max_length=200)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('held_since', models.DateTimeField(blank=True, help_text='since when the machine keeps it from being done', null=True)),
                ('error', models.TextField(blank=True)),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('number', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=300)),
                ('reason', models.TextField(blank=True)),
                ('what', models.CharField(help_text='a field of the declaration; put or take, of a collection', max_length=20)),
                ('value', models.TextField(blank=True, help_text='of the field from then on; name of the collection')),
                ('works', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, help_text='that were chosen, in order', size=None)),
                ('looked_at', models.PositiveIntegerField(default=0, help_text='of these, from the first')),
                ('changed', models.PositiveIntegerField(default=0, help_text='of those looked at: the others were so already')),
                ('owner', to('owner', related_name='bulk_edits')),
                ('undoes', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='registry.bulkedit')),
            ],
            options={
                'ordering': ['owner', '-number'],
                'indexes': [models.Index(fields=['state', 'id'], name='bulk_edit_todo')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='bulk_edit_identity')],
            },
        ),
        migrations.CreateModel(
            name='Collection',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('made_at', models.DateTimeField()),
                ('owner', to('owner', related_name='collections')),
                ('works', models.ManyToManyField(related_name='collections', to='registry.work')),
            ],
            options={
                'ordering': ['owner', 'name'],
                'constraints': [
                    models.UniqueConstraint(fields=('owner', 'number'), name='collection_identity'),
                    models.UniqueConstraint(fields=('owner', 'name'), name='collection_name'),
                ],
            },
        ),
        migrations.AlterField('workchange', 'kind', models.CharField(help_text='edited, collected, attached, detached, answered', max_length=12)),
        migrations.AddField('workchange', 'bulk', to('bulkedit', null=True, related_name='changes')),
        migrations.AddIndex('work', models.Index(*TITLES, condition=LIVING, name='work_titles')),
        migrations.AddIndex('work', models.Index(condition=LIVING, fields=['owner', 'author', 'number'], name='work_authors')),
        migrations.AddIndex('work', models.Index(condition=LIVING, fields=['owner', 'number'], name='work_living')),
        migrations.AddIndex('work', models.Index(condition=UNSAFE, fields=['owner', 'number'], name='work_unsafe')),
    ]
