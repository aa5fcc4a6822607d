"""Test that the verifier loads no Django, database, OpenCV or other package of Exhibit."""

import subprocess
import sys

import pytest

from tests import ASSETS, CHECKOUT

VECTORS = ASSETS / "vectors"
NEEDED = {"cryptography", "rfc8785", "asn1crypto", "opentimestamps", "numpy", "PIL", "lxml"}
BLOCKED = (
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
    program = f"BLOCKED = {BLOCKED!r}\nNEEDED = {NEEDED!r}\n{PROGRAM}"
    line = [sys.executable, "-c", program, *arguments]
    return subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_a_bundle_is_complete_without_everything_that_the_verifier_does_not_need() -> None:
    name = "bundle"
    done = run("verify", str(VECTORS / f"{name}.zip"), "--trust", str(VECTORS / f"{name}.trust.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Complete" in done.stdout


@pytest.mark.long
def test_the_page_is_written_without_them_too() -> None:
    assert run("page").returncode == 0


@pytest.mark.long
def test_what_it_needs_is_documented() -> None:
    loaded = run("page").stderr.split("loaded ", 1)[1].split()
    text = (CHECKOUT / "docs" / "reference" / "stand-alone.md").read_text("utf-8")
    assert set(loaded) <= NEEDED
    for name in NEEDED:
        assert name.lower().replace("_", "-") in text.lower().replace("pillow", "pil"), name
