import base64
import hashlib
import io
import platform
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import CHECKOUT
from tools import bootstrap

NAME = f"uv-{bootstrap.UV_VERSION}-py3-none-any.whl"


def build_wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        program = zipfile.ZipInfo(f"uv-{bootstrap.UV_VERSION}.data/scripts/uv")  # without a timestamp: same bytes
        archive.writestr(program, f"#!/bin/sh\necho uv {bootstrap.UV_VERSION}\n")
    return buffer.getvalue()


class Index(BaseHTTPRequestHandler):
    """A package index with one page and one file, which requires a user and a password below /private."""

    def do_GET(self) -> None:
        allowed = "Basic " + base64.b64encode(b"ann:p@ss").decode()
        if self.path.startswith("/private/") and self.headers["Authorization"] != allowed:
            self.send_error(401)
        elif self.path.endswith("/uv/"):
            self.send_body(f'<a href="../files/other.whl">x</a><a href="../files/{NAME}#sha256=00">{NAME}</a>'.encode())
        elif self.path.endswith(NAME):
            self.send_body(build_wheel())
        else:
            self.send_error(404)

    def send_body(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Run a local package index as the only one, and store downloads in the test's folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    address = f"127.0.0.1:{server.server_address[1]}"
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{address}/simple/")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    pin = ("any", hashlib.sha256(build_wheel()).hexdigest())
    monkeypatch.setattr(bootstrap, "UV_WHEELS", {(platform.system(), platform.machine()): pin})
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


def test_uv_is_downloaded_verified_and_cached(index: str, tmp_path: Path) -> None:
    uv = bootstrap.fetch_uv()
    assert uv == str(tmp_path / ".uv" / f"uv-{bootstrap.UV_VERSION}")
    assert bootstrap.is_new_enough(uv)
    assert [path.name for path in (tmp_path / ".uv").iterdir()] == [Path(uv).name]


def test_wheel_with_wrong_hash_is_refused_and_not_cached(
    index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = next(iter(bootstrap.UV_WHEELS))
    monkeypatch.setitem(bootstrap.UV_WHEELS, key, ("any", "0" * 64))
    with pytest.raises(bootstrap.BootstrapError, match="SHA-256"):
        bootstrap.fetch_uv()
    assert list((tmp_path / ".uv").iterdir()) == []


def test_password_of_the_package_index_is_sent(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://ann:p%40ss@{index}/private/simple")
    assert bootstrap.is_new_enough(bootstrap.fetch_uv())


def test_missing_wheel_in_index_is_reported(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "UV_VERSION", "0.0.0")
    with pytest.raises(bootstrap.BootstrapError, match=r"uv-0\.0\.0"):
        bootstrap.fetch_uv()


def test_unreachable_index_is_reported_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://ann:secret@127.0.0.1:9/simple")
    with pytest.raises(
        bootstrap.BootstrapError, match=r"127\.0\.0\.1 could not be reached.*UV_DEFAULT_INDEX"
    ) as caught:
        bootstrap.find_wheel_url(NAME)
    assert "secret" not in str(caught.value)


def test_package_index_of_pip_is_used_if_none_is_set_for_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    assert bootstrap.get_index_url() == "https://pypi.org/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple/")
    assert bootstrap.get_index_url() == "https://pip.example/simple"
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    assert bootstrap.get_index_url() == "https://uv.example/simple"


def test_error_for_unknown_platform_tells_the_user_to_install_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "UV_WHEELS", {})
    with pytest.raises(bootstrap.BootstrapError, match="Install uv yourself"):
        bootstrap.fetch_uv()


def test_python_in_inaccessible_folder_is_reported(open_folder: Path) -> None:
    program = open_folder / "home" / "bin" / "python3"
    program.parent.mkdir(mode=0o755, parents=True)
    program.touch()
    (open_folder / "python3").symlink_to(program)
    for folder in program.parents[:2]:
        folder.chmod(0o755)
    assert bootstrap.find_closed_folder(open_folder / "python3") is None
    (open_folder / "home").chmod(0o700)
    assert bootstrap.find_closed_folder(open_folder / "python3") == open_folder / "home"


@pytest.mark.parametrize(("is_there", "message"), [(True, "does not exist"), (False, "not set up")])
def test_unusable_interpreter_is_reported_as_such_and_not_as_missing_setup(
    tmp_path: Path, *, is_there: bool, message: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(CHECKOUT / "bin" / "exhibit", tmp_path / "bin" / "exhibit")
    if is_there:
        (tmp_path / ".venv" / "bin" / "python").symlink_to(tmp_path / "closed" / "python3")
    run = subprocess.run([tmp_path / "bin" / "exhibit"], capture_output=True, text=True, check=False)
    assert run.returncode == 3
    assert message in run.stderr
    assert ("make setup PYTHON=" in run.stderr) == is_there


def test_invalid_usage_shows_the_usage() -> None:
    command = [sys.executable, "tools/bootstrap.py", "everything"]
    run = subprocess.run(command, cwd=CHECKOUT, text=True, capture_output=True, check=False)
    assert run.returncode == 2
    assert "bootstrap.py lock" in run.stdout


@pytest.mark.parametrize("name", ["runtime", "extras", "development", "docs", "redis", "milvus", "fuzz"])
def test_requirement_files_have_hashes_and_no_urls(name: str) -> None:
    text = (CHECKOUT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.findall(r"^[A-Za-z0-9][^\n]*(?:\n[ ]+--hash[^\n]*)*", text, re.MULTILINE)
    assert entries
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_requirement_files_contain_every_project_dependency() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    requirements = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *(requirement for name, extra in extras.items() if name not in bootstrap.LARGE_EXTRAS for requirement in extra),
    ]
    text = (CHECKOUT / "requirements" / "development.txt").read_text(encoding="utf-8")
    assert "pymilvus" not in text
    assert parse_package_names(requirements) <= requirement_names(text)
    assert parse_package_names(project["dependency-groups"]["docs"]) <= requirement_names(
        bootstrap.read_requirements("docs")
    )


def parse_package_names(specifiers: list[str]) -> set[str]:
    """Return the normalised package names of requirements."""
    return {re.split(r"[\[~=<>; ]", one, maxsplit=1)[0].lower().replace(".", "-") for one in specifiers}


def test_extra_is_installed_with_its_dependencies_only() -> None:
    runtime, every = (requirement_names(bootstrap.read_requirements(file)) for file in ("runtime", "extras"))
    alone = {name: requirement_names(bootstrap.select_requirements([name])) for name in bootstrap.read_extras()}
    assert bootstrap.select_requirements([]) == bootstrap.read_requirements("runtime")
    assert all(runtime < packages < every for packages in alone.values())
    assert alone["capture"] - runtime == {"playwright", "greenlet"}
    assert alone["http2"] - runtime == {"h2", "hpack", "hyperframe", "priority"}
    assert alone["pdq"] - runtime == {"pdqhash"}
    assert "pymilvus" in alone["milvus"] - alone["evm"]
    assert requirement_names(bootstrap.select_requirements(["capture", "pdq"])) == alone["capture"] | alone["pdq"]
    assert set.union(*alone.values()) == every
    assert "--hash=sha256:" in bootstrap.select_requirements(["pdq"])


def requirement_names(requirements: str) -> set[str]:
    return {name for name, *_ in bootstrap.PIN_PATTERN.findall(requirements)}
