import json
import shutil
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.__main__ import main
from evidence.bundle.bag import CHECKPOINT_PATH, Proofs, Withheld
from evidence.verdict.grades import GRADES
from evidence.verdict.result import UNLISTED, State, Verdict, raise_first_failure
from evidence.verdict.trust import load_trust
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.errors import ExitCode
from registry.bundles.verifier_drawings import CONTENT_GENERATORS
from tests.assets.bundles import Scene
from tests.assets.forged_evidence import NOT_REMADE, UNPINNED
from tests.assets.tampering import pack_otherwise, read_files
from tests.assets.timestamp_services import LABEL
from tools.reference.checks import load_checks


@pytest.fixture
def unpacked_bundle(bundle: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(bundle) as packed:
        packed.extractall(tmp_path / "bag")
    return tmp_path / "bag"


def get_states(verdict: Verdict) -> dict[str, State]:
    return {check.name: check.state for check in verdict.checks}


def test_complete_bundle_passes_every_check(scene: Scene, bundle: Path) -> None:
    verdict = Verifier(scene.trust, CONTENT_GENERATORS).verify(bundle)
    assert {name for name, state in get_states(verdict).items() if state is not State.PASSED} == {"rest", UNPINNED}
    assert verdict.outcome is ExitCode.DONE
    assert verdict.seal == scene.sealed_case.seal_digest
    assert verdict.existence_time is not None
    assert now() - verdict.existence_time < timedelta(hours=1)
    raise_first_failure(verdict)


def test_development_timestamp_services_are_reported(scene: Scene, bundle: Path) -> None:
    verdict = Verifier(scene.trust).verify(bundle)
    assert verdict.development_labels == (LABEL,)
    assert "no legal weight" in verdict.sentence


def test_bundle_without_pinned_trust_is_incomplete(bundle: Path) -> None:
    verdict = Verifier(load_trust()).verify(bundle)
    unknown = {check.name for check in verdict.checks if check.sentence.startswith(UNLISTED)}
    assert unknown == {
        "key",
        "checkpoint",
        "time",
        "registration",
        "registration:01",
        "slice:01",
        *(name for name in get_states(verdict) if name.startswith("anchor:")),
    }
    assert verdict.outcome is ExitCode.INCOMPLETE


def test_unpacked_folder_verifies(scene: Scene, unpacked_bundle: Path) -> None:
    verdict = Verifier(scene.trust).verify(unpacked_bundle)
    assert verdict.outcome is ExitCode.DONE
    assert get_states(verdict)["container"] is State.NOT_CHECKED


@pytest.mark.parametrize("folder", ["", "case-7/"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_repacked_bundle_is_intact_with_changed_container(
    scene: Scene, bundle: Path, tmp_path: Path, compression: int, folder: str
) -> None:
    files = {**read_files(bundle), "__MACOSX/._data": b"left behind"} if folder else read_files(bundle)
    anew = tmp_path / "anew.zip"
    anew.write_bytes(pack_otherwise(files, compression=compression, folder=folder))
    verdict = Verifier(scene.trust).verify(anew)
    assert verdict.outcome is ExitCode.DONE
    assert "Container changed, evidence intact." in verdict.sentence


def test_bytes_around_zip_are_rejected(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    for name, data in (("before", b"MZ" * 50 + bundle.read_bytes()), ("after", bundle.read_bytes() + b"tail")):
        path = tmp_path / f"{name}.zip"
        path.write_bytes(data)
        verdict = Verifier(scene.trust).verify(path)
        assert verdict.outcome is ExitCode.CHECK_FAILED, name
        assert [check.name for check in verdict.checks] == ["container"], name


def test_redacted_copy_reports_its_withheld_file(scene: Scene, tmp_path: Path) -> None:
    withheld = Withheld(("data/work/01.jpg",), "The original is for the court.")
    proofs = Proofs(scene.proofs.entry, scene.proofs.consistency, scene.proofs.anchors, withheld)
    verdict = Verifier(scene.trust).verify(scene.write(tmp_path / "copy.zip", proofs))
    assert verdict.outcome is ExitCode.INCOMPLETE  # a reduced image would be needed to verify the match
    assert get_states(verdict)["file:data/work/01.jpg"] is State.NOT_CHECKED
    assert get_states(verdict)["match:01"] is State.NOT_CHECKED
    assert "data/work/01.jpg" in next(check.sentence for check in verdict.checks if check.name == "files")
    assert "1 sealed file is" in verdict.sentence
    assert verdict.to_plain()["withheld"] == ["data/work/01.jpg"]


def test_every_check_is_documented(scene: Scene, bundle: Path) -> None:
    documented = {
        name.strip("*").partition(":")[0]
        for group in load_checks().values()
        for names in group
        for name in names.split(", ")
    }
    run = {name.partition(":")[0] for name in get_states(Verifier(scene.trust).verify(bundle))}
    graded = {name.strip(":?") for row in GRADES.values() for name in (*row.needed_checks, *row.other_checks)}
    assert run <= documented
    assert graded - documented <= {"countersignatures", "renewals", "anchors"}  # documented with their items


class TestOtherPrograms:
    def test_sha256sum_and_sha512sum_agree(self, unpacked_bundle: Path) -> None:
        for program, name in (
            ("sha256sum", "manifest-sha256.txt"),
            ("sha256sum", "tagmanifest-sha256.txt"),
            ("sha512sum", "manifest-sha512.txt"),
        ):
            subprocess.run([program, "--check", "--strict", "--quiet", name], cwd=unpacked_bundle, check=True)

    def test_bagit_accepts_the_bag(self, unpacked_bundle: Path) -> None:
        program = Path(sys.executable).with_name("bagit.py")
        done = subprocess.run(
            [sys.executable, program, "--validate", "."], cwd=unpacked_bundle, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
    def test_printed_openssl_commands_pass(self, scene: Scene, unpacked_bundle: Path) -> None:
        (unpacked_bundle / "ROOT.pem").write_bytes(scene.root_pem)
        done = subprocess.run(
            [sys.executable, "-I", "verify.py"], cwd=unpacked_bundle, capture_output=True, text=True, check=False
        )
        lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("    ")]
        commands = [line for line in lines if line.startswith(("printf", "openssl", "cat", "sha256sum", "sha512sum"))]
        assert len([line for line in commands if line.startswith("openssl ts")]) == 2
        assert "proofs/key.pem" not in done.stdout
        for line in commands:
            program = subprocess.run(
                ["sh", "-c", line], cwd=unpacked_bundle, capture_output=True, text=True, check=False
            )
            assert program.returncode == 0, line + program.stderr

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")
    def test_openssl_rejects_changed_manifest(self, scene: Scene, unpacked_bundle: Path) -> None:
        (unpacked_bundle / "root.pem").write_bytes(scene.root_pem)
        manifest = unpacked_bundle / "data/manifest.json"
        line = ["-in", "proofs/anchors/manifest-test-authority.tsr", "-CAfile", "root.pem"]
        for change, code in ((b"", 0), (b" ", 1)):
            manifest.write_bytes(manifest.read_bytes() + change)
            command = ["openssl", "ts", "-verify", "-data", "data/manifest.json", *line]
            assert subprocess.run(command, cwd=unpacked_bundle, capture_output=True, check=False).returncode == code


class TestIncludedVerifier:
    def run(self, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "verify.py", *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)

    def test_verifier_passes_with_standard_library_only(
        self, scene: Scene, unpacked_bundle: Path, bundle: Path
    ) -> None:
        for arguments in ((), (bundle,)):
            done = self.run(*arguments, cwd=unpacked_bundle)
            assert done.returncode == 0, done.stdout + done.stderr
            assert done.stdout.count("passed ") == 7
            assert scene.sealed_case.seal_digest.hex in done.stdout

    @pytest.mark.parametrize(
        ("name", "check"),
        [
            ("data/facts.json", "manifest"),
            ("data/sightings/01/image.jpg", "bag"),
            ("proofs/signature", "entry"),
            ("proofs/log/inclusion.json", "inclusion"),
            ("proofs/log/checkpoint", "bag"),
            ("VERIFY.md", "bag"),
        ],
    )
    def test_changed_file_is_reported(self, unpacked_bundle: Path, name: str, check: str) -> None:
        path = unpacked_bundle / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
        done = self.run(cwd=unpacked_bundle)
        assert done.returncode == 1
        assert f"FAILED       {check}" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr

    def test_verifier_exits_with_2_for_non_bundle(self, unpacked_bundle: Path, tmp_path: Path) -> None:
        (tmp_path / "text.zip").write_text("no")
        assert self.run(tmp_path / "text.zip", cwd=unpacked_bundle).returncode == 2
        assert self.run(tmp_path / "nowhere", cwd=unpacked_bundle).returncode == 2
        (tmp_path / "empty").mkdir()
        done = self.run(tmp_path / "empty", cwd=unpacked_bundle)
        assert (done.returncode, done.stderr) == (2, "")


class TestCommand:
    def trust(self, scene: Scene, folder: Path) -> str:
        path = folder / "trust.json"
        path.write_bytes(scene.trust.to_json())
        return str(path)

    def test_table_is_printed_with_exit_code_0(
        self, scene: Scene, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["verify", str(bundle), "--trust", self.trust(scene, tmp_path)]) == 0
        out = capsys.readouterr().out
        assert "match:01" in out
        assert "existed no later than" in out

    def test_json_contains_the_same_results(
        self, scene: Scene, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["verify", str(bundle), "--json", "--trust", self.trust(scene, tmp_path)]) == 0
        plain = json.loads(capsys.readouterr().out)
        assert (plain["outcome"], plain["exit_code"], plain["seal"]) == (
            "complete",
            0,
            scene.sealed_case.seal_digest.hex,
        )
        assert {check["name"] for check in plain["checks"] if check["state"] != "passed"} == NOT_REMADE
        grades = {grade["name"]: (grade["state"], grade["by"]) for grade in plain["grades"]}
        assert list(grades) == ["bytes", "owner", "capture", "match", "decision", "log", "time", "sheet"]
        assert [grade["required"] for grade in plain["grades"]] == [True] * 7 + [False]
        assert grades["owner"] == ("passed", "the key of Ann's Pictures on the trust list")
        assert grades["time"][0] == "passed"
        assert set(grades["time"][1].split(", ")) == {"Test authority", "Test chain", "Test ledger"}
        assert {time["rests_on"] for time in plain["times"]} >= {"log", "operator's clock", "Test authority"}

    def test_missing_minimum_exits_with_4(self, bundle: Path) -> None:
        assert main(["verify", str(bundle)]) == 4

    @pytest.mark.parametrize("content", [b"", b"plain text", b"PK", b"%PDF-1.7"])
    def test_non_bundle_exits_with_2(self, tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "file"
        path.write_bytes(content)
        assert main(["verify", str(path)]) == 2
        assert main(["verify", str(tmp_path / "nowhere")]) == 2
        assert main(["verify", str(tmp_path)]) == 2
        assert capsys.readouterr().err.count("error: ") == 3

    def test_malformed_trust_list_exits_with_2(self, bundle: Path, tmp_path: Path) -> None:
        path = tmp_path / "trust.json"
        path.write_text('{"format": "exhibit-trust/1"}')
        assert main(["verify", str(bundle), "--trust", str(path)]) == 2


def test_bundle_contains_the_checkpoint_exactly_as_signed(scene: Scene, bundle: Path) -> None:
    assert scene.proofs.entry is not None
    assert read_files(bundle)[CHECKPOINT_PATH].decode() == scene.proofs.entry.checkpoint
