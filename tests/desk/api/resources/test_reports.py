"""Test reports in the API, and links to them."""

import json

from django.test import Client

from desk.api.api import api
from evidence.documents.report.volumes import FORMATS
from registry.models import DownloadLink, KeptAnswer, Report, Scope
from tests.assets.api_programs import ROOT, Program, create_program, decider, scene_of_programs
from tests.assets.desk_scene import Scene, scene

__all__ = ["decider", "scene", "scene_of_programs"]


def test_report_is_limited_regenerated_linked_and_removed(scene_of_programs: Scene, decider: Program) -> None:
    fields = {
        "title": "November", "works": [1], "decisions": ["confirmed"], "formats": ["csv"], "languages": ["en"],
        "start_date": "2026-11-01", "end_date": "2026-11-30", "all_works": True,
    }  # fmt: skip
    status, body = decider.post("/reports", fields)
    assert (status, body["formats"], body["languages"]) == (202, ["csv"], ["en"])
    scope: dict[str, object] = {
        "watch": "",
        "works": [1],
        "decisions": ["confirmed"],
        "start_date": "2026-11-01",
        "end_date": "2026-11-30",
    }
    scope["all_works"] = True
    assert body["scope"] == scope
    assert decider.post("/reports", {"start_date": "2026-11-30", "end_date": "2026-11-01"})[0] == 422
    second_report = decider.post(f"/reports/{body['number']}/regenerate", {})[1]
    assert (second_report["scope"], second_report["title"], second_report["number"]) == (
        scope,
        "November",
        body["number"] + 1,
    )
    assert decider.post(f"/reports/{body['number']}/links", {"valid_days": 7})[0] == 422  # there is no file yet
    Report.objects.filter(number=1).update(state="done")
    status, link = decider.post("/reports/1/links", {"valid_days": 7, "note": "Clerk", "password": "open sesame"})
    assert (status, link["report"], link["has_password"]) == (201, 1, True)
    assert decider.get("/links")[1]["items"][-1]["is_valid"]
    assert "open sesame" not in json.dumps(link)
    assert Client().get(link["url"].replace("http://127.0.0.1:8080", "")).status_code == 200
    assert "address" not in decider.get("/links")[1]["items"][-1]
    assert decider.client.delete(f"{ROOT}/links/{link['number']}").status_code == 204
    assert not decider.get("/links")[1]["items"][-1]["is_valid"]
    Report.objects.filter(number=2).update(state="done", files=Report.objects.get(number=1).files)
    decider.post("/reports/2/links", {})
    assert decider.get("/links")[1]["items"][-1]["is_valid"]
    assert decider.client.delete(ROOT + "/reports/2").status_code == 204
    assert not decider.get("/links")[1]["items"][-1]["is_valid"], "what it led to is gone"
    assert decider.client.delete(ROOT + "/reports/1").status_code == 204
    assert decider.get("/reports/1")[0] == 404
    assert not KeptAnswer.objects.exists()


def test_report_files_have_the_documented_types(scene_of_programs: Scene, decider: Program) -> None:
    row = Report.objects.get(number=1)
    (stored_file, *_) = row.files
    files = [{**stored_file, "name": f"a.{end}", "media_type": media_type} for end, media_type in FORMATS.items()]
    Report.objects.filter(pk=row.pk).update(files=files)
    path = "/api/v1/owners/{owner}/reports/{number}/files/{name}"
    expected = set(api.get_openapi_schema()["paths"][path]["get"]["responses"][200]["content"])
    media_types = set()
    for file in files:
        response = decider.client.get(f"{ROOT}/reports/1/files/{file['name']}")
        assert response.getvalue()
        media_types.add(response.headers["Content-Type"])
    assert media_types == expected


def test_only_tokens_with_send_scope_create_links(scene_of_programs: Scene) -> None:
    writer = create_program(scene_of_programs.studio, "alice", Scope.READ, Scope.WRITE)
    for path in ("/reports/1/links", "/packages/1/links"):
        status, body = writer.post(path, {})
        assert (status, body["scope"]) == (403, "send")
    assert DownloadLink.objects.count() == 1  # the scene's link
