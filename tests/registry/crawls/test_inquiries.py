"""Test a crawl's search queries: in rotation, within limits, and continued where the previous run ended."""

from datetime import timedelta

import pytest

from indexer.picture.features import extract
from indexer.search.fingerprint_file import StatedPicture
from registry.crawls import inquiries, watch_settings
from registry.crawls.crawling import NewUrl
from registry.models import Crawl, FrontierUrl, Inquiry, Owner, Refusal
from registry.works.fingerprint_registration import register_stated_picture
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)


def start_inquiry(rights_holder: Owner, *words: str, searches: int = 2) -> Inquiry:
    new_watch = watch_settings.add_watch(
        rights_holder, "m", [("search", "market")], every=DAY, budget={"searches": searches}, politeness={}, words=words
    )
    return watch_settings.start_crawl_now(new_watch).inquiries.get()


def start_again(row: Inquiry) -> Inquiry:
    Crawl.objects.update(state="done")
    return watch_settings.start_crawl_now(row.crawl.watch).inquiries.get()


def complete_subjects(row: Inquiry) -> list[inquiries.Subject]:
    """Complete all subjects of a run, and return them."""
    Inquiry.objects.filter(pk=row.pk).update(state="running")
    done = []
    while subject := inquiries.get_next_subject(row):
        done.append(subject)
        inquiries.advance_past_subject(row.pk, subject)
        row.refresh_from_db()
    return done


def test_next_search_run_continues_with_remaining_words(db: None) -> None:
    row = start_inquiry(owner("studio"), "wave", "fuji", "boat")
    assert [subject.words for subject in complete_subjects(row)] == ["wave", "fuji"]
    assert [subject.words for subject in complete_subjects(start_again(row))] == ["boat", "wave"]
    assert inquiries.count_subjects(row) == 3


def test_pictures_are_searched_in_rotation_without_removed_works(inline: SyncRunner) -> None:
    studio = owner("studio")
    for seed in (1, 2, 3):
        register(inline.services, studio, photograph(seed))
    studio.works.filter(number=2).update(removed_at=studio.created_at)
    row = start_inquiry(studio, searches=3)
    numbers = [subject.picture.work.number for subject in complete_subjects(row) if subject.picture is not None]
    assert (numbers, inquiries.count_subjects(row)) == ([1, 3, 1], 2)


def test_search_results_are_stored_only_while_the_claim_is_valid(db: None) -> None:
    row = start_inquiry(owner("studio"), "wave")
    urls = [NewUrl("http://shop.example/a.jpg", "image", 1, "http://shop.example/")] * 2
    assert not inquiries.store_results(row.pk, urls, page="2", pages=1)
    Inquiry.objects.update(state="running")
    assert inquiries.store_results(row.pk, urls, page="2", pages=1)
    row.refresh_from_db()
    assert (row.found, row.requests, row.page, row.pages) == (1, 1, "2", 1)
    assert FrontierUrl.objects.get().url == "http://shop.example/a.jpg"
    subject = inquiries.get_next_subject(row)
    assert subject is not None
    for _ in range(2):
        inquiries.refuse_subject(row, subject, "It can't be sent.")
    assert Refusal.objects.get().url == "search:market?wave"
    inquiries.end_inquiry(row.pk, "no-key")
    row.refresh_from_db()
    assert (row.state, row.outcome) == ("done", "no-key")


def test_interrupted_search_run_resumes_with_remaining_words(db: None) -> None:
    row = start_inquiry(owner("studio"), "wave", "fuji", "boat", searches=9)
    Inquiry.objects.update(state="running")
    for remaining in (2, 1, 0):
        subject = inquiries.get_next_subject(row)
        assert subject is not None
        if remaining:
            assert inquiries.store_results(row.pk, [], page="", pages=1, finished_subject=subject)
        else:
            inquiries.refuse_subject(row, subject, "It can't be searched for.")
        row = Inquiry.objects.get()
        assert (inquiries.count_remaining(row), row.page, row.pages) == (remaining, "", 0)


@pytest.mark.parametrize("searches", [0, 1])
def test_search_run_makes_no_more_requests_than_its_budget(db: None, searches: int) -> None:
    assert len(complete_subjects(start_inquiry(owner("studio"), "wave", "fuji", searches=searches))) == searches


def test_picture_without_bytes_is_not_searched(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register_stated_picture(inline.services, studio, StatedPicture.from_features("a.jpg", len(data), extract(data)))
    assert not inquiries.list_pictures(studio.pk, []).exists()
    register(inline.services, studio, photograph(2))
    assert inquiries.list_pictures(studio.pk, []).count() == 1
