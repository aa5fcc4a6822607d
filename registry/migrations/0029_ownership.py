"""What stands beside a declaration: remarks, documents, changes; and what is searched."""

import django.db.models.deletion
import django.db.models.functions.text
import registry.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0028_kept_answers'),
    ]

    operations = [
        migrations.AddField(
            model_name='work',
            name='author_died',
            field=models.PositiveSmallIntegerField(blank=True, help_text='year', null=True),
        ),
        migrations.AddField(
            model_name='work',
            name='author_kind',
            field=models.CharField(choices=[('person', 'Person'), ('anonymous', 'Anonymous'), ('organisation', 'Organisation')], db_default='person', default='person', max_length=12),
        ),
        migrations.AddField(
            model_name='work',
            name='created',
            field=models.CharField(blank=True, db_default='', help_text='when it was made, like a date above', max_length=40),
        ),
        migrations.AddField(
            model_name='work',
            name='credit',
            field=models.CharField(blank=True, db_default='', help_text='how the work is to be credited', max_length=300),
        ),
        migrations.AddField(
            model_name='work',
            name='declaration',
            field=models.ForeignKey(blank=True, help_text='of what is so now', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.logsubmission'),
        ),
        migrations.AddField(
            model_name='work',
            name='holder',
            field=models.CharField(blank=True, db_default='', help_text="if it isn't the owner", max_length=300),
        ),
        migrations.AddField(
            model_name='work',
            name='medium',
            field=models.CharField(blank=True, choices=[('', 'Unsaid'), ('photograph', 'Photograph'), ('other', 'Other')], db_default='', default='', max_length=10),
        ),
        migrations.AddField(
            model_name='work',
            name='metadata',
            field=models.JSONField(blank=True, db_default={}, default=dict, help_text='what the file itself states'),
        ),
        migrations.AddField(
            model_name='work',
            name='registration',
            field=models.ForeignKey(blank=True, help_text='the first', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.logsubmission'),
        ),
        migrations.AddField(
            model_name='work',
            name='words',
            field=models.GeneratedField(db_persist=True, expression=django.db.models.functions.text.Lower(django.db.models.functions.text.Concat('title', models.Value(' '), 'author', models.Value(' '), 'holder', models.Value(' '), 'source_name', output_field=models.TextField())), help_text='what is searched', output_field=models.TextField()),
        ),
        migrations.CreateModel(
            name='OwnershipRemark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('credit', 'Credit'), ('manifest', 'Manifest'), ('term', 'Term'), ('dedication', 'Dedication')], max_length=10)),
                ('details', models.JSONField(default=dict)),
                ('noted_at', models.DateTimeField()),
                ('reason', models.TextField(blank=True, help_text="why it doesn't stand against the work, as a person said")),
                ('answered_by', models.CharField(blank=True, max_length=300)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='remarks', to='registry.work')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('answered_at', None)), fields=['work'], name='ownership_remark_open')],
                'constraints': [models.UniqueConstraint(fields=('work', 'kind'), name='ownership_remark_identity')],
            },
        ),
        migrations.CreateModel(
            name='WorkAttachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('about', models.CharField(blank=True, help_text="what it is, in its owner's words", max_length=300)),
                ('digest', registry.models.fields.DigestField()),
                ('size', models.BigIntegerField()),
                ('added_by', models.CharField(max_length=300)),
                ('added_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='registry.work')),
            ],
            options={
                'ordering': ['work', 'number'],
                'indexes': [models.Index(fields=['digest'], name='work_attachment_bytes')],
                'constraints': [models.UniqueConstraint(fields=('work', 'number'), name='work_attachment_identity')],
            },
        ),
        migrations.CreateModel(
            name='WorkChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=300)),
                ('kind', models.CharField(help_text='edited, attached, detached, answered', max_length=12)),
                ('details', models.JSONField(default=dict, help_text='by field: before and after; or what it was about')),
                ('reason', models.TextField(blank=True)),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='registry.work')),
            ],
            options={
                'ordering': ['work', '-number'],
                'constraints': [models.UniqueConstraint(fields=('work', 'number'), name='work_change_identity')],
            },
        ),
    ]
