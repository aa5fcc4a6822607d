"""The API: who may do what, lists in pieces, repeated requests, limits, and errors that say what to do."""

import io
import json
import time
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from desk import shapes
from desk.api import answers, limits
from exhibit.clock import now
from exhibit.digests import Digest
from registry import repeats, tokens
from registry.models import Case, KeptAnswer, LogSubmission, Membership, Owner, Report, Role, Scope, User, Watch
from tests.flow.rows import owner, photograph
from tests.site.test_access import Scene, patterns, scene
from workers import wiring
from workers.inline import Inline

__all__ = ["scene"]
ROOT = "/api/v1/owners/studio"
PROBLEM = "application/problem+json"


class Program:
    """A program with a token; its requests send JSON and get it."""

    def __init__(self, secret: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {secret}"})

    def get(self, path: str) -> tuple[int, Any]:
        answer = self.client.get(ROOT + path)
        return answer.status_code, answer.json()

    def post(self, path: str, body: object, key: str = "") -> tuple[int, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.client.post(ROOT + path, json.dumps(body), content_type="application/json", headers=headers)
        return answer.status_code, answer.json()


@pytest.fixture
def studio(inline: Inline, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner with two members, and nothing else."""
    monkeypatch.setattr(wiring, "house", lambda: inline.house)
    made = owner("studio")
    for name, role in (("alice", Role.OWNER), ("bob", Role.VIEWER)):
        address = f"{name}@example.org"
        user = User.objects.create_user(username=address, email=address, password="not used")
        Membership.objects.create(user=user, owner=made, role=role)
    return made


@pytest.fixture
def alice(studio: Owner) -> Program:
    return program(studio, "alice")


@pytest.fixture
def scene_of_programs(scene: Scene, inline: Inline, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(wiring, "house", lambda: inline.house)
    return scene


def program(of: Owner, name: str, *scopes: Scope) -> Program:
    user = User.objects.get(username=f"{name}@example.org")
    given = scopes or tuple(tokens.permitted(of, user))
    return Program(tokens.make(of, user, name="program", scopes=given, days=1)[1])


@pytest.fixture
def decider(scene_of_programs: Scene) -> Program:
    return program(scene_of_programs.studio, "alice")


def addresses(scene: Scene) -> list[str]:
    values = {
        "owner": "studio", "number": 1, "bundle": 1, "deposit": 1, "crawl": 1, "capture": 1, "paper": "us-902",
        "name": "a.csv", "sequence": 0, "digest": scene.work.pictures.get().digest.hex,
    }  # fmt: skip
    named = {one.name: set(one.pattern.converters) for one in patterns("api") if "owner" in one.pattern.converters}
    return [reverse(f"api:{name}", kwargs={key: values[key] for key in keys}) for name, keys in named.items() if name]


def test_every_operation_of_an_owner_is_there_for_its_members_alone(scene_of_programs: Scene) -> None:
    agency = Owner.objects.get(slug="agency")
    stranger, found = program(agency, "charlie"), addresses(scene_of_programs)
    assert len(found) > 25
    for address in found:
        for method in ("get", "post", "delete"):
            asked = getattr(stranger.client, method)(address)
            assert asked.status_code in (404, 405), (method, address)
            assert "Studio" not in asked.content.decode()
            assert getattr(scene_of_programs.charlie, method)(address).status_code in (404, 405), address
            nobody = getattr(Client(), method)(address)
            assert nobody.status_code in (401, 405), address
            for answer in (asked, nobody):
                assert answer.headers["Content-Type"] == PROBLEM
                answers.Problem.model_validate_json(answer.content)


def test_a_token_permits_its_scopes_and_no_more_than_the_role(scene_of_programs: Scene) -> None:
    reads = program(scene_of_programs.studio, "alice", Scope.READ)
    assert reads.get("/cases")[0] == 200
    status, told = reads.post("/cases/1/decisions", {"decision": "confirmed"})
    assert (status, told["scope"]) == (403, "decide")
    all_of_alice = program(scene_of_programs.studio, "alice")
    Membership.objects.filter(user__username="alice@example.org").update(role=Role.VIEWER)
    assert all_of_alice.post("/cases/1/decisions", {"decision": "confirmed"})[0] == 403
    assert Case.objects.get().decision == "open"


def test_a_token_that_ended_is_nobody(studio: Owner, alice: Program) -> None:
    row = tokens.tokens_of(studio).get()
    tokens.revoke(studio, row.pk, by="Ann")
    answer = alice.client.get(ROOT)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_browser_that_is_signed_in_needs_the_csrf_token(scene_of_programs: Scene) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(username="alice@example.org"))
    assert browser.get(ROOT + "/cases").status_code == 200
    body = {"decision": "cleared", "reason": "Ours"}
    refused = browser.post(ROOT + "/cases/1/decisions", json.dumps(body), content_type="application/json")
    assert refused.status_code == 403
    browser.get("/sign-in/")
    sent = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    done = browser.post(ROOT + "/cases/1/decisions", json.dumps(body), content_type="application/json", headers=sent)
    assert done.status_code == 201
    assert done.json()["decided_by"] == "alice@example.org"


def test_a_decision_says_who_made_it_and_a_second_one_conflicts(scene_of_programs: Scene, decider: Program) -> None:
    status, told = decider.post("/cases/1/decisions", {"decision": "cleared", "reason": "Not ours"})
    assert (status, told["decision"], told["decided_by"]) == (201, "cleared", "alice@example.org (token program)")
    status, told = decider.post("/cases/1/decisions", {"decision": "confirmed"})
    assert (status, told["title"]) == (409, "Conflict")
    assert "Reopen" in told["hint"]
    assert decider.post("/cases/1/decisions", {"decision": "open", "reason": "Wrong"})[1]["decision"] == "open"


def test_a_repeated_request_is_done_once_and_answered_the_same(studio: Owner, alice: Program) -> None:
    before = Report.objects.count()
    first = alice.post("/reports", {"title": "November"}, key="one")
    again = alice.post("/reports", {"title": "November"}, key="one")
    assert first == again
    assert first[0] == 202
    assert Report.objects.count() == before + 1
    assert alice.post("/reports", {"title": "December"}, key="one")[0] == 422
    assert alice.post("/reports", {"title": "November"}, key="two")[1]["number"] == first[1]["number"] + 1
    other = program(studio, "alice")
    assert other.post("/reports", {"title": "November"}, key="one")[1]["number"] == first[1]["number"] + 2


def test_a_request_that_failed_may_be_sent_again_with_its_key(studio: Owner, alice: Program) -> None:
    assert alice.post("/licences", {"licensee": "Shop"}, key="k")[0] == 422
    assert alice.post("/licences", {"licensee": "Shop"}, key="k")[0] == 422
    assert not KeptAnswer.objects.exists()
    assert alice.post("/licences", {"licensee": "Shop", "domain": "shop.example"}, key="k")[0] == 201


def test_kept_answers_are_forgotten_in_time(studio: Owner, alice: Program) -> None:
    alice.post("/reports", {}, key="old")
    assert repeats.forget_old() == 0
    KeptAnswer.objects.update(made_at=now() - 2 * repeats.KEPT_FOR)
    assert repeats.forget_old() == 1


def test_lists_go_on_where_they_were_whatever_comes_meanwhile(studio: Owner, alice: Program) -> None:
    def watch(number: int) -> None:
        Watch.objects.create(owner=studio, number=number, name=f"w{number}", sources=[])

    for number in range(2, 7):
        watch(number)
    seen, cursor = [], ""
    while True:
        status, piece = alice.get(f"/watches?limit=2&cursor={cursor}")
        assert status == 200
        seen += [one["number"] for one in piece["items"]]
        if len(seen) == 2:
            Watch.objects.filter(number=2).delete()
            watch(9)
        if piece["next"] is None:
            break
        cursor = piece["next"]
    assert seen == [2, 3, 4, 5, 6, 9]


def test_a_picture_is_registered_once_and_can_be_looked_at(studio: Owner, alice: Program) -> None:
    def send() -> Any:  # noqa: ANN401 - Django's answer in tests
        file = io.BytesIO(photograph(77))
        file.name = "harbour.jpg"
        return alice.client.post(ROOT + "/works", {"title": "Harbour", "file": file}, headers={"Idempotency-Key": "h"})

    made = send()
    assert made.status_code == 201
    assert made.json()["new"]
    assert made.json()["file"] == "harbour.jpg"
    again = send()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == made.json()
    digest = made.json()["pictures"][0]["digest"]
    shown = alice.client.get(f"{ROOT}/pictures/{digest}")
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert alice.get(f"/pictures/{'0' * 64}")[0] == 404
    assert alice.client.delete(f"{ROOT}/works/{made.json()['number']}").status_code == 204
    assert alice.get(f"/works/{made.json()['number']}")[0] == 404


def test_what_is_no_picture_is_refused_with_its_reason(studio: Owner, alice: Program) -> None:
    file = io.BytesIO(b"not a picture")
    file.name = "a.jpg"
    answer = alice.client.post(ROOT + "/works", {"title": "A", "file": file})
    assert answer.status_code == 422
    assert answer.json()["reason"]


def test_a_watch_reaches_no_private_address_and_no_file(studio: Owner, alice: Program) -> None:
    for url in ("http://127.0.0.1/", "http://169.254.169.254/latest/"):
        assert alice.post("/watches", {"name": "w", "sources": [{"url": url}]})[0] == 422
    assert alice.post("/watches", {"name": "w", "sources": [{"kind": "folder", "url": "/etc"}]})[0] == 400
    new = {"name": "shop", "sources": [{"url": "https://shop.example/"}], "pages": 50}
    status, made = alice.post("/watches", new)
    assert (status, made["budget"]["pages"]) == (201, 50)


def test_too_many_requests_are_told_to_wait(studio: Owner, alice: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0 + studio.pk * 60)
    limit = settings.CONFIG.api_requests_a_minute
    key = f"exhibit:api:token:{tokens.tokens_of(studio).get().pk}:{int(time.time()) // 60}"
    limits._redis().set(key, limit - 1, ex=60)
    last = alice.client.get(ROOT)
    assert (last.status_code, last.headers["RateLimit"].split(";")[1]) == (200, "r=0")
    over = alice.client.get(ROOT)
    assert over.status_code == 429
    assert 0 < int(over.headers["Retry-After"]) <= 60
    assert over.headers["Content-Type"] == PROBLEM


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/nothing", 404), ("put", "/cases", 405), ("get", "/cases?desicion=open", 400)],
)
def test_every_error_is_a_problem(studio: Owner, alice: Program, method: str, path: str, status: int) -> None:
    answer = getattr(alice.client, method)(ROOT + path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == PROBLEM
    assert answers.Problem.model_validate_json(answer.content).status == status


def test_a_body_that_is_too_large_or_no_json_is_a_problem(studio: Owner, alice: Program) -> None:
    large = alice.client.post(ROOT + "/reports", b" " * 3_000_000, content_type="application/json")
    assert (large.status_code, large.headers["Content-Type"]) == (413, PROBLEM)
    broken = alice.client.post(ROOT + "/reports", b"{", content_type="application/json")
    assert (broken.status_code, broken.headers["Content-Type"]) == (400, PROBLEM)
    form = alice.client.post(ROOT + "/reports", b"title=x", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.headers["Content-Type"]) == (415, PROBLEM)


def test_shapes_are_as_the_document_says(scene_of_programs: Scene) -> None:
    studio = scene_of_programs.studio
    case = shapes.with_uses(Case.objects.filter(owner=studio)).get()
    answers.FullCase.model_validate(shapes.full_case(case))
    answers.Owner.model_validate(shapes.owner(studio))
    answers.FullWork.model_validate(shapes.full_work(scene_of_programs.work))
    answers.Watch.model_validate(shapes.watch(studio.watches.get()))
    answers.Report.model_validate(shapes.report(studio.reports.get()))
    for licence in studio.licences.all():
        answers.Licence.model_validate(shapes.licence(licence))


def test_what_is_taken_is_an_entry_of_the_log(scene_of_programs: Scene, decider: Program) -> None:
    taken = LogSubmission.objects.filter(type="access")
    before = taken.count()
    answer = decider.client.get(ROOT + "/reports/1/files/a.csv")
    assert answer.getvalue() == b"a"
    assert taken.count() == before + 1
    details = taken.latest("pk").opening.details
    assert details is not None
    assert details["by"] == "alice@example.org (token program)"
    assert Digest.from_hex(Report.objects.get().files[0]["digest"]) == Digest.of(b"a")
