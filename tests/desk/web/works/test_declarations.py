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
from tests.assets.rows import claim_new_slice, photograph, recompress, record_sightings, register
from tests.assets.source import collapse_whitespace
from tests.desk.web.works.test_uploads import ann, build_upload, build_url, studio
from tests.registry.works.test_ownership import make_signed_picture
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "studio"]


def register_credited(inline: SyncRunner, owner: Owner) -> Work:
    """Register a work whose file names another author."""
    data = make_signed_picture(1, Artist="Bo Chan", DateTimeOriginal="2020:05:31 10:00:00")
    return register_work(
        inline.services, owner, data, NewWork(DeclaredWork(title="Two parrots"), "shoot/parrots.jpg")
    ).work


def build_declaration_form(**more: str) -> dict[str, str]:
    return {"title": "Two parrots", "author_kind": "person", "version": "0", **more}


def test_declaration_change_shows_both_versions(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    register_credited(inline, studio)
    page_text = ann.get(build_url("edit-work", 1), {"fill": "1"}).content.decode()
    assert 'name="author" value="Bo Chan"' in page_text
    assert 'name="created" value="2020-05-31"' in page_text
    form = build_declaration_form(
        author="Bo Chan", created="2020-05-31", registrations="USCO | VA 1 | 2021-01-02\nCN | 7"
    )
    response = ann.post(build_url("edit-work", 1), {**form, "reason": "As the file says."})
    assert response.headers["Location"] == build_url("work", 1)
    page = collapse_whitespace(ann.get(build_url("work", 1)).content.decode())
    assert "Author: – → Bo Chan" in page
    assert "“As the file says.”" in page
    assert "USCO VA 1, 2021-01-02" in page
    assert 'id="doubts"' not in page
    other_response = ann.post(build_url("edit-work", 1), build_declaration_form(title="Mine"))
    assert other_response.status_code == 400
    assert 'value="Mine"' in other_response.content.decode()


@pytest.mark.parametrize(
    "fields",
    [{"title": ""}, {"created": "May"}, {"author_died": "soon"}, {"registrations": "VA 1"}, {"author_kind": "cat"}],
)
def test_invalid_declaration_is_explained_and_kept_in_the_form(
    ann: Client, inline: SyncRunner, studio: Owner, fields: dict[str, str]
) -> None:
    register(inline.services, studio, photograph(1))
    page = ann.post(build_url("edit-work", 1), build_declaration_form(holder="Studio & Co", **fields) | fields)
    assert page.status_code == 400
    assert 'value="Studio &amp; Co"' in page.content.decode()


@pytest.mark.long
def test_ownership_warning_is_shown_until_answered_and_answer_is_stored(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    remark = register_credited(inline, studio).remarks.get()
    assert has_test_id(ann.get(build_url("works")), "doubt")  # with the reason
    assert "Two parrots" in ann.get(build_url("works"), {"only": "doubtful"}).content.decode()
    page = ann.get(build_url("work", 1)).content.decode()
    assert "<dd>Bo Chan</dd>" in page
    assert ann.post(build_url("answer-remark", 1, remark.pk)).status_code == 302
    assert OwnershipRemark.objects.get().answered_at is None
    ann.post(build_url("answer-remark", 1, remark.pk), {"reason": "He works for us."})
    assert "He works for us." in ann.get(build_url("work", 1)).content.decode()
    assert "Two parrots" not in ann.get(build_url("works"), {"only": "doubtful"}).content.decode()


def test_document_is_returned_unchanged_and_can_be_removed(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(1))
    ann.post(
        build_url("attach", 1),
        {"file": build_upload("Vertrag ü.pdf", b"%PDF-1.7 exact"), "about": "Assignment of 2021"},
    )
    assert "Assignment of 2021" in ann.get(build_url("work", 1)).content.decode()
    response = ann.get(build_url("attachment", 1, 1))
    assert response.getvalue() == b"%PDF-1.7 exact"
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    ann.post(build_url("detach", 1, 1))
    assert ann.get(build_url("attachment", 1, 1)).status_code == 404


def test_removed_work_leaves_the_list(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(1))
    assert message_levels(ann.post(build_url("remove-work", 1), follow=True)) == ["success"]
    assert ann.get(build_url("work", 1)).status_code == 404


def test_ownership_decisions_are_translated(inline: SyncRunner, ann: Client, studio: Owner) -> None:
    data = photograph(1)
    register(inline.services, studio, data)
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(data)]))
    chinese = ann.get(build_url("work", 1), headers={"Accept-Language": "zh-CN"}).content.decode()
    with translation.override("zh-hans"):
        assert f">{decision_in_words('open')}</td>" in chinese
