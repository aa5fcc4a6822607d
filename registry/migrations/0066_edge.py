"""Contributors, what they say of addresses, and which slice of a crawl one of them holds."""

import django.db.models.deletion
import django.db.models.functions.datetime
import registry.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the tables and the column."""

    dependencies = [
        ('registry', '0065_segment_searches'),
    ]

    operations = [
        migrations.CreateModel(
            name='Contributor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('digest', registry.models.fields.DigestField(help_text='of its token, which nobody can read again', unique=True)),
                ('made_at', models.DateTimeField()),
                ('public_key', models.BinaryField(help_text='Ed25519, 32 bytes; none before it joins', null=True, unique=True)),
                ('used_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.TextField(blank=True, help_text='why, where its results were found to be wrong')),
                ('pictures', models.PositiveIntegerField(default=0, help_text='that it has brought and that count')),
                ('seconds', models.FloatField(default=0, help_text='that it held leases until it brought something')),
                ('checked', models.PositiveIntegerField(default=0, help_text='results for which a picture came here too')),
                ('wrong', models.PositiveIntegerField(default=0, help_text='for which something else came; and broken deliveries')),
                ('suspicion', models.PositiveIntegerField(default=0, help_text='what was wrong, less what was right since')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('name',), name='contributor_name')],
            },
        ),
        migrations.AddField(
            model_name='crawlslice',
            name='contributor',
            field=models.ForeignKey(blank=True, help_text='who holds it', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='leases', to='registry.contributor'),
        ),
        migrations.CreateModel(
            name='EdgeResult',
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
                ('outcome', models.CharField(choices=[('came', 'Came'), ('kept', 'Kept'), ('here', 'Here'), ('nothing', 'Nothing'), ('dropped', 'Dropped')], default='came', max_length=8)),
                ('digest', registry.models.fields.DigestField(help_text='of the bytes that it says came', null=True)),
                ('hashes', models.BinaryField(default=b'', help_text='of all orientations and parts, 32 bytes each')),
                ('vectors', models.BinaryField(default=b'', help_text='of the whole, the centre and further parts, float32')),
                ('drawn', models.BooleanField(default=False, help_text='whether it is checked')),
                ('contributor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='results', to='registry.contributor')),
                ('picture', models.OneToOneField(help_text='without bytes: what works that come later find', null=True, on_delete=django.db.models.deletion.SET_NULL, to='registry.picture')),
                ('target', models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='edge_result', to='registry.frontierurl')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='edge_result_todo')],
            },
        ),
    ]
