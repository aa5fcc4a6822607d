"""Test that a request repeated with the same key is executed once."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from desk.api.api import api
from desk.api.common import idempotency as idempotency_keys
from exhibit.clock import now
from exhibit.config.config import Config
from registry.db import idempotency
from registry.members import tokens
from registry.models import KeptAnswer, Membership, Owner, Report, Role, Scope, User
from tests.assets.programs import Program, alice, program, studio
from tests.assets.rows import owner
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "studio"]


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


def test_every_post_about_an_owner_takes_a_key_but_these() -> None:
    without = {
        f"/api/v1/owners/{{owner}}/{end}"
        for end in (
            "cases/{number}/report",
            "identify",
            "invitations",
            "licences/preview",
            "packages/{number}/links",
            "passkeys",
            "reports/{number}/links",
            "watches/estimate",
            "webhooks",
            "works/{number}/export",
        )
    }
    for path, operations in api.get_openapi_schema()["paths"].items():
        for method, operation in operations.items():
            if "operator" in operation["tags"]:  # only for `exhibit api`
                continue
            takes = idempotency_keys.PARAMETER in operation["parameters"]
            assert takes == (method == "post" and "{owner}" in path and path not in without), (method, path)


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
