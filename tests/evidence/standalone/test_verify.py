"""Test that the verifier loads no Django, database, OpenCV or other package of Exhibit."""

import subprocess
import sys

import pytest

from tests import ASSETS, CHECKOUT

VECTORS = ASSETS / "vectors"
REQUIRED_PACKAGES = {"cryptography", "rfc8785", "asn1crypto", "opentimestamps", "numpy", "PIL", "lxml"}
BLOCKED_PACKAGES = (
    "django", "psycopg", "celery", "redis", "kombu", "cv2", "faiss", "onnxruntime", "imagehash", "scipy", "scrapy",
    "twisted", "requests", "warcio", "typst", "click", "registry", "crawler", "indexer", "workers", "desk",
)  # fmt: skip
PROGRAM = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Block())
from evidence.__main__ import main
code = main(sys.argv[1:])
loaded = {name.partition(".")[0] for name in sys.modules}
print("loaded", *sorted(loaded & NEEDED), file=sys.stderr)
sys.exit(code)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = f"BLOCKED = {BLOCKED_PACKAGES!r}\nNEEDED = {REQUIRED_PACKAGES!r}\n{PROGRAM}"
    line = [sys.executable, "-c", program, *arguments]
    return subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_bundle_verifies_with_required_packages_only() -> None:
    name = "bundle"
    done = run("verify", str(VECTORS / f"{name}.zip"), "--trust", str(VECTORS / f"{name}.trust.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Complete" in done.stdout


@pytest.mark.long
def test_page_is_written_with_required_packages_only() -> None:
    assert run("page").returncode == 0


@pytest.mark.long
def test_required_packages_are_documented() -> None:
    loaded = run("page").stderr.split("loaded ", 1)[1].split()
    text = (CHECKOUT / "docs" / "reference" / "stand-alone.md").read_text("utf-8")
    assert set(loaded) <= REQUIRED_PACKAGES
    for name in REQUIRED_PACKAGES:
        assert name.lower().replace("_", "-") in text.lower().replace("pillow", "pil"), name
