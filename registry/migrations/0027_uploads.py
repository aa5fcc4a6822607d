"""Uploads of works."""

import django.db.models.deletion
import django.db.models.functions.datetime
import registry.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("registry", "0026_ledger_changes"),
    ]

    operations = [
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('announced', models.PositiveIntegerField(default=0, help_text='files that were to come, as their sender said')),
                ('author', models.CharField(blank=True, help_text='declared of all files that nothing else names', max_length=300)),
                ('rights_statement', models.TextField(blank=True, help_text='declared likewise')),
                ('reads_metadata', models.BooleanField(default=True, help_text='what is left out is taken from the files')),
                ('table_name', models.CharField(blank=True, max_length=300)),
                ('started_by', models.CharField(max_length=300)),
                ('started_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, help_text='when its sender said that all have been sent', null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='uploads', to='registry.owner')),
            ],
            options={
                'ordering': ['owner', '-number'],
            },
        ),
        migrations.CreateModel(
            name='UploadLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.CharField(max_length=300)),
                ('declared', models.JSONField()),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='registry.upload')),
            ],
        ),
        migrations.CreateModel(
            name='UploadFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('todo', 'Todo'), ('doing', 'Doing'), ('done', 'Done'), ('failed', 'Failed')], default='todo', max_length=8)),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True)),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('name', models.CharField(max_length=300)),
                ('digest', registry.models.fields.DigestField(blank=True, help_text='absent for what was too large to be taken', null=True)),
                ('size', models.BigIntegerField()),
                ('outcome', models.CharField(blank=True, choices=[('registered', 'Registered'), ('known', 'Known'), ('refused', 'Refused')], max_length=10)),
                ('reason', models.CharField(blank=True, help_text='why it was refused, a stable word', max_length=40)),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='registry.upload')),
                ('work', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='upload_files', to='registry.work')),
                ('line', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='files', to='registry.uploadline')),
            ],
        ),
        migrations.AddConstraint(
            model_name='upload',
            constraint=models.UniqueConstraint(fields=('owner', 'number'), name='upload_identity'),
        ),
        migrations.AddConstraint(
            model_name='uploadline',
            constraint=models.UniqueConstraint(fields=('upload', 'file'), name='upload_line_identity'),
        ),
        migrations.AddIndex(
            model_name='uploadfile',
            index=models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='upload_file_todo'),
        ),
        migrations.AddIndex(
            model_name='uploadfile',
            index=models.Index(fields=['upload', 'outcome', 'name'], name='upload_file_results'),
        ),
        migrations.AddConstraint(
            model_name='uploadfile',
            constraint=models.UniqueConstraint(fields=('upload', 'name', 'digest'), name='upload_file_identity', nulls_distinct=False),
        ),
    ]
