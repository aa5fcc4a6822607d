"""A bundle across a break of the log: what was logged under the old name is proven under the new one."""

from dataclasses import replace
from pathlib import Path

import pytest

from desk.cli.trust import own_trust
from evidence.seen import checkpoints_in
from evidence.verdict import State
from evidence.verify import verify
from registry.models import LogCheckpoint, Owner
from tests.flow.rows import owner
from tests.flow.sealed import sealed_bundle
from workers import proofs
from workers.bundles import assemble
from workers.inline import Inline
from workers.log_history import Compared, check_against, new_origin
from workers.steps.log import sign_checkpoint


@pytest.fixture
def broken(inline: Inline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A bundle whose facts hold checkpoints of the old name, and whose seal lies under the new one."""
    studio: Owner = owner("studio")
    bundle = sealed_bundle(inline, studio)
    new_origin(inline.house, by="Ann", reason="restored", name="example.org/second")
    sign_checkpoint(inline.house)
    newest = LogCheckpoint.objects.get(origin="example.org/second")
    monkeypatch.setattr(proofs, "best_checkpoint", lambda _: newest)
    path = tmp_path / "bundle.zip"
    with path.open("wb") as out:
        assemble(inline.house, bundle, out)
    return path


def test_the_new_name_continues_what_the_old_one_had_and_the_verdict_says_so(inline: Inline, broken: Path) -> None:
    checks = {check.name: check for check in verify(broken, own_trust(inline.house, "")).checks}
    assert checks["checkpoint"].state is State.PASSED
    assert "example.org/second" in checks["checkpoint"].sentence
    assert checks["consistency"].state is State.PASSED
    assert "exhibit.localhost/log: the log's name before a break" in checks["consistency"].sentence
    assert checks["registration"].state is State.PASSED


def test_who_pins_the_new_name_alone_still_sees_the_registration_proven(inline: Inline, broken: Path) -> None:
    trust = own_trust(inline.house, "")
    checks = {check.name: check for check in verify(broken, replace(trust, logs=trust.logs[-1:])).checks}
    assert checks["registration"].state is State.PASSED
    checks = {check.name: check for check in verify(broken, replace(trust, logs=())).checks}
    assert checks["checkpoint"].state is State.NOT_CHECKED


def test_a_bundle_is_held_against_the_log_with_every_checkpoint_in_it(inline: Inline, broken: Path) -> None:
    assert len(checkpoints_in(broken)) >= 2
    outcomes = {one.outcome for one in check_against(inline.house, [broken])}
    assert outcomes == {Compared.CONTINUED, Compared.EARLIER_NAME}
