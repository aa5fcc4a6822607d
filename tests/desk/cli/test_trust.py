"""Test an installation's own trust list, which makes the receipts of its timestamp services count."""

import base64
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from desk.cli import trust as cli_trust
from desk.cli.trust import LIST_NOTE, build_own_trust, mark_qualified_certificates
from evidence.anchors.cosignature.kind import CosignatureConfig
from evidence.anchors.rfc3161.kind import TrustedAuthority
from evidence.anchors.rfc3161.stamps import load_certificates
from evidence.development.authority import DevelopmentAuthority
from evidence.formats.codec import FormatError
from evidence.log.notes import format_cosigner_key, parse_verifier_key
from evidence.verdict.result import State
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from registry.alliance import partners
from registry.log.local_log import get_log
from registry.models import AnchorReceipt, StepState
from tests.assets import receipt_kinds
from tests.assets.bundles import Scene
from tests.assets.partners import new_signer, partner_of
from tests.assets.tampering import write_zip
from tests.assets.timestamp_kinds import StampKind, bundle_of
from workers.tasks.sync_runner import SyncRunner

VALID_RECEIPTS = {kind.name: kind for kind in receipt_kinds.kinds()}
LEDGER, BLOCK = VALID_RECEIPTS["a log of a transaction with a type"], VALID_RECEIPTS["a proof of one line"]


def add_receipt(kind: StampKind) -> AnchorReceipt:
    """Create a complete receipt as the timestamp step stores it."""
    return AnchorReceipt.objects.create(
        kind=kind.sort,
        service="ours",
        development=True,
        digest=Digest(receipt_kinds.seal_digest()),
        proof=kind.reply,
        completed_at=now(),
        material={name: base64.b64encode(data).decode() for name, data in kind.headers},
        time=now(),
        state=StepState.DONE,
    )


@pytest.mark.parametrize("kind", [LEDGER, BLOCK], ids=["evm", "opentimestamps"])
def test_blockchain_receipts_are_accepted_under_the_exported_trust_list(
    inline: SyncRunner, kind: StampKind, tmp_path: Path
) -> None:
    path = write_zip(tmp_path / "bundle.zip", bundle_of([kind])[0])
    before = build_own_trust(inline.services, "")
    add_receipt(kind)
    after = Trust.from_json(build_own_trust(inline.services, "").to_json())
    checks = [
        {check.name: check for check in Verifier(trust).verify(path).checks}[kind.check] for trust in (before, after)
    ]
    assert [check.state for check in checks] == [State.NOT_CHECKED, State.PASSED]
    assert "ours (block as returned by the operator's node)" in checks[1].sentence
    assert checks[1].development
    assert LIST_NOTE in after.note


def test_capture_partners_are_pinned_with_their_operator(inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, operator_name="Ann Ltd")
    partner, _ = partner_of(new_signer()), partner_of(new_signer(), "c")
    assert build_own_trust(inline.services, "").partners == ()
    partners.set_cocapture_options(partner, is_requested=True, by="operator")
    trust = Trust.from_json(build_own_trust(inline.services, "").to_json())
    assert [(pin.vkey, pin.operator) for pin in trust.partners] == [(partner.log_key, "b")]
    assert {pin.operator for pin in trust.logs} == {"Ann Ltd"}
    assert partner.log_key not in {pin.vkey for pin in trust.logs}  # it may not log bundles
    partners.revoke_partner(partner, by="operator", reason="ended")
    assert build_own_trust(inline.services, "").partners == ()


@pytest.mark.parametrize("count", ["0", "2"])
def test_trust_list_minimum_must_be_between_one_and_all(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: str
) -> None:
    monkeypatch.setattr(cli_trust, "open_command_context", lambda: SimpleNamespace(services=inline.services))
    path = tmp_path / "list.json"
    result = CliRunner().invoke(cli_trust.trust_command, [str(path), "--timestamps", count])
    assert isinstance(result.exception, InvalidRequestError)
    assert f"requires {count} timestamp services" in result.exception.message
    assert not path.exists()


def test_trust_list_that_fails_validation_is_not_written(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cli_trust, "open_command_context", lambda: SimpleNamespace(services=inline.services))
    key = parse_verifier_key(get_log(inline.services).get_verifier_key())[1]
    names = [format_cosigner_key(f"{name}.example/w", key) for name in ("a", "b")]
    anchors = tuple(
        CosignatureConfig(kind="cosignature", name=name[0], urls=(f"https://{name[0]}.example",), key=name)
        for name in names
    )
    inline.services.config = replace(inline.services.config, anchors=anchors)
    path = tmp_path / "list.json"
    result = CliRunner().invoke(cli_trust.trust_command, [str(path)])
    assert isinstance(result.exception, InvalidRequestError)
    assert "logs 1" in result.exception.message
    assert "cosigners 1" in result.exception.message
    assert not path.exists()


def test_pending_blockchain_receipt_adds_no_block_to_the_trust_list(inline: SyncRunner) -> None:
    row = add_receipt(LEDGER)
    AnchorReceipt.objects.filter(pk=row.pk).update(state=StepState.QUEUED)
    assert build_own_trust(inline.services, "").ledgers == ()


@pytest.mark.long
def test_trust_list_takes_certificates_from_a_qualified_trusted_list(scene: Scene, tmp_path: Path) -> None:
    [own, other] = [
        DevelopmentAuthority(tmp_path / name, "http://127.0.0.1:9").hierarchy for name in ("ours", "others")
    ]
    pinned = TrustedAuthority("Ann", (own.root.pem.decode(),), development=True, label="trials")
    trust, path = replace(scene.trust, authorities=(pinned,)), tmp_path / "qtst.pem"
    path.write_bytes(own.issuing.pem + other.root.pem + other.unit.pem + own.unit.pem)
    result = Trust.from_json(mark_qualified_certificates(trust, path).to_json())
    assert result.authorities[0].qualified_certificates == load_certificates([own.issuing.pem, own.unit.pem])
    path.write_bytes(other.unit.pem)
    assert mark_qualified_certificates(trust, path).authorities[0].qualified == ()
    path.write_bytes(b"nothing")
    for file, message in ((path, "contains no readable certificates"), (tmp_path / "absent", "cannot be read")):
        with pytest.raises(InvalidRequestError, match=message):
            mark_qualified_certificates(trust, file)
    broken = replace(trust, authorities=(replace(pinned, qualified=("junk",)),))
    with pytest.raises(FormatError, match="of Ann cannot be read"):
        Trust.from_json(broken.to_json())
