"""Test the search for works, and the page about where one was seen."""

import io
import zipfile

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image, ImageDraw

from desk.texts.masks import MARK_SENTENCE
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.pictures.metadata import read_metadata
from exhibit.types import DeclaredWork
from indexer.picture.features import extract
from indexer.search.fingerprint_file import StatedPicture
from registry.cases import work_search as searching
from registry.matches.identify import identify_picture
from registry.matches.match import match_pictures
from registry.models import Owner, OwnershipRemark, Picture, User, Work, WorkChange, WorkPicture
from registry.works.fingerprint_registration import register_stated_picture
from registry.works.registration import NewWork, register_work, remove_work
from tests.assets.pages import has_test_id, message_levels
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from tests.assets.site_browser import PHONE, Site, site
from tests.assets.textured import textured
from tests.desk.web.works.test_declarations import register_credited
from tests.desk.web.works.test_uploads import ann, build_url, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "site", "studio"]


@pytest.mark.long
def test_copies_for_publishing_are_downloaded_from_the_page_of_a_work(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    work = register(inline.services, studio, photograph(1), "Harbour").work
    assert build_url("export-work", 1) in ann.get(build_url("work", 1)).content.decode()
    form = {"licence_url": "https://studio.example/licences", "no_training": "on"}
    response = ann.post(build_url("export-work", 1), form)
    assert response.headers["Content-Disposition"] == 'attachment; filename="studio-work-1-for-publishing.zip"'
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        (picture, tdmrep) = archive.namelist()
        data = archive.read(picture)
    metadata = read_metadata(data, inline.services.limits)
    assert (metadata.licence, tdmrep) == ("https://studio.example/licences", "tdmrep.json")
    assert b"DMI-PROHIBITED" in data
    assert b'name="mark_for"' in ann.get(build_url("work", 1)).content
    response = ann.post(build_url("export-work", 1), {"mark_for": "Heron Magazine"})
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        (marked_data,) = (archive.read(name) for name in archive.namelist())
    (copy,) = identify_picture(inline.services, studio, marked_data).copies
    assert copy.recipient == "Heron Magazine"
    refused_response = ann.post(build_url("export-work", 1), {"licence_url": "javascript:1"}, follow=True)
    assert message_levels(refused_response) == ["error"]
    assert b"no_training" not in Client().post(build_url("export-work", 1)).content
    remove_work(work, by="Ann")
    assert ann.post(build_url("export-work", 1)).status_code == 404


def test_works_are_searchable_by_partial_words_and_number(inline: SyncRunner, studio: Owner) -> None:
    services = inline.services
    register_work(
        services, studio, photograph(1), NewWork(DeclaredWork(title="Two Parrots", author="Ann Lee"), "x/a.jpg")
    )
    register_work(services, studio, photograph(2), NewWork(DeclaredWork(title="两只鹦鹉", author="陈明")))
    register(services, owner("agency"), photograph(3), "Two parrots")

    def search_numbers(text: str, filter_name: str = "") -> list[int]:
        return [work.number for work in searching.search_works(studio, text, filter_name)]

    assert search_numbers("parr LEE") == search_numbers("a.jpg") == [1]
    assert search_numbers("鹦鹉") == search_numbers("2") == [2]
    assert search_numbers("100%") == search_numbers("Ann 陈明") == []
    assert search_numbers("", "unsafe") == search_numbers("", "seen") == []
    assert search_numbers("") == [2, 1]


@pytest.mark.long
def test_work_shows_its_sightings_with_few_queries(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    data = photograph(1)
    register(inline.services, studio, data)
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(data)]))
    assert "shop.example" in ann.get(build_url("work", 1)).content.decode()
    pictures = WorkPicture.objects.get().picture_id
    many = [
        Work(owner=studio, number=n, title=f"W{n}", registered_at=Work.objects.get().registered_at)
        for n in range(2, 60)
    ]
    for row in Work.objects.bulk_create(many):
        WorkPicture.objects.create(work=row, picture_id=pictures)
        OwnershipRemark.objects.create(work=row, kind="term", details={"countries": ["EU"]}, noted_at=row.registered_at)
    for address in (build_url("works"), build_url("work", 1), build_url("edit-work", 1), build_url("uploads")):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert ann.get(address).status_code == 200
        assert len(queries) <= 30, (address, len(queries))


@pytest.mark.long
def test_ownership_warning_is_answered_in_a_browser(site: Site, studio: Owner) -> None:
    register_credited(site.inline, studio)
    visitor = site.member(studio, size=PHONE)
    page = visitor.open(build_url("work", 1))
    page.locator("#doubts input[name=reason]").fill("He works for us.")
    page.locator("#doubts form button").click()
    page.locator("#doubts").get_by_text("He works for us.").wait_for()
    visitor.check()


def test_long_history_of_a_work_is_paginated_back_to_registration(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    row = register(inline.services, studio, photograph(1)).work
    changes = [
        WorkChange(work=row, number=n, at=now(), by="Ann", kind="edited", reason=f"Reason {n}.") for n in range(60)
    ]
    WorkChange.objects.bulk_create(changes)
    first, second = (ann.get(build_url("work", 1), {"history": n}).content.decode() for n in (1, 2))
    assert "Reason 59." in first
    assert "Reason 9." not in first
    assert 'href="?history=2#history"' in first
    assert "Reason 9." in second
    assert ": Registered</li>" in second
    assert ": Registered</li>" not in first


def test_work_page_shows_its_caption_and_mark(inline: SyncRunner) -> None:
    studio, captioned = owner("studio"), Image.new("RGB", (480, 410), "white")
    captioned.paste(textured(51))
    ImageDraw.Draw(captioned).text((20, 370), "Lumen Photo Agency", fill="black", font_size=24)
    work = register(inline.services, studio, encode_jpeg(captioned)).work
    WorkPicture.objects.update(marks=[[0.7, 0.8, 0.9, 1.0]])
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user)
    client.force_login(user)
    page = client.get(f"/o/studio/works/{work.number}/").content.decode()
    assert "12%" in page
    assert MARK_SENTENCE.partition("%(")[0] + "4%" in page


@pytest.mark.long
def test_fingerprint_only_picture_is_marked_as_not_stored(ann: Client, inline: SyncRunner, studio: Owner) -> None:
    data = photograph(1)
    register_stated_picture(
        inline.services, studio, StatedPicture.from_features("harbour.jpg", len(data), extract(data))
    )
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(data)]))
    placeholder = Picture.objects.get(bytes_state="never")
    pages = [
        ann.get(build_url("works")),
        ann.get(build_url("work", 1)),
        ann.get(build_url("cases")),
        ann.get(build_url("case", 1)),
    ]
    for page in pages:
        text = page.content.decode()
        assert has_test_id(text, "only-stated")
        assert f"/{placeholder.digest}" not in text  # its name is confidential
    assert Digest.from_bytes(data).hex in pages[1].content.decode()
