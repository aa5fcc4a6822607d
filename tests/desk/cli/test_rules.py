"""What the commands of the operator's rules are about."""

from hashlib import sha256
from pathlib import Path

import pytest

from desk.cli.main import main
from desk.cli.rules import digest_meant, host_meant, need_reason
from exhibit.errors import ExitCode, WrongUseError


@pytest.mark.parametrize("command", ["block", "keep", "purge"])
def test_a_file_that_cannot_be_read_is_the_callers(capsys: pytest.CaptureFixture[str], command: str) -> None:
    for path, why in (("/proc/self/mem", "Input/output error"), ("x" * 300, "File name too long")):
        assert main([command, path, "--reason", "Order"]) == ExitCode.WRONG_USE
        assert capsys.readouterr().err == f"{path} can't be read: {why}.\n"


def test_bytes_are_named_by_their_digest_or_by_a_file_and_hosts_by_an_address_too(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"bytes")
    digest = sha256(b"bytes").hexdigest()
    assert digest_meant(str(tmp_path / "picture")).hex == digest_meant(digest).hex == digest
    assert host_meant("https://Shop.Example/page") == host_meant("shop.example") == "shop.example"
    for wrong in (
        lambda: digest_meant("nothing"),
        lambda: host_meant("no host"),
        lambda: need_reason("a.example", " "),
    ):
        with pytest.raises(WrongUseError) as refused:
            wrong()
        assert refused.value.hint
