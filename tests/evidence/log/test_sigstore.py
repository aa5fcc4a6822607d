"""Test that sigstore's Merkle verifier, checkpoint reader and keyring accept Exhibit's proofs unchanged.

sigstore is installed in a separate environment, whose Python ``SIGSTORE_PYTHON`` names (docs/reference/log.md).
Without it the test is skipped. It reads one proof after the other as JSON lines, and reports on each.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evidence.bundle.bag import encode_public_key
from evidence.keys.ed25519 import FileSigner
from evidence.log.append_only import Log
from evidence.log.notes import parse_verifier_key
from tests.assets.folder_log import FolderLogStore
from tests.evidence.log.test_append_only import create_entries

PYTHON = os.environ.get("SIGSTORE_PYTHON", "")
SIZES = (1, 2, 3, 7, 8, 64, 100, 257)
VERIFY = """
import base64, json, sys
from types import SimpleNamespace as Entry
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import verify_checkpoint
from sigstore._internal.trust import Keyring, common_v1
from sigstore.errors import VerificationError
for line in sys.stdin:
    given = json.loads(line)
    der = load_pem_public_key(given["pem"].encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = common_v1.PublicKey(raw_bytes=base64.b64encode(der), key_details=common_v1.PublicKeyDetails.PKIX_ED25519)
    proof = Entry(log_index=given["index"], tree_size=given["size"], root_hash=bytes.fromhex(given["root"]),
                  hashes=[bytes.fromhex(one) for one in given["path"]], checkpoint=Entry(envelope=given["note"]))
    entry = Entry(_inner=Entry(inclusion_proof=proof, canonicalized_body=given["leaf"].encode(),
                               log_id=Entry(key_id=bytes.fromhex(given["key_id"]))))
    try:
        verify_merkle_inclusion(entry)
        verify_checkpoint(Keyring([key]), entry)
        print("good")
    except VerificationError as error:
        print("refused:", str(error)[:60])
"""

pytestmark = pytest.mark.skipif(not PYTHON, reason="SIGSTORE_PYTHON names no environment with sigstore")


def create_proof_rows(folder: Path) -> list[dict[str, Any]]:
    """Return a proof of each kind of position in trees of several sizes."""
    log = Log(FolderLogStore(folder / "log"), FileSigner(folder / "log.pem"), "example.org/log")
    leaves = create_entries(max(SIZES))
    vkey = log.get_verifier_key()
    pem = encode_public_key(parse_verifier_key(vkey)[1]).decode()
    rows, grown = [], 0
    for size in SIZES:
        log.append(leaves[grown:size])
        grown, head = size, log.sign_checkpoint()
        for index in sorted({0, size // 2, size - 1}):
            path = [node.hex() for node in log.prove_inclusion(index, size)]
            leaf = {"leaf": leaves[index].leaf_bytes.decode(), "index": index, "size": size, "path": path}
            key = {"pem": pem, "key_id": vkey.split("+")[1], "root": head.root.hex(), "note": head.note}
            rows.append({**leaf, **key})
    return rows


def run_sigstore(rows: list[dict[str, Any]]) -> list[str]:
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    ran = subprocess.run([PYTHON, "-c", VERIFY], input=lines, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_sigstore_accepts_proofs_and_checkpoints(tmp_path: Path) -> None:
    rows = create_proof_rows(tmp_path)
    assert run_sigstore(rows) == ["good"] * len(rows)


def test_sigstore_rejects_changed_proofs(tmp_path: Path) -> None:
    good = create_proof_rows(tmp_path)[-2]
    wrong = [
        {**good, "leaf": good["leaf"].replace("seal", "case")},
        {**good, "index": good["index"] + 1},
        {**good, "path": good["path"][::-1]},
        {**good, "note": good["note"].replace("\n257\n", "\n258\n")},
        {**good, "root": "00" * 32},
    ]
    assert [row.partition(":")[0] for row in run_sigstore(wrong)] == ["refused"] * len(wrong)
