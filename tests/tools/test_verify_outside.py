"""Test the scripts of tools/outside as written: independent programs verify a bundle, and detect changes."""

import re
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evidence.bundle.bag import Withheld
from evidence.log.notes import format_cosigner_key, format_verifier_key
from exhibit.entries import EntryType, encode_canonical
from tests import CHECKOUT
from tests.assets.bundle_changes import Change, Files, flip_bit, remove_file
from tests.assets.bundles import RECORDS, Scene, append_entry, make_scene
from tests.assets.confirmed_captures import LIES, confirm_capture, seal_statement
from tests.assets.partners import new_signer
from tests.assets.passkeys import sign_scene
from tests.assets.tampering import pack_otherwise, read_files, update_bag
from tests.assets.timestamp_services import add_cosignature
from tools import verify_outside
from tools.verify_outside import Outcome, sections, verify_bundle

DIGESTS_SECTION, BAGIT_SECTION, SIGNATURE_SECTION = (
    "Every byte",
    "BagIt",
    "The owner's signature",
)
TIMESTAMPS_SECTION, BITCOIN_SECTION = "RFC 3161 timestamps", "Bitcoin blocks"
LOG_SECTION, EVM_SECTION = "Log inclusion", "Receipts of EVM chains"
COSIGNATURES_SECTION = "Log witnesses"
PARTNERS_SECTION = "Statements of partners"
PASSKEY_SECTION = "Decision signed with a passkey"
WARC_SECTION, CAPTURE_SECTION = "WARC files", "Images in captures"


@pytest.fixture(scope="module")
def roots(scene: Scene) -> Path:
    path = scene.folder / "roots.pem"
    path.write_bytes(scene.root_pem)
    return path


def run_sections(folder: Path, roots: Path | None, *only: str) -> dict[str, Outcome]:
    """Return the results of the sections with these titles, or of all."""
    return {outcome.title: outcome for outcome in verify_bundle(folder, roots, "", regtest=True, only=only)}


def unpack_files(files: Files, folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def bundle_files(scene: Scene) -> Files:
    return read_files(scene.write(scene.folder / "bundle.zip"))


@pytest.mark.long
def test_every_installed_program_passes_a_valid_bundle(scene: Scene, roots: Path) -> None:
    states = run_sections(scene.write(scene.folder / "again.zip"), roots)
    assert {state.title: state.output for state in states.values() if state.state == "FAILED"} == {}
    always = [
        DIGESTS_SECTION,
        BAGIT_SECTION,
        BITCOIN_SECTION,
        EVM_SECTION,
        WARC_SECTION,
        CAPTURE_SECTION,
        *([SIGNATURE_SECTION, TIMESTAMPS_SECTION] if shutil.which("openssl") else []),
    ]
    assert {states[title].state for title in always} == {"passed"}
    assert all(state.output for state in states.values() if state.state == "not run")


CHANGES: dict[str, tuple[Change, set[str]]] = {
    "a manifest": (flip_bit("data/manifest.json"), {SIGNATURE_SECTION, TIMESTAMPS_SECTION}),
    "a signature": (flip_bit("proofs/signature"), {SIGNATURE_SECTION}),
    "a stamp": (
        flip_bit("proofs/anchors/manifest-test-authority.tsr", lambda data: len(data) - 3),
        {TIMESTAMPS_SECTION},
    ),
    "a checkpoint": (
        flip_bit("proofs/log/checkpoint", lambda data: data.index(b"\n", 25) + 4),
        {TIMESTAMPS_SECTION, BITCOIN_SECTION, EVM_SECTION},
    ),
    "a record": (flip_bit(RECORDS[0]), {WARC_SECTION, DIGESTS_SECTION}),
    "a sealed picture": (flip_bit("data/work/01.jpg"), {DIGESTS_SECTION}),
    "a picture withheld in silence": (remove_file("data/work/01.jpg"), {DIGESTS_SECTION}),
    "a file too many": (lambda files: {**files, "data/work/02.jpg": b"x"}, {DIGESTS_SECTION}),
    "a block": (flip_bit("proofs/material/block-1.header", lambda _: 40), {BITCOIN_SECTION}),
}


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=pytest.mark.long if number % 3 else ()) for number, what in enumerate(CHANGES)]
)
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
def test_changed_file_is_detected_despite_an_updated_bag_manifest(
    bundle_files: Files, roots: Path, tmp_path: Path, what: str
) -> None:
    change, expected = CHANGES[what]
    states = run_sections(unpack_files(update_bag(change(bundle_files)), tmp_path), roots, *expected)
    assert {title for title, state in states.items() if state.state == "FAILED"} == expected


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
def test_redacted_file_passes_but_redacted_facts_fail(scene: Scene, roots: Path, tmp_path: Path) -> None:
    proofs = replace(scene.proofs, withheld=Withheld(("data/work/01.jpg",), "for the court"))
    copy = read_files(scene.write(tmp_path / "copy.zip", proofs))
    assert "data/work/01.jpg" not in copy
    assert (
        run_sections(unpack_files(copy, tmp_path / "copy"), roots, DIGESTS_SECTION)[DIGESTS_SECTION].state == "passed"
    )
    listed = {
        **remove_file("data/facts.json")(copy),
        "proofs/withheld.json": encode_canonical({"files": ["data/facts.json"]}),
    }
    assert (
        run_sections(unpack_files(update_bag(listed), tmp_path / "listed"), roots, DIGESTS_SECTION)[
            DIGESTS_SECTION
        ].state
        == "FAILED"
    )


@pytest.mark.long
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
def test_passkey_response_is_verified_by_openssl(scene: Scene, tmp_path: Path) -> None:
    lies: dict[str, dict[str, Any]] = {
        "": {},
        "another statement": {"assertion": lambda value: replace(value, statement=replace(value.statement, by="Bob"))},
        "another site": {"site": "other.example"},
        "nobody verified": {"flags": 0x01},
        "another entry": {"opening": lambda value: {**value, "assertion": "00" * 32}},
        "another signature": {
            "assertion": lambda value: replace(value, signature=value.signature[:-1] + bytes([value.signature[-1] ^ 1]))
        },
    }
    for number, (what, lie) in enumerate(lies.items()):
        path = sign_scene(scene, **lie).write(tmp_path / f"{number}.zip")
        state = run_sections(unpack_files(read_files(path), tmp_path / str(number)), None, PASSKEY_SECTION)[
            PASSKEY_SECTION
        ].state
        assert state == ("FAILED" if what else "passed"), what


@pytest.mark.long
def test_bundle_files_are_never_executed(bundle_files: Files, roots: Path, tmp_path: Path) -> None:
    mark = f"open({str(tmp_path / 'mark')!r}, 'w').close()\n".encode()
    names = ("json", "hashlib", "base64", "glob", "rlp", "trie", "sigstore", "warcio", "sitecustomize", "__future__")
    folder = unpack_files({**bundle_files, **{f"{name}.py": mark for name in names}}, tmp_path / "bag")
    run_sections(folder, roots)
    subprocess.run([sys.executable, "-I", "verify.py"], cwd=folder, capture_output=True, check=False)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "name", ["docs/reference/verify-by-hand.md", "evidence/standalone/VERIFY.md", "tools/outside/*.sh"]
)
def test_documented_commands_run_python_in_isolated_mode(name: str) -> None:
    text = "".join(path.read_text("utf-8") for path in CHECKOUT.glob(name))
    calls = re.findall(r"python3 +(-\S*|verify\.py)", text)
    assert set(calls) == {"-I"}


def forge_header(bits: int) -> bytes:
    """Return a header with a valid proof of work for the stated bits, found within a few attempts."""
    for nonce in range(1 << 16):
        header = struct.pack("<I32s32sIII", 4, bytes(32), bytes(32), 1, bits, nonce)
        if verify_outside.compute_difficulty(header):
            return header
    return header


@pytest.mark.long
def test_only_headers_with_main_chain_work_are_accepted_without_a_bitcoin_node(
    bundle_files: Files, roots: Path, tmp_path: Path
) -> None:
    folder = unpack_files(bundle_files, tmp_path / "bag")
    [outcome] = verify_bundle(folder, roots, "", regtest=False, only=(BITCOIN_SECTION,))
    assert outcome.state == "FAILED"
    outcome = run_sections(folder, roots, BITCOIN_SECTION)[BITCOIN_SECTION]
    assert outcome.state == "passed"
    assert "block 1, " in outcome.output
    assert "belongs to the chain" in outcome.output


def test_header_difficulty_matches_its_work() -> None:
    assert verify_outside.compute_difficulty(forge_header(0x207FFFFF)) == pytest.approx(4.66e-10, rel=0.01)
    assert verify_outside.compute_difficulty(forge_header(0x1D00FFFF)) == 0
    assert verify_outside.compute_difficulty(forge_header(0x20FFFFFF)) == 0


def test_receipts_of_earlier_checkpoints_do_not_pass(bundle_files: Files, roots: Path, tmp_path: Path) -> None:
    earlier = {name.replace("/checkpoint-test-", "/earlier-00-test-"): data for name, data in bundle_files.items()}
    assert run_sections(unpack_files(earlier, tmp_path), roots, BITCOIN_SECTION)[BITCOIN_SECTION].state == "FAILED"


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_non_bundle_input_is_refused_with_a_message(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(data)
    monkeypatch.setattr(sys, "argv", ["verify_outside.py", str(tmp_path / "bundle.zip")])
    assert verify_outside.main() == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.long
def test_zip_bomb_is_not_unpacked_and_enclosing_folder_is_entered(bundle_files: Files, tmp_path: Path) -> None:
    (tmp_path / "bomb.zip").write_bytes(pack_otherwise({"bagit.txt": bytes(80 << 20)}))
    with pytest.raises(verify_outside.InvalidBundleError, match="its unpacked size exceeds the limit"):
        verify_bundle(tmp_path / "bomb.zip", None, "", regtest=True)
    (tmp_path / "around.zip").write_bytes(
        pack_otherwise({**bundle_files, "proofs/material/block-x.header": b""}, folder="case 7/")
    )
    assert run_sections(tmp_path / "around.zip", None, BAGIT_SECTION)[BAGIT_SECTION].state == "passed"


def test_single_changed_byte_is_detected_by_digests(bundle_files: Files, roots: Path, tmp_path: Path) -> None:
    states = run_sections(
        unpack_files(flip_bit("data/work/01.jpg")(bundle_files), tmp_path), roots, DIGESTS_SECTION, BAGIT_SECTION
    )
    assert {states[DIGESTS_SECTION].state, states[BAGIT_SECTION].state} == {"FAILED"}
    assert "data/work/01.jpg" in states[DIGESTS_SECTION].output


def test_missing_inputs_and_programs_are_reported(
    bundle_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = run_sections(unpack_files(bundle_files, tmp_path), None, TIMESTAMPS_SECTION, "WACZ files")
    assert (states[TIMESTAMPS_SECTION].state, states[TIMESTAMPS_SECTION].output) == ("not run", "ROOTS isn't given")
    assert "the bundle holds no" in states["WACZ files"].output
    nothing = verify_outside.Section("x", ("no-such-program", "python3:no_such_library"), "", "true")
    monkeypatch.setattr(verify_outside, "sections", lambda: [nothing])
    [outcome] = verify_bundle(tmp_path, None, "", regtest=True)
    assert [name in outcome.output for name in ("no-such-program", "no_such_library")] == [True, True]


@pytest.mark.long
def test_timestamp_of_unknown_authority_fails(bundle_files: Files, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl isn't installed")
    (tmp_path / "other").mkdir()
    stranger = make_scene(tmp_path / "other", seed=2)
    (tmp_path / "roots.pem").write_bytes(stranger.root_pem)
    assert (
        run_sections(unpack_files(bundle_files, tmp_path / "bag"), tmp_path / "roots.pem", TIMESTAMPS_SECTION)[
            TIMESTAMPS_SECTION
        ].state
        == "FAILED"
    )


def test_every_verification_script_lists_the_programs_it_needs() -> None:
    named_sections = sections()
    assert len(named_sections) >= 11
    assert all(section.requirements for section in named_sections)


@pytest.mark.long
def test_verification_script_exits_with_1_on_failure(
    bundle_files: Files,
    roots: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = unpack_files(flip_bit("data/work/01.jpg")(bundle_files), tmp_path)
    monkeypatch.setattr(sys, "argv", ["verify_outside.py", str(folder), "--roots", str(roots), "--regtest"])
    assert verify_outside.main() == 1
    assert "FAILED    Every byte" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["verify_outside.py", str(tmp_path / "nowhere")])
    assert verify_outside.main() == 2


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
def test_cosignatures_are_verified_by_openssl_with_keys_from_outside_the_bundle(
    scene: Scene, roots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosigned, trust = add_cosignature(scene.log, scene.proofs, scene.trust)
    files = read_files(scene.write(tmp_path / "cosigned.zip", cosigned))
    keys, name = tmp_path / "keys.txt", "proofs/anchors/checkpoint-test-witness.cosigned"
    keys.write_text(trust.cosigners[0].vkey)
    monkeypatch.setenv("WITNESSES", str(keys))
    good = run_sections(unpack_files(files, tmp_path / "good"), roots, COSIGNATURES_SECTION)[COSIGNATURES_SECTION]
    assert (good.state, "witness.tests.example" in good.output) == ("passed", True)
    for part, change in (
        ("head", flip_bit(name, lambda _: 5)),
        ("signature", flip_bit(name, lambda data: len(data) - 10)),
    ):
        assert (
            run_sections(unpack_files(change(files), tmp_path / part), roots, COSIGNATURES_SECTION)[
                COSIGNATURES_SECTION
            ].state
            == "FAILED"
        )
    keys.write_text(format_cosigner_key("witness.tests.example", new_signer().public_key))
    assert (
        run_sections(unpack_files(files, tmp_path / "other"), roots, COSIGNATURES_SECTION)[COSIGNATURES_SECTION].state
        == "FAILED"
    )


@pytest.mark.long
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
def test_observations_of_partner_are_verified_with_keys_from_outside_the_bundle(
    roots: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed = confirm_capture(make_scene(tmp_path_factory.mktemp("other")), tmp_path)
    append_entry(confirmed.log, EntryType.SLICE, {"more": "entries"})
    keys = tmp_path / "logs.txt"
    keys.write_text(confirmed.log.get_verifier_key())
    monkeypatch.setenv("PARTNERS", str(keys))
    # One of several entries
    later = confirmed.seal_answers(confirmed.answer(seal_statement(confirmed.log, confirmed.statement)))
    for number, files in enumerate((confirmed.files, later)):
        good = run_sections(unpack_files(files, tmp_path / f"good-{number}"), roots, PARTNERS_SECTION)[PARTNERS_SECTION]
        assert (good.state, "picture, page, text" in good.output) == ("passed", True), good.output
    lies = ("other bytes, stated as the same", "other bytes", "another key", "another log",
            "no inclusion", "another salt",
            "another place in the log", "words in the statement changed", "an answer to another challenge",
            "a key that nobody pinned", "a statement copied to another capture", "missing")  # fmt: skip
    for number, name in enumerate(lies):
        folder = unpack_files(LIES[name][0](confirmed), tmp_path / f"lie-{number}")
        assert run_sections(folder, roots, PARTNERS_SECTION)[PARTNERS_SECTION].state == "FAILED", name
    keys.write_text(format_verifier_key(confirmed.log.origin, new_signer().public_key))
    assert (
        run_sections(unpack_files(confirmed.files, tmp_path / "stranger"), roots, PARTNERS_SECTION)[
            PARTNERS_SECTION
        ].state
        == "FAILED"
    )
