"""The grade ``derived`` is called ``resembles``: what nobody has opened lies in a drawer; odds and figures of a pair."""

from typing import Any

from django.db import migrations, models


def rename(apps: Any, _editor: Any) -> None:  # noqa: ANN401 - of migrations
    """Call matches by the new name. Open cases that hold nothing else go to the drawer, unless a person took them out."""
    apps.get_model("registry", "Match").objects.filter(decision="derived").update(decision="resembles")
    cases = apps.get_model("registry", "Case").objects.filter(decision="open", shown__match__decision="resembles")
    taken = apps.get_model("registry", "CaseEvent").objects.filter(kind="taken-out").values("case")
    cases.filter(waits=True).exclude(pk__in=taken).update(waits=False, resembles=True)
    cases.update(likelihood=0)
    groups = apps.get_model("registry", "GroupDecision").objects.filter(wanted__sure="derived")
    for group in groups:
        group.wanted["sure"] = "resembles"
        group.save(update_fields=["wanted"])


class Migration(migrations.Migration):

    dependencies = [('registry', '0082_watch_time_of_day')]

    operations = [
        migrations.AlterField('match', 'decision', models.CharField(max_length=9)),
        migrations.AddField('match', 'related', models.FloatField(blank=True, help_text='logarithm of the odds that they have to do with each other', null=True)),
        migrations.AddField('match', 'exposure', models.FloatField(blank=True, help_text='… and that both show the very same picture', null=True)),
        migrations.AddField('match', 'figures', models.JSONField(blank=True, db_default={}, default=dict, help_text='what was measured, by name')),
        migrations.AddField(
            'case',
            'resembles',
            models.BooleanField(
                db_default=False, default=False, help_text='all that is left of it only resembles the work; nobody is asked'
            ),
        ),
        migrations.AddIndex(
            'case',
            models.Index(condition=models.Q(('resembles', True)), fields=['owner', '-likelihood', 'number'], name='case_resembling'),
        ),
        migrations.RunPython(rename, migrations.RunPython.noop),
    ]
