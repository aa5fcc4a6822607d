"""Calibrations, which of them gave a match its probability, and openings that hold names as a digest only."""

from django.db import migrations, models

import registry.models.fields


class Migration(migrations.Migration):
    """Add the table and the columns."""

    dependencies = [('registry', '0003_descriptors')]

    operations = [
        migrations.CreateModel(
            name='CalibrationRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', registry.models.fields.DigestField(unique=True)),
                ('name', models.CharField(max_length=80)),
                ('pipeline', models.CharField(max_length=80)),
                ('content', models.TextField(help_text='canonical JSON')),
                ('shipped', models.BooleanField(help_text="it came with the software; one of this installation's own goes before it")),
                ('used_from', models.DateTimeField(blank=True, help_text='not used any more without it', null=True)),
            ],
        ),
        migrations.AddField(
            model_name='logopening',
            name='details',
            field=models.JSONField(blank=True, help_text='what the content states the digest of, if anything', null=True),
        ),
        migrations.AddField(
            model_name='match',
            name='calibration',
            field=registry.models.fields.DigestField(blank=True, help_text='of the calibration that gave the probability', null=True),
        ),
    ]
