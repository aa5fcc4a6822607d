"""PDFs of a bundle in each of the installation's languages."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from evidence.bundle.sealing import ContentFile
from exhibit.errors import IntegrityError, NotFoundError, ServiceMissingError, UnreadablePictureError
from registry.services.services import Services

PDF = "application/pdf"
DOCUMENT_LANGUAGES = {"en": "en", "zh-hans": "zh-Hans"}  # Language codes of documents, by language code of the site.


def list_languages(services: Services) -> list[str]:
    """Return the languages of the installation's documents. The first one is the default."""
    return [DOCUMENT_LANGUAGES[code] for code in services.config.languages]


def render_in_each_language(
    services: Services, render: Callable[[str], bytes], path: str, role: str
) -> list[ContentFile]:
    """Render a document in each language.

    The first language's document is stored under ``path``; the others have their language before the suffix. A language
    whose font is missing is skipped, unless it is the first.
    """
    files: list[ContentFile] = []
    for index, language in enumerate(list_languages(services)):
        try:
            pdf = render(language)
        except ServiceMissingError:
            if index == 0:
                raise
            continue
        file_path = path if index == 0 else str(PurePosixPath(path).with_suffix(f".{language}.pdf"))
        files.append(ContentFile(file_path, role, PDF, services.blobs.put(pdf)))
    return files


class LazyPictures(Mapping[str, bytes]):
    """Mapping of paths to images that are read or drawn on access. Unavailable images raise ``KeyError``."""

    def __init__(self, loaders: Mapping[str, Callable[[], bytes]]) -> None:
        self._loaders = loaders

    def __getitem__(self, path: str) -> bytes:
        try:
            return self._loaders[path]()
        except (NotFoundError, IntegrityError, UnreadablePictureError) as error:
            raise KeyError(path) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)
