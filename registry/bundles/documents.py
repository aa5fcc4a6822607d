"""PDFs of a bundle in each of the installation's languages."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from evidence.bundle.sealing import ContentFile
from exhibit.errors import IntegrityError, NotFoundError, ServiceMissingError, UnreadablePictureError
from registry.services.services import Services

PDF = "application/pdf"
DOCUMENT_LANGUAGES = {"en": "en", "zh-hans": "zh-Hans"}  # how documents name the languages of the site


def languages_of(services: Services) -> list[str]:
    """The languages of its documents; the first one is that of what has no other."""
    return [DOCUMENT_LANGUAGES[code] for code in services.config.languages]


def in_each_language(services: Services, render: Callable[[str], bytes], path: str, role: str) -> list[ContentFile]:
    """A document in each language; one whose font is missing is left out, unless it is the first.

    The first one has the path; the others have their language before its suffix.
    """
    made: list[ContentFile] = []
    for place, language in enumerate(languages_of(services)):
        try:
            pdf = render(language)
        except ServiceMissingError:
            if place == 0:
                raise
            continue
        named = path if place == 0 else str(PurePosixPath(path).with_suffix(f".{language}.pdf"))
        made.append(ContentFile(named, role, PDF, services.blobs.put(pdf)))
    return made


class LazyPictures(Mapping[str, bytes]):
    """Pictures by their path, each read or drawn when it is asked for; one that can't be had any more isn't in it."""

    def __init__(self, made: Mapping[str, Callable[[], bytes]]) -> None:
        self._made = made

    def __getitem__(self, path: str) -> bytes:
        try:
            return self._made[path]()
        except (NotFoundError, IntegrityError, UnreadablePictureError) as error:
            raise KeyError(path) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
