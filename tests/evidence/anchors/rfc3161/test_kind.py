"""Test the settings of timestamp authorities, and which pinned one a timestamp leads to."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.anchors.rfc3161.kind import Rfc3161Config, TrustedAuthority, build, build_pins, verify
from evidence.development.authority import DevelopmentAuthority
from evidence.formats.errors import UntrustedIssuerError
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.ports import Receipt
from tests.assets.ots import SESSION
from tests.assets.timestamp_authorities import DIGEST


@pytest.fixture
def config(folder: Path, authority: DevelopmentAuthority) -> Rfc3161Config:
    path = folder / "roots.pem"
    path.write_bytes(authority.root_pem)
    return Rfc3161Config(kind="rfc3161", name="Ann", urls=(authority.url,), development=True, roots=path)


def test_invalid_settings_are_reported(config: Rfc3161Config) -> None:
    assert not any(config.faults.values())
    wrong = replace(config, roots=Path("/no/roots"), urls=("http://a", "http://b"), qualified="2024-01-01")
    faults = [message for message, is_so in wrong.faults.items() if is_so]
    settings = ("/no/roots", "urls", "qualified")
    assert [name in fault for name, fault in zip(settings, faults, strict=True)] == [True, True, True]


def test_queried_authority_can_be_pickled(config: Rfc3161Config, receipt: Receipt) -> None:
    [pinned_authority] = build_pins((config,), (), "for testing", "")
    verify(DIGEST, receipt.proof, dict(receipt.material), (pinned_authority,), "seal")
    assert pickle.loads(pickle.dumps(pinned_authority)) == pinned_authority  # noqa: S301 - made here


def test_timestamp_is_attributed_to_pinned_authority(config: Rfc3161Config, receipt: Receipt) -> None:
    anchor = build(config, SESSION)
    assert (anchor.name, anchor.verify(DIGEST, receipt)) == ("Ann", receipt.time)
    [pinned_authority] = build_pins((config, replace(config, roots=None)), (), "for testing", "")
    stranger = TrustedAuthority("Bob", (), development=False, label="")
    attested = verify(DIGEST, receipt.proof, dict(receipt.material), (stranger, pinned_authority), "seal")
    assert (attested.time, attested.trust_entry, attested.label) == (receipt.time, "Ann", "for testing")
    assert attested.sentence.startswith("Ann (RFC 3161)")
    with pytest.raises(UntrustedIssuerError):
        verify(DIGEST, receipt.proof, dict(receipt.material), (stranger,), "seal")
    with pytest.raises(IntegrityError, match="digest"):
        verify(Digest.from_bytes(b"other"), receipt.proof, dict(receipt.material), (pinned_authority,), "seal")


def test_invalid_roots_are_reported(config: Rfc3161Config, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        build_pins((replace(config, roots=tmp_path / "absent"),), (), "", "")
    (tmp_path / "junk").write_bytes(b"junk")
    with pytest.raises(InvalidRequestError, match="root certificates of Ann"):
        build_pins((replace(config, roots=tmp_path / "junk"),), (), "", "")


def test_timestamp_is_qualified_only_by_trust_list(
    config: Rfc3161Config, authority: DevelopmentAuthority, receipt: Receipt, tmp_path: Path
) -> None:
    [trusted_authority], hierarchy = build_pins((config,), (), "for testing", ""), authority.hierarchy
    stranger = DevelopmentAuthority(tmp_path, "http://127.0.0.1:9").hierarchy
    assert trusted_authority.qualified is None

    def time_basis(*pems: bytes) -> str:
        pinned = replace(trusted_authority, qualified=tuple(pem.decode() for pem in pems))
        return verify(DIGEST, receipt.proof, dict(receipt.material), (pinned,), "seal").sentence.rpartition(". ")[2]

    for holder in (hierarchy.unit, hierarchy.issuing, hierarchy.root):
        sentence = time_basis(holder.pem)
    assert time_basis(stranger.unit.pem, holder.pem) == sentence
    for certificates in ((), (stranger.root.pem, stranger.issuing.pem, stranger.unit.pem)):
        assert time_basis(*certificates) not in {sentence, ""}
    assert (
        "qualified" not in verify(DIGEST, receipt.proof, dict(receipt.material), (trusted_authority,), "seal").sentence
    )
