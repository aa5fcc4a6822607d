"""Senders of notices, and the papers for a board and a court."""

import django.db.models.deletion
from django.db import migrations, models

KINDS = [('dmca', 'Dmca'), ('dsa', 'Dsa'), ('prc', 'Prc'), ('offer', 'Offer'), ('ccb', 'Ccb'), ('court', 'Court')]


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0077_web_archive'),
    ]

    operations = [
        migrations.CreateModel(
            name='Sender',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('capacity', models.CharField(blank=True, max_length=200)),
                ('organisation', models.CharField(blank=True, max_length=200)),
                ('representative', models.CharField(blank=True, help_text='of the organisation, with the position', max_length=200)),
                ('code', models.CharField(blank=True, help_text='unified social credit code, GB 32100-2015', max_length=18)),
                ('address', models.CharField(blank=True, max_length=500)),
                ('telephone', models.CharField(blank=True, max_length=60)),
                ('email', models.CharField(blank=True, max_length=300)),
                ('file', models.BinaryField(blank=True, help_text='the business licence as it came; nothing decodes it', null=True)),
                ('file_name', models.CharField(blank=True, max_length=200)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='senders', to='registry.owner')),
            ],
            options={
                'ordering': ['owner', 'number'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='sender_identity')],
            },
        ),
        migrations.AddField('notice', 'sender', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='registry.sender')),
        migrations.AlterField('notice', 'kind', models.CharField(choices=KINDS, max_length=5)),
        migrations.AlterField('noticewording', 'kind', models.CharField(choices=KINDS, max_length=5)),
    ]
