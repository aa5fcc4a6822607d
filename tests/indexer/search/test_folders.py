from pathlib import Path

from indexer.search.folders import Match, match_folders
from tests.assets.textured import encoded, textured


def test_folder_of_icons_is_matched_by_hashes(tmp_path: Path) -> None:
    works, pictures = tmp_path / "works", tmp_path / "pictures"
    for folder in (works, pictures):
        folder.mkdir()
        (folder / "icon.png").write_bytes(encoded(textured(1, (36, 32))))
    results = list(match_folders(works, pictures, tmp_path / "scratch", 1, lambda *_: None))
    assert [(match.work, match.picture) for match in results if isinstance(match, Match)] == [("icon.png", "icon.png")]
