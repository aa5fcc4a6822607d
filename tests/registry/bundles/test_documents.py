"""Test documents in each language of the installation; the first is required, others may lack their font."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exhibit.errors import IntegrityError, NotFoundError, ServiceMissingError
from exhibit.files.blobs import FolderBlobStore
from registry.bundles.documents import LazyPictures, list_languages, render_in_each_language


def make_services(folder: Path, *languages: str) -> Any:  # noqa: ANN401 - a partial stand-in
    return SimpleNamespace(blobs=FolderBlobStore(folder), config=SimpleNamespace(languages=languages))


def test_file_names_include_further_languages(tmp_path: Path) -> None:
    current_services = make_services(tmp_path, "en", "zh-hans")
    assert list_languages(current_services) == ["en", "zh-Hans"]
    files = render_in_each_language(current_services, str.encode, "data/exhibit.pdf", "sheet")
    assert [file.path for file in files] == ["data/exhibit.pdf", "data/exhibit.zh-Hans.pdf"]
    assert [current_services.blobs.get(file.digest) for file in files] == [b"en", b"zh-Hans"]


def test_missing_font_skips_a_further_language_and_fails_the_first_language(tmp_path: Path) -> None:
    def render_sheet(language: str) -> bytes:
        if language == "zh-Hans":
            raise ServiceMissingError("No font.")
        return b"pdf"

    files = render_in_each_language(make_services(tmp_path, "en", "zh-hans"), render_sheet, "a.pdf", "sheet")
    assert [file.path for file in files] == ["a.pdf"]
    with pytest.raises(ServiceMissingError):
        render_in_each_language(make_services(tmp_path, "zh-hans", "en"), render_sheet, "a.pdf", "sheet")


@pytest.mark.long
def test_pictures_are_generated_on_demand_and_missing_pictures_are_omitted() -> None:
    requests: list[str] = []

    def render(name: str, error: Exception | None = None) -> bytes:
        requests.append(name)
        if error is not None:
            raise error
        return name.encode()

    pictures = LazyPictures(
        {
            "a": lambda: render("a"),
            "gone": lambda: render("gone", NotFoundError("It is gone.")),
            "damaged": lambda: render("damaged", IntegrityError("It is damaged.")),
            "later": lambda: render("later", ServiceMissingError("Not now.")),
        }
    )
    assert (list(pictures), len(pictures), requests) == (["a", "gone", "damaged", "later"], 4, [])
    assert (pictures["a"], pictures.get("gone"), pictures.get("damaged")) == (b"a", None, None)
    assert requests == ["a", "gone", "damaged"]
    with pytest.raises(ServiceMissingError):  # a temporary failure is not treated as a loss
        pictures.get("later")
