from django.db import migrations


class Migration(migrations.Migration):
    """What the queue sorts by, for the cases that are there."""

    dependencies = [
        ('registry', '0030_attention'),
    ]

    operations = [
        migrations.RunSQL(
            """
            UPDATE registry_case c
            SET waits = (c.decision = 'open'), places = s.places, likelihood = s.likelihood, shown_id = s.shown
            FROM (
                SELECT cs.case_id, count(DISTINCT (g.page_key, g.image_key)) AS places,
                       max(coalesce(m.probability, CASE m.decision WHEN 'certain' THEN 0.9 ELSE 0.3 END)) AS likelihood,
                       (array_agg(cs.id ORDER BY m.decision = 'certain' DESC, coalesce(m.probability, 0) DESC,
                                  m.dense DESC, m.id, g.last_seen DESC, cs.id DESC))[1] AS shown
                FROM registry_casesighting cs
                JOIN registry_match m ON m.id = cs.match_id
                JOIN registry_sighting g ON g.id = cs.sighting_id
                GROUP BY cs.case_id
            ) s
            WHERE s.case_id = c.id
            """,
            migrations.RunSQL.noop,
        ),
    ]
