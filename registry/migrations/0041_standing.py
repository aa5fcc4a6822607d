"""How the places of a case stand, beside the case."""

from django.db import migrations, models

FILL = """
UPDATE registry_case c SET standing = s.standing
FROM (
  SELECT DISTINCT ON (case_id) case_id, standing
  FROM (
    SELECT DISTINCT ON (case_id, page_key, image_key) case_id,
      CASE outcome WHEN 'captured' THEN 'online' WHEN 'not-shown' THEN 'hidden' WHEN 'image-changed' THEN 'changed'
        WHEN 'image-gone' THEN 'removed' WHEN 'page-gone' THEN 'removed' ELSE 'unseen' END AS standing
    FROM registry_capture WHERE state = 'done' AND finished_at IS NOT NULL
    ORDER BY case_id, page_key, image_key, number DESC
  ) places
  ORDER BY case_id, array_position(ARRAY['online', 'hidden', 'changed', 'unseen', 'removed'], standing)
) s
WHERE s.case_id = c.id
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0040_log_origin_key")]

    operations = [
        migrations.AddField(
            model_name="case",
            name="standing",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="how its places stand; empty before a visit",
                max_length=8,
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
