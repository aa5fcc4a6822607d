"""Files that file managers leave beside a bundle, in folders and ZIPs, and files that only resemble them."""

from collections.abc import Callable

from tests.assets.bundle_changes import Files, remove_file
from tests.assets.corpus import Case, failing_case, pack_after
from tests.assets.corpus.making import Member, append_members, change_all_members, move_into_folder
from tests.assets.corpus.zips import UX_OLD, write_sizes_after, zip_after

DOUBLE = b"\0\x05\x16\7" + bytes(60)
JUNK = {
    "Finder's settings": [".DS_Store"],
    "Finder's settings in every folder": [".DS_Store", "data/.DS_Store", "proofs/.DS_Store", "data/work/.DS_Store"],
    "an AppleDouble of a picture": ["data/work/._01.jpg"],
    "an AppleDouble of the manifest": ["data/._manifest.json"],
    "AppleDoubles and settings": ["._bagit.txt", "proofs/._key.pem", "._.DS_Store", ".DS_Store"],
    "thumbnails of Windows": ["data/work/Thumbs.db"],
    "thumbnails and settings of Windows": ["Thumbs.db", "Desktop.ini", "data/desktop.ini"],
    "thumbnails in capitals": ["data/THUMBS.DB"],
    "an archive of Finder's": ["__MACOSX/._bagit.txt", "__MACOSX/data/._facts.json"],
    "letters beyond ASCII": ["data/._案件.json"],
}
FOREIGN = {
    "a program": ["READ-ME.exe"],
    "a program in Finder's folder": ["__MACOSX/evil.exe"],
    "a hidden file": [".hidden"],
    "a hidden folder": [".git/config"],
    "a file named almost like settings": ["DS_Store"],
    "a backup copy": ["data/facts.json~"],
    "a file for thumbnails of another name": ["data/thumbs.db.exe"],
    "a second manifest": ["data/manifest (1).json"],
    "a folder named like settings": [".DS_Store/x"],
    "another bag around": ["other/bagit.txt"],
    "a shortcut": ["facts.lnk"],
}


def leftover_files(names: list[str]) -> Files:
    """Return leftover files with these names."""
    return dict.fromkeys(names, DOUBLE)


def add_leftovers(names: list[str]) -> Callable[[Files], Files]:
    """Add leftover files beside those of the bundle."""
    return lambda files: {**files, **leftover_files(names)}


def is_allowed_name(name: str) -> bool:
    """Return True if a bundle may contain a file of this name."""
    return all(part[0] != "." for part in name.split("/")) and not set(name) & set("~ ()")


CASES: dict[str, Case] = {}
for what, names in JUNK.items():
    CASES[f"{what}, in a folder"] = Case(add_leftovers(names), says=ascii(names[0])[1:-1])
    CASES[f"{what}, in a ZIP"] = Case(
        zip_after(append_members(*(Member(name.encode(), DOUBLE) for name in names))), says="left by a file manager"
    )
for what, names in FOREIGN.items():
    checks = ("files", "bag") if all(map(is_allowed_name, names)) else ("container",)
    # The bag lists only sealed files
    checks = ("files",) if names[0].startswith("data/") and "bag" in checks else checks
    CASES[f"{what}, in a folder"] = failing_case(add_leftovers(names), *checks)
    checks = (*checks, "container") if "files" in checks else checks
    CASES[f"{what}, in a ZIP"] = failing_case(
        zip_after(append_members(*(Member(name.encode(), DOUBLE) for name in names))), *checks
    )
CASES |= {
    "a folder as it was unpacked": Case(dict, says="no others outside proofs/"),
    "a ZIP by Finder": Case(
        zip_after(
            write_sizes_after,
            change_all_members(extra=UX_OLD, central_extra=b"UX\x08\0" + bytes(8)),
            append_members(*(Member(name, b"x", method=8, flags=8) for name in (b".DS_Store", b"data/.DS_Store"))),
            move_into_folder(b"case 7"),
            append_members(Member(b"__MACOSX/case 7/._.DS_Store", DOUBLE, method=8, flags=8)),
            append_members(Member(b"__MACOSX/case 7/data/._facts.json", DOUBLE, method=8, flags=8)),
        ),
        says="left by a file manager",
    ),
    "a sealed file missing, with its AppleDouble": failing_case(
        lambda files: {**remove_file("data/work/01.jpg")(files), "data/work/._01.jpg": DOUBLE},
        "files", "file:data/work/01.jpg", "match:01",
    ),
    "a missing file in the written container": failing_case(
        pack_after(remove_file("data/exhibit.pdf")), "files", "file:data/exhibit.pdf"
    ),
}  # fmt: skip
