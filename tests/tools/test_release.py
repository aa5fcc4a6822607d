"""Test that a release is reproducible byte for byte, and lists its components."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests import CHECKOUT
from tools import bootstrap, release

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


def names_of(*files: str) -> set[str]:
    text = "\n".join((CHECKOUT / "requirements" / name).read_text() for name in files)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def test_every_pinned_package_is_listed_with_its_hashes_and_its_licence() -> None:
    listed = json.loads(release.sbom(WHEN))
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    components = listed["components"]
    assert {one["name"] for one in components} == names_of("runtime.txt", "redis.txt", "extras.txt")
    assert len({one["bom-ref"] for one in components}) == len(components)
    assert listed["dependencies"][0]["dependsOn"] == [one["bom-ref"] for one in components]
    for one in components:
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        hashes = one["externalReferences"][0]["hashes"]
        assert hashes, one["name"]
        assert all(re.fullmatch("[0-9a-f]{64}", each["content"]) for each in hashes)
    here = {one.name.lower().replace("_", "-") for one in distributions()}  # the licences of others are unknown
    installed = [one for one in components if one["name"] in here]
    assert len([one for one in installed if one.get("licenses")]) > 0.9 * len(installed) > 90
    [django] = [one for one in components if one["name"] == "django"]
    assert "BSD" in json.dumps(django["licenses"])


@pytest.mark.long
@pytest.mark.skipif(not (CHECKOUT / ".git").exists(), reason="this isn't a checkout of git")
def test_a_release_is_the_same_bytes_twice_and_its_sums_hold(tmp_path: Path) -> None:
    made = []
    for folder, zone, mask in (("a", "UTC", 0o022), ("b", "Asia/Shanghai", 0o077)):
        program = f"import os, pathlib; os.umask({mask}); from tools import release; "
        program += f"release.release(pathlib.Path({str(tmp_path / folder)!r}))"
        environ = {**os.environ, "TZ": zone, "LC_ALL": "C"}
        subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, env=environ, check=True)
        made.append({path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()})
    assert made[0] == made[1]
    held = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path / "a",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (held.returncode, held.stdout.count(": OK")) == (0, 3)
    [packed] = [data for name, data in made[0].items() if name.endswith(".tar.gz")]
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = archive.getmembers()
    tracked = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD"], cwd=CHECKOUT, capture_output=True, check=True
    )
    assert sum(one.isfile() or one.issym() for one in files) == len(tracked.stdout.split(b"\n")) - 1
    assert {one.name.split("/")[0] for one in files} == {f"exhibit-{release.version()}"}
    assert len({(one.mtime, one.uid, one.uname) for one in files}) == 1
    assert b"<title>" in made[0]["verify.html"]


AUDITOR = """#!{python}
import json, pathlib, re, sys
told, words = json.loads(pathlib.Path({answers!r}).read_text()), sys.argv
given = dict(zip(words, words[1:]))
pins = re.findall("^([^ =]+)==([^ ]+)", pathlib.Path(given["--requirement"]).read_text(), re.M)
with pathlib.Path({asked!r}).open("a") as kept:
    print(json.dumps([words[1:], pins]), file=kept)
found = [dict(name=name, **told.get(name, dict(version=version, vulns=[]))) for name, version in pins]
if "--dry-run" not in words and told.get("reached", True):
    pathlib.Path(given["--output"]).write_text(json.dumps(dict(dependencies=found)))
sys.exit(1 if any(one.get("vulns") for one in found) or not told.get("reached", True) else 0)
"""
HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["9.9"]}


@pytest.mark.parametrize(
    ("options", "answers", "code", "said"),
    [
        ([], {}, 0, " {all} of {all} packages"),
        (["--dry-run"], {}, 0, ""),
        ([], {"django": {"version": "6.0", "vulns": [HOLE]}}, 3, "django 6.0: PYSEC-2026-1, fixed in 9.9"),
        ([], {"django": {"skip_reason": "not found"}}, 3, " {less} of {all} packages"),
        ([], {"reached": False}, 3, ""),
    ],
)
def test_an_audit_asks_about_every_pinned_package_and_says_of_how_many_it_could(
    options: list[str],
    answers: dict[str, object],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    auditor, asked = tmp_path / "uv", tmp_path / "asked"
    (tmp_path / "answers").write_text(json.dumps(answers))
    places = {"python": sys.executable, "answers": str(tmp_path / "answers"), "asked": str(asked)}
    auditor.write_text(AUDITOR.format(**places))
    auditor.chmod(0o755)
    monkeypatch.setattr(bootstrap, "find_uv", lambda: str(auditor))
    assert bootstrap.main(["audit", *options]) == code
    runs = [json.loads(line) for line in asked.read_text().splitlines()]
    pinned = {pin for path in (CHECKOUT / "requirements").glob("*.txt") for pin in pins_of(path)}
    if code == 0:
        assert {tuple(pin) for _words, some in runs for pin in some} == pinned
    assert all({"--require-hashes", "--disable-pip", *options} <= {*words} for words, _pins in runs)
    assert said.format(all=len(pinned), less=len(pinned) - 1) in capfd.readouterr().out


def pins_of(path: Path) -> list[tuple[str, str]]:
    return re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE)
