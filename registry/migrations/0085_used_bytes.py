"""What an owner's works and documents take of the quota is counted as they come and go, not summed each time."""

from django.db import migrations, models

COUNTED = """
    UPDATE registry_owner SET used_bytes = coalesce(
        (SELECT sum(CASE WHEN bytes_state = 'never' THEN greatest(size, 65536) ELSE size END) FROM registry_picture
         WHERE id IN (SELECT held.picture_id FROM registry_workpicture held
                      JOIN registry_work work ON work.id = held.work_id
                      WHERE work.owner_id = registry_owner.id AND work.removed_at IS NULL)), 0
    ) + coalesce(
        (SELECT sum(kept.size) FROM registry_workattachment kept JOIN registry_work work ON work.id = kept.work_id
         WHERE work.owner_id = registry_owner.id), 0
    )
"""


class Migration(migrations.Migration):

    dependencies = [('registry', '0084_works_held_back')]

    operations = [
        migrations.AddField(
            'owner',
            'used_bytes',
            models.BigIntegerField(db_default=0, default=0, help_text='by pictures of works and documents'),
        ),
        migrations.RunSQL(COUNTED, migrations.RunSQL.noop),
    ]
