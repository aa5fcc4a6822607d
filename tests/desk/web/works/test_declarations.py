"""Test a work's page: declarations and changes, ownership warnings, documents, and the search for works."""

import pytest
from django.test import Client
from django.utils import translation

from desk.texts.cases import decision_in_words
from exhibit.types import DeclaredWork
from registry.matches.match import match_pictures
from registry.models import Owner, OwnershipRemark, Work
from registry.works.registration import NewWork, register_work
from tests.assets.pages import has_test_id, message_levels
from tests.assets.rows import bring, claimed_slice, copy_of, photograph, register
from tests.assets.source import flat
from tests.desk.web.works.test_uploads import ann, at, file, studio
from tests.registry.works.test_ownership import signed
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "studio"]


def credited(inline: SyncRunner, of: Owner) -> Work:
    """Register a work whose file names another author."""
    data = signed(1, Artist="Bo Chan", DateTimeOriginal="2020:05:31 10:00:00")
    return register_work(
        inline.services, of, data, NewWork(DeclaredWork(title="Two parrots"), "shoot/parrots.jpg")
    ).work


def typed(**more: str) -> dict[str, str]:
    return {"title": "Two parrots", "author_kind": "person", "version": "0", **more}


def test_a_declaration_is_changed_and_both_are_shown(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    credited(inline, studio)
    filled = ann.get(at("edit-work", 1), {"fill": "1"}).content.decode()
    assert 'name="author" value="Bo Chan"' in filled
    assert 'name="created" value="2020-05-31"' in filled
    given = typed(author="Bo Chan", created="2020-05-31", registrations="USCO | VA 1 | 2021-01-02\nCN | 7")
    answer = ann.post(at("edit-work", 1), {**given, "reason": "As the file says."})
    assert answer.headers["Location"] == at("work", 1)
    page = flat(ann.get(at("work", 1)).content.decode())
    assert "Author: – → Bo Chan" in page
    assert "“As the file says.”" in page
    assert "USCO VA 1, 2021-01-02" in page
    assert 'id="doubts"' not in page
    late = ann.post(at("edit-work", 1), typed(title="Mine"))
    assert late.status_code == 400
    assert 'value="Mine"' in late.content.decode()


@pytest.mark.parametrize(
    "given",
    [{"title": ""}, {"created": "May"}, {"author_died": "soon"}, {"registrations": "VA 1"}, {"author_kind": "cat"}],
)
def test_what_cannot_be_saved_is_explained_and_kept_in_the_form(
    ann: Client, inline: SyncRunner, studio: Owner, given: dict[str, str]
) -> None:
    register(inline.services, studio, photograph(1))
    page = ann.post(at("edit-work", 1), typed(holder="Studio & Co", **given) | given)
    assert page.status_code == 400
    assert 'value="Studio &amp; Co"' in page.content.decode()


@pytest.mark.long
def test_a_doubt_is_shown_until_a_reason_is_given_and_the_reason_stays(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    remark = credited(inline, studio).remarks.get()
    assert has_test_id(ann.get(at("works")), "doubt")  # with the reason
    assert "Two parrots" in ann.get(at("works"), {"only": "doubtful"}).content.decode()
    page = ann.get(at("work", 1)).content.decode()
    assert "<dd>Bo Chan</dd>" in page
    assert ann.post(at("answer-remark", 1, remark.pk)).status_code == 302
    assert OwnershipRemark.objects.get().answered_at is None
    ann.post(at("answer-remark", 1, remark.pk), {"reason": "He works for us."})
    assert "He works for us." in ann.get(at("work", 1)).content.decode()
    assert "Two parrots" not in ann.get(at("works"), {"only": "doubtful"}).content.decode()


def test_a_document_comes_back_byte_for_byte_and_can_be_taken_off(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    register(inline.services, studio, photograph(1))
    ann.post(at("attach", 1), {"file": file("Vertrag ü.pdf", b"%PDF-1.7 exact"), "about": "Assignment of 2021"})
    assert "Assignment of 2021" in ann.get(at("work", 1)).content.decode()
    answer = ann.get(at("attachment", 1, 1))
    assert answer.getvalue() == b"%PDF-1.7 exact"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    ann.post(at("detach", 1, 1))
    assert ann.get(at("attachment", 1, 1)).status_code == 404


def test_a_work_that_is_removed_leaves_the_list(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(1))
    assert message_levels(ann.post(at("remove-work", 1), follow=True)) == ["success"]
    assert ann.get(at("work", 1)).status_code == 404


def test_what_was_decided_is_said_in_the_readers_language(inline: SyncRunner, ann: Client, studio: Owner) -> None:
    data = photograph(1)
    register(inline.services, studio, data)
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(data)]))
    chinese = ann.get(at("work", 1), headers={"Accept-Language": "zh-CN"}).content.decode()
    with translation.override("zh-hans"):
        assert f">{decision_in_words('open')}</td>" in chinese
