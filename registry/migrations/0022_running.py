"""Since when rows wait, which workers live, and what the steps take."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add them; rows that are there count as put to work now."""

    dependencies = [
        ('registry', '0021_api_tokens'),
    ]

    operations = [
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('name', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('queues', models.CharField(blank=True, help_text='that it takes, with commas between them', max_length=200)),
                ('started_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='anchorreceipt',
            name='waits_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work'),
        ),
        migrations.AddField(
            model_name='bundle',
            name='waits_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work'),
        ),
        migrations.AddField(
            model_name='capture',
            name='waits_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work'),
        ),
        migrations.AddField(
            model_name='crawlslice',
            name='waits_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work'),
        ),
        migrations.AddField(
            model_name='descriptormodel',
            name='waits_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work'),
        ),
        migrations.AddField(
            model_name='picture',
            name='waits_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work'),
        ),
        migrations.AddField(
            model_name='report',
            name='waits_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work'),
        ),
        migrations.AddField(
            model_name='workpicture',
            name='waits_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work'),
        ),
        migrations.CreateModel(
            name='StepTime',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.CharField(max_length=20)),
                ('day', models.DateField()),
                ('runs', models.BigIntegerField(default=0, help_text='batches, those too that found nothing left to do')),
                ('rows', models.BigIntegerField(default=0, help_text='rows that were ended')),
                ('seconds', models.FloatField(default=0, help_text='of the clock')),
                ('processor_seconds', models.FloatField(default=0, help_text='of a core, child processes that have ended included')),
                ('last_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['day'], name='step_time_of_day')],
                'constraints': [models.UniqueConstraint(fields=('step', 'day'), name='step_time_identity')],
            },
        ),
    ]
