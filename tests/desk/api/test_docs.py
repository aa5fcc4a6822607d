"""Test that the examples of the HTTP API do what the pages say, with a running server."""

import os
import re
import subprocess
import zipfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from pytest_django.live_server_helper import LiveServer

from desk.api.api import api
from desk.api.common.idempotency import HEADER
from desk.schemas.requests import EventType
from registry.bundles.sealing import seal_bundles
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.matches.match import match_pictures
from registry.members import tokens
from registry.models import Bundle, Capture, Membership, Owner, Role, Scope, User
from registry.notices import notices
from registry.notifications.webhooks import EVENT_KINDS
from registry.reports.make_report import make_reports
from tests import CHECKOUT
from tests.assets.notice_drafts import ANSWERS, SENDER, sign_notice
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings
from tests.desk.api.test_api import OPERATIONS
from tools.reference import api_examples
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

CONVENTIONS = CHECKOUT / "docs" / "reference" / "http-api.md"


@pytest.mark.long
def test_documented_commands_work(
    live_server: LiveServer, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    studio = owner("studio-example")
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org", password="not used")
    Membership.objects.create(user=user, owner=studio, role=Role.OWNER)
    token = tokens.create_token(studio, user, name="manual", scopes=list(Scope), days=1)[1]
    for name, data in (("harbour", photograph(1)), ("bridge", photograph(2)), ("found", recompress(photograph(1)))):
        (tmp_path / f"{name}.jpg").write_bytes(data)
    (tmp_path / "contract.pdf").write_bytes(b"%PDF")
    (tmp_path / "works.csv").write_text("file,title\nbridge.jpg,Bridge\n", "utf-8")
    environment = {**os.environ, "EXHIBIT": f"{live_server.url}/api/v1", "TOKEN": token, "OWNER": studio.slug}
    count = 0
    pages = CONVENTIONS.read_text(encoding="utf-8") + api_examples.page()
    for block in re.findall(r"^```sh\n(.*?)^```$", pages, re.MULTILINE | re.DOTALL):
        for text, happen in BACKGROUND_STEPS.items():
            if text in block:
                happen(inline, studio)
        for line in re.sub(r"\\\n", " ", block).splitlines():
            if not line.startswith("curl"):
                continue
            run = subprocess.run(
                ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert run.returncode == 0, f"{line}\n{run.stderr}"
            assert run.stdout.startswith("{") or "-o bundle.zip" in line, line
            count += 1
    assert count == pages.count("\ncurl ")
    assert studio.cases.get().decision == "confirmed"
    assert zipfile.is_zipfile(tmp_path / "bundle.zip")
    assert studio.notices.get().state == "removed"


def crawl_pages(inline: SyncRunner, studio: Owner) -> None:
    """Create the results of a crawl: a case, and a signed checkpoint."""
    crawl_slice, epoch = claim_new_slice(studio, "earlier")
    match_pictures(
        inline.services,
        record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))], "other.example"),
    )
    crawl_slice.state = "done"
    crawl_slice.save(update_fields=["state"])
    sequence_log(inline.services)
    sign_checkpoint(inline.services)


def seal_bundle(inline: SyncRunner, studio: Owner) -> None:
    """Do the background work for a confirmed case whose page is unreachable."""
    Capture.objects.update(state="failed")
    Bundle.objects.update(not_before=None)  # the time to undo is over
    bundle = studio.cases.get().bundles.get()
    seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    assert bundle.seal_digest is not None, bundle.error


def sign_and_send(inline: SyncRunner, studio: Owner) -> None:
    """Sign and send the notice, as a member does on the site."""
    row = notices.get_notice(studio, 1)
    notices.save_fields(row, SENDER, SENDER)
    notices.save_considerations(row, 1, ANSWERS)
    notices.record_sent_by_hand(sign_notice(inline, row), by="Ann")


def generate_report(inline: SyncRunner, studio: Owner) -> None:
    """Generate the pending report."""
    make_reports(inline.services, [studio.reports.get().pk])


BACKGROUND_STEPS = {
    "registrations": crawl_pages,
    "bundle.zip": seal_bundle,
    "notices/1/events": sign_and_send,
    "reports/1/links": generate_report,
}
"""Functions that run before the lines that refer to them."""


def test_post_operations_accept_an_idempotency_key_unless_they_are_exempt() -> None:
    without = set()
    for operations in api.get_openapi_schema()["paths"].values():
        if "operator" in operations.get("post", {}).get("tags", ()):  # only for `exhibit api`
            continue
        if "post" in operations and not any(
            parameter["name"] == HEADER for parameter in operations["post"]["parameters"]
        ):
            without.add(operations["post"]["operationId"])
    secrets = {"add_webhook", "create_report_link", "create_package_link", "invite_member"}
    assert without == secrets | {
        "identify",
        "export_work",
        "preview_licences",
        "estimate_watch",
        "report_picture",
        "create_passkey_challenge",
        "lease_targets",
        "deliver_results",
        "list_cosigned_checkpoints",
        "multiply_points",
        "get_blind_index_page",
        "find_owner",
        "visit_page_for_partner",
    }


def test_events_api_offers_every_webhook_event() -> None:
    assert [kind.value for kind in EventType] == [kind.value for kind in EVENT_KINDS]


@pytest.mark.long
def test_schemas_have_unique_names(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: dict[str, list[object]] = defaultdict(list)

    def collect_definitions(document: OpenAPISchema, definitions: dict[str, object]) -> None:
        document.schemas.update(definitions)
        for name, shape in definitions.items():
            if shape not in shapes[name]:
                shapes[name].append(shape)

    # The library silently keeps the last one
    monkeypatch.setattr(OpenAPISchema, "add_schema_definitions", collect_definitions)
    NinjaAPI.get_openapi_schema(api)  # builds it again
    assert len(shapes) > 50
    assert [name for name, places in shapes.items() if len(places) > 1] == []


def test_docs_link_to_the_openapi_document() -> None:
    text = CONVENTIONS.read_text(encoding="utf-8")
    assert "/api/v1/openapi.json" in text
    assert len(OPERATIONS) > 90
