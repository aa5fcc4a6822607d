"""The lines of docs/api.md do what the page says, against a server that runs."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from registry import tokens
from registry.models import Membership, Role, Scope, User
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph
from tests.site.test_api_schema import OPERATIONS
from workers import wiring
from workers.inline import Inline
from workers.steps.log import sequence_log, sign_checkpoint
from workers.steps.match import match_pictures

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_lines_of_the_manual_work(
    live_server: LiveServer, inline: Inline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(wiring, "house", lambda: inline.house)
    studio = owner("studio-example")
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org", password="not used")
    Membership.objects.create(user=user, owner=studio, role=Role.OWNER)
    token = tokens.make(studio, user, name="manual", scopes=list(Scope), days=1)[1]
    (tmp_path / "harbour.jpg").write_bytes(photograph(1))
    environment = {**os.environ, "EXHIBIT": f"{live_server.url}/api/v1", "TOKEN": token, "OWNER": studio.slug}
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            if not line.startswith("curl"):
                continue
            run = subprocess.run(
                ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert run.returncode == 0, f"{line}\n{run.stderr}"
            assert run.stdout.startswith("{"), line
        if "harbour.jpg" in block:  # what a crawl would bring: a case, and a signed head
            planned, epoch = claimed_slice(studio, "earlier")
            match_pictures(inline.house, bring(inline.house, planned, epoch, [copy_of(photograph(1))], "other.example"))
            sequence_log(inline.house)
            sign_checkpoint(inline.house)
    assert studio.cases.get().decision == "confirmed"


def test_the_manual_says_where_the_document_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "/api/v1/openapi.json" in text
    assert len(OPERATIONS) > 30
