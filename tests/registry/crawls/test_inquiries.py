"""Test a crawl's queries of searches: in turn, within limits, continuing where the previous run ended."""

from datetime import timedelta

import pytest

from indexer.picture.features import extract
from indexer.search.prints import StatedPicture
from registry.crawls import inquiries, watching
from registry.crawls.crawling import NewUrl
from registry.models import Crawl, FrontierUrl, Inquiry, Owner, Refusal
from registry.works.stated import register_stated
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)


def begun(of: Owner, *words: str, searches: int = 2) -> Inquiry:
    made = watching.add_watch(
        of, "m", [("search", "market")], every=DAY, budget={"searches": searches}, politeness={}, words=words
    )
    return watching.start_now(made).inquiries.get()


def again(row: Inquiry) -> Inquiry:
    Crawl.objects.update(state="done")
    return watching.start_now(row.crawl.watch).inquiries.get()


def asked(row: Inquiry) -> list[inquiries.Subject]:
    """Return the subjects of a run, each completed."""
    Inquiry.objects.filter(pk=row.pk).update(state="doing")
    done = []
    while subject := inquiries.next_subject(row):
        done.append(subject)
        inquiries.done_with(row.pk, subject)
        row.refresh_from_db()
    return done


def test_each_run_goes_on_with_the_words_behind_those_of_the_last(db: None) -> None:
    row = begun(owner("studio"), "wave", "fuji", "boat")
    assert [one.words for one in asked(row)] == ["wave", "fuji"]
    assert [one.words for one in asked(again(row))] == ["boat", "wave"]
    assert inquiries.subjects(row) == 3


def test_pictures_of_works_are_asked_for_round_and_round_without_removed_ones(inline: SyncRunner) -> None:
    studio = owner("studio")
    for seed in (1, 2, 3):
        register(inline.services, studio, photograph(seed))
    studio.works.filter(number=2).update(removed_at=studio.created_at)
    row = begun(studio, searches=3)
    numbers = [one.picture.work.number for one in asked(row) if one.picture is not None]
    assert (numbers, inquiries.subjects(row)) == ([1, 3, 1], 2)


def test_an_answer_is_kept_for_the_crawl_while_its_claim_stands(db: None) -> None:
    row = begun(owner("studio"), "wave")
    urls = [NewUrl("http://shop.example/a.jpg", "image", 1, "http://shop.example/")] * 2
    assert not inquiries.keep_answer(row.pk, urls, page="2", pages=1)
    Inquiry.objects.update(state="doing")
    assert inquiries.keep_answer(row.pk, urls, page="2", pages=1)
    row.refresh_from_db()
    assert (row.found, row.asked, row.page, row.pages) == (1, 1, "2", 1)
    assert FrontierUrl.objects.get().url == "http://shop.example/a.jpg"
    subject = inquiries.next_subject(row)
    assert subject is not None
    for _ in range(2):
        inquiries.refuse(row, subject, "It can't be sent.")
    assert Refusal.objects.get().url == "search:market?wave"
    inquiries.end(row.pk, "no-key")
    row.refresh_from_db()
    assert (row.state, row.outcome) == ("done", "no-key")


def test_a_run_that_is_broken_off_goes_on_with_what_it_hasnt_asked_for(db: None) -> None:
    row = begun(owner("studio"), "wave", "fuji", "boat", searches=9)
    Inquiry.objects.update(state="doing")
    for left in (2, 1, 0):
        subject = inquiries.next_subject(row)
        assert subject is not None
        if left:
            assert inquiries.keep_answer(row.pk, [], page="", pages=1, ends=subject)
        else:
            inquiries.refuse(row, subject, "It can't be searched for.")
        row = Inquiry.objects.get()
        assert (inquiries.rest(row), row.page, row.pages) == (left, "", 0)


@pytest.mark.parametrize("searches", [0, 1])
def test_a_run_asks_for_no_more_than_its_budget(db: None, searches: int) -> None:
    assert len(asked(begun(owner("studio"), "wave", "fuji", searches=searches))) == searches


def test_no_search_is_asked_for_a_picture_that_was_never_here(inline: SyncRunner) -> None:
    studio, data = owner("studio"), photograph(1)
    register_stated(inline.services, studio, StatedPicture.of("a.jpg", len(data), extract(data)))
    assert not inquiries.pictures_of(studio.pk, []).exists()
    register(inline.services, studio, photograph(2))
    assert inquiries.pictures_of(studio.pk, []).count() == 1
