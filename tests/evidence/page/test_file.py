"""Test that verify.html is self-contained, and that text in it cannot become markup."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from evidence import page as package
from evidence.__main__ import main
from evidence.page import SCRIPTS, build_page
from evidence.verdict.trust import load_trust

FOLDER = Path(package.__file__).parent


def test_verification_page_runs_only_included_scripts_and_fetches_nothing() -> None:
    text = build_page().decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    for kind in ("script", "style"):
        [inside] = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy[1]
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:|//)", text)


def test_every_script_is_included() -> None:
    assert {path.stem for path in FOLDER.glob("*.js")} == set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_never_create_markup_or_code_from_text(name: str) -> None:
    text = (FOLDER / f"{name}.js").read_text("utf-8")
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch("):
        assert word not in text, word


def test_trust_list_is_escaped() -> None:
    trust = replace(load_trust(), note="</script><script>alert(1)</script>")
    text = build_page(trust).decode()
    assert "<script>alert" not in text
    [inside] = re.findall(r'id="trust">(.*?)</script>', text)
    assert json.loads(inside)["note"] == trust.note


def test_command_writes_verification_page_with_the_given_trust_list(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(replace(load_trust(), note="Our court's list.").to_json())
    assert main(["page", "--trust", str(path)]) == 0
    assert b"Our court's list." in capsysbinary.readouterr().out
    assert main(["page"]) == 0
    assert capsysbinary.readouterr().out == build_page()
