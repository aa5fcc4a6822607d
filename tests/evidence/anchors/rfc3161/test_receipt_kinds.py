"""Test that the verifier's result for each kind of receipt follows the format, and OpenSSL agrees."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.verdict.trust import Trust
from evidence.verify.verifier import Verifier
from tests.assets import receipt_kinds, timestamp_table
from tests.assets.tampering import write_zip
from tests.assets.timestamp_forge import MOMENT
from tests.assets.timestamp_kinds import GOOD, MANIFEST_PATH, StampKind, base_files, bundle_of, pem, split_kinds

OPENSSL = shutil.which("openssl")


@pytest.fixture(scope="module")
def timestamp_kinds() -> list[StampKind]:
    return [*timestamp_table.kinds(), *receipt_kinds.kinds()]


def bundles(kinds: list[StampKind], folder: Path) -> Iterator[tuple[Path, Trust]]:
    """Yield bundles with the receipts, and the trust lists to verify them."""
    for place, group in enumerate(split_kinds(kinds)):
        files, trust = bundle_of(group)
        yield write_zip(folder / f"{place}.zip", files), trust


def test_timestamp_kinds_are_unique_and_numerous(timestamp_kinds: list[StampKind]) -> None:
    assert (
        len({kind.name for kind in timestamp_kinds})
        == len(timestamp_kinds)
        == len({kind.check for kind in timestamp_kinds})
        >= 300
    )


@pytest.mark.long
def test_python_results_match_profile(timestamp_kinds: list[StampKind], tmp_path: Path) -> None:
    states, by = {}, {}
    for path, trust in bundles(timestamp_kinds, tmp_path):
        for check in Verifier(trust).verify(path).checks:
            states[check.name] = str(check.state)
            by[check.name] = "" if check.time is None else f"{check.time:%Y-%m-%dT%H:%M:%SZ}"
    assert {kind.name: states[kind.check] for kind in timestamp_kinds} == {
        kind.name: kind.state for kind in timestamp_kinds
    }
    assert {kind.name: by[kind.check] for kind in timestamp_kinds} == {
        kind.name: kind.latest for kind in timestamp_kinds
    }


@pytest.mark.long
@pytest.mark.skipif(OPENSSL is None, reason="openssl isn't installed")
def test_openssl_results_match_profile_with_listed_exceptions(timestamp_kinds: list[StampKind], tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(base_files()[0][MANIFEST_PATH])
    timestamp_kinds = [kind for kind in timestamp_kinds if kind.sort == "rfc3161"]
    accepted_kinds = {kind.name: is_accepted_by_openssl(kind, tmp_path) for kind in timestamp_kinds}
    assert accepted_kinds == {kind.name: kind.openssl for kind in timestamp_kinds}
    unexplained = [kind.name for kind in timestamp_kinds if kind.openssl != (kind.state == GOOD) and not kind.why]
    assert unexplained == []


def is_accepted_by_openssl(kind: StampKind, folder: Path) -> bool:
    """Return True if OpenSSL accepts a timestamp, at the timestamp's own time."""
    for name, certificates in {"roots": kind.roots, "more": kind.material}.items():
        (folder / name).write_bytes(b"".join(map(pem, certificates)))
    (folder / "reply").write_bytes(kind.reply)
    options = f"-verify -data sealed -in reply -CAfile roots -attime {MOMENT.timestamp():.0f}"
    command = ["openssl", "ts", *options.split()]
    more = ["-untrusted", "more"] if kind.material else []
    done = subprocess.run([*command, *more], cwd=folder, capture_output=True, check=False, timeout=20)
    return b"Verification: OK" in done.stdout
