"""Pages that don't change are asked for rarely: how long each has stayed as it is, and what its site says of that."""

from django.db import migrations, models

COUNTS = {
    'run': 'number of the run that visited it last',
    'unchanged': 'last visits in a row without a change',
    'dated': 'number of the last run in which its site dated it before its last visit',
    'fresh_seconds': 'as its server said at that visit',
}


class Migration(migrations.Migration):

    dependencies = [('registry', '0093_seen_elsewhere')]

    operations = [
        migrations.AddField(
            'watch',
            'everything',
            models.BooleanField(
                db_default=False,
                default=False,
                help_text='the next run asks for every page anew: what it sees has changed',
            ),
        ),
        migrations.AddField(
            'crawl',
            'everything',
            models.BooleanField(db_default=False, default=False, help_text='every page is asked for anew'),
        ),
        migrations.AddField(
            'crawl',
            'sampled',
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="its sample of the pages that don't change has been taken",
            ),
        ),
        migrations.AddField(
            'crawl',
            'not_asked',
            models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text='known pages that it left for later: unchanged or stated',
            ),
        ),
        *(
            migrations.AddField('knownpage', name, models.PositiveIntegerField(db_default=0, default=0, help_text=what))
            for name, what in COUNTS.items()
        ),
        migrations.AddField(
            'knownpage',
            'etag',
            models.TextField(blank=True, db_default='', default='', help_text='of the last whole answer'),
        ),
        migrations.AddField('knownpage', 'last_modified', models.TextField(blank=True, db_default='', default='')),
        migrations.AddField(
            'knownpage',
            'leads_to',
            models.BinaryField(help_text='key of the address that answered, if another', null=True),
        ),
    ]
