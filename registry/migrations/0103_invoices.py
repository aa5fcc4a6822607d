"""Invoices over agreed amounts, with their instalments."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0102_reply_files'),
    ]

    operations = [
        migrations.CreateModel(
            name='Invoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField()),
                ('number', models.PositiveIntegerField(help_text='without gaps within the year')),
                ('day', models.DateField()),
                ('agreed_on', models.DateField()),
                ('issuer', models.TextField(help_text='name and address')),
                ('payer', models.TextField(help_text='name and address')),
                ('subject', models.TextField()),
                ('currency', models.CharField(help_text='ISO 4217', max_length=3)),
                ('amount', models.BigIntegerField(help_text="in the currency's smallest unit; below nothing of one that cancels")),
                ('tax', models.TextField(blank=True, help_text='as the owner states it')),
                ('payment', models.TextField(blank=True, help_text='how to pay')),
                ('words', models.TextField(blank=True, help_text='why it cancels')),
                ('language', models.CharField(max_length=16)),
                ('by', models.CharField(max_length=300)),
                ('at', models.DateTimeField()),
                ('cancels', models.OneToOneField(blank=True, help_text='counts no more', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='cancellation', to='registry.invoice')),
                ('demand', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='registry.demand')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invoices', to='registry.owner')),
            ],
            options={
                'ordering': ['owner', 'year', 'number'],
            },
        ),
        migrations.CreateModel(
            name='Instalment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('day', models.DateField()),
                ('amount', models.BigIntegerField(help_text="in the currency's smallest unit")),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='instalments', to='registry.invoice')),
            ],
            options={
                'ordering': ['invoice', 'number'],
            },
        ),
        migrations.AddConstraint(
            model_name='invoice',
            constraint=models.UniqueConstraint(fields=('owner', 'year', 'number'), name='invoice_identity'),
        ),
        migrations.AddConstraint(
            model_name='instalment',
            constraint=models.UniqueConstraint(fields=('invoice', 'number'), name='instalment_identity'),
        ),
    ]
