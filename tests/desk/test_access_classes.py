"""Test the access classes: schemas fit into the size limits, and credentials count only at their endpoints."""

import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory

from desk import access_classes
from desk.access_classes import (
    ACCESS_CLASSES,
    MAX_ANONYMOUS_BYTES,
    MAX_REQUEST_BYTES,
    MAX_TEXT_BYTES,
    find_access_class,
)
from desk.api.api import api
from indexer.search import fingerprint_file
from registry.alliance import cosigning
from registry.edge import contributors
from registry.matches.find_owner import MAX_UPLOAD_BYTES
from registry.members import tokens
from registry.models import Owner, User
from registry.notices import replies
from tests import CHECKOUT
from tests.assets.accounts import ann
from tools.reference import site_limits

__all__ = ["ann"]

OVERSIZED_SCHEMAS = {"LicencePreviewRequest"}
"""Schemas that may exceed the limit if all fields have maximum length, as their documentation states."""


class MaxSize:
    """The maximum size of a value that a schema permits, in bytes of UTF-8 without blanks."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self.schemas = schemas

    def compute(self, schema: dict[str, Any]) -> float:
        if "$ref" in schema:
            return self.compute(self.schemas[schema["$ref"].rpartition("/")[2]])
        if variants := schema.get("anyOf") or schema.get("allOf"):
            return max(map(self.compute, variants))
        if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
            return max(len(json.dumps(value)) for value in values)
        if schema.get("type") == "array":
            return float(schema.get("maxItems", float("inf"))) * (self.compute(schema["items"]) + 1) + 2
        if schema.get("type") == "object":
            return 2 + sum(len(name) + 4 + self.compute(child) for name, child in schema.get("properties", {}).items())
        return 2 + self._compute_text(schema) if schema.get("type") == "string" else 25

    def _compute_text(self, schema: dict[str, Any]) -> float:
        if schema.get("format") in ("date", "date-time"):
            return 40
        pattern = schema.get("pattern", "")
        width = re._parser.parse(pattern).getwidth()[1] if pattern else 10**9
        signs = min(schema.get("maxLength", float("inf")), width if width < 10**6 else float("inf"))
        is_ascii = pattern and not any(re.fullmatch(pattern, sign * count) for sign in "é語" for count in (1, 2, 64))
        return float(signs) * (1 if is_ascii or pattern.startswith("^https?") else 4)


DOCUMENT = api.get_openapi_schema()


def json_bodies() -> list[Any]:
    """Return paths and schemas of all JSON requests that the API accepts."""
    return [
        pytest.param(
            path.replace("{owner}", "studio").replace("{number}", "1"), content["schema"], id=f"{method} {path}"
        )
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
        if kind == "application/json"
    ]


@pytest.mark.parametrize(("path", "schema"), json_bodies())
def test_every_valid_request_passes_its_endpoint(path: str, schema: dict[str, Any]) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    name = schema["$ref"].rpartition("/")[2]
    if name in OVERSIZED_SCHEMAS:
        assert f"{MAX_TEXT_BYTES // access_classes.MIB} MiB" in json.dumps(schemas[name])
    else:
        assert MaxSize(schemas).compute(schema) <= min(MAX_TEXT_BYTES, find_access_class(path).identified_max_bytes)


def test_every_valid_file_passes_its_endpoint() -> None:
    form = 64 * access_classes.KIB
    for path, limit in (("/id/", MAX_UPLOAD_BYTES), ("/api/v1/id", MAX_UPLOAD_BYTES)):
        assert limit + form <= find_access_class(path).anonymous_max_bytes
    assert find_access_class("/witness/add-checkpoint").anonymous_max_bytes >= cosigning.MAX_BODY
    assert replies.MAX_REPLY_BYTES + form <= find_access_class("/n/token").identified_max_bytes
    assert (
        fingerprint_file.MAX_FILE_BYTES + form
        <= find_access_class("/api/v1/owners/studio/works/fingerprints").identified_max_bytes
    )


def test_server_body_limit_is_the_largest_endpoint_limit() -> None:
    assert max(max(door.identified_max_bytes, door.anonymous_max_bytes) for door in ACCESS_CLASSES) == MAX_REQUEST_BYTES


def test_size_limit_depends_on_the_sender(ann: User) -> None:
    def max_body(path: str, client: Client | None = None, secret: str = "") -> int:
        request = RequestFactory(headers={"Authorization": f"Bearer {secret}"} if secret else {}).post(path)
        request.user = get_user(client) if client else AnonymousUser()
        return find_access_class(path).get_max_bytes(request)

    member = Client()
    member.force_login(ann)
    _, secret = tokens.create_token(Owner.objects.get(), ann, name="Nightly", scopes=["read"], days=1)
    assert max_body("/o/studio/works/add") == MAX_ANONYMOUS_BYTES
    assert max_body("/o/studio/works/add", member) == MAX_REQUEST_BYTES
    assert max_body("/api/v1/owners/studio/works", secret=secret) == MAX_REQUEST_BYTES
    assert max_body("/api/v1/owners/studio/works", secret=secret + "x") == MAX_ANONYMOUS_BYTES
    assert max_body("/api/v1/edge/results", secret=secret) == MAX_ANONYMOUS_BYTES
    assert max_body("/id/") > 16 * MAX_ANONYMOUS_BYTES


def test_only_contributors_can_post_the_largest_delivery(ann: User) -> None:
    row, secret = contributors.invite_contributor("Ann", by="operator")
    result = {"target": 2**53 - 1, "sha256": "ab" * 32, "hashes": "00" * 15_000, "vectors": "00" * 15_000}
    data = json.dumps({"lease": 1, "epoch": 1, "results": [result] * 50})
    assert len(data) > 3_000_000

    def post_delivery(token: str) -> int:
        machine = Client(headers={"Authorization": f"Bearer {token}", "Exhibit-Signature": "00"})
        return machine.post("/api/v1/edge/results", data, content_type="application/json").status_code

    assert post_delivery(secret) == 422  # it was read, and is not signed
    assert post_delivery("exh_made-up") == 413
    row.delete()
    assert post_delivery(secret) == 413


def test_valid_notice_link_permits_larger_uploads(ann: User) -> None:
    large = str(MAX_ANONYMOUS_BYTES + 1)
    assert Client().post("/n/made-up", CONTENT_LENGTH=large).status_code == 413
    member = Client()
    member.force_login(ann)
    assert member.post("/n/made-up", CONTENT_LENGTH=large).status_code == 413


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "the site"),
        ("/sign-in/", "the site"),
        ("/o/studio/works/add", "the site"),
        ("/api/v1/owners/studio/works", "the API"),
        ("/api/v1/edge/leases", "contributor results"),
        ("/api/v1/id", "owner lookup"),
        ("/api/v1/identify", "the API"),
        ("/id/", "owner lookup"),
        ("/id/0123/", "links and public pages"),
        ("/d/token/file", "links and public pages"),
        ("/c2pa/matches/byContent", "soft binding queries"),
        ("/witness/add-checkpoint", "log checkpoints"),
        ("/n/token", "replies to notices"),
        ("/n/token/3.jpg", "pictures in notices"),
    ],
)
def test_each_url_has_one_endpoint(path: str, name: str) -> None:
    assert find_access_class(path).name == name


def test_anonymous_rate_limits_match_the_docs_and_are_enforced() -> None:
    assert settings.ACCOUNT_RATE_LIMITS == access_classes.RATES
    code = "".join(path.read_text("utf-8") for path in (CHECKOUT / "desk" / "web").rglob("*.py"))
    for action in [door.action for door in ACCESS_CLASSES if door.action]:
        patterns = (f'action="{action}"', f'_limit_rate("{action}")', f'"{action}" if', f'"{action}"\n        if')
        assert any(pattern in code for pattern in patterns), action


def test_reference_lists_every_access_class() -> None:
    rows = {door.name: site_limits.format_row(door) for door in ACCESS_CLASSES}
    assert all(f"| {' | '.join(row)} |" in site_limits.page() for row in rows.values())
    assert rows["replies to notices"][1:] == ("the reply link in a notice", "1 MiB", "61 MiB", "30 a minute")
    assert rows["partner requests"][3:] == ("–", "–")
