"""`exhibit case papers`: drafts for a person to complete and sign."""

from pathlib import Path

from registry.models import Bundle
from tests.assets.command_line import Terminal


def test_a_paper_is_written(cli: Terminal, sealed_case: Bundle, folder: Path) -> None:
    (name,) = cli.ask("case", "papers", "1", "--paper", "us-902", "--out", folder / "papers")["files"]
    assert Path(name).read_bytes().startswith(b"%PDF")
    assert cli.run("case", "papers", "1", "--paper", "us-902", "--out", folder).out == f"{folder / Path(name).name}\n"
    assert "us-903" in cli.run("case", "papers", "1", "--paper", "us-903", "--out", folder, code=2).err
    assert "has no such bundle of case 2" in cli.run("case", "papers", "2", "--out", folder, code=2).err
