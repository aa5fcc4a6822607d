"""Old sentences of ours get their templates and values; what people and servers wrote stays as it is."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils import translation

from desk.texts.sentences import in_words
from exhibit.clock import now
from registry.models import Capture, Case, CaseEvent, Picture
from tests.assets.rows import found_case, owner
from workers.tasks.sync_runner import SyncRunner

migration = import_module("registry.migrations.0090_sentences_with_values")
GONE = "The page is there, but the image wasn't seen. The image couldn't be fetched: The server answers too slowly."
BROKE_OFF = "The step broke off: KeyError."
NOTES = ('"Not mine," he said.', "[urgent] Look at this.", "{see below}")
QUOTE = '{"text": "Licensed.", "values": {}}'


@pytest.mark.long
def test_what_rows_had_in_english_is_known_by_template_and_values(inline: SyncRunner) -> None:
    case = found_case(inline.services, owner("studio"))
    capture = Capture.objects.create(case=case, sighting=case.case_sightings.get().sighting, sentence=GONE)
    Picture.objects.update(error=BROKE_OFF)
    picture = Picture.objects.earliest("pk")
    server, person = Picture.objects.latest("pk"), CaseEvent.objects.create(case=case, at=now(), kind="note")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_picture SET error = %s WHERE id = %s", [QUOTE, server.pk])
        cursor.execute("UPDATE registry_caseevent SET sentence = 'Disputed.' WHERE id = %s", [person.pk])
        cursor.execute(
            "UPDATE registry_case SET reason = 'Covered by licence 3. Really.', decided_by = 'licence ledger'"
        )
        notes = [CaseEvent.objects.create(case=case, at=now(), kind="note") for _ in NOTES]
        for note, text in zip(notes, NOTES, strict=True):
            cursor.execute("UPDATE registry_caseevent SET sentence = %s WHERE id = %s", [text, note.pk])
    with connection.schema_editor(atomic=False) as editor:
        migration.recognise(apps, editor)
    pks = [note.pk for note in notes]
    assert tuple(CaseEvent.objects.filter(pk__in=pks).order_by("pk").values_list("sentence", flat=True)) == NOTES
    for row in (capture, picture, server, person, case):
        row.refresh_from_db()
    assert (capture.sentence, picture.error, server.error, person.sentence) == (GONE, BROKE_OFF, QUOTE, "Disputed.")
    with translation.override("zh-hans"):
        assert in_words(capture.sentence) == "页面存在，但未见到图片。无法获取图片：服务器答复过慢。"
        assert in_words(picture.error) == "该步骤中断：KeyError。"
        assert in_words(server.error) == QUOTE
        assert in_words(person.sentence) == "Disputed."
        assert in_words(case.reason) == "属于许可 3 的范围。Really."
    with connection.schema_editor(atomic=False) as editor:
        migration.forget(apps, editor)
    assert Case.objects.values_list(Cast("reason", TextField()), flat=True).get(pk=case.pk) == (
        "Covered by licence 3. Really."
    )
