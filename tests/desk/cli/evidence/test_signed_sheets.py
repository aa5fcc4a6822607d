"""`exhibit bundle sign`: the exhibit sheet with a signature inside the PDF."""

from pathlib import Path

import pytest

from registry.models import Bundle
from tests.assets.command_line import Terminal


def test_the_sheet_is_written_with_a_signature_and_the_seal_stays(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    pytest.importorskip("pyhanko")
    name = cli.ask("bundle", "sign", "1", "--out", folder / "signed")["file"]
    data = Path(name).read_bytes()
    assert (data[:4], b"/ByteRange" in data) == (b"%PDF", True)
    assert cli.ask("bundle", "list")["bundles"][0]["seal"] == str(sealed_case.seal_digest)
    assert "has no such bundle of case 2" in cli.run("bundle", "sign", "2", "--out", folder, code=2).err
