"""The schema as the first 45 migrations made it, and PostgreSQL's own refusal to change what the log has said.

What comes later is a migration of its own. A database has gone through none of the first ones, or through all.
"""

import uuid

import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

import registry.models.fields

PROTECTED = """
CREATE FUNCTION registry_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION registry_log_contiguous() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <> (SELECT coalesce(max(sequence) + 1, 0) FROM registry_logentry) THEN
        RAISE EXCEPTION 'the log has no gaps: entry % is out of order', NEW.sequence USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER log_contiguous BEFORE INSERT ON registry_logentry
    FOR EACH ROW EXECUTE FUNCTION registry_log_contiguous();
CREATE FUNCTION registry_log_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO registry_logwaiting (submission_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION registry_log_numbered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM registry_logwaiting WHERE submission_id = NEW.submission_id;
    RETURN NULL;
END $$;
CREATE TRIGGER log_waits AFTER INSERT ON registry_logsubmission
    FOR EACH ROW EXECUTE FUNCTION registry_log_waits();
CREATE TRIGGER log_numbered AFTER INSERT ON registry_logentry
    FOR EACH ROW EXECUTE FUNCTION registry_log_numbered();
""" + "".join(
    f"CREATE TRIGGER log_no_change BEFORE UPDATE OR DELETE ON registry_{table} "
    "FOR EACH ROW EXECUTE FUNCTION registry_log_refuse();\n"
    f"CREATE TRIGGER log_no_truncate BEFORE TRUNCATE ON registry_{table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION registry_log_refuse();\n"
    for table in ("logentry", "lognode", "logcheckpoint", "logsubmission", "logorigin")
)
STEP = [
    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
    ('state', models.CharField(choices=[('todo', 'Todo'), ('doing', 'Doing'), ('done', 'Done'), ('failed', 'Failed')], default='todo', max_length=8)),
    ('claimed_at', models.DateTimeField(blank=True, null=True)),
    ('attempts', models.PositiveSmallIntegerField(default=0)),
    ('not_before', models.DateTimeField(blank=True, null=True)),
    ('error', models.TextField(blank=True)),
]
"""What every step's row begins with."""


class Tables(Operation):
    """Makes many tables at once: their models are rendered when all are known, and not all anew after each."""

    def __init__(self, operations: list[migrations.CreateModel]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Add all models."""
        state.__dict__.pop("apps", None)
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Make all tables; what refers to another one is said when all are there, whatever their order."""
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):

    replaces = [
        ('registry', '0001_initial'),
        ('registry', '0002_append_only'),
        ('registry', '0003_descriptors'),
        ('registry', '0004_calibrations'),
        ('registry', '0005_revisits'),
        ('registry', '0006_fit'),
        ('registry', '0007_searched'),
        ('registry', '0008_masks'),
        ('registry', '0009_keys_and_origins'),
        ('registry', '0010_report_progress'),
        ('registry', '0011_deposits'),
        ('registry', '0012_witness_states'),
        ('registry', '0013_recaptures'),
        ('registry', '0014_canaries'),
        ('registry', '0015_capture_digests'),
        ('registry', '0016_witness_questions'),
        ('registry', '0017_read_positions'),
        ('registry', '0018_receipt_growth'),
        ('registry', '0019_log_waiting'),
        ('registry', '0020_canary_redirects'),
        ('registry', '0021_api_tokens'),
        ('registry', '0022_running'),
        ('registry', '0023_readers'),
        ('registry', '0024_report_removal'),
        ('registry', '0025_watch_removed'),
        ('registry', '0026_ledger_changes'),
        ('registry', '0027_uploads'),
        ('registry', '0028_kept_answers'),
        ('registry', '0029_ownership'),
        ('registry', '0030_attention'),
        ('registry', '0031_attention_of_earlier_cases'),
        ('registry', '0032_notices'),
        ('registry', '0033_packages'),
        ('registry', '0034_download_links'),
        ('registry', '0035_invitations'),
        ('registry', '0036_reported_pictures'),
        ('registry', '0037_searches'),
        ('registry', '0038_told'),
        ('registry', '0039_notice_mail_and_dues'),
        ('registry', '0040_log_origin_key'),
        ('registry', '0041_standing'),
        ('registry', '0042_history'),
        ('registry', '0043_quick_lists'),
        ('registry', '0044_dismissals'),
        ('registry', '0045_ledger_effects'),
    ]

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        Tables([
        migrations.CreateModel(
            name='AnchorReceipt',
            fields=[
                *STEP,
                ('kind', models.CharField(max_length=16)),
                ('witness', models.CharField(max_length=100)),
                ('development', models.BooleanField(default=False)),
                ('digest', registry.models.fields.DigestField(help_text="what was witnessed: of the checkpoint's note, or of the manifest")),
                ('proof', models.BinaryField(blank=True, null=True)),
                ('material', models.JSONField(blank=True, default=dict, help_text='file name → base64 of certificates, block headers')),
                ('time', models.DateTimeField(blank=True, null=True)),
                ('bundle', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='registry.bundle')),
                ('checkpoint', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipts', to='registry.logcheckpoint')),
                ('qualified', models.CharField(blank=True, default='', help_text="day of the operator's list that named the witness qualified", max_length=10)),
                ('grown_at', models.DateTimeField(blank=True, help_text='when the proof last changed', null=True)),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['not_before'], name='anchor_receipt_todo')],
                'constraints': [models.UniqueConstraint(fields=('kind', 'witness', 'digest'), name='anchor_receipt_identity')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('begins', models.CharField(help_text='its first characters, by which people tell it from others', max_length=12)),
                ('digest', registry.models.fields.DigestField(unique=True)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=8), size=None)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(blank=True, help_text='when last, to the minute', null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to='registry.owner')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['owner', '-made_at'], name='api_token_list')],
            },
        ),
        migrations.CreateModel(
            name='BlockedDigest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', registry.models.fields.DigestField(unique=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='Bundle',
            fields=[
                *STEP,
                ('number', models.PositiveSmallIntegerField()),
                ('seal_digest', registry.models.fields.DigestField(blank=True, null=True, unique=True)),
                ('manifest', registry.models.fields.DigestField(blank=True, help_text='the canonical manifest in the blob store', null=True)),
                ('signature', models.BinaryField(blank=True, null=True)),
                ('contents', models.JSONField(blank=True, default=list, help_text='list of {path, digest}: every sealed file')),
                ('sealed_at', models.DateTimeField(blank=True, null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='bundles', to='registry.case')),
                ('submission', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.logsubmission')),
                ('key', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.sealingkey')),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('witnessed_at', models.DateTimeField(blank=True, help_text='when enough witnesses had answered in full', null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='bundle_todo'), models.Index(fields=['sealed_at'], name='bundle_sealed')],
                'constraints': [models.UniqueConstraint(fields=('case', 'number'), name='bundle_identity')],
            },
        ),
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
        migrations.CreateModel(
            name='Canary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('url', models.TextField(help_text='the page that shows the copy')),
                ('key', models.BinaryField(help_text="of the page's normalised URL")),
                ('added_by', models.CharField(max_length=300)),
                ('added_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='canaries', to='registry.owner')),
                ('watch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='canaries', to='registry.watch')),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='canaries', to='registry.work')),
                ('leads_to', models.TextField(blank=True, help_text='where the page led when it was last visited, if elsewhere')),
            ],
            options={
                'verbose_name_plural': 'canaries',
                'ordering': ['owner', 'number'],
                'indexes': [models.Index(fields=['watch', 'added_at'], name='canary_of_watch')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='canary_identity')],
            },
        ),
        migrations.CreateModel(
            name='Capture',
            fields=[
                *STEP,
                ('page_key', models.BinaryField()),
                ('image_key', models.BinaryField()),
                ('number', models.PositiveSmallIntegerField(default=1, help_text='1 for the first visit, more for recaptures')),
                ('outcome', models.CharField(blank=True, max_length=16)),
                ('sentence', models.TextField(blank=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('files', models.JSONField(blank=True, default=list, help_text='list of {role, name, media_type, digest, size}')),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='captures', to='registry.case')),
                ('sighting', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='captures', to='registry.sighting')),
                ('method', models.CharField(default='http', help_text='http, or browser when the page was rendered', max_length=8)),
                ('next_at', models.DateTimeField(blank=True, help_text='when the place is to be visited again', null=True)),
                ('digests', models.JSONField(blank=True, default=list, help_text='of everything that the files carry or show, in hex')),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='capture_todo'), models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='capture_next')],
                'constraints': [models.UniqueConstraint(fields=('case', 'page_key', 'image_key', 'number'), name='capture_identity')],
            },
        ),
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('party', models.CharField(max_length=260)),
                ('decision', models.CharField(choices=[('open', 'Open'), ('confirmed', 'Confirmed'), ('licensed', 'Licensed'), ('cleared', 'Cleared')], default='open', max_length=9)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decided_by', models.CharField(blank=True, help_text="a person's name, or 'licence ledger'", max_length=300)),
                ('reason', models.TextField(blank=True)),
                ('demonstration', models.BooleanField(default=False, help_text='confirmed by the switch meant for demonstrations')),
                ('opened_at', models.DateTimeField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='registry.owner')),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cases', to='registry.work')),
                ('disputed_at', models.DateTimeField(blank=True, help_text='since when a member says it was decided wrongly', null=True)),
                ('likelihood', models.FloatField(db_default=0, default=0, help_text='of its strongest match, to sort by')),
                ('places', models.PositiveIntegerField(db_default=0, default=0, help_text='different images on different pages')),
                ('shown', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='registry.casesighting')),
                ('waits', models.BooleanField(db_default=True, default=True, help_text='a person has to look at it')),
                ('standing', models.CharField(blank=True, db_default='', default='', help_text='how its places stand; empty before a visit', max_length=8)),
            ],
            options={
                'ordering': ['owner', 'number'],
                'indexes': [models.Index(condition=models.Q(('waits', True)), fields=['owner', 'party'], name='case_waiting'), models.Index(fields=['owner', 'decision', 'number'], name='case_by_decision'), models.Index(condition=models.Q(('waits', True)), fields=['owner', '-likelihood', 'number'], name='case_next'), models.Index(fields=['owner', '-opened_at', '-id'], name='case_newest')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'work', 'party'), name='case_identity'), models.UniqueConstraint(fields=('owner', 'number'), name='case_number')],
            },
        ),
        migrations.CreateModel(
            name='CaseEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(max_length=20)),
                ('actor', models.CharField(blank=True, max_length=300)),
                ('sentence', models.TextField(blank=True, help_text="a person's words; of rows without phrases the whole line")),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='registry.case')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('said', models.JSONField(blank=True, db_default=[], default=list, help_text='list of [name of a phrase, its values]')),
            ],
            options={
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='CaseSighting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('licences_searched_at', models.DateTimeField(blank=True, null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='case_sightings', to='registry.case')),
                ('licence', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='registry.licence')),
                ('match', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='case_sightings', to='registry.match')),
                ('sighting', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='case_sightings', to='registry.sighting')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('case', 'match', 'sighting'), name='case_sighting_identity')],
            },
        ),
        migrations.CreateModel(
            name='Countersignature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('signature', models.BinaryField()),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('bundle', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='countersignatures', to='registry.bundle')),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='countersignatures', to='registry.devicekey')),
                ('submission', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.logsubmission')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('bundle', 'key'), name='countersignature_identity')],
            },
        ),
        migrations.CreateModel(
            name='Crawl',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('todo', 'Todo'), ('doing', 'Doing'), ('done', 'Done'), ('failed', 'Failed')], default='todo', max_length=8)),
                ('reason', models.CharField(blank=True, help_text='why it ended: finished, budget-pages, stopped, …', max_length=40)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('pages', models.PositiveIntegerField(default=0)),
                ('watch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='crawls', to='registry.watch')),
                ('pictures', models.PositiveIntegerField(blank=True, help_text='different ones, counted at the end', null=True)),
            ],
            options={
                'ordering': ['watch', '-number'],
                'constraints': [models.UniqueConstraint(fields=('watch', 'number'), name='crawl_identity')],
            },
        ),
        migrations.CreateModel(
            name='CrawlSlice',
            fields=[
                *STEP,
                ('number', models.PositiveIntegerField()),
                ('epoch', models.PositiveIntegerField(default=0, help_text='rises with each claim; an older claim may not write')),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('counts', models.JSONField(blank=True, default=dict)),
                ('crawl', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='slices', to='registry.crawl')),
                ('submission', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='crawl_slice', to='registry.logsubmission')),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='crawl_slice_todo')],
                'constraints': [models.UniqueConstraint(fields=('crawl', 'number'), name='crawl_slice_identity')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                *STEP,
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('answers', models.JSONField(default=list, help_text='of the last tries: at, status, milliseconds, sentence')),
                ('tries', models.PositiveIntegerField(default=0)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='registry.event')),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='registry.webhook')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state__in', ['todo', 'doing'])), fields=['id'], name='delivery_todo'), models.Index(fields=['webhook', '-id'], name='delivery_log')],
                'constraints': [models.UniqueConstraint(fields=('webhook', 'event'), name='delivery_identity')],
            },
        ),
        migrations.CreateModel(
            name='Deposit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('seal_digest', registry.models.fields.DigestField(help_text='of the canonical manifest, which lies in the blob store', unique=True)),
                ('signature', models.BinaryField()),
                ('made_by', models.CharField(max_length=300)),
                ('sealed_at', models.DateTimeField()),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.sealingkey')),
                ('submission', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.logsubmission')),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deposits', to='registry.work')),
            ],
            options={
                'ordering': ['work', '-number'],
                'constraints': [models.UniqueConstraint(fields=('work', 'number'), name='deposit_identity')],
            },
        ),
        migrations.CreateModel(
            name='DescriptorChoice',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('building', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='registry.descriptormodel')),
                ('serving', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.descriptormodel')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='descriptor_choice_single')],
            },
        ),
        migrations.CreateModel(
            name='DescriptorGap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.picture')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gaps', to='registry.descriptormodel')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('model', 'picture'), name='descriptor_gap_identity')],
            },
        ),
        migrations.CreateModel(
            name='DescriptorModel',
            fields=[
                *STEP,
                ('name', models.CharField(max_length=40)),
                ('version', models.CharField(max_length=40)),
                ('digest', registry.models.fields.DigestField(help_text='of the ONNX file, which is among the blobs')),
                ('size', models.BigIntegerField()),
                ('card', models.JSONField()),
                ('shipped', models.BooleanField(default=False, help_text='it came with the software')),
                ('added_at', models.DateTimeField(auto_now_add=True)),
                ('measurement', models.JSONField(blank=True, null=True)),
                ('measured_at', models.DateTimeField(blank=True, null=True)),
                ('cursor', models.BigIntegerField(default=0, help_text='pictures up to here were described, or were not there')),
                ('space', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.spacerow')),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('name', 'version'), name='descriptor_identity')],
            },
        ),
        migrations.CreateModel(
            name='DeviceKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_key', models.BinaryField(unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('retired_at', models.DateTimeField(blank=True, help_text='since when another is used instead', null=True)),
                ('revoked_at', models.DateTimeField(blank=True, help_text='since when nothing that it signs counts', null=True)),
                ('revoked_reason', models.TextField(blank=True)),
                ('name', models.CharField(max_length=100)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='device_keys', to='registry.owner')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Dismissal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.CharField(max_length=20)),
                ('row', models.BigIntegerField()),
                ('error', models.TextField(blank=True)),
                ('by', models.CharField(max_length=300)),
                ('at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('step', 'row'), name='dismissal_identity')],
            },
        ),
        migrations.CreateModel(
            name='DocumentKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_key', models.BinaryField(unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('retired_at', models.DateTimeField(blank=True, help_text='since when another is used instead', null=True)),
                ('revoked_at', models.DateTimeField(blank=True, help_text='since when nothing that it signs counts', null=True)),
                ('revoked_reason', models.TextField(blank=True)),
                ('encrypted_private_key', models.BinaryField()),
                ('certificate', models.BinaryField(help_text='DER')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='document_keys', to='registry.owner')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='DownloadLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('token_digest', registry.models.fields.DigestField(help_text='SHA-256 of the token in the address', unique=True)),
                ('password', models.CharField(blank=True, help_text='hashed as Django hashes passwords; may be empty', max_length=200)),
                ('note', models.CharField(blank=True, help_text='for whom it is; shown to members alone', max_length=200)),
                ('made_by', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('downloads', models.PositiveIntegerField(default=0)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveSmallIntegerField(default=0, help_text='wrong passwords in a row')),
                ('locked_until', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='download_links', to='registry.owner')),
                ('package', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='links', to='registry.package')),
                ('report', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='links', to='registry.report')),
            ],
            options={
                'ordering': ['owner', '-number'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='download_link_identity'), models.CheckConstraint(condition=models.Q(('package', None), ('report', None), _connector='XOR'), name='download_link_to_one_thing')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('case.opened', 'a case was opened'), ('case.decided', 'a case was decided, or opened again'), ('bundle.sealed', 'evidence was sealed'), ('bundle.witnessed', 'enough witnesses have answered for sealed evidence'), ('watch.missed-canary', 'a watch missed a known copy'), ('report.ready', 'a report is ready'), ('notice.due', 'a notice is due to be looked at again'), ('webhook.paused', "a webhook didn't answer for days and was paused"), ('test', 'a test that a member asked for')], max_length=32)),
                ('name', models.CharField(blank=True, help_text='what happens once only has a name', max_length=80)),
                ('about', models.JSONField(help_text='which case, bundle, watch; plain data')),
                ('at', models.DateTimeField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='registry.owner')),
            ],
            options={
                'indexes': [models.Index(fields=['owner', 'id'], name='event_of_owner'), models.Index(fields=['at'], name='event_expiry')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('name', ''), _negated=True), fields=('owner', 'kind', 'name'), name='event_once')],
            },
        ),
        migrations.CreateModel(
            name='Feed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', registry.models.fields.DigestField(unique=True)),
                ('made_at', models.DateTimeField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='feeds', to='registry.owner')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='feeds', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'user'), name='feed_identity')],
            },
        ),
        migrations.CreateModel(
            name='FingerprintRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('part', models.CharField(max_length=16)),
                ('vector', models.BinaryField()),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fingerprints', to='registry.picture')),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.spacerow')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('picture', 'space', 'part'), name='fingerprint_identity')],
            },
        ),
        migrations.CreateModel(
            name='FrontierUrl',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.BinaryField(help_text='128-bit key of the normalised URL, and of its page for an image')),
                ('url', models.TextField()),
                ('host', models.CharField(max_length=260)),
                ('kind', models.CharField(help_text='page, sitemap, feed, image, folder or warc', max_length=8)),
                ('depth', models.PositiveSmallIntegerField(default=0)),
                ('page_url', models.TextField(blank=True, help_text='for an image of a sitemap or feed, the page that shows it')),
                ('context', models.TextField(blank=True, help_text='the words that stood beside it there')),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('leased', 'Leased'), ('done', 'Done'), ('refused', 'Refused')], default='pending', max_length=8)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('crawl', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='frontier', to='registry.crawl')),
                ('slice', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='urls', to='registry.crawlslice')),
                ('position', models.TextField(blank=True, db_default='', help_text='how far a folder or a WARC file has been read')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'pending')), fields=['crawl', 'host', 'id'], name='frontier_pending'), models.Index(condition=models.Q(('state', 'leased')), fields=['slice'], name='frontier_leased')],
                'constraints': [models.UniqueConstraint(fields=('crawl', 'key'), name='frontier_url_identity')],
            },
        ),
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('name', models.CharField(max_length=200, primary_key=True, serialize=False)),
                ('queues', models.CharField(blank=True, help_text='that it takes, with commas between them', max_length=200)),
                ('started_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='HostDenial',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(help_text='with its subdomains', max_length=253, unique=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name='HostLease',
            fields=[
                ('host', models.CharField(max_length=260, primary_key=True, serialize=False)),
                ('epoch', models.BigIntegerField(default=0)),
                ('expires_at', models.DateTimeField()),
                ('slice', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='leases', to='registry.crawlslice')),
            ],
        ),
        migrations.CreateModel(
            name='IndexChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('collection', models.CharField(choices=[('works', 'Works'), ('pictures', 'Pictures')], max_length=8)),
                ('number', models.BigIntegerField()),
                ('operation', models.CharField(choices=[('add', 'Add'), ('remove', 'Remove')], max_length=6)),
                ('removes', models.BigIntegerField(blank=True, help_text='the number of the addition that is taken back', null=True)),
                ('fingerprint', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='registry.fingerprintrow')),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.spacerow')),
            ],
            options={
                'indexes': [models.Index(fields=['fingerprint', 'collection'], name='index_change_of_fingerprint')],
                'constraints': [models.UniqueConstraint(fields=('collection', 'space', 'number'), name='index_change_identity')],
            },
        ),
        migrations.CreateModel(
            name='Inquiry',
            fields=[
                *STEP,
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('service', models.SlugField(max_length=60)),
                ('words', models.JSONField(blank=True, default=list, help_text="what is asked for; empty: the owner's pictures")),
                ('cursor', models.BigIntegerField(default=0, help_text='the last registered picture, or number of words, done with')),
                ('page', models.TextField(blank=True, help_text='what names the next page of the present subject')),
                ('pages', models.PositiveIntegerField(default=0, help_text='asked for of the present subject')),
                ('left', models.PositiveIntegerField(help_text='subjects that may still be asked for')),
                ('asked', models.PositiveIntegerField(default=0, help_text='requests that were answered')),
                ('found', models.PositiveIntegerField(default=0, help_text='addresses of pictures that came')),
                ('outcome', models.CharField(blank=True, help_text='why it ended before its subjects did', max_length=20)),
                ('crawl', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='inquiries', to='registry.crawl')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='inquiry_todo')],
                'constraints': [models.UniqueConstraint(fields=('crawl', 'service'), name='inquiry_identity')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(blank=True, help_text='whom it is for; empty for the operator', max_length=254)),
                ('role', models.CharField(blank=True, choices=[('owner', 'Owner'), ('reviewer', 'Reviewer'), ('viewer', 'Viewer')], max_length=8)),
                ('digest', registry.models.fields.DigestField(unique=True)),
                ('by', models.CharField(help_text='who invites', max_length=200)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='registry.owner')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('revoked_at', None)), fields=('owner', 'email'), name='invitation_identity')],
            },
        ),
        migrations.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('caller', models.CharField(help_text='the token or the person, such as token:7', max_length=40)),
                ('key', models.CharField(max_length=200)),
                ('request', registry.models.fields.DigestField(help_text='of method, address and body')),
                ('status', models.PositiveSmallIntegerField(default=0)),
                ('body', models.TextField(blank=True)),
                ('made_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['made_at'], name='kept_answer_expiry')],
                'constraints': [models.UniqueConstraint(fields=('caller', 'key'), name='kept_answer_identity')],
            },
        ),
        migrations.CreateModel(
            name='LedgerChange',
            fields=[
                *STEP,
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('kind', models.CharField(choices=[('added', 'Added'), ('changed', 'Changed'), ('ended', 'Ended')], max_length=7)),
                ('at', models.DateTimeField()),
                ('by', models.CharField(blank=True, max_length=300)),
                ('reason', models.TextField(blank=True)),
                ('before', models.JSONField(blank=True, default=dict, help_text='the words of a changed licence as they were')),
                ('licences', models.ManyToManyField(related_name='changes', to='registry.licence')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ledger_changes', to='registry.owner')),
                ('looked_until', models.BigIntegerField(db_default=0, default=0, help_text='the last case that was looked at')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='ledger_change_todo'), models.Index(fields=['owner', '-id'], name='ledger_change_of_owner')],
            },
        ),
        migrations.CreateModel(
            name='LedgerEffect',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(choices=[('licensed', 'Licensed'), ('reopened', 'Reopened'), ('stayed', 'Stayed')], max_length=8)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.case')),
                ('change', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='effects', to='registry.ledgerchange')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('change', 'case'), name='ledger_effect_identity')],
            },
        ),
        migrations.CreateModel(
            name='Licence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('licensee', models.CharField(max_length=300)),
                ('domain', models.CharField(blank=True, help_text='with its subdomains; empty for any', max_length=253)),
                ('url_pattern', models.CharField(blank=True, help_text='* stands for any characters; empty for any', max_length=1000)),
                ('account', models.CharField(blank=True, max_length=200)),
                ('territories', models.JSONField(blank=True, default=list)),
                ('valid_from', models.DateField(blank=True, null=True)),
                ('valid_until', models.DateField(blank=True, null=True)),
                ('reason', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='licences', to='registry.owner')),
                ('works', models.ManyToManyField(blank=True, related_name='licences', to='registry.work')),
            ],
            options={
                'ordering': ['owner', 'number'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='licence_identity')],
            },
        ),
        migrations.CreateModel(
            name='LogCheckpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('origin', models.CharField(max_length=200)),
                ('size', models.BigIntegerField()),
                ('root', models.BinaryField()),
                ('note', models.TextField()),
                ('made_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('origin', 'size'), name='log_checkpoint_identity')],
            },
        ),
        migrations.CreateModel(
            name='LogEntry',
            fields=[
                ('sequence', models.BigIntegerField(primary_key=True, serialize=False)),
                ('type', models.CharField(max_length=16)),
                ('time', models.DateTimeField()),
                ('commitment', models.BinaryField()),
                ('submission', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entry', to='registry.logsubmission')),
            ],
        ),
        migrations.CreateModel(
            name='LogNode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('level', models.PositiveSmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('hash', models.BinaryField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('level', 'index'), name='log_node_identity')],
            },
        ),
        migrations.CreateModel(
            name='LogOpening',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('salt', models.BinaryField()),
                ('content', models.JSONField()),
                ('submission', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='opening', to='registry.logsubmission')),
                ('details', models.JSONField(blank=True, help_text='what the content states the digest of, if anything', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='LogOrigin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, unique=True)),
                ('began_at', models.DateTimeField()),
                ('submission', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.logsubmission')),
                ('public_key', models.BinaryField(blank=True, help_text='of the key that signs under it, where it is known', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='LogSubmission',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('type', models.CharField(max_length=16)),
                ('time', models.DateTimeField()),
                ('commitment', models.BinaryField()),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.owner')),
            ],
            options={
                'indexes': [models.Index(fields=['type', 'id'], name='log_submission_type')],
            },
        ),
        migrations.CreateModel(
            name='LogWaiting',
            fields=[
                ('submission', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='registry.logsubmission')),
            ],
        ),
        migrations.CreateModel(
            name='LookAlike',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('cleared_by', models.CharField(max_length=300)),
                ('cleared_at', models.DateTimeField()),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='look_alikes', to='registry.case')),
                ('found', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.picture')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='look_alikes', to='registry.owner')),
                ('registered', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.picture')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'registered', 'found'), name='look_alike_identity')],
            },
        ),
        migrations.CreateModel(
            name='MailChoice',
            fields=[
                *STEP,
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('how_often', models.CharField(choices=[('at-once', 'at once'), ('daily', 'once a day'), ('weekly', 'once a week'), ('never', 'never')], default='daily', max_length=8)),
                ('told_until', models.BigIntegerField(help_text="the last event that the member was told of, or needn't be")),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mail_choices', to='registry.owner')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mail_choices', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'todo')), fields=['not_before'], name='mail_choice_due')],
                'constraints': [models.UniqueConstraint(fields=('user', 'owner'), name='mail_choice_identity')],
            },
        ),
        migrations.CreateModel(
            name='Match',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('pipeline', models.CharField(max_length=80)),
                ('decision', models.CharField(max_length=8)),
                ('hamming', models.PositiveSmallIntegerField()),
                ('inliers', models.PositiveIntegerField()),
                ('dense', models.FloatField()),
                ('transform', models.JSONField(blank=True, null=True)),
                ('mirrored', models.BooleanField(default=False)),
                ('rotation', models.SmallIntegerField(default=0)),
                ('overlap_work', models.FloatField(default=0)),
                ('overlap_picture', models.FloatField(default=0)),
                ('probability', models.FloatField(blank=True, null=True)),
                ('reasons', models.JSONField(blank=True, default=list)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('found', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='matches_as_found', to='registry.picture')),
                ('registered', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='matches_as_registered', to='registry.picture')),
                ('calibration', registry.models.fields.DigestField(blank=True, help_text='of the calibration that gave the probability', null=True)),
                ('in_place', models.FloatField(blank=True, null=True)),
                ('drift', models.FloatField(blank=True, null=True)),
                ('further', models.JSONField(blank=True, default=list, help_text='transforms of further copies of the same picture')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('decision', 'none'), _negated=True), fields=['found'], name='match_of_found')],
                'constraints': [models.UniqueConstraint(fields=('registered', 'found', 'pipeline'), name='match_identity')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('reviewer', 'Reviewer'), ('viewer', 'Viewer')], default='reviewer', max_length=8)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='registry.owner')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'owner'), name='membership_identity')],
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('dmca', 'Dmca'), ('dsa', 'Dsa'), ('prc', 'Prc'), ('offer', 'Offer')], max_length=5)),
                ('language', models.CharField(max_length=10)),
                ('party', models.CharField(max_length=260)),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('signed', 'Signed'), ('sent', 'Sent'), ('answered', 'Answered'), ('countered', 'Countered'), ('removed', 'Removed'), ('online', 'Online'), ('resolved', 'Resolved'), ('discarded', 'Discarded')], default='draft', max_length=9)),
                ('fields', models.JSONField(blank=True, default=dict, help_text='addressee, sender, and what a person adds')),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=300)),
                ('signed_at', models.DateTimeField(blank=True, null=True)),
                ('signed_by', models.CharField(blank=True, max_length=300)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('files', models.JSONField(blank=True, default=list, help_text='what was signed and sent: {name, media_type, digest, size}')),
                ('text', registry.models.fields.DigestField(blank=True, help_text='of the signed text, UTF-8', null=True)),
                ('due_on', models.DateField(blank=True, null=True)),
                ('due_what', models.CharField(blank=True, max_length=20)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notices', to='registry.owner')),
                ('told_due', models.DateField(blank=True, help_text='the due day that members were told of last', null=True)),
            ],
            options={
                'ordering': ['owner', '-number'],
                'indexes': [models.Index(fields=['owner', 'state', 'due_on'], name='notice_due'), models.Index(fields=['owner', 'party'], name='notice_party')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='notice_identity')],
            },
        ),
        migrations.CreateModel(
            name='NoticeCase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('answers', models.JSONField(blank=True, default=dict, help_text='purpose, nature, amount, market; words')),
                ('term_reason', models.TextField(blank=True, help_text='why it is sent although the term is over on the dates entered')),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notice_cases', to='registry.case')),
                ('notice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notice_cases', to='registry.notice')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('notice', 'case'), name='notice_case_identity')],
            },
        ),
        migrations.CreateModel(
            name='NoticeEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(max_length=10)),
                ('day', models.DateField(blank=True, help_text='on which it happened, if a person says so', null=True)),
                ('by', models.CharField(blank=True, max_length=300)),
                ('words', models.TextField(blank=True)),
                ('notice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='registry.notice')),
            ],
            options={
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='NoticeMail',
            fields=[
                *STEP,
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('to', models.EmailField(max_length=300)),
                ('by', models.CharField(max_length=300)),
                ('message_id', models.CharField(max_length=200)),
                ('notice', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='mail', to='registry.notice')),
                ('begun_at', models.DateTimeField(blank=True, help_text='since when a mail server has it, or may have it; none while none has', null=True)),
                ('file', models.JSONField(blank=True, default=dict, help_text='its exact bytes: {name, media_type, digest, size}')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='notice_mail_todo')],
            },
        ),
        migrations.CreateModel(
            name='NoticeWording',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('dmca', 'Dmca'), ('dsa', 'Dsa'), ('prc', 'Prc'), ('offer', 'Offer')], max_length=5)),
                ('language', models.CharField(max_length=10)),
                ('subject', models.TextField()),
                ('body', models.TextField()),
                ('item', models.TextField()),
                ('changed_at', models.DateTimeField()),
                ('changed_by', models.CharField(max_length=300)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notice_wordings', to='registry.owner')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'kind', 'language'), name='notice_wording_identity')],
            },
        ),
        migrations.CreateModel(
            name='Owner',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(unique=True)),
                ('name', models.CharField(max_length=200)),
                ('contact', models.CharField(blank=True, max_length=200)),
                ('quota_bytes', models.BigIntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('members', models.ManyToManyField(through='registry.Membership', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='OwnershipRemark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('credit', 'Credit'), ('manifest', 'Manifest'), ('term', 'Term'), ('dedication', 'Dedication')], max_length=10)),
                ('details', models.JSONField(default=dict)),
                ('noted_at', models.DateTimeField()),
                ('reason', models.TextField(blank=True, help_text="why it doesn't stand against the work, as a person said")),
                ('answered_by', models.CharField(blank=True, max_length=300)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='remarks', to='registry.work')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('answered_at', None)), fields=['work'], name='ownership_remark_open')],
                'constraints': [models.UniqueConstraint(fields=('work', 'kind'), name='ownership_remark_identity')],
            },
        ),
        migrations.CreateModel(
            name='Package',
            fields=[
                *STEP,
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('number', models.PositiveIntegerField()),
                ('recipient', models.CharField(choices=[('court', 'Court'), ('other-side', 'Other Side')], max_length=10)),
                ('reason', models.TextField(blank=True, help_text='why originals are withheld; the copies say so')),
                ('asked_by', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('progress', models.JSONField(blank=True, default=dict, help_text='{of}: how many bundles, once it is begun')),
                ('files', models.JSONField(blank=True, default=list, help_text='list of {name, digest, size, crc}, with bundle where it is one')),
                ('made_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, help_text='when its files are removed', null=True)),
                ('removed_at', models.DateTimeField(blank=True, help_text='its files are gone, its number stays taken', null=True)),
                ('bundles', models.ManyToManyField(related_name='packages', to='registry.bundle')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='packages', to='registry.owner')),
            ],
            options={
                'ordering': ['owner', '-number'],
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='package_todo'), models.Index(condition=models.Q(('removed_at', None)), fields=['expires_at'], name='package_kept')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='package_identity')],
            },
        ),
        migrations.CreateModel(
            name='Picture',
            fields=[
                *STEP,
                ('digest', registry.models.fields.DigestField(unique=True)),
                ('size', models.BigIntegerField()),
                ('format', models.CharField(blank=True, max_length=12)),
                ('width', models.PositiveIntegerField(blank=True, null=True)),
                ('height', models.PositiveIntegerField(blank=True, null=True)),
                ('first_seen', models.DateTimeField()),
                ('refusal', models.CharField(blank=True, help_text="why it can't be read; empty when it can", max_length=40)),
                ('low_information', models.JSONField(blank=True, default=list)),
                ('bytes_state', models.CharField(choices=[('stored', 'Stored'), ('expired', 'Expired'), ('purged', 'Purged')], default='stored', max_length=8)),
                ('thumbnail', registry.models.fields.DigestField(blank=True, null=True)),
                ('searched', models.CharField(blank=True, help_text='what the search that is done depends on', max_length=160)),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='picture_todo'), models.Index(condition=models.Q(('bytes_state', 'stored')), fields=['first_seen'], name='picture_expiry')],
            },
        ),
        migrations.CreateModel(
            name='PictureReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reported_by', models.CharField(max_length=300)),
                ('reason', models.TextField()),
                ('reported_at', models.DateTimeField()),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.case')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='picture_reports', to='registry.owner')),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='registry.picture')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'picture'), name='picture_report_identity')],
            },
        ),
        migrations.CreateModel(
            name='Refusal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.BinaryField()),
                ('url', models.TextField()),
                ('page_url', models.TextField(blank=True)),
                ('reason', models.CharField(max_length=40)),
                ('sentence', models.TextField(blank=True)),
                ('at', models.DateTimeField()),
                ('crawl', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refusals', to='registry.crawl')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('crawl', 'key', 'reason'), name='refusal_identity')],
            },
        ),
        migrations.CreateModel(
            name='RegistrationConflict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('same', 'Same'), ('near', 'Near')], max_length=4)),
                ('earlier_registered_at', models.DateTimeField()),
                ('earlier', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.work')),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='conflicts', to='registry.work')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('work', 'earlier'), name='registration_conflict_identity')],
            },
        ),
        migrations.CreateModel(
            name='Report',
            fields=[
                *STEP,
                ('number', models.PositiveIntegerField()),
                ('parameters', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('files', models.JSONField(blank=True, default=list, help_text='list of {name, media_type, digest, size}')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='registry.owner')),
                ('progress', models.JSONField(blank=True, default=dict, help_text='numbers of its cases, volumes, the one begun last')),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('removed_at', models.DateTimeField(blank=True, help_text='its files are gone, its number stays taken', null=True)),
            ],
            options={
                'ordering': ['owner', '-number'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='report_identity')],
            },
        ),
        migrations.CreateModel(
            name='Revisit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hamming', models.PositiveSmallIntegerField(help_text="bits between the hashes; 256 when they weren't compared")),
                ('inliers', models.PositiveIntegerField(blank=True, help_text='details found again in the small copy', null=True)),
                ('dense', models.FloatField(blank=True, help_text="share of the small copy's pixels that agree", null=True)),
                ('outcome', models.CharField(choices=[('waiting', 'Waiting'), ('came', 'Came'), ('changed', 'Changed'), ('gone', 'Gone'), ('unreached', 'Unreached')], default='waiting', max_length=9)),
                ('sentence', models.TextField(blank=True)),
                ('asked_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('crawl', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisits', to='registry.crawl')),
                ('found', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisits_as_found', to='registry.picture')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisits', to='registry.owner')),
                ('registered', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisits_as_registered', to='registry.picture')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('outcome', 'waiting')), fields=['crawl'], name='revisit_waiting')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'registered', 'found'), name='revisit_identity')],
            },
        ),
        migrations.CreateModel(
            name='SealingKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_key', models.BinaryField(unique=True)),
                ('encrypted_private_key', models.BinaryField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('revoked_at', models.DateTimeField(blank=True, help_text='since when nothing that it signs counts', null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sealing_keys', to='registry.owner')),
                ('retired_at', models.DateTimeField(blank=True, help_text='since when another is used instead', null=True)),
                ('revoked_reason', models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name='SearchKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('service', models.SlugField(max_length=60)),
                ('encrypted', models.BinaryField()),
                ('added_by', models.CharField(max_length=300)),
                ('added_at', models.DateTimeField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='search_keys', to='registry.owner')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'service'), name='search_key_identity')],
            },
        ),
        migrations.CreateModel(
            name='Sighting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('page_key', models.BinaryField()),
                ('image_key', models.BinaryField()),
                ('page_url', models.TextField()),
                ('image_url', models.TextField()),
                ('final_url', models.TextField(blank=True)),
                ('host', models.CharField(help_text='host of the page', max_length=260)),
                ('party', models.CharField(help_text='registrable domain of the page, or account on a platform', max_length=260)),
                ('found_in', models.CharField(blank=True, max_length=16)),
                ('context', models.TextField(blank=True)),
                ('page_title', models.TextField(blank=True)),
                ('media_type', models.CharField(blank=True, max_length=100)),
                ('status', models.PositiveSmallIntegerField(default=200)),
                ('request_headers', models.JSONField(blank=True, default=list)),
                ('response_headers', models.JSONField(blank=True, default=list)),
                ('peer', models.CharField(blank=True, max_length=60)),
                ('first_seen', models.DateTimeField()),
                ('last_seen', models.DateTimeField()),
                ('bytes_came', models.BooleanField(default=True, help_text='false when the server said that nothing had changed')),
                ('crawl', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sightings', to='registry.crawl')),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sightings', to='registry.picture')),
                ('private_to', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.owner')),
                ('slice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sightings', to='registry.crawlslice')),
            ],
            options={
                'indexes': [models.Index(fields=['picture', 'party'], name='sighting_of_picture')],
                'constraints': [models.UniqueConstraint(fields=('crawl', 'page_key', 'image_key', 'picture'), name='sighting_identity')],
            },
        ),
        migrations.CreateModel(
            name='SpaceRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('version', models.CharField(max_length=40)),
                ('metric', models.CharField(max_length=8)),
                ('width', models.PositiveIntegerField()),
                ('parameters', models.JSONField(blank=True, default=list)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('name', 'version'), name='space_identity')],
            },
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
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('announced', models.PositiveIntegerField(default=0, help_text='files that were to come, as their sender said')),
                ('author', models.CharField(blank=True, help_text='declared of all files that nothing else names', max_length=300)),
                ('rights_statement', models.TextField(blank=True, help_text='declared likewise')),
                ('reads_metadata', models.BooleanField(default=True, help_text='what is left out is taken from the files')),
                ('table_name', models.CharField(blank=True, max_length=300)),
                ('started_by', models.CharField(max_length=300)),
                ('started_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, help_text='when its sender said that all have been sent', null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='uploads', to='registry.owner')),
            ],
            options={
                'ordering': ['owner', '-number'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='upload_identity')],
            },
        ),
        migrations.CreateModel(
            name='UploadFile',
            fields=[
                *STEP,
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
                ('name', models.CharField(max_length=300)),
                ('digest', registry.models.fields.DigestField(blank=True, help_text='absent for what was too large to be taken', null=True)),
                ('size', models.BigIntegerField()),
                ('outcome', models.CharField(blank=True, choices=[('registered', 'Registered'), ('known', 'Known'), ('refused', 'Refused')], max_length=10)),
                ('reason', models.CharField(blank=True, help_text='why it was refused, a stable word', max_length=40)),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='registry.upload')),
                ('work', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='upload_files', to='registry.work')),
                ('line', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='files', to='registry.uploadline')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['id'], name='upload_file_todo'), models.Index(fields=['upload', 'outcome', 'name'], name='upload_file_results')],
                'constraints': [models.UniqueConstraint(fields=('upload', 'name', 'digest'), name='upload_file_identity', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='UploadLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.CharField(max_length=300)),
                ('declared', models.JSONField()),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='registry.upload')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('upload', 'file'), name='upload_line_identity')],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                ('blurs', models.BooleanField(db_default=False, default=False, help_text='found pictures are blurred until asked for')),
                ('language', models.CharField(blank=True, db_default='', help_text="empty for the browser's", max_length=10)),
                ('time_zone', models.CharField(blank=True, db_default='', help_text='where the browser was last', max_length=64)),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
            },
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='Watch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('sources', models.JSONField(help_text='list of {"kind": "site|sitemap|feed|list|folder|warc", "url": …}')),
                ('interval_seconds', models.PositiveIntegerField(default=86400)),
                ('budget', models.JSONField(blank=True, default=dict, help_text='pages, images, bytes, seconds, depth, hosts')),
                ('politeness', models.JSONField(blank=True, default=dict, help_text='delay, concurrency')),
                ('next_run_at', models.DateTimeField(blank=True, null=True)),
                ('paused', models.BooleanField(default=False)),
                ('private', models.BooleanField(default=False, help_text='sightings belong to this owner alone')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='watches', to='registry.owner')),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['owner', 'number'],
                'indexes': [models.Index(condition=models.Q(('paused', False)), fields=['next_run_at'], name='watch_due')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='watch_identity'), models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('owner', 'name'), name='watch_name')],
            },
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('url', models.TextField()),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), help_text='of events; all, when empty', size=None)),
                ('identity', models.UUIDField(default=uuid.uuid4, help_text='bound to the encrypted secret', unique=True)),
                ('encrypted_secret', models.BinaryField()),
                ('made_by', models.CharField(max_length=300)),
                ('made_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('paused_at', models.DateTimeField(blank=True, null=True)),
                ('paused_why', models.TextField(blank=True)),
                ('misses', models.PositiveIntegerField(default=0, help_text='tries in a row without a good answer')),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('ask_after', models.DateTimeField(blank=True, help_text='until then it is left in peace', null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='registry.owner')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='webhook_identity')],
            },
        ),
        migrations.CreateModel(
            name='WitnessState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=16)),
                ('witness', models.CharField(max_length=100)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('silent_since', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveIntegerField(default=0, help_text='questions in a row without an answer')),
                ('ask_after', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True)),
                ('question', models.CharField(choices=[('submit', 'Submit'), ('upgrade', 'Upgrade')], default='submit', max_length=8)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('kind', 'witness', 'question'), name='witness_state_identity')],
            },
        ),
        migrations.CreateModel(
            name='Work',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('title', models.CharField(max_length=500)),
                ('author', models.CharField(blank=True, max_length=300)),
                ('rights_statement', models.TextField(blank=True)),
                ('first_publication', models.CharField(blank=True, help_text='ISO 8601 date, or as much as is known', max_length=40)),
                ('registrations', models.JSONField(blank=True, default=list, help_text='office, number, date')),
                ('source_name', models.CharField(blank=True, help_text='name of the file that was registered', max_length=300)),
                ('low_information', models.JSONField(blank=True, default=list, help_text="why it can't be matched safely")),
                ('registered_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='works', to='registry.owner')),
                ('pictures', models.ManyToManyField(through='registry.WorkPicture', to='registry.picture')),
                ('author_died', models.PositiveSmallIntegerField(blank=True, help_text='year', null=True)),
                ('author_kind', models.CharField(choices=[('person', 'Person'), ('anonymous', 'Anonymous'), ('organisation', 'Organisation')], db_default='person', default='person', max_length=12)),
                ('created', models.CharField(blank=True, db_default='', help_text='when it was made, like a date above', max_length=40)),
                ('credit', models.CharField(blank=True, db_default='', help_text='how the work is to be credited', max_length=300)),
                ('declaration', models.ForeignKey(blank=True, help_text='of what is so now', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.logsubmission')),
                ('holder', models.CharField(blank=True, db_default='', help_text="if it isn't the owner", max_length=300)),
                ('medium', models.CharField(blank=True, choices=[('', 'Unsaid'), ('photograph', 'Photograph'), ('other', 'Other')], db_default='', default='', max_length=10)),
                ('metadata', models.JSONField(blank=True, db_default={}, default=dict, help_text='what the file itself states')),
                ('registration', models.ForeignKey(blank=True, help_text='the first', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.logsubmission')),
                ('words', models.GeneratedField(db_persist=True, expression=django.db.models.functions.text.Lower(django.db.models.functions.text.Concat('title', models.Value(' '), 'author', models.Value(' '), 'holder', models.Value(' '), 'source_name', output_field=models.TextField())), help_text='what is searched', output_field=models.TextField())),
            ],
            options={
                'ordering': ['owner', 'number'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'number'), name='work_identity')],
            },
        ),
        migrations.CreateModel(
            name='WorkAttachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('about', models.CharField(blank=True, help_text="what it is, in its owner's words", max_length=300)),
                ('digest', registry.models.fields.DigestField()),
                ('size', models.BigIntegerField()),
                ('added_by', models.CharField(max_length=300)),
                ('added_at', models.DateTimeField()),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='registry.work')),
            ],
            options={
                'ordering': ['work', 'number'],
                'indexes': [models.Index(fields=['digest'], name='work_attachment_bytes')],
                'constraints': [models.UniqueConstraint(fields=('work', 'number'), name='work_attachment_identity')],
            },
        ),
        migrations.CreateModel(
            name='WorkChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=300)),
                ('kind', models.CharField(help_text='edited, attached, detached, answered', max_length=12)),
                ('details', models.JSONField(default=dict, help_text='by field: before and after; or what it was about')),
                ('reason', models.TextField(blank=True)),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='registry.work')),
            ],
            options={
                'ordering': ['work', '-number'],
                'constraints': [models.UniqueConstraint(fields=('work', 'number'), name='work_change_identity')],
            },
        ),
        migrations.CreateModel(
            name='WorkPicture',
            fields=[
                *STEP,
                ('role', models.CharField(choices=[('master', 'Master'), ('version', 'Version')], default='master', max_length=8)),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='work_pictures', to='registry.picture')),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='work_pictures', to='registry.work')),
                ('progress', models.JSONField(blank=True, default=dict, help_text='how far the search of the past is, in counts')),
                ('captions', models.JSONField(blank=True, default=list, help_text="rectangles that aren't compared, as shares: edges")),
                ('marks', models.JSONField(blank=True, default=list, help_text='the same: what other works of the owner show, too')),
                ('waits_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='when it was last put to work')),
            ],
            options={
                'indexes': [models.Index(fields=['state', 'id'], name='work_picture_todo')],
                'constraints': [models.UniqueConstraint(fields=('work', 'picture'), name='work_picture_identity')],
            },
        ),
        ]),
        migrations.RunSQL(PROTECTED, migrations.RunSQL.noop),
    ]
