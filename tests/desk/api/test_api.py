"""The API: lists in pieces, repeated requests, limits, and errors that say what to do."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory

from desk.api.common import limits
from desk.api.common.problems import as_problems
from desk.schemas import cases, downloads, licences, owners, watches, works
from desk.schemas.base import Problem
from exhibit.clock import now
from exhibit.config.config import Config
from registry.accounts import tokens
from registry.db import idempotency
from registry.models import Case, KeptAnswer, Membership, Owner, Report, Role, Scope, User, Watch
from tests.assets.programs import PROBLEM, ROOT, Program, alice, program, scene_of_programs, studio
from tests.assets.rows import owner
from tests.desk.web.common.test_access import Scene, scene
from workers.services import wiring
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "scene", "scene_of_programs", "studio"]


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
    assert idempotency.forget_old() == 0
    KeptAnswer.objects.update(made_at=now() - 2 * idempotency.KEPT_FOR)
    assert idempotency.forget_old() == 1


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
    assert alice.get(f"/watches?cursor={piece['last']}")[1] == {"items": [], "next": None, "last": piece["last"]}
    watch(10)
    assert [one["number"] for one in alice.get(f"/watches?cursor={piece['last']}")[1]["items"]] == [10]


@pytest.mark.django_db(transaction=True)
def test_the_same_request_twice_at_once_is_done_once(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = SyncRunner(replace(config, data_dir=tmp_path)).services
    monkeypatch.setattr(wiring, "services", lambda: services)
    made = owner("studio")
    user = User.objects.create_user(username="alice", email="alice@example.org", password="not used")
    Membership.objects.create(user=user, owner=made, role=Role.OWNER)
    secret = tokens.make(made, user, name="program", scopes=list(Scope), days=1)[1]
    start = threading.Barrier(4)

    def ask() -> tuple[int, Any]:
        start.wait(30)
        try:
            return Program(secret).post("/reports", {"title": "November"}, key="one")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = [one.result() for one in [pool.submit(ask) for _ in range(4)]]
    assert Report.objects.count() == 1
    assert {status for status, _ in answers} == {202}
    assert len({json.dumps(body, sort_keys=True) for _, body in answers}) == 1


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


def test_asking_for_what_belongs_to_others_counts_as_well(
    studio: Owner, alice: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0 + studio.pk * 60)
    key = f"exhibit:api:token:{tokens.tokens_of(studio).get().pk}:{int(time.time()) // 60}"
    limits._redis().delete(key)
    for place in range(1, 3):
        answer = alice.client.get("/api/v1/owners/somebody-else")
        assert answer.status_code == 404
        left = settings.CONFIG.api_requests_a_minute - place
        assert answer.headers["RateLimit"].split(";")[1] == f"r={left}"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/nothing", 404), ("put", "/cases", 405), ("get", "/cases?desicion=open", 400)],
)
def test_every_error_is_a_problem(studio: Owner, alice: Program, method: str, path: str, status: int) -> None:
    answer = getattr(alice.client, method)(ROOT + path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == PROBLEM
    assert Problem.model_validate_json(answer.content).status == status


def test_a_service_that_is_missing_is_said_to_be() -> None:
    answer = as_problems(lambda _: HttpResponse(status=503))(RequestFactory().get(ROOT + "/cases"))
    assert json.loads(answer.content)["detail"] == "Something that is needed doesn't answer; try again."  # type: ignore[attr-defined]


def test_a_body_that_is_too_large_or_no_json_is_a_problem(studio: Owner, alice: Program) -> None:
    large = alice.client.post(ROOT + "/reports", b" " * 3_000_000, content_type="application/json")
    assert (large.status_code, large.headers["Content-Type"]) == (413, PROBLEM)
    broken = alice.client.post(ROOT + "/reports", b"{", content_type="application/json")
    assert (broken.status_code, broken.headers["Content-Type"]) == (400, PROBLEM)
    form = alice.client.post(ROOT + "/reports", b"title=x", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.headers["Content-Type"]) == (415, PROBLEM)


def test_shapes_are_as_the_document_says(scene_of_programs: Scene) -> None:
    studio = scene_of_programs.studio
    case = cases.with_uses(Case.objects.filter(owner=studio)).get()
    told = [
        cases.FullCase.from_row(case),
        owners.Owner.from_row(studio),
        works.FullWork.from_row(scene_of_programs.work),
        watches.Watch.from_row(studio.watches.get()),
        downloads.Report.from_row(studio.reports.get()),
        *licences.Licence.from_rows(studio.licences.all()),
    ]
    for one in told:
        assert type(one).model_validate_json(one.model_dump_json()) == one
