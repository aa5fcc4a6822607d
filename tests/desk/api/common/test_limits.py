"""Test the rate limits of programs."""

import time
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings

from desk.api.common import limits
from registry.members import tokens
from registry.models import Owner
from tests.assets.api_programs import PROBLEM, ROOT, Program, alice, file_of, studio

__all__ = ["alice", "studio"]


def test_too_many_requests_return_retry_after(studio: Owner, alice: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0 + studio.pk * 60)
    limit = settings.CONFIG.api_requests_a_minute
    key = f"exhibit:api:token:{tokens.list_tokens(studio).get().pk}:{int(time.time()) // 60}"
    limits._get_redis().set(key, limit - 1, ex=60)
    last = alice.client.get(ROOT)
    assert (last.status_code, last.headers["RateLimit"].split(";")[1]) == (200, "r=0")
    response = alice.client.get(ROOT)
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert response.headers["Content-Type"] == PROBLEM


def test_requests_for_other_owners_count_towards_the_limit(
    studio: Owner, alice: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0 + studio.pk * 60)
    key = f"exhibit:api:token:{tokens.list_tokens(studio).get().pk}:{int(time.time()) // 60}"
    limits._get_redis().delete(key)
    for index in range(1, 3):
        response = alice.client.get("/api/v1/owners/somebody-else")
        assert response.status_code == 404
        remaining = settings.CONFIG.api_requests_a_minute - index
        assert response.headers["RateLimit"].split(";")[1] == f"r={remaining}"


def test_identification_is_limited_in_concurrency_and_rate(
    studio: Owner, alice: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def identify_picture() -> Any:  # noqa: ANN401 - Django's answer in tests
        return alice.client.post(ROOT + "/identify", {"file": file_of("a.jpg", b"no picture")})

    monkeypatch.setattr(limits, "SLOT_WAIT_SECONDS", 0.01)
    with limits.SEARCH_SLOT:
        busy = identify_picture()
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "5")
    assert identify_picture().status_code == 422
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0 + studio.pk * 60)
    few = replace(settings.CONFIG, identifications_a_minute=2)
    monkeypatch.setattr(settings, "CONFIG", few)
    responses = [identify_picture() for _ in range(3)]
    assert [answer.status_code for answer in responses] == [422, 422, 429]
    assert 0 < int(responses[2].headers["Retry-After"]) <= 60
