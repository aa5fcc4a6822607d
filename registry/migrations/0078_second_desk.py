"""What the desk keeps in its second edition: groups and collections, senders, parties, money, and works in their order."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

from registry.migrations._tables import MORE, STEP, numbered, step, tables


class Migration(migrations.Migration):

    dependencies = [('registry', '0046_squashed_0077_web_archive')]

    operations = [
        *tables({
            'BulkEdit': [
                *STEP, *MORE,
                *numbered('owner', 'bulk_edit_identity', '-number'),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=300)),
                ('reason', models.TextField(blank=True)),
                ('what', models.CharField(help_text='a field of the declaration; put or take, of a collection', max_length=20)),
                ('value', models.TextField(blank=True, help_text='of the field from then on; name of the collection')),
                ('works', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, help_text='that were chosen, in order', size=None)),
                ('looked_at', models.PositiveIntegerField(default=0, help_text='of these, from the first')),
                ('changed', models.PositiveIntegerField(default=0, help_text='of those looked at: the others were so already')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bulk_edits', to='registry.owner')),
                ('undoes', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='registry.bulkedit')),
                models.Index(fields=['state', 'id'], name='bulk_edit_todo'),
            ],
            'Collection': [
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('made_at', models.DateTimeField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='collections', to='registry.owner')),
                ('works', models.ManyToManyField(related_name='collections', to='registry.work')),
                {'ordering': ['owner', 'name']},
                models.UniqueConstraint(fields=('owner', 'number'), name='collection_identity'),
                models.UniqueConstraint(fields=('owner', 'name'), name='collection_name'),
            ],
            'FeeTable': [
                *numbered('owner', 'fee_table_identity'),
                ('name', models.CharField(max_length=200)),
                ('currency', models.CharField(help_text='ISO 4217', max_length=3)),
                ('made_at', models.DateTimeField()),
                ('made_by', models.CharField(max_length=300)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fee_tables', to='registry.owner')),
            ],
            'GroupDecision': [
                *step('group_decision_todo', *MORE),
                ('wanted', models.JSONField(help_text='which cases: what the queue was asked for')),
                ('total', models.PositiveIntegerField(help_text='of them, at that time')),
                ('by', models.CharField(max_length=300)),
                ('reason', models.TextField(blank=True)),
                ('at', models.DateTimeField()),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('looked_until', models.BigIntegerField(db_default=0, default=0, help_text='the last of its cases that was looked at')),
                ('taught_until', models.BigIntegerField(db_default=0, default=0, help_text='the last other case that learned of it')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='group_decisions', to='registry.owner')),
            ],
            'PartyLookup': [
                *step('party_lookup_todo', *MORE),
                ('party', models.CharField(max_length=260)),
                ('asked_by', models.CharField(max_length=300)),
                ('asked_at', models.DateTimeField()),
                ('answers', models.JSONField(blank=True, default=list)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='party_lookups', to='registry.owner')),
                models.UniqueConstraint(fields=('owner', 'party'), name='party_lookup_identity'),
            ],
            'Sender': [
                *numbered('owner', 'sender_identity'),
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
            'Fee': [
                *numbered('table', 'fee_identity'),
                ('use', models.CharField(max_length=300)),
                ('size', models.CharField(blank=True, max_length=100)),
                ('duration', models.CharField(blank=True, max_length=100)),
                ('amount', models.BigIntegerField(help_text="in the currency's smallest unit")),
                ('table', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fees', to='registry.feetable')),
            ],
            'Demand': [
                *numbered('owner', 'demand_identity'),
                ('party', models.CharField(max_length=260)),
                ('currency', models.CharField(help_text='ISO 4217', max_length=3)),
                ('basis', models.TextField(help_text="on what the amount rests, in the owner's words")),
                ('made_at', models.DateTimeField()),
                ('cases', models.ManyToManyField(blank=True, related_name='demands', to='registry.case')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='demands', to='registry.owner')),
                ('fee', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.fee')),
                models.Index(fields=['owner', 'party'], name='demand_party'),
            ],
            'DemandEntry': [
                *numbered('demand', 'demand_entry_identity'),
                ('kind', models.CharField(choices=[('asked', 'Asked'), ('agreed', 'Agreed'), ('received', 'Received')], max_length=8)),
                ('amount', models.BigIntegerField(help_text="in the currency's smallest unit")),
                ('day', models.DateField()),
                ('due_on', models.DateField(blank=True, help_text='by when it is to be answered or paid', null=True)),
                ('words', models.TextField(blank=True)),
                ('by', models.CharField(max_length=300)),
                ('at', models.DateTimeField()),
                ('corrects', models.OneToOneField(blank=True, help_text='counts no more', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='correction', to='registry.demandentry')),
                ('demand', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='registry.demand')),
            ],
        }),
        migrations.RemoveIndex('picture', 'picture_todo'),
        migrations.AddField('owner', 'sample', models.BooleanField(db_default=False, default=False, help_text='an example: nothing of it is real')),
        migrations.AddField('user', 'devices_ended', models.PositiveIntegerField(db_default=0, default=0, help_text='how often all known browsers were forgotten')),
        migrations.AlterField('notice', 'kind', models.CharField(choices=[('dmca', 'Dmca'), ('dsa', 'Dsa'), ('prc', 'Prc'), ('offer', 'Offer'), ('ccb', 'Ccb'), ('court', 'Court')], max_length=5)),
        migrations.AlterField('noticewording', 'kind', models.CharField(choices=[('dmca', 'Dmca'), ('dsa', 'Dsa'), ('prc', 'Prc'), ('offer', 'Offer'), ('ccb', 'Ccb'), ('court', 'Court')], max_length=5)),
        migrations.AlterField('workchange', 'kind', models.CharField(help_text='edited, collected, attached, detached, answered', max_length=12)),
        migrations.AddIndex('picture', models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['state', 'id'], name='picture_todo')),
        migrations.AddIndex('work', models.Index(models.F('owner'), django.db.models.functions.text.Lower('title'), models.F('number'), condition=models.Q(('removed_at', None)), name='work_titles')),
        migrations.AddIndex('work', models.Index(condition=models.Q(('removed_at', None)), fields=['owner', 'author', 'number'], name='work_authors')),
        migrations.AddIndex('work', models.Index(condition=models.Q(('removed_at', None)), fields=['owner', 'number'], name='work_living')),
        migrations.AddIndex('work', models.Index(condition=models.Q(('removed_at', None), models.Q(('low_information', []), _negated=True)), fields=['owner', 'number'], name='work_unsafe')),
        migrations.AddField('workchange', 'bulk', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='registry.bulkedit')),
        migrations.AddField('case', 'decided_in', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='cases', to='registry.groupdecision')),
        migrations.AddField('notice', 'sender', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='registry.sender')),
    ]
