"""Test notices as rows: numbered per owner, with one mail, and protecting their cases from deletion."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from exhibit.clock import now
from registry.models import Notice, NoticeCase, NoticeEvent, NoticeMail, NoticeWording
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner


def test_notice_has_one_mail_and_protects_its_cases(inline: SyncRunner) -> None:
    case = create_case(inline.services, owner("studio"))
    about = {"kind": "dmca", "language": "en", "party": case.party, "created_by": "Ann", "created_at": now()}
    row = Notice.objects.create(owner=case.owner, number=1, **about)
    assert row.state == Notice.State.DRAFT
    NoticeCase.objects.create(notice=row, case=case)
    NoticeMail.objects.create(notice=row, to="a@shop.example", by="Ann", message_id="<1@a>")
    with pytest.raises(IntegrityError, match="notice_identity"), transaction.atomic():
        Notice.objects.create(owner=case.owner, number=1, **about)
    with pytest.raises(IntegrityError), transaction.atomic():
        NoticeMail.objects.create(notice=row, to="b@shop.example", by="Ann", message_id="<2@a>")
    with pytest.raises(ProtectedError), transaction.atomic():
        case.delete()
    moment = now()
    for kind in ("signed", "sent"):
        NoticeEvent.objects.create(notice=row, at=moment, kind=kind)
    assert [event.kind for event in row.events.all()] == ["sent", "signed"]
    row.delete()
    assert not NoticeMail.objects.exists()


def test_wording_is_unique_for_owner_kind_and_language(db: None) -> None:
    studio = owner("studio")
    words = {"subject": "s", "body": "b", "item": "i", "changed_at": now(), "changed_by": "Ann"}
    for language in ("en", "zh-Hans"):
        NoticeWording.objects.create(owner=studio, kind="dmca", language=language, **words)
    with pytest.raises(IntegrityError, match="notice_wording_identity"), transaction.atomic():
        NoticeWording.objects.create(owner=studio, kind="dmca", language="en", **words)
