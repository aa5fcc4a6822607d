"""Test that the verifier names the defect of each bundle of the corpus, and that verify.py gives the same results."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evidence.formats.container import NoBundleError, is_system_file
from evidence.verdict.trust import load_trust
from evidence.verify.packages import find_bundles, verify_location
from evidence.verify.verifier import Verifier
from exhibit.entries import encode_canonical
from exhibit.errors import ExhibitError, ExitCode, InvalidRequestError
from tests import CHECKOUT
from tests.assets.bundle_changes import Files
from tests.assets.corpus import TRUST, base, cases, write_case
from tests.assets.corpus.json_texts import TEXTS
from tests.assets.corpus.zips import NO_BUNDLE
from tools.verify_outside import run_sections

pytestmark = pytest.mark.timeout(300)
CASES = cases()
BYTES = "Every byte"
LIGHT = CHECKOUT / "evidence" / "standalone" / "verify.py"
WORDS = {ExitCode.DONE: "complete", ExitCode.CHECK_FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}
NONE = {f"zips: {name}" for name in NO_BUNDLE}
EITHER = {(0, False), (1, True)}
LIGHT_CHECKS = ("container", "manifest", "files", "file:", "bag", "entry", "inclusion", "anchors", "probability:")
"""Checks that verify.py also makes, by the first letters of their names."""
EACH = """
import contextlib, io, json, runpy, sys
main = runpy.run_path(sys.argv[1], run_name="light")["main"]
for path in sys.stdin.read().splitlines():
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = main([path])
    print(json.dumps([path, code, said.getvalue()]))
"""
UNPACK: dict[str, list[str]] = {
    "unzip": ["unzip", "-qq", "-o", "{path}", "-d", "{to}"],
    "7z": ["7z", "x", "-bd", "-y", "-o{to}", "{path}"],
    "bsdtar": ["bsdtar", "-xf", "{path}", "-C", "{to}"],
    "bsdtar from a pipe": ["bsdtar", "-xf", "-", "-C", "{to}"],
}

Outcome = tuple[str, dict[str, str]]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The path of every case."""
    folder = tmp_path_factory.mktemp("corpus")
    return {
        name: write_case(case.make(base()), folder / f"{number:04d}")
        for number, (name, case) in enumerate(CASES.items())
    }


@pytest.fixture(scope="module")
def outcomes(places: dict[str, Path]) -> dict[str, Outcome]:
    """The Python verifier's result for every case."""
    trust = load_trust(TRUST)
    return {name: _verify_in_python(path, trust) for name, path in places.items()}


def _verify_in_python(path: Path, trust: object) -> Outcome:
    try:
        verdict = Verifier(trust).verify(path)  # type: ignore[arg-type]
    except ExhibitError:
        return "no-bundle", {}
    states = {check.name: str(check.state) for check in verdict.checks}
    states["said"] = " ".join(check.sentence for check in verdict.checks)
    return WORDS[verdict.outcome], states


def failed_checks(outcome: Outcome) -> set[str]:
    return {name for name, state in outcome[1].items() if state == "failed"}


@pytest.mark.long
def test_python_verifier_reports_expected_failures(outcomes: dict[str, Outcome]) -> None:
    wrong = {
        name: failed_checks(outcomes[name])
        for name, case in CASES.items()
        if failed_checks(outcomes[name]) != case.fails
    }
    assert wrong == {}
    silent = [name for name, case in CASES.items() if case.says not in outcomes[name][1]["said"]]
    assert silent == []
    assert len(CASES) >= 300


@pytest.mark.long
def test_bundle_with_extra_files_is_not_reported_as_having_no_other_files(
    outcomes: dict[str, Outcome], places: dict[str, Path]
) -> None:
    for name, path in places.items():
        names = zipfile.ZipFile(path).namelist() if path.is_file() and not CASES[name].fails else []
        names = [str(entry) for entry in path.rglob("*")] if path.is_dir() else names
        if any(is_system_file(entry) for entry in names):
            assert "no other" not in outcomes[name][1]["said"], name


@pytest.mark.long
def test_verify_py_alone_returns_same_results(outcomes: dict[str, Outcome], places: dict[str, Path]) -> None:
    line = [sys.executable, "-I", "-c", EACH, str(LIGHT)]
    paths = "\n".join(map(str, places.values()))
    done = subprocess.run(line, input=paths, capture_output=True, text=True, check=True)
    answers = {path: (code, output) for path, code, output in map(json.loads, done.stdout.splitlines())}
    wrong = {}
    for name, path in places.items():
        code, output = answers[str(path)]
        fails = CASES[name].fails
        answer = (
            {(0, False)}
            if not fails
            else {(1, True)}
            if any(failed_check.startswith(LIGHT_CHECKS) for failed_check in fails)
            else EITHER
        )
        answer = {(2, False)} if name in NONE else answer
        if (code, "FAILED" in output) not in answer:
            wrong[name] = (code, sorted(CASES[name].fails), [line for line in output.splitlines() if "FAILED" in line])
    assert wrong == {}


@pytest.mark.long
def test_zip_without_top_level_bundle_never_passes(places: dict[str, Path]) -> None:
    verifier = Verifier(load_trust(TRUST))
    for name in NONE:
        try:
            verdicts = [verify_location(verifier, place) for place in find_bundles(places[name])]
        except NoBundleError:
            verdicts = []
        assert {verdict.outcome for verdict in verdicts} <= {ExitCode.CHECK_FAILED}, name


@pytest.mark.long
def test_ambiguous_zip_is_passed_unopened_to_the_verifier(
    places: dict[str, Path],
) -> None:
    path = places["zips: an evil ZIP as comment"]
    assert [place.path for place in find_bundles(path)] == [path]


def read_unpacked(folder: Path) -> Files:
    """Return the files of an unpacked ZIP, without an enclosing folder and leftover files."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    for path in paths:
        path.chmod(0o600)  # some archives remove the read permission for everyone but root
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    files = {name: data for name, data in files.items() if not is_system_file(name)}
    tops = {name.partition("/")[0] for name in files}
    inner = f"{min(tops)}/" if len(tops) == 1 else ""
    return {name.removeprefix(inner): data for name, data in files.items()}


def unpack_with_programs(path: Path, target: Path) -> Iterator[tuple[str, Files]]:
    """Yield the files that each installed program unpacks from a ZIP."""
    for number, (program, line) in enumerate(UNPACK.items()):
        if shutil.which(line[0]):
            folder = target / str(number)
            folder.mkdir(parents=True)
            with path.open("rb") as stream:
                words = [word.format(path=path, to=folder) for word in line]
                subprocess.run(words, stdin=stream, capture_output=True, check=False, timeout=60)
            yield program, read_unpacked(folder)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(target / "zipfile")
    yield "zipfile", read_unpacked(target / "zipfile")


@pytest.mark.long
def test_every_program_unpacks_the_verified_files(
    outcomes: dict[str, Outcome], places: dict[str, Path], tmp_path: Path
) -> None:
    wrong = []
    for number, (name, path) in enumerate(places.items()):
        if outcomes[name][0] == "failed" or path.is_dir() or not name.startswith(("zips", "left over")):
            continue
        wrong += [
            (name, program) for program, files in unpack_with_programs(path, tmp_path / str(number)) if files != base()
        ]
    assert wrong == []


def pipe(line: list[str], folder: Path, path: Path) -> None:
    with path.open("wb") as out:
        subprocess.run(line, cwd=folder, stdout=out, stderr=subprocess.DEVNULL, check=True)


def pack_with_zipfile(folder: Path, path: Path) -> None:
    shutil.make_archive(str(path.with_suffix("")), "zip", folder.parent, folder.name)


def pack_with(*line: str, around: bool = False) -> Callable[[Path, Path], None]:
    """Return a function that runs a packing program inside the folder, or beside it."""

    def pack(folder: Path, path: Path) -> None:
        words = [word.format(path=path) for word in line]
        pipe(words, folder.parent if around else folder, path if "-" in words else path.with_suffix(".log"))

    return pack


REAL: dict[str, Callable[[Path, Path], None]] = {
    "zip": pack_with("zip", "-q", "-r", "{path}", "."),
    "zip around a folder": pack_with("zip", "-q", "-9", "-r", "{path}", "bag", around=True),
    "zip without times": pack_with("zip", "-q", "-X", "-r", "{path}", "."),
    "zip into a pipe": pack_with("zip", "-q", "-r", "-", "."),
    "7z": pack_with("7z", "a", "-bd", "{path}", "."),
    "7z around a folder": pack_with("7z", "a", "-bd", "{path}", "bag", around=True),
    "bsdtar": pack_with("bsdtar", "-a", "-cf", "{path}", "bag", around=True),
    "shutil": pack_with_zipfile,
}


@pytest.mark.long
@pytest.mark.parametrize("program", REAL)
def test_repacked_bundles_are_intact_in_all_verifiers(program: str, tmp_path: Path) -> None:
    if program != "shutil" and shutil.which(program.split(maxsplit=1)[0]) is None:
        pytest.skip(f"{program.split(maxsplit=1)[0]} isn't installed")
    folder = write_case({**base(), ".DS_Store": b"x"}, tmp_path / "bag")
    path = tmp_path / "anew.zip"
    REAL[program](folder, path)
    verdict = Verifier(load_trust(TRUST)).verify(path)
    assert verdict.outcome is ExitCode.DONE, verdict.failures
    assert "Container changed, evidence intact." in verdict.sentence
    light = subprocess.run([sys.executable, "-I", LIGHT, path], capture_output=True, text=True, check=False)
    assert light.returncode == 0, light.stdout
    for which, files in unpack_with_programs(path, tmp_path / "unpacked"):
        assert files == base(), which


def folders_checked_by_hand() -> list[str]:
    """Return the folders for which the page on manual verification states a result."""
    return [name for name in CASES if name.startswith("left over") and "in a folder" in name]


@pytest.mark.long
def test_commands_of_the_verification_manual_return_same_results(places: dict[str, Path], tmp_path: Path) -> None:
    wrong = {}
    for name in folders_checked_by_hand():
        [state] = [
            outcome.state for outcome in run_sections(places[name], {**os.environ, "WORK": str(tmp_path)}, {}, BYTES)
        ]
        foreign = [
            outcome
            for outcome in foreign_files(places[name])
            if outcome.startswith("data/") and not is_system_file(outcome)
        ]
        if (state == "FAILED") != bool(foreign):
            wrong[name] = state
    assert wrong == {}


def foreign_files(folder: Path) -> list[str]:
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return sorted(present - set(base()))


def trust_lists() -> dict[str, bytes]:
    """Return trust lists, some of them written in ways that other programs would not accept."""
    text = encode_canonical(json.loads(TRUST.read_bytes())).decode()
    odd = {what: change(text).encode() for what, change in TEXTS.items() if what != "only an array"}
    loose = {
        "indented": json.dumps(json.loads(text), indent=2),
        "another order": json.dumps(dict(reversed(json.loads(text).items()))),
        "revoked on 30 February": text.replace('"owner":', '"revoked":"2026-02-30T10:00:00.000000Z","owner":', 1),
        "revoked on a day": text.replace('"owner":', '"revoked":"2026-02-20T10:00:00.000000Z","owner":', 1),
        "revoked by null": text.replace('"owner":', '"revoked":null,"owner":', 1),
        "ledgers of null": text.replace('"ledgers":[', '"ledgers":null,"x":[', 1),
        "a ledger by 1.0": text.replace('"ledgers":[', f'"ledgers":[{LEDGER.replace("1,", "1.0,")},', 1),
        "a ledger by 1.5": text.replace('"ledgers":[', f'"ledgers":[{LEDGER.replace("1,", "1.5,")},', 1),
    }
    return odd | {what: content.encode() for what, content in loose.items()}


LEDGER = '{"blocks":[],"chain":1,"development":false,"label":"","name":"x"}'


@pytest.mark.long
def test_ambiguous_trust_lists_are_refused(tmp_path: Path) -> None:
    accepted = set()
    for number, (what, data) in enumerate(trust_lists().items()):
        path = tmp_path / f"{number}.json"
        path.write_bytes(data)
        with contextlib.suppress(InvalidRequestError):
            load_trust(path)
            accepted.add(what)
    assert accepted >= {"indented", "another order", "a ledger by 1.0", "revoked on a day"}
    assert not accepted & {"a name twice", "a byte order mark", "65 brackets", "ledgers of null", "a ledger by 1.5"}
