"""Test that the API conforms to its OpenAPI document, whatever the request."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection

from desk.api.api import api
from desk.api.common.openapi import FORM
from desk.schemas import cases, downloads, licences, owners, watches, works
from desk.wsgi import application
from registry.edge import contributors
from registry.members import tokens
from registry.models import Case, Scope, User
from tests.assets.api_programs import scene_of_programs, studio
from tests.assets.desk_scene import Scene, scene
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

__all__ = ["scene", "scene_of_programs", "studio"]


OPERATIONS = [(path, method) for path, operations in api.get_openapi_schema()["paths"].items() for method in operations]
load_all_checks()
DOCUMENT = "/api/v1/openapi.json"


ALL_HEALTH_CHECKS = list(HealthCheck)


@pytest.fixture
def keep_test_connection() -> Iterator[None]:
    """Keep the database connection of the test's transaction after each request, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def token(scene: Scene, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> str:
    """A token of alice with all permissions."""
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    alice = User.objects.get(username="alice@example.org")
    return tokens.create_token(scene.studio, alice, name="program", scopes=list(Scope), days=1)[1]


CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 403, 404, 409, 422, 429, 503]}}}
"""400 is for requests that violate the document; 422 for valid requests that cannot be fulfilled."""


def find_violation(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, token: str
) -> BaseException | None:
    """Return a violation of the document by one operation. All effects are rolled back."""

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=2, derandomize=True, deadline=None, database=None, suppress_health_check=ALL_HEALTH_CHECKS)
    def keep_owner(case: Any) -> None:  # noqa: ANN401 - schemathesis' case of many parameters
        if "owner" in case.path_parameters:
            case.path_parameters["owner"] = "studio"
        assume(mode is not GenerationMode.POSITIVE or not has_empty_file(case.body))
        with transaction.atomic():
            headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
            case.call_and_validate(headers=headers, excluded_checks=SKIPPED_CHECKS if may_lose_defect(case) else [])
            transaction.set_rollback(True)

    try:
        keep_owner()
    except (FailureGroup, Failure) as error:
        return error
    return None


SKIPPED_CHECKS = [negative_data_rejection]


def may_lose_defect(case: Any) -> bool:  # noqa: ANN401 - schemathesis' case of many parameters
    """Return True if the defect of a request may be lost: empty lists leave no trace, and forms contain only text.

    Defects of forms are tested by :mod:`tests.desk.api.common.test_openapi`.
    """
    return any(value in ([], {}, None) for value in (case.query or {}).values()) or case.media_type == FORM


def has_empty_file(body: object) -> bool:
    """Return True if the body contains an empty file, which the test client does not send."""
    if not isinstance(body, dict):
        return False
    files = [body[name] for name in ("file", "files", "table") if name in body]
    uploads = [file for value in files for file in (value if isinstance(value, list) else [value])]
    return any(not getattr(file, "data", file) for file in uploads)


def test_responses_match_the_document(scene_of_programs: Scene) -> None:
    studio = scene_of_programs.studio
    case = cases.prefetch_uses(Case.objects.filter(owner=studio)).get()
    models = [
        cases.CaseDetails.from_row(case),
        owners.Owner.from_row(studio),
        works.WorkDetails.from_row(scene_of_programs.work),
        watches.Watch.from_row(studio.watches.get()),
        downloads.Report.from_row(studio.reports.get()),
        *licences.Licence.from_rows(studio.licences.all()),
    ]
    for model in models:
        assert type(model).model_validate_json(model.model_dump_json()) == model


@pytest.mark.long
@pytest.mark.usefixtures("keep_test_connection")
@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_operations_conform_to_their_specification(mode: GenerationMode, token: str) -> None:
    config = SchemathesisConfig.from_dict(CONFIG)
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, application, config=config)
    broken = []
    _, of_contributor = contributors.invite_contributor("Ann", by="operator")
    for path, method in OPERATIONS:
        opens = of_contributor if "/edge/" in path else token
        if (error := find_violation(schema[path][method], mode, opens)) is not None:
            broken.append(error)
    assert not broken, "\n\n".join(map(str, broken))
