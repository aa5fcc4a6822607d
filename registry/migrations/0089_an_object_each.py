"""Exact bytes are an object each in a bucket, too. What packs held was copied before: ``workers.database.unpacking``."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def refuse_packs(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Forget no bytes: whoever migrates by another way than ``exhibit up`` is told to come that way."""
    if apps.get_model('registry', 'PackedBytes').objects.exists():
        raise RuntimeError('Bytes lie in packs still: start this version with “exhibit up”, which copies them.')


class Migration(migrations.Migration):

    dependencies = [('registry', '0088_milvus_collections')]

    operations = [
        migrations.RunPython(refuse_packs, migrations.RunPython.noop),
        migrations.DeleteModel('PackGap'),
        migrations.DeleteModel('PackedBytes'),
        migrations.DeleteModel('Pack'),
    ]
