"""Browsers in which members are told of finds."""

import django.db.models.deletion
import django.db.models.functions.datetime
import registry.db.fields
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0104_places_of_letters'),
    ]

    operations = [
        migrations.CreateModel(
            name='PushBrowser',
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
                ('identity', models.UUIDField(default=uuid.uuid4, help_text='by which the browser itself is known again', unique=True)),
                ('endpoint', models.TextField(help_text="where its maker's service takes messages for it", unique=True)),
                ('public_key', models.BinaryField(help_text='of the browser, an uncompressed point of P-256')),
                ('auth', models.BinaryField(help_text='the secret that only the browser and this row know')),
                ('user_agent', models.CharField(help_text='what it said of itself', max_length=300)),
                ('made_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, help_text='when a message was taken last', null=True)),
                ('told_until', models.BigIntegerField(help_text="the last event that it was told of, or needn't be")),
                ('misses', models.PositiveIntegerField(default=0, help_text='tries in a row without a good answer')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='push_browsers', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'todo')), fields=['not_before'], name='push_browser_due')],
            },
        ),
    ]
