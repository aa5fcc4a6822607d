"""The page that says how often the comparison was wrong."""

import re

from django.test import Client

from registry.models import User
from tests.assets.rows import found_case, owner
from tests.assets.source import flat
from workers.cases import decisions
from workers.log.sequencer import sequence_log
from workers.tasks.sync_runner import SyncRunner


def signed_in() -> Client:
    client = Client()
    client.force_login(User.objects.create_user(username="ann@example.org", password="not used"))
    return client


def test_whoever_is_signed_in_sees_the_rate_of_the_installation(inline: SyncRunner) -> None:
    client = signed_in()
    assert b"nothing decided yet" in client.get("/accuracy/").content
    decisions.clear(found_case(inline.services, owner("studio")), by="Ann", reason="Not ours.")
    sequence_log(inline.services)
    answer = client.get("/accuracy/")
    assert answer.status_code == 200
    [row] = re.findall("<tr><td>Very likely a copy</td>.*?</tr>", flat(answer.content.decode()))
    assert re.findall(r'<td class="number"[^>]*>(\d+)</td>', row) == ["1", "1", "0"]
    assert b"studio" not in answer.content


def test_a_stranger_is_asked_to_sign_in_and_nothing_can_be_posted(db: None) -> None:
    assert Client().get("/accuracy/").headers["Location"].startswith("/sign-in/")
    assert signed_in().post("/accuracy/").status_code == 405
