"""Test an installation's own trust list, with which the timestamp services that it used count."""

import base64
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from desk.cli import trust as cli_trust
from desk.cli.trust import NOTE, own_trust, with_qualified
from evidence.anchors.cosignature.kind import CosignatureConfig
from evidence.anchors.rfc3161.kind import TrustedAuthority
from evidence.anchors.rfc3161.stamps import load_certificates
from evidence.development.authority import Authority
from evidence.formats.codec import FormatError
from evidence.log.notes import cosigner_key, parse_verifier_key
from evidence.verdict.result import State
from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from registry.alliance import partners
from registry.log.own_log import get_log
from registry.models import AnchorReceipt, StepState
from tests.assets import receipt_kinds
from tests.assets.bundles import Scene
from tests.assets.partners import new_signer, partner_of
from tests.assets.stamp_kinds import StampKind, bundle_of
from tests.assets.tampering import packed
from workers.tasks.sync_runner import SyncRunner

GOOD = {kind.name: kind for kind in receipt_kinds.kinds()}
LEDGER, BLOCK = GOOD["a log of a transaction with a type"], GOOD["a proof of one line"]


def received(kind: StampKind) -> AnchorReceipt:
    """Create a complete receipt as the timestamp step stores it."""
    return AnchorReceipt.objects.create(
        kind=kind.sort,
        witness="ours",
        development=True,
        digest=Digest(receipt_kinds.digest_of_seal()),
        proof=kind.reply,
        grown_at=now(),
        material={name: base64.b64encode(data).decode() for name, data in kind.headers},
        time=now(),
        state=StepState.DONE,
    )


@pytest.mark.parametrize("kind", [LEDGER, BLOCK], ids=["evm", "opentimestamps"])
def test_receipts_of_chains_count_by_the_list_that_the_installation_writes(
    inline: SyncRunner, kind: StampKind, tmp_path: Path
) -> None:
    path = packed(tmp_path / "bundle.zip", bundle_of([kind])[0])
    before = own_trust(inline.services, "")
    received(kind)
    after = Trust.from_json(own_trust(inline.services, "").to_json())
    told = [
        {check.name: check for check in Verifier(trust).verify(path).checks}[kind.check] for trust in (before, after)
    ]
    assert [check.state for check in told] == [State.NOT_CHECKED, State.PASSED]
    assert "ours (block as the operator's node gave it)" in told[1].sentence
    assert told[1].development
    assert NOTE in after.note


def test_partners_that_are_asked_to_visit_are_pinned_and_say_who_runs_them(inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, operator_name="Ann Ltd")
    asked, _ = partner_of(new_signer()), partner_of(new_signer(), "c")
    assert own_trust(inline.services, "").partners == ()
    partners.set_captures(asked, ask=True, by="operator")
    trust = Trust.from_json(own_trust(inline.services, "").to_json())
    assert [(pin.vkey, pin.operator) for pin in trust.partners] == [(asked.log_key, "b")]
    assert {pin.operator for pin in trust.logs} == {"Ann Ltd"}
    assert asked.log_key not in {pin.vkey for pin in trust.logs}  # it may not log bundles
    partners.revoke(asked, by="operator", reason="ended")
    assert own_trust(inline.services, "").partners == ()


@pytest.mark.parametrize("asked", ["0", "2"])
def test_a_list_cannot_ask_for_other_than_one_to_all_of_its_witnesses(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: str
) -> None:
    monkeypatch.setattr(cli_trust, "open_desk", lambda: SimpleNamespace(services=inline.services))
    path = tmp_path / "list.json"
    ran = CliRunner().invoke(cli_trust.trust_command, [str(path), "--timestamps", asked])
    assert isinstance(ran.exception, WrongUseError)
    assert f"requires {asked} timestamp services" in ran.exception.message
    assert not path.exists()


def test_a_list_that_its_own_reader_would_refuse_is_not_written(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cli_trust, "open_desk", lambda: SimpleNamespace(services=inline.services))
    key = parse_verifier_key(get_log(inline.services).vkey())[1]
    names = [cosigner_key(f"{name}.example/w", key) for name in ("a", "b")]
    anchors = tuple(
        CosignatureConfig(kind="cosignature", name=name[0], urls=(f"https://{name[0]}.example",), key=name)
        for name in names
    )
    inline.services.config = replace(inline.services.config, anchors=anchors)
    path = tmp_path / "list.json"
    ran = CliRunner().invoke(cli_trust.trust_command, [str(path)])
    assert isinstance(ran.exception, WrongUseError)
    assert "logs 1" in ran.exception.message
    assert "cosigners 1" in ran.exception.message
    assert not path.exists()


def test_a_receipt_that_is_pending_gives_no_block(inline: SyncRunner) -> None:
    row = received(LEDGER)
    AnchorReceipt.objects.filter(pk=row.pk).update(state=StepState.TODO)
    assert own_trust(inline.services, "").ledgers == ()


@pytest.mark.long
def test_the_list_takes_the_certificates_of_its_own_authorities_from_a_trusted_list(
    scene: Scene, tmp_path: Path
) -> None:
    [ours, others] = [Authority(tmp_path / name, "http://127.0.0.1:9").hierarchy for name in ("ours", "others")]
    pinned = TrustedAuthority("Ann", (ours.root.pem.decode(),), development=True, label="trials")
    trust, path = replace(scene.trust, authorities=(pinned,)), tmp_path / "qtst.pem"
    path.write_bytes(ours.issuing.pem + others.root.pem + others.unit.pem + ours.unit.pem)
    written = Trust.from_json(with_qualified(trust, path).to_json())
    assert written.authorities[0].listed == load_certificates([ours.issuing.pem, ours.unit.pem])
    path.write_bytes(others.unit.pem)
    assert with_qualified(trust, path).authorities[0].qualified == ()
    path.write_bytes(b"nothing")
    for file, said in ((path, "holds no certificates"), (tmp_path / "absent", "can't be read")):
        with pytest.raises(WrongUseError, match=said):
            with_qualified(trust, file)
    broken = replace(trust, authorities=(replace(pinned, qualified=("junk",)),))
    with pytest.raises(FormatError, match="of Ann can't be read"):
        Trust.from_json(broken.to_json())
