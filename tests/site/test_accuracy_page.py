"""The page that says how often the comparison was wrong."""

from django.test import Client

from registry.models import Case, User
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.inline import Inline
from workers.steps import decide
from workers.steps.log import sequence_log
from workers.steps.match import match_pictures


def signed_in() -> Client:
    client = Client()
    client.force_login(User.objects.create_user(username="ann@example.org", password="not used"))
    return client


def test_whoever_is_signed_in_sees_the_rate_of_the_installation(inline: Inline) -> None:
    client = signed_in()
    assert b"nothing decided yet" in client.get("/accuracy/").content
    studio, data = owner("studio"), photograph(1)
    register(inline.house, studio, data)
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.house, bring(inline.house, planned, epoch, [copy_of(data)]))
    decide.clear(Case.objects.get(), by="Ann", reason="Not ours.")
    sequence_log(inline.house)
    answer = client.get("/accuracy/")
    assert answer.status_code == 200
    assert '<td>certain</td><td class="number">1</td><td class="number">1</td><td class="number">0</td><td>' in (
        answer.content.decode()
    )
    assert b"studio" not in answer.content


def test_a_stranger_is_asked_to_sign_in_and_nothing_can_be_posted(db: None) -> None:
    assert Client().get("/accuracy/").headers["Location"].startswith("/sign-in/")
    assert signed_in().post("/accuracy/").status_code == 405
