"""Of each letter: which places it names, and what it shows; of each answer: whether members were told what followed."""

import django.db.models.deletion
from django.db import migrations, models

TOLD = "UPDATE registry_noticereply SET told_at = at WHERE kind = 'removed'"
"""Answers of before are old matters; nobody is told of them by the next visit."""

NAMED = """
UPDATE registry_noticecase SET places = named.places FROM (
  SELECT of.id, jsonb_agg(DISTINCT jsonb_build_array(encode(s.page_key, 'hex'), encode(s.image_key, 'hex'))) AS places
  FROM registry_noticecase of
  JOIN registry_notice notice ON notice.id = of.notice_id
  JOIN registry_casesighting use ON use.case_id = of.case_id
  JOIN registry_sighting s ON s.id = use.sighting_id
  WHERE s.first_seen <= notice.signed_at AND NOT EXISTS (
    SELECT FROM registry_capture visit
    WHERE visit.case_id = of.case_id AND visit.page_key = s.page_key AND visit.image_key = s.image_key
    AND visit.finished_at <= notice.signed_at AND visit.outcome IN ('image-gone', 'page-gone')
  )
  GROUP BY of.id
) named WHERE named.id = registry_noticecase.id
"""
"""Places of letters signed before: seen by then, and never found removed; what they showed isn't known any more."""


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0103_invoices'),
    ]

    operations = [
        migrations.AddField(
            model_name='noticecase',
            name='places',
            field=models.JSONField(blank=True, default=list, help_text='that the signed letter names: the keys of page and image, as hex'),
        ),
        migrations.AddField(
            model_name='noticecase',
            name='shown',
            field=models.ForeignKey(blank=True, help_text='at those places', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='registry.casesighting'),
        ),
        migrations.AddField(
            model_name='noticereply',
            name='told_at',
            field=models.DateTimeField(blank=True, help_text='that it was cleared: when members were told what visits found then', null=True),
        ),
        migrations.RunSQL(TOLD, migrations.RunSQL.noop),
        migrations.RunSQL(NAMED, migrations.RunSQL.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
    ]
