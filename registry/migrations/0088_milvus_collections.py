"""Each machine makes its indexes from the rows, or Milvus has them: no row names files, and nobody divides a search."""

import django.db.models.deletion
from django.db import migrations, models

KEPT = """
    INSERT INTO registry_milvuscollection (space_id, name, sequence)
    SELECT space_id, segments -> 0 ->> 0, sequence FROM registry_indexmanifest
    WHERE collection = 'pictures' AND jsonb_array_length(segments) > 0 AND segments -> 0 ->> 0 LIKE 'exhibit\\_%%'
"""
"""Collections in Milvus that count; segments of files have other names."""


class Migration(migrations.Migration):

    dependencies = [('registry', '0086_marked_pictures')]

    operations = [
        migrations.CreateModel('MilvusCollection', [
            ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ('name', models.CharField(help_text='empty while none counts', max_length=255)),
            ('sequence', models.BigIntegerField(help_text='the highest change number that counts there')),
            ('space', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.spacerow')),
        ]),
        migrations.RunSQL(KEPT, migrations.RunSQL.noop),
        migrations.DeleteModel('IndexManifest'),
        migrations.DeleteModel('SegmentSearch'),
    ]
