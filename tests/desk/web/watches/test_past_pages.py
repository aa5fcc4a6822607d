"""Test what pages show about images seen before a work was registered, and about matches for review."""

import re

import pytest
from django.test import Client
from django.utils import translation

from desk.texts.cases import remarks_of
from desk.texts.sentences import in_words
from exhibit.clock import now
from exhibit.errors import WrongUseError
from registry.crawls import revisits, watching
from registry.models import Case, Crawl, LogOpening, Match, Owner, Picture, Revisit, User, Watch, Work, WorkPicture
from tests.assets.rows import found_studio
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with a work of which a copy was found."""
    return found_studio(inline)


def page(of: Owner, address: str) -> str:
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    of.memberships.create(user=user)
    client.force_login(user)
    return client.get(f"/o/{of.slug}/{address}").content.decode()


def past_watch(of: Owner) -> Watch:
    return Watch.objects.create(owner=of, number=9, name=revisits.NAME, sources=[revisits.SOURCE], paused=True)


def test_a_work_tells_how_far_the_search_is_and_what_had_expired(studio: Owner) -> None:
    crawl = Crawl.objects.create(watch=past_watch(studio), number=1, state="done", started_at=now())
    registered = WorkPicture.objects.get().picture
    found = Picture.objects.exclude(pk=registered.pk).get()
    WorkPicture.objects.update(progress={"alike": 7, "compared": 3}, state="doing")
    Revisit.objects.create(
        owner=studio, registered=registered, found=found, crawl=crawl, hamming=4, asked_at=now(),
        outcome=Revisit.Outcome.GONE, sentence="Seen there, and gone.",
    )  # fmt: skip
    shown = page(studio, f"works/{Work.objects.get().number}/")
    assert re.search(r"\b7\D+\b3\b", shown)
    assert "Seen there, and gone." in shown


def test_what_became_of_asking_again_is_said_in_the_readers_language(inline: SyncRunner, studio: Owner) -> None:
    crawl = Crawl.objects.create(watch=past_watch(studio), number=1, state="done", started_at=now())
    registered = WorkPicture.objects.get().picture
    found = Picture.objects.exclude(pk=registered.pk).get()
    Revisit.objects.create(
        owner=studio, registered=registered, found=found, crawl=crawl, hamming=4, inliers=30, dense=0.9, asked_at=now()
    )
    revisits.conclude_ended()
    kept = Revisit.objects.get().sentence
    assert "90%" in kept
    with translation.override("zh-hans"):
        assert not re.search("[a-z]{2,} [a-z]{2,}", in_words(kept)), in_words(kept)


def test_a_case_tells_why_a_person_has_to_look_and_that_there_are_more_copies(studio: Owner) -> None:
    identity = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    Match.objects.update(decision="review", reasons=["imprecise"], further=[identity, identity])
    shown = page(studio, f"cases/{Case.objects.get().number}/")
    assert remarks_of(["imprecise"])[0] in shown


def test_a_copy_with_nothing_wrong_is_cleared_without_being_counted_as_an_error(studio: Owner) -> None:
    case = Case.objects.get()
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user, role="owner")
    client.force_login(user)
    address = f"/o/{studio.slug}/cases/{case.number}/"
    assert 'value="copies"' in client.get(address).content.decode()
    client.post(f"{address}decide", {"decision": "copies", "reason": "A quotation."})
    case.refresh_from_db()
    assert (case.decision, case.reason) == ("cleared", "A quotation.")
    assert LogOpening.objects.get(submission__type="decision").content["copies"] is True


@pytest.mark.parametrize(
    ("reasons", "said"),
    [(["page"], "never a certain match"), (["flat"], "cannot be matched reliably"), ([], "")],
)
def test_works_that_are_held_back_say_so(studio: Owner, reasons: list[str], said: str) -> None:
    Work.objects.update(low_information=reasons)
    shown = page(studio, "works/").replace("&#x27;", "'")
    told = [one for one in ("never a certain match", "cannot be matched reliably") if one in shown]
    assert "".join(told) == said


def test_the_watch_of_the_past_has_no_times_and_is_started_by_nobody(studio: Owner) -> None:
    watch = past_watch(studio)
    for deed in (watching.resume, watching.pause, watching.start_now):
        with pytest.raises(WrongUseError):
            deed(watch)
