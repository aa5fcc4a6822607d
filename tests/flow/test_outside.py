"""docs/verify-by-hand.md, run as it stands: other people's programs check a bundle, and find what was changed."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.assets.bundles import RECORDS, Scene, make_scene
from tests.assets.changes import Change, Files, flipped
from tests.assets.tampering import files_of, rebagged
from tools import verify_outside
from tools.verify_outside import Outcome, outcomes, sections

CHECKOUT = Path(__file__).parents[2]
BYTES, BAG, SIGNATURE = (
    "Every byte, and the bag",
    "The bag, by the Library of Congress's program",
    "The owner's signature",
)
STAMPS, BLOCKS = "Stamps of time-stamping authorities", "Bitcoin blocks"
LOG, LEDGERS = "The place in the log, by sigstore's verifier", "Receipts of EVM chains"
WEB = "Records of the web"


@pytest.fixture(scope="module")
def roots(scene: Scene) -> Path:
    path = scene.folder / "roots.pem"
    path.write_bytes(scene.root_pem)
    return path


def found(folder: Path, roots: Path | None) -> dict[str, Outcome]:
    return {one.title: one for one in outcomes(folder, roots, "", regtest=True)}


def written(files: Files, folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def whole(scene: Scene) -> Files:
    return files_of(scene.write(scene.folder / "bundle.zip"))


def test_every_program_that_is_here_passes_a_whole_bundle(scene: Scene, roots: Path) -> None:
    states = found(scene.write(scene.folder / "again.zip"), roots)
    assert {one.title: one.words for one in states.values() if one.state == "FAILED"} == {}
    always = [BYTES, BAG, BLOCKS, LEDGERS, WEB, *([SIGNATURE, STAMPS] if shutil.which("openssl") else [])]
    assert {states[title].state for title in always} == {"passed"}
    assert all(one.words for one in states.values() if one.state == "not run")


CHANGES: dict[str, tuple[Change, set[str]]] = {
    "a manifest": (flipped("data/manifest.json"), {SIGNATURE, STAMPS}),
    "a signature": (flipped("proofs/signature"), {SIGNATURE}),
    "a stamp": (flipped("proofs/anchors/manifest-test-authority.tsr", lambda data: len(data) - 3), {STAMPS}),
    "a checkpoint": (
        flipped("proofs/log/checkpoint", lambda data: data.index(b"\n", 25) + 4),
        {STAMPS, BLOCKS, LEDGERS},
    ),
    "a record": (flipped(RECORDS[0]), {WEB}),
    "a block": (flipped("proofs/material/block-1.header", lambda _: 40), {BLOCKS}),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
def test_a_change_is_found_although_the_bag_was_made_to_fit(
    whole: Files, roots: Path, tmp_path: Path, what: str
) -> None:
    change, expected = CHANGES[what]
    states = found(written(rebagged(change(whole)), tmp_path), roots)
    failed = {title for title, one in states.items() if one.state == "FAILED"}
    assert failed >= expected
    assert BYTES not in failed


def test_a_changed_byte_alone_is_found_by_the_digests(whole: Files, roots: Path, tmp_path: Path) -> None:
    states = found(written(flipped("data/work/01.jpg")(whole), tmp_path), roots)
    assert {states[BYTES].state, states[BAG].state} == {"FAILED"}
    assert "data/work/01.jpg" in states[BYTES].words


def test_what_is_not_given_or_not_installed_is_named(
    whole: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = found(written(whole, tmp_path), None)
    assert (states[STAMPS].state, states[STAMPS].words) == ("not run", "ROOTS isn't given")
    assert "the bundle holds no" in states["Web archives"].words
    nothing = verify_outside.Section("x", ("no-such-program", "python3:no_such_library"), "true")
    monkeypatch.setattr(verify_outside, "sections", lambda _: [nothing])
    [one] = outcomes(tmp_path, None, "", regtest=True)
    assert one.words == "no-such-program isn't installed; the Python library no_such_library isn't installed"


def test_a_stranger_s_authority_fails(whole: Files, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl isn't installed")
    (tmp_path / "other").mkdir()
    stranger = make_scene(tmp_path / "other", seed=2)
    (tmp_path / "roots.pem").write_bytes(stranger.root_pem)
    assert found(written(whole, tmp_path / "bag"), tmp_path / "roots.pem")[STAMPS].state == "FAILED"


def test_the_page_names_a_program_for_every_section() -> None:
    named = sections((CHECKOUT / "docs" / "verify-by-hand.md").read_text("utf-8"))
    assert len(named) >= 11
    assert all(one.needs for one in named)


def test_the_command_ends_with_1_when_something_failed(
    whole: Files, roots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(flipped("data/work/01.jpg")(whole), tmp_path)
    monkeypatch.setattr(sys, "argv", ["verify_outside.py", str(folder), "--roots", str(roots), "--regtest"])
    assert verify_outside.main() == 1
    assert "FAILED    Every byte" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["verify_outside.py", str(tmp_path / "nowhere")])
    assert verify_outside.main() == 2
