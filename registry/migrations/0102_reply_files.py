"""Answers to notices: several files each, in rows of their own, and answers that were taken back."""

import django.db.models.deletion
from django.db import migrations, models

import registry.db.fields

KEPT = """
INSERT INTO registry_noticereplyfile (reply_id, number, name, digest, size, data)
SELECT id, 1, file_name, file_digest, length(file), file FROM registry_noticereply WHERE file IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0101_assignments'),
    ]

    operations = [
        migrations.CreateModel(
            name='NoticeReplyFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('digest', registry.db.fields.DigestField()),
                ('size', models.PositiveIntegerField(help_text='in bytes')),
                ('data', models.BinaryField()),
                ('reply', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='registry.noticereply')),
            ],
            options={
                'ordering': ['reply', 'number'],
                'constraints': [models.UniqueConstraint(fields=('reply', 'number'), name='notice_reply_file_identity')],
            },
        ),
        migrations.RunSQL(KEPT, migrations.RunSQL.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveField(model_name='noticereply', name='file'),
        migrations.RemoveField(model_name='noticereply', name='file_digest'),
        migrations.RemoveField(model_name='noticereply', name='file_name'),
        migrations.AddField(
            model_name='noticereply',
            name='withdrawn_at',
            field=models.DateTimeField(blank=True, help_text='taken back on the page before it was read', null=True),
        ),
        migrations.AlterField(
            model_name='noticereply',
            name='seen_by',
            field=models.CharField(blank=True, help_text='nobody, of one that was taken back', max_length=300),
        ),
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('case.opened', 'a case was opened'), ('case.decided', 'a case was decided, or opened again'), ('bundle.sealed', 'evidence was sealed'), ('bundle.witnessed', 'enough witnesses have answered for sealed evidence'), ('watch.missed-canary', 'a watch missed a known copy'), ('work.held', 'a work is held back, found on far more sites than ever'), ('report.ready', 'a report is ready'), ('notice.due', 'a notice is due to be looked at again'), ('notice.replied', 'the addressee of a notice answered on its page'), ('notice.visited', 'after an answer that it was taken down, the places of a notice were visited'), ('webhook.paused', "a webhook didn't answer for days and was paused"), ('test', 'a test that a member asked for')], max_length=32),
        ),
    ]
