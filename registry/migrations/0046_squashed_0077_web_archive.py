"""The schema from the last of the first migrations (0045) to the alliance of installations, as 29 migrations made it.

A database has gone through none of them, or through all.
"""

import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import registry.db.fields
from registry.migrations._tables import MORE, STEP, numbered, step, tables

ROWS = (
    "anchorreceipt bundle capture crawlslice delivery descriptormodel inquiry ledgerchange mailchoice noticemail "
    "package picture report uploadfile workpicture"
)
SOURCES = """
UPDATE registry_crawl SET sources = registry_watch.sources
FROM registry_watch WHERE registry_watch.id = registry_crawl.watch_id
"""
"""What reports said until now; where earlier crawls really began isn't known any more."""
FOUND_DAYS = """
INSERT INTO registry_foundday (work_id, day, sites, different, looks)
SELECT work_id, (opened_at AT TIME ZONE 'UTC')::date, count(*), count(*), '' FROM registry_case GROUP BY 1, 2
"""
"""The past of works so far; which of its pictures looked alike isn't known, so that no steady work is held back."""
REASONS = "UPDATE registry_noticecase SET answers = answers || jsonb_build_object('term_reason', term_reason) WHERE term_reason <> ''"
"""What was written as a reason stays with what its writer considered."""


class Migration(migrations.Migration):

    dependencies = [('registry', '0001_squashed_0045_ledger_effects')]

    operations = [
        *tables({
            'WithheldFile': [
                ('digest', registry.db.fields.DigestField(unique=True)),
                ('because', registry.db.fields.DigestField(help_text='of the picture that was purged')),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('kept', models.BooleanField(help_text="lies set aside; else it held the picture's bytes, or was made from them")),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            'Flood': [
                *step('flood_todo', *MORE),
                ('at', models.DateTimeField(help_text='since when nothing is opened')),
                ('sites', models.PositiveIntegerField(help_text='on which the work would have been found newly on that day')),
                ('different', models.PositiveIntegerField(help_text='those of them whose picture looked like none before')),
                ('limit', models.PositiveIntegerField(help_text='beyond which that was')),
                ('decision', models.CharField(blank=True, choices=[('', 'None'), ('dismissed', 'Dismissed'), ('opened', 'Opened')], default='', max_length=9)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, max_length=300)),
                ('released', models.PositiveIntegerField(default=0, help_text='new sites that were taken up: its past from then on')),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='floods', to='registry.work')),
                models.UniqueConstraint(condition=models.Q(('decision__in', ['', 'dismissed'])), fields=('work',), name='flood_of_work'),
            ],
            'FoundDay': [
                ('day', models.DateField()),
                ('sites', models.PositiveIntegerField(default=0, help_text='parties for which a case was opened')),
                ('different', models.PositiveIntegerField(default=0, help_text='those of them whose picture looked like none before')),
                ('looks', models.BinaryField(default=b'', help_text='hashes of those pictures, one after the other')),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='found_days', to='registry.work')),
                models.UniqueConstraint(fields=('work', 'day'), name='found_day_identity'),
            ],
            'WorkRelation': [
                ('kind', models.CharField(help_text='what the work is to the other one: exhibit.types.Relation', max_length=9)),
                ('work_shown', models.FloatField(help_text="share of the work's picture that the other one shows, 0 to 1")),
                ('other_shown', models.FloatField(help_text="share of the other one's picture that the work shows")),
                ('dense', models.FloatField(help_text='share of the textured windows that agree')),
                ('in_place', models.FloatField(help_text='share of the patches that lie where the transform says', null=True)),
                ('drift', models.FloatField(help_text='pixels by which neighbouring patches are displaced together', null=True)),
                ('noted_at', models.DateTimeField()),
                ('other', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='related_to', to='registry.work')),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='relations', to='registry.work')),
                models.UniqueConstraint(django.db.models.functions.comparison.Least('work', 'other'), django.db.models.functions.comparison.Greatest('work', 'other'), name='work_relation_identity'),
            ],
            'AddressList': [
                ('key', models.BinaryField(help_text="128-bit key of the file's path and of what is wanted")),
                ('path', models.TextField()),
                ('stamp', models.CharField(help_text='size and time of the file, which say whether it has changed', max_length=60)),
                ('lines', models.BigIntegerField(default=0, help_text='lines that were read; reading goes on behind them')),
                ('kept', models.BigIntegerField(default=0)),
                ('skipped', models.JSONField(blank=True, default=dict, help_text='by reason: how many, and the first addresses')),
                ('whole', models.BooleanField(default=False, help_text='read to its end')),
                ('watch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lists', to='registry.watch')),
                models.UniqueConstraint(fields=('watch', 'key'), name='address_list_identity'),
            ],
            'SearchConsent': [
                ('service', models.SlugField(max_length=60)),
                ('host', models.CharField(help_text='what is sent copies; none other is', max_length=253)),
                ('given_by', models.CharField(max_length=300)),
                ('given_at', models.DateTimeField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='search_consents', to='registry.owner')),
                models.UniqueConstraint(fields=('owner', 'service'), name='search_consent_identity'),
            ],
            'KnownPage': [
                ('key', models.BinaryField(help_text='128-bit key of the normalised URL')),
                ('url', models.TextField()),
                ('depth', models.PositiveSmallIntegerField(help_text='links followed since the source, the fewest so far')),
                ('shown', models.BinaryField(help_text='digest of the pictures and words that it showed when it was visited last')),
                ('visited_at', models.DateTimeField()),
                ('visits', models.PositiveIntegerField(default=0, help_text='that could be compared with the one before')),
                ('changes', models.PositiveIntegerField(default=0, help_text='of those, visits that found it changed')),
                ('days', models.FloatField(default=0, help_text='between its first visit and its last')),
                ('watch', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='known_pages', to='registry.watch')),
                models.UniqueConstraint(fields=('watch', 'key'), name='known_page_identity'),
            ],
            'SearchCharge': [
                ('at', models.DateTimeField()),
                ('millionths', models.BigIntegerField(help_text="of the currency's unit; 0 for a free one")),
                ('currency', models.CharField(max_length=3)),
                ('inquiry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='charges', to='registry.inquiry')),
            ],
            'Lease': [
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('holder', models.CharField(blank=True, help_text='the process; empty when it has ended', max_length=200)),
                ('epoch', models.BigIntegerField(help_text='how many holders there have been')),
                ('expires_at', models.DateTimeField(help_text="by the database's clock")),
            ],
            'SecretMark': [
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('fingerprint', models.CharField(help_text='SHA-256 over name and secret', max_length=64)),
            ],
            'Pack': [
                ('name', models.CharField(help_text='of the object; its first two digits say its turn', max_length=32, unique=True)),
                ('size', models.BigIntegerField(help_text='bytes, with those that are handed to nobody any more')),
            ],
            'PackedBytes': [
                ('digest', registry.db.fields.DigestField(primary_key=True, serialize=False)),
                ('pack', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pieces', to='registry.pack')),
                ('start', models.BigIntegerField()),
                ('size', models.IntegerField()),
            ],
            'PackGap': [
                ('digest', registry.db.fields.DigestField()),
                ('pack', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gaps', to='registry.pack')),
                ('size', models.IntegerField()),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            'SegmentSearch': [
                *STEP, *MORE,
                ('host', models.CharField(help_text='the machine that keeps them; any may take what has waited', max_length=200)),
                ('numbering', models.CharField(help_text='what the numbers that are found depend on', max_length=300)),
                ('segments', models.JSONField(help_text='names of the segments, with their spaces')),
                ('left', models.JSONField(help_text='those that are still to be searched')),
                ('found', models.JSONField(default=list, help_text='number and distance of the nearest, by kind of query and query')),
                ('work_picture', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='segment_searches', to='registry.workpicture')),
                {'abstract': False},
            ],
            'Contributor': [
                ('name', models.CharField(max_length=100)),
                ('digest', registry.db.fields.DigestField(help_text='of its token, which nobody can read again', unique=True)),
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
                models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('name',), name='contributor_name'),
            ],
            'EdgeResult': [
                *step('edge_result_todo', *MORE),
                ('outcome', models.CharField(choices=[('came', 'Came'), ('kept', 'Kept'), ('here', 'Here'), ('nothing', 'Nothing'), ('dropped', 'Dropped')], default='came', max_length=8)),
                ('digest', registry.db.fields.DigestField(help_text='of the bytes that it says came', null=True)),
                ('hashes', models.BinaryField(default=b'', help_text='of all orientations and parts, 32 bytes each')),
                ('vectors', models.BinaryField(default=b'', help_text='of the whole, the centre and further parts, float32')),
                ('drawn', models.BooleanField(default=False, help_text='whether it is checked')),
                ('contributor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='results', to='registry.contributor')),
                ('picture', models.OneToOneField(help_text='without bytes: what works that come later find', null=True, on_delete=django.db.models.deletion.SET_NULL, to='registry.picture')),
                ('target', models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='edge_result', to='registry.frontierurl')),
            ],
            'Partner': [
                ('name', models.CharField(max_length=63)),
                ('url', models.CharField(help_text='of its site', max_length=300)),
                ('log_key', models.CharField(help_text='of its log: name+key id+base64 (C2SP signed-note)', max_length=300)),
                ('witness_key', models.CharField(help_text="with which it cosigns others' heads", max_length=300)),
                ('made_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('reason', models.TextField(blank=True, help_text='why it was revoked')),
                ('fault', models.TextField(blank=True, help_text='what was wrong when its log was looked at last')),
                ('looked_at', models.DateTimeField(blank=True, help_text='when its log was last compared', null=True)),
                ('captures', models.BooleanField(default=False, help_text='whether it is asked to visit with us at each capture')),
                ('visits', models.PositiveIntegerField(default=0, help_text='so many visits it may ask for in a day')),
                models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('name',), name='partner_name'),
            ],
            'LogFork': [
                ('origin', models.CharField(max_length=200, unique=True)),
                ('known', models.TextField(help_text='the signed head that was known')),
                ('other', models.TextField(help_text="the signed head that doesn't go with it")),
                ('path', models.JSONField(default=list, help_text='a consistency proof that leads to the larger root, and not from the smaller one')),
                ('source', models.CharField(help_text='where the other head came from', max_length=200)),
                ('found_at', models.DateTimeField()),
                ('partner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='forks', to='registry.partner')),
            ],
            'WitnessedHead': [
                ('origin', models.CharField(max_length=200, unique=True)),
                ('size', models.BigIntegerField()),
                ('root', models.BinaryField()),
                ('note', models.TextField(help_text='as its log signed it')),
                ('cosigned_at', models.DateTimeField()),
                ('partner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='heads', to='registry.partner')),
            ],
            'PartnerCall': [
                ('nonce', models.CharField(max_length=32)),
                ('call', models.CharField(help_text='what it asked for', max_length=40)),
                ('at', models.DateTimeField()),
                ('partner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='calls', to='registry.partner')),
                models.Index(fields=['partner', 'call', 'at'], name='partner_call_times'),
                models.UniqueConstraint(fields=('partner', 'nonce'), name='partner_call_identity'),
            ],
            'Agreement': [
                ('fields', models.JSONField(default=list, help_text='what is told of a picture that matches')),
                ('queries', models.PositiveIntegerField(help_text='so many may be asked in all')),
                ('used', models.PositiveIntegerField(default=0)),
                ('made_at', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('refused_at', models.DateTimeField(blank=True, help_text='when a refusal was last put into the log', null=True)),
                ('partner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='agreements', to='registry.partner')),
            ],
            'ClaimAnswer': [
                ('point', models.CharField(max_length=20)),
                ('grounds', models.JSONField(help_text='what the point rested on')),
                ('words', models.TextField()),
                ('by', models.CharField(max_length=300)),
                ('at', models.DateTimeField()),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='claim_answers', to='registry.case')),
                models.UniqueConstraint(fields=('case', 'point'), name='claim_answer_identity'),
            ],
            'NoticeReply': [
                *numbered('notice', 'notice_reply_identity'),
                ('kind', models.CharField(choices=[('licence', 'Licence'), ('credit', 'Credit'), ('dispute', 'Dispute'), ('offer', 'Offer')], max_length=7)),
                ('words', models.TextField(blank=True)),
                ('contact', models.CharField(blank=True, max_length=300)),
                ('file_name', models.CharField(blank=True, max_length=200)),
                ('file', models.BinaryField(blank=True, help_text='as it came; nothing here decodes it', null=True)),
                ('file_digest', registry.db.fields.DigestField(blank=True, null=True)),
                ('at', models.DateTimeField()),
                ('seen_at', models.DateTimeField(blank=True, help_text='until then the notice rests', null=True)),
                ('seen_by', models.CharField(blank=True, max_length=300)),
                ('notice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='replies', to='registry.notice')),
            ],
            'PasskeyQuestion': [
                ('statement', models.JSONField(help_text='what is signed; its digest is the challenge')),
                ('challenge', registry.db.fields.DigestField(unique=True)),
                ('asked_at', models.DateTimeField()),
                ('answer', models.TextField(blank=True, help_text='canonical JSON, once it was used')),
                ('entry', models.OneToOneField(blank=True, help_text="the decision's", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='passkey', to='registry.logsubmission')),
                ('key_entry', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.logsubmission')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.owner')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                models.Index(fields=['user', 'asked_at'], name='passkey_question_age'),
            ],
            'SignedCopy': [
                ('manifest', models.CharField(help_text='its identifier', max_length=200, unique=True)),
                ('store', models.BinaryField(help_text='the manifest store (C2PA)')),
                ('content', models.BinaryField(help_text='256 bits of its Content-Code (ISO 24138)', max_length=32)),
                ('data', models.BinaryField(help_text='256 bits of its Data-Code', max_length=32)),
                ('instance', models.BinaryField(help_text='256 bits of its Instance-Code', max_length=32)),
                ('signed_at', models.DateTimeField()),
                ('work_picture', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='signed_copy', to='registry.workpicture')),
            ],
            'IndexManifest': [
                ('collection', models.CharField(choices=[('works', 'Works'), ('pictures', 'Pictures'), ('prints', 'Prints')], max_length=8)),
                ('generation', models.BigIntegerField(default=0, help_text='grows by one with each write')),
                ('sequence', models.BigIntegerField(default=0, help_text='the highest change number that the segments contain')),
                ('segments', models.JSONField(default=list, help_text='name, and the file of its removed rows or null, of each')),
                ('files', models.JSONField(default=dict, help_text='SHA-256, bytes and, of numbers, how many, of each file by name')),
                ('unnamed', models.JSONField(default=dict, help_text='what else is stored, and since when it was seen that it is')),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.spacerow')),
                models.UniqueConstraint(fields=('collection', 'space'), name='index_manifest_identity'),
            ],
        }),
        *(migrations.AddField(row, name, field) for row in ROWS.split() for name, field in MORE),
        migrations.AddField('crawl', 'sources', models.JSONField(db_default=[], default=list, help_text="the watch's when it began")),
        migrations.AddField('user', 'browser_language', models.CharField(blank=True, db_default='', help_text="the browser's, last seen", max_length=10)),
        migrations.AlterField('lookalike', 'case', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='look_alikes', to='registry.case')),
        migrations.AddField('lookalike', 'flood', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='look_alikes', to='registry.flood')),
        migrations.AddField('match', 'pieces', models.JSONField(blank=True, db_default=[], default=list, help_text='where no single transform describes the copy')),
        migrations.AddField('owner', 'derived', models.BooleanField(db_default=False, default=False, help_text='works derived from theirs are shown')),
        migrations.AddField('match', 'survival', models.JSONField(blank=True, db_default=[], default=list, help_text='what survives of each cell of the registered picture')),
        migrations.AddField('sighting', 'certificate', models.CharField(blank=True, db_default='', default='', help_text='of the server: as checked, and its SHA-256', max_length=160)),
        migrations.RemoveIndex('frontierurl', 'frontier_pending'),
        migrations.AlterField('frontierurl', 'crawl', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='frontier', to='registry.crawl')),
        migrations.AddIndex('frontierurl', models.Index(condition=models.Q(('state__in', ['done', 'refused'])), fields=['crawl', 'id'], name='frontier_visited')),
        migrations.AddField('inquiry', 'allowed', models.PositiveIntegerField(blank=True, help_text='how many that were when it began', null=True)),
        migrations.AddField('crawl', 'by_change', models.BooleanField(db_default=False, default=False, help_text='known pages are visited by how probably they have changed')),
        migrations.AddField('searchkey', 'price', models.JSONField(blank=True, help_text="what its account pays; null: the mapping's price", null=True)),
        migrations.AddField('inquiry', 'stopped_at', models.JSONField(blank=True, db_default={}, default=dict, help_text='where money ran out')),
        migrations.AddField('frontierurl', 'pattern', models.BinaryField(help_text='128-bit key of what it shares with other addresses of its kind', null=True)),
        migrations.AddField('frontierurl', 'turn', models.PositiveIntegerField(db_default=0, default=0, help_text='among those of its pattern; 0 for a picture')),
        migrations.AddField('frontierurl', 'shows_new', models.BooleanField(help_text='whether it showed or led to what its crawl had not seen', null=True)),
        migrations.AlterField('frontierurl', 'state', models.CharField(choices=[('pending', 'Pending'), ('leased', 'Leased'), ('done', 'Done'), ('refused', 'Refused'), ('left-out', 'Left Out')], default='pending', max_length=8)),
        migrations.AddIndex('frontierurl', models.Index(condition=models.Q(('state', 'pending')), fields=['crawl', 'host', 'depth', 'turn', 'id'], name='frontier_pending')),
        migrations.AddIndex('frontierurl', models.Index(condition=models.Q(('pattern__isnull', False)), fields=['crawl', 'pattern', 'turn'], name='frontier_pattern')),
        migrations.AddIndex('frontierurl', models.Index(condition=models.Q(('pattern__isnull', False), ('state', 'done')), fields=['crawl', 'pattern', 'turn'], name='frontier_pattern_done')),
        migrations.AddField('crawlslice', 'contributor', models.ForeignKey(blank=True, help_text='who holds it', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='leases', to='registry.contributor')),
        migrations.AddField('work', 'opened_at', models.DateTimeField(blank=True, help_text='since when everybody may see its public page', null=True)),
        migrations.AddField('work', 'public_name', models.CharField(blank=True, help_text='in its address', max_length=16, null=True, unique=True)),
        migrations.AddField('work', 'licence_contact', models.CharField(blank=True, db_default='', help_text='whom to ask for a licence', max_length=300)),
        migrations.AddField('notice', 'reply_token', registry.db.fields.DigestField(blank=True, help_text="SHA-256 of the token in its letter's link", null=True, unique=True)),
        migrations.AddField('notice', 'reply_until', models.DateTimeField(blank=True, null=True)),
        migrations.AlterField('event', 'kind', models.CharField(choices=[('case.opened', 'a case was opened'), ('case.decided', 'a case was decided, or opened again'), ('bundle.sealed', 'evidence was sealed'), ('bundle.witnessed', 'enough witnesses have answered for sealed evidence'), ('watch.missed-canary', 'a watch missed a known copy'), ('work.held', 'a work is held back, found on far more sites than ever'), ('report.ready', 'a report is ready'), ('notice.due', 'a notice is due to be looked at again'), ('notice.replied', 'the addressee of a notice answered on its page'), ('webhook.paused', "a webhook didn't answer for days and was paused"), ('test', 'a test that a member asked for')], max_length=32)),
        migrations.AddField('owner', 'passkeys', models.BooleanField(db_default=False, default=False, help_text='grave decisions need a fresh passkey')),
        migrations.AddField('workpicture', 'iscc', models.JSONField(blank=True, db_default={}, default=dict, help_text='ISO 24138, since the work was opened')),
        migrations.AddField('workpicture', 'pdq', models.CharField(blank=True, db_default='', help_text='hash and quality, while the owner publishes them', max_length=70)),
        migrations.AddField('workpicture', 'stated', registry.db.fields.DigestField(blank=True, help_text='of a file that the owner never sent; its picture is a row of another name', null=True)),
        migrations.AlterField('indexchange', 'collection', models.CharField(choices=[('works', 'Works'), ('pictures', 'Pictures'), ('prints', 'Prints')], max_length=8)),
        migrations.AlterField('picture', 'bytes_state', models.CharField(choices=[('stored', 'Stored'), ('expired', 'Expired'), ('purged', 'Purged'), ('never', 'Never')], default='stored', max_length=8)),
        migrations.AddField('descriptormodel', 'shared', models.JSONField(blank=True, help_text='the signed card with which it came from somebody else', null=True)),
        migrations.AddField('owner', 'web_archive', models.BooleanField(db_default=False, default=False, help_text='a web archive is asked to save pages, too')),
        migrations.RunSQL([SOURCES, FOUND_DAYS, REASONS], "DELETE FROM registry_lookalike WHERE case_id IS NULL"),
        migrations.RemoveField('noticecase', 'term_reason'),
    ]
