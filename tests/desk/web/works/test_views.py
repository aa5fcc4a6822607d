"""Test the search for works, and the page about where one was seen."""

import io
import zipfile

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image, ImageDraw

from desk.texts.masks import MARK
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.pictures.metadata import read_metadata
from exhibit.types import DeclaredWork
from indexer.picture.features import extract
from indexer.search.prints import StatedPicture
from registry.cases import work_search as searching
from registry.matches.identify import identify
from registry.matches.match import match_pictures
from registry.models import Owner, OwnershipRemark, Picture, User, Work, WorkChange, WorkPicture
from registry.works.registration import NewWork, register_work, remove_work
from registry.works.stated import register_stated
from tests.assets.pages import has_test_id, message_levels
from tests.assets.rows import bring, claimed_slice, copy_of, jpeg, owner, photograph, register
from tests.assets.site_browser import PHONE, Site, site
from tests.assets.textured import textured
from tests.desk.web.works.test_declarations import credited
from tests.desk.web.works.test_uploads import ann, at, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "site", "studio"]


@pytest.mark.long
def test_copies_for_publishing_are_downloaded_from_the_page_of_a_work(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    work = register(inline.services, studio, photograph(1), "Harbour").work
    assert at("export-work", 1) in ann.get(at("work", 1)).content.decode()
    given = {"licence_url": "https://studio.example/licences", "no_training": "on"}
    answer = ann.post(at("export-work", 1), given)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="studio-work-1-for-publishing.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (picture, tdmrep) = archive.namelist()
        data = archive.read(picture)
    said = read_metadata(data, inline.services.limits)
    assert (said.licence, tdmrep) == ("https://studio.example/licences", "tdmrep.json")
    assert b"DMI-PROHIBITED" in data
    assert b'name="mark_for"' in ann.get(at("work", 1)).content
    answer = ann.post(at("export-work", 1), {"mark_for": "Heron Magazine"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (marked,) = (archive.read(name) for name in archive.namelist())
    (copy,) = identify(inline.services, studio, marked).copies
    assert copy.recipient == "Heron Magazine"
    refused = ann.post(at("export-work", 1), {"licence_url": "javascript:1"}, follow=True)
    assert message_levels(refused) == ["error"]
    assert b"no_training" not in Client().post(at("export-work", 1)).content
    remove_work(work, by="Ann")
    assert ann.post(at("export-work", 1)).status_code == 404


def test_works_are_found_by_parts_of_words_in_any_language_and_by_number(inline: SyncRunner, studio: Owner) -> None:
    services = inline.services
    register_work(
        services, studio, photograph(1), NewWork(DeclaredWork(title="Two Parrots", author="Ann Lee"), "x/a.jpg")
    )
    register_work(services, studio, photograph(2), NewWork(DeclaredWork(title="两只鹦鹉", author="陈明")))
    register(services, owner("agency"), photograph(3), "Two parrots")

    def found(words: str, only: str = "") -> list[int]:
        return [one.number for one in searching.search(studio, words, only)]

    assert found("parr LEE") == found("a.jpg") == [1]
    assert found("鹦鹉") == found("2") == [2]
    assert found("100%") == found("Ann 陈明") == []
    assert found("", "unsafe") == found("", "seen") == []
    assert found("") == [2, 1]


@pytest.mark.long
def test_a_work_tells_where_it_was_seen_in_few_queries_however_much_there_is(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    data = photograph(1)
    register(inline.services, studio, data)
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(data)]))
    assert "shop.example" in ann.get(at("work", 1)).content.decode()
    pictures = WorkPicture.objects.get().picture_id
    many = [
        Work(owner=studio, number=n, title=f"W{n}", registered_at=Work.objects.get().registered_at)
        for n in range(2, 60)
    ]
    for row in Work.objects.bulk_create(many):
        WorkPicture.objects.create(work=row, picture_id=pictures)
        OwnershipRemark.objects.create(work=row, kind="term", details={"countries": ["EU"]}, noted_at=row.registered_at)
    for address in (at("works"), at("work", 1), at("edit-work", 1), at("uploads")):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert ann.get(address).status_code == 200
        assert len(asked) <= 30, (address, len(asked))


@pytest.mark.long
def test_a_doubt_is_answered_in_a_browser(site: Site, studio: Owner) -> None:
    credited(site.inline, studio)
    visitor = site.member(studio, size=PHONE)
    page = visitor.open(at("work", 1))
    page.locator("#doubts input[name=reason]").fill("He works for us.")
    page.locator("#doubts form button").click()
    page.locator("#doubts").get_by_text("He works for us.").wait_for()
    visitor.check()


def test_a_long_history_is_read_page_by_page_to_the_registration(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    row = register(inline.services, studio, photograph(1)).work
    made = [WorkChange(work=row, number=n, at=now(), by="Ann", kind="edited", reason=f"Reason {n}.") for n in range(60)]
    WorkChange.objects.bulk_create(made)
    first, second = (ann.get(at("work", 1), {"history": n}).content.decode() for n in (1, 2))
    assert "Reason 59." in first
    assert "Reason 9." not in first
    assert 'href="?history=2#history"' in first
    assert "Reason 9." in second
    assert ": Registered</li>" in second
    assert ": Registered</li>" not in first


def test_the_page_of_a_work_tells_of_its_caption_and_its_mark(inline: SyncRunner) -> None:
    studio, captioned = owner("studio"), Image.new("RGB", (480, 410), "white")
    captioned.paste(textured(51))
    ImageDraw.Draw(captioned).text((20, 370), "Lumen Photo Agency", fill="black", font_size=24)
    work = register(inline.services, studio, jpeg(captioned)).work
    WorkPicture.objects.update(marks=[[0.7, 0.8, 0.9, 1.0]])
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user)
    client.force_login(user)
    shown = client.get(f"/o/studio/works/{work.number}/").content.decode()
    assert "12%" in shown
    assert MARK.partition("%(")[0] + "4%" in shown


@pytest.mark.long
def test_pages_say_of_a_picture_that_was_only_stated_that_it_isnt_held_here(
    ann: Client, inline: SyncRunner, studio: Owner
) -> None:
    data = photograph(1)
    register_stated(inline.services, studio, StatedPicture.of("harbour.jpg", len(data), extract(data)))
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(data)]))
    stand_in = Picture.objects.get(bytes_state="never")
    pages = [ann.get(at("works")), ann.get(at("work", 1)), ann.get(at("cases")), ann.get(at("case", 1))]
    for page in pages:
        told = page.content.decode()
        assert has_test_id(told, "only-stated")
        assert f"/{stand_in.digest}" not in told  # its name is confidential
    assert Digest.of(data).hex in pages[1].content.decode()
