"""Test that broken input to any endpoint of the site or the API gets an error response, never a server error."""

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client, override_settings

from desk.api.api import api
from tests.assets.api_programs import create_program, scene_of_programs
from tests.assets.broken_files import broken_bodies, broken_files
from tests.assets.desk_scene import Scene, scene

__all__ = ["scene", "scene_of_programs"]
BROKEN_FILES, BROKEN_BODIES = broken_files(), broken_bodies()
PART_COUNT, FILE_PART_COUNT = 10, 3
"""Broken inputs are divided into this many parts; each endpoint gets one part, in turn."""


@pytest.fixture(autouse=True)
def unlimited_rates() -> Iterator[None]:
    """Raise the rate limits, so that no request is rejected before it is read."""
    config = replace(settings.CONFIG, api_requests_a_minute=1_000_000, identifications_a_minute=1_000_000)
    with override_settings(CONFIG=config, ACCOUNT_RATE_LIMITS={}):
        yield


def iter_file_fields(scene: Scene) -> Iterator[tuple[str, Client, str, str]]:
    """Yield every form field that accepts a file: name of the form, its client, its URL and the field's name."""
    of_site = scene.addresses()
    for name, field in (
        ("add-works", "table"), ("add-works", "files"), ("upload-files", "files"), ("attach", "file"),
        ("import-licences", "file"),
    ):  # fmt: skip
        yield f"{name} {field}", scene.alice, of_site[name], field
    client = create_program(scene.studio, "alice").client
    for path, operations in api.get_openapi_schema()["paths"].items():
        for operation in operations.values():
            form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
            for field, schema in form["schema"]["properties"].items() if form else ():
                if "binary" in str(schema):
                    address = path.replace("{owner}", "studio").replace("{number}", "1")
                    yield f"{operation['operationId']} {field}", client, address, field


@pytest.mark.long
def test_broken_files_crash_no_form(scene_of_programs: Scene) -> None:
    assert len(BROKEN_FILES) >= 50
    doors = list(iter_file_fields(scene_of_programs))
    assert len(doors) >= 9
    failures = []
    for index, (door, client, address, field) in enumerate(doors):
        client.raise_request_exception = False
        for case, data in list(BROKEN_FILES.items())[index % FILE_PART_COUNT :: FILE_PART_COUNT]:
            file = io.BytesIO(data)
            file.name = "a.xlsx"
            other = {"title": "A"} if door.startswith("add_work ") else {}
            with transaction.atomic():
                response = client.post(address, {field: file, **other})
                transaction.set_rollback(True)
            if not 200 <= response.status_code < 429:
                failures.append((door, case, response.status_code))
    assert failures == []


@pytest.mark.long
def test_malformed_bodies_do_not_crash_any_api_operation(scene_of_programs: Scene) -> None:
    client = create_program(scene_of_programs.studio, "alice").client
    client.raise_request_exception = False
    operations = [
        (method, path.replace("{owner}", "studio").replace("{service}", "tineye"))
        for path, path_methods in api.get_openapi_schema()["paths"].items()
        for method, operation in path_methods.items()
        if "requestBody" in operation
    ]
    assert len(operations) > 30
    failures = []
    for index, (method, path) in enumerate(operations):
        address = path
        while "{" in address:
            start, _, rest = address.partition("{")
            address = f"{start}1{rest.partition('}')[2]}"
        for number, (case, (kind, body)) in enumerate(BROKEN_BODIES.items()):
            if (number + index) % (PART_COUNT // 2 if kind == "application/json" else PART_COUNT):
                continue
            with transaction.atomic():
                response = client.generic(method.upper(), address, body, content_type=kind)
                transaction.set_rollback(True)
            if not 200 <= response.status_code < 429:
                failures.append((method, path, case, response.status_code))
            assert "X-Evil" not in response.headers
    assert failures == []


@pytest.mark.long
def test_broken_bodies_crash_no_page(scene: Scene) -> None:
    assert len(BROKEN_BODIES) >= 35
    addresses = list(scene.addresses().values())
    addresses += [f"/d/{scene.link_token}", f"/d/{scene.link_token}/a.zip", "/sign-in/", "/sign-up/", "/language"]
    addresses += ["/account/password/reset/", "/account/2fa/totp/activate/", "/account/2fa/webauthn/login/", "/owners/"]
    assert len(addresses) > 70
    scene.alice.raise_request_exception = False
    failures = []
    for index, address in enumerate(addresses):
        for number, (case, (kind, body)) in enumerate(BROKEN_BODIES.items()):
            if (number + index) % PART_COUNT:
                continue
            with transaction.atomic():
                response = scene.alice.generic("POST", address, body, content_type=kind)
                transaction.set_rollback(True)
            if response.status_code >= 500:
                failures.append((address, case, response.status_code))
    assert failures == []
