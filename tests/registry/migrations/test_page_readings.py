"""Pages that visits kept before are to be read once; those whose bytes weren't stored aren't."""

from importlib import import_module

from django.db import connection

from registry.models import Capture, Owner, PageReading
from tests.assets.noticed_once import inline, stage, studio, two_cases

__all__ = ["inline", "stage", "studio", "two_cases"]

migration = import_module("registry.migrations.0106_page_readings")


def test_each_kept_page_waits_to_be_read(studio: Owner) -> None:
    file = {"name": "page.html", "media_type": "text/html", "digest": "0" * 64, "size": 1}
    kept, withheld = (
        [{**file, "role": "exchange"}, {**file, "role": "page", **more}] for more in ({}, {"because": "0"})
    )
    first, second = Capture.objects.filter(case__owner=studio).order_by("pk")[:2]
    Capture.objects.filter(pk=first.pk).update(state="done", files=kept)
    Capture.objects.filter(pk=second.pk).update(state="done", files=withheld)
    PageReading.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(migration.UNREAD)
    assert [(row.capture_id, row.state, row.statements) for row in PageReading.objects.all()] == [
        (first.pk, "todo", [])
    ]
