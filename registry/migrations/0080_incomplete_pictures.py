"""Pictures whose files break off are read as far as they go; no probability stands where less than half is in place."""

from typing import Any

from django.db import migrations, models
from django.db.models.functions import Now


def read_again(apps: Any, _editor: Any) -> None:  # noqa: ANN401 - of migrations
    """Put to work what was refused for breaking off or being damaged: browsers show a part of most of these files."""
    refused = apps.get_model("registry", "Picture").objects.filter(
        refusal__in=("truncated", "broken"), bytes_state="stored", state="done"
    )
    refused.update(refusal="", searched="", state="todo", attempts=0, not_before=None, held_since=None, error="", waits_since=Now())


def state_none(apps: Any, _editor: Any) -> None:  # noqa: ANN401 - of migrations
    """Take away probabilities of pairs of which less than half is in place; sealed bundles keep what they state."""
    matches = apps.get_model("registry", "Match").objects.filter(in_place__lt=0.5, probability__isnull=False)
    matches.update(probability=None, calibration=None)


class Migration(migrations.Migration):

    dependencies = [('registry', '0079_answers_seen')]

    operations = [
        migrations.AddField(
            'picture',
            'incomplete',
            models.BooleanField(null=True, blank=True, help_text='whether its file breaks off or is damaged; null where nobody knows'),
        ),
        migrations.RunPython(read_again, migrations.RunPython.noop),
        migrations.RunPython(state_none, migrations.RunPython.noop),
    ]
