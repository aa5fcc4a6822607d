"""Test what pages show about images seen before a work was registered, and about matches for review."""

import re

import pytest
from django.test import Client
from django.utils import translation

from desk.texts.cases import describe_remarks
from desk.texts.sentences import in_words
from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.crawls import revisits, watch_settings
from registry.models import Case, Crawl, LogOpening, Match, Owner, Picture, Revisit, User, Watch, Work, WorkPicture
from tests.assets.rows import create_studio
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with a work of which a copy was found."""
    return create_studio(inline)


def read_page(owner: Owner, address: str) -> str:
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    owner.memberships.create(user=user)
    client.force_login(user)
    return client.get(f"/o/{owner.slug}/{address}").content.decode()


def add_past_watch(owner: Owner) -> Watch:
    return Watch.objects.create(owner=owner, number=9, name=revisits.NAME, sources=[revisits.SOURCE], paused=True)


def test_work_shows_past_search_progress_and_expired_pages(studio: Owner) -> None:
    crawl = Crawl.objects.create(watch=add_past_watch(studio), number=1, state="done", started_at=now())
    registered_picture = WorkPicture.objects.get().picture
    picture = Picture.objects.exclude(pk=registered_picture.pk).get()
    WorkPicture.objects.update(progress={"alike": 7, "compared": 3}, state="running")
    Revisit.objects.create(
        owner=studio, registered=registered_picture, found=picture, crawl=crawl, hamming=4, requested_at=now(),
        outcome=Revisit.Outcome.GONE, sentence="Seen there, and gone.",
    )  # fmt: skip
    text = read_page(studio, f"works/{Work.objects.get().number}/")
    assert re.search(r"\b7\D+\b3\b", text)
    assert "Seen there, and gone." in text


def test_outcomes_of_repeated_visits_are_translated(inline: SyncRunner, studio: Owner) -> None:
    crawl = Crawl.objects.create(watch=add_past_watch(studio), number=1, state="done", started_at=now())
    registered_picture = WorkPicture.objects.get().picture
    picture = Picture.objects.exclude(pk=registered_picture.pk).get()
    Revisit.objects.create(
        owner=studio,
        registered=registered_picture,
        found=picture,
        crawl=crawl,
        hamming=4,
        inliers=30,
        dense=0.9,
        requested_at=now(),
    )
    revisits.record_results()
    sentence = Revisit.objects.get().sentence
    assert "90%" in sentence
    with translation.override("zh-hans"):
        assert not re.search("[a-z]{2,} [a-z]{2,}", in_words(sentence)), in_words(sentence)


def test_case_explains_why_review_is_needed_and_mentions_further_copies(studio: Owner) -> None:
    identity = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    Match.objects.update(decision="review", reasons=["imprecise"], further=[identity, identity])
    text = read_page(studio, f"cases/{Case.objects.get().number}/")
    assert describe_remarks(["imprecise"])[0] in text


def test_copy_dismissed_as_acceptable_is_not_counted_as_an_error(studio: Owner) -> None:
    case = Case.objects.get()
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user, role="owner")
    client.force_login(user)
    address = f"/o/{studio.slug}/cases/{case.number}/"
    assert 'value="copies"' in client.get(address).content.decode()
    client.post(f"{address}decide", {"decision": "copies", "reason": "A quotation."})
    case.refresh_from_db()
    assert (case.decision, case.reason) == ("dismissed", "A quotation.")
    assert LogOpening.objects.get(submission__type="decision").content["copies"] is True


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [(["page"], "matches always need review"), (["flat"], "cannot be matched reliably"), ([], "")],
)
def test_works_on_hold_show_a_reason(studio: Owner, reasons: list[str], expected: str) -> None:
    Work.objects.update(low_information=reasons)
    text = read_page(studio, "works/").replace("&#x27;", "'")
    messages = [message for message in ("matches always need review", "cannot be matched reliably") if message in text]
    assert "".join(messages) == expected


def test_past_watch_has_no_schedule_and_cannot_be_started(studio: Owner) -> None:
    watch = add_past_watch(studio)
    for action in (watch_settings.resume_watch, watch_settings.pause_watch, watch_settings.start_crawl_now):
        with pytest.raises(InvalidRequestError):
            action(watch)
