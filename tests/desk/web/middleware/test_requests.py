"""Test request IDs, and the removal of control characters from requests."""

import logging

import pytest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.test import RequestFactory
from django.urls import resolve

from desk.web.middleware.requests import plain_words, traced
from exhibit.logs import about
from registry.models import Work
from tests.assets.desk_scene import Scene, scene

__all__ = ["scene"]


def test_what_is_pasted_into_the_site_is_kept_without_it(scene: Scene) -> None:
    address = scene.addresses()["edit-work"]
    given = {
        "title": "Har\x1bbour\r\n at \u202edawn",
        "author": "Ann\x00",
        "rights_statement": "one\r\ntwo\x9b",
        "reason": "w",
    }
    given |= {"author_kind": "person", "medium": ""}
    assert scene.alice.post(address, given).status_code == 302
    row = Work.objects.get()
    assert (row.title, row.author) == ("Harbour at dawn", "Ann")
    assert row.rights_statement.split() == ["one", "two"]


def test_a_request_has_one_id_in_its_answer_and_its_log_lines_without_what_is_in_the_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    within: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        within.append(str(about()["request_id"]))
        request.resolver_match = resolve("/feeds/the-secret/cases.atom")
        return HttpResponse(status=204)

    with caplog.at_level(logging.INFO, "exhibit.request"):
        answers = [traced(view)(RequestFactory().get("/feeds/the-secret/cases.atom?q=me")) for _ in range(2)]
    assert [one.headers["X-Request-ID"] for one in answers] == within
    assert within[0] != within[1]
    assert [one.getMessage() for one in caplog.records] == ["/feeds/<str:secret>/cases.atom"] * 2
    assert {one.__dict__["status"] for one in caplog.records} == {204}
    assert "the-secret" not in str([one.__dict__ for one in caplog.records])


def test_what_acts_is_taken_out_of_forms_but_not_out_of_passwords() -> None:
    seen: list[QueryDict] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.POST)
        return HttpResponse()

    typed = {"note": ["a\x1b[2Jb", "\u202ec"], "password1": "pass\x07word"}
    plain_words(view)(RequestFactory().post("/o/studio/works/add", typed))
    assert seen[0].getlist("note") == ["a[2Jb", "c"]
    assert seen[0]["password1"] == "pass\x07word"
    plain_words(view)(RequestFactory().post("/api/v1/owners/studio/works", typed))
    assert seen[1]["note"] == "\u202ec"  # programs get an error instead
