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

RELEASE_TIME = datetime(2026, 1, 2, tzinfo=UTC)


def read_package_names(*files: str) -> set[str]:
    text = "\n".join((CHECKOUT / "requirements" / name).read_text() for name in files)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def test_every_pinned_package_is_listed_with_hashes_and_licence() -> None:
    listed = json.loads(release.create_sbom(RELEASE_TIME))
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    components = listed["components"]
    assert {item["name"] for item in components} == read_package_names("runtime.txt", "redis.txt", "extras.txt")
    assert len({item["bom-ref"] for item in components}) == len(components)
    assert listed["dependencies"][0]["dependsOn"] == [item["bom-ref"] for item in components]
    for item in components:
        assert item["purl"] == f"pkg:pypi/{item['name']}@{item['version']}"
        hashes = item["externalReferences"][0]["hashes"]
        assert hashes, item["name"]
        assert all(re.fullmatch("[0-9a-f]{64}", each["content"]) for each in hashes)
    # Licences are known for installed packages only
    installed_names = {item.name.lower().replace("_", "-") for item in distributions()}
    installed = [item for item in components if item["name"] in installed_names]
    assert len([item for item in installed if item.get("licenses")]) > 0.9 * len(installed) > 90
    [django] = [item for item in components if item["name"] == "django"]
    assert "BSD" in json.dumps(django["licenses"])


@pytest.mark.long
@pytest.mark.skipif(not (CHECKOUT / ".git").exists(), reason="this isn't a checkout of git")
def test_release_is_reproducible_and_its_checksums_match(tmp_path: Path) -> None:
    releases = []
    for folder, zone, mask in (("a", "UTC", 0o022), ("b", "Asia/Shanghai", 0o077)):
        program = f"import os, pathlib; os.umask({mask}); from tools import release; "
        program += f"release.release(pathlib.Path({str(tmp_path / folder)!r}))"
        environ = {**os.environ, "TZ": zone, "LC_ALL": "C"}
        subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, env=environ, check=True)
        releases.append({path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()})
    assert releases[0] == releases[1]
    checksum_result = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path / "a",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checksum_result.returncode, checksum_result.stdout.count(": OK")) == (0, 3)
    [packed] = [data for name, data in releases[0].items() if name.endswith(".tar.gz")]
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = archive.getmembers()
    tracked = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD"], cwd=CHECKOUT, capture_output=True, check=True
    )
    assert sum(member.isfile() or member.issym() for member in files) == len(tracked.stdout.split(b"\n")) - 1
    assert {member.name.split("/")[0] for member in files} == {f"exhibit-{release.read_version()}"}
    assert len({(member.mtime, member.uid, member.uname) for member in files}) == 1
    assert b"<title>" in releases[0]["verify.html"]


AUDITOR_SCRIPT = """#!{python}
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
VULNERABILITY = {"id": "PYSEC-2026-1", "fix_versions": ["9.9"]}


@pytest.mark.parametrize(
    ("options", "answers", "code", "message"),
    [
        ([], {}, 0, " {all} of {all} packages"),
        (["--dry-run"], {}, 0, ""),
        ([], {"django": {"version": "6.0", "vulns": [VULNERABILITY]}}, 3, "django 6.0: PYSEC-2026-1, fixed in 9.9"),
        ([], {"django": {"skip_reason": "not found"}}, 3, " {less} of {all} packages"),
        ([], {"reached": False}, 3, ""),
    ],
)
def test_audit_checks_every_pinned_package_and_reports_coverage(
    options: list[str],
    answers: dict[str, object],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    auditor, request_log = tmp_path / "uv", tmp_path / "asked"
    (tmp_path / "answers").write_text(json.dumps(answers))
    places = {"python": sys.executable, "answers": str(tmp_path / "answers"), "asked": str(request_log)}
    auditor.write_text(AUDITOR_SCRIPT.format(**places))
    auditor.chmod(0o755)
    monkeypatch.setattr(bootstrap, "find_uv", lambda: str(auditor))
    assert bootstrap.main(["audit", *options]) == code
    runs = [json.loads(line) for line in request_log.read_text().splitlines()]
    pinned = {pin for path in (CHECKOUT / "requirements").glob("*.txt") for pin in read_pins(path)}
    if code == 0:
        assert {tuple(pin) for _words, some in runs for pin in some} == pinned
    assert all({"--require-hashes", "--disable-pip", *options} <= {*words} for words, _pins in runs)
    assert message.format(all=len(pinned), less=len(pinned) - 1) in capfd.readouterr().out


def read_pins(path: Path) -> list[tuple[str, str]]:
    return re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE)
