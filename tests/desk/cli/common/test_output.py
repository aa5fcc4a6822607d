"""Files that a command writes are there whole or not at all."""

from pathlib import Path

import pytest

from desk.cli.common.output import made_folder, write_file, written_whole
from exhibit.errors import WrongUseError


def test_a_file_has_its_name_only_when_everything_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"the earlier one")
    with pytest.raises(TypeError), written_whole(path) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"the earlier one"
    with written_whole(path) as file:
        file.write(b"the whole")
        assert path.read_bytes() == b"the earlier one"
    assert path.read_bytes() == b"the whole"
    assert [one.name for one in tmp_path.iterdir()] == ["report.pdf"]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert made_folder(tmp_path / "a" / "b").is_dir()
    with pytest.raises(WrongUseError, match="can't be made: "):
        made_folder(tmp_path / "file" / "below")
    with pytest.raises(WrongUseError, match="can't be written: No such file"), written_whole(tmp_path / "no" / "f"):
        pass
    with pytest.raises(WrongUseError, match="can't be written: Is a directory"):
        write_file(tmp_path, b"")
