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
from tests.assets.api_programs import Program, alice, create_program, studio
from tests.assets.rows import owner
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "studio"]


def test_repeated_request_runs_once_and_returns_the_same_response(studio: Owner, alice: Program) -> None:
    before = Report.objects.count()
    first = alice.post("/reports", {"title": "November"}, key="one")
    result = alice.post("/reports", {"title": "November"}, key="one")
    assert first == result
    assert first[0] == 202
    assert Report.objects.count() == before + 1
    assert alice.post("/reports", {"title": "December"}, key="one")[0] == 422
    assert alice.post("/reports", {"title": "November"}, key="two")[1]["number"] == first[1]["number"] + 1
    other = create_program(studio, "alice")
    assert other.post("/reports", {"title": "November"}, key="one")[1]["number"] == first[1]["number"] + 2


def test_every_owner_post_accepts_an_idempotency_key_or_is_exempt() -> None:
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


def test_failed_request_can_be_retried_with_the_same_key(studio: Owner, alice: Program) -> None:
    assert alice.post("/licences", {"licensee": "Shop"}, key="k")[0] == 422
    assert alice.post("/licences", {"licensee": "Shop"}, key="k")[0] == 422
    assert not KeptAnswer.objects.exists()
    assert alice.post("/licences", {"licensee": "Shop", "domain": "shop.example"}, key="k")[0] == 201


def test_stored_responses_expire(studio: Owner, alice: Program) -> None:
    alice.post("/reports", {}, key="old")
    assert idempotency.delete_old_responses() == 0
    KeptAnswer.objects.update(made_at=now() - 2 * idempotency.RESPONSE_RETENTION)
    assert idempotency.delete_old_responses() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_identical_requests_run_once(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = SyncRunner(replace(config, data_dir=tmp_path)).services
    monkeypatch.setattr(wiring, "services", lambda: services)
    new_owner = owner("studio")
    user = User.objects.create_user(username="alice", email="alice@example.org", password="not used")
    Membership.objects.create(user=user, owner=new_owner, role=Role.OWNER)
    secret = tokens.create_token(new_owner, user, name="program", scopes=list(Scope), days=1)[1]
    start = threading.Barrier(4)

    def ask() -> tuple[int, Any]:
        start.wait(30)
        try:
            return Program(secret).post("/reports", {"title": "November"}, key="one")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        responses = [item.result() for item in [pool.submit(ask) for _ in range(4)]]
    assert Report.objects.count() == 1
    assert {status for status, _ in responses} == {202}
    assert len({json.dumps(body, sort_keys=True) for _, body in responses}) == 1
