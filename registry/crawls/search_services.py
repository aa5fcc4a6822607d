"""The image searches and marketplaces of this installation, from built-in mappings and the operator's own."""

import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import crawler
from crawler.searches.mapping import SearchService, read_service
from exhibit.config.config import Config
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.sentences import Sentence

BUILT_IN_FOLDER = Path(crawler.__file__).with_name("searches")
OWN_FOLDER = "searches"
"""Folder in the data folder for the operator's own mappings, one TOML file each; they replace built-in ones by name."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
"""Allowed file names before ``.toml``; they become part of URLs."""


def load_services(config: Config) -> dict[str, SearchService]:
    """Return the available search services by short name; unreadable mappings are omitted."""
    return {path.stem: result for path, result in _iterate_mappings(config) if isinstance(result, SearchService)}


def list_broken_mappings(config: Config) -> dict[str, str]:
    """Return the unreadable mapping files by name with their errors, for the operator."""
    return {
        path.name: str(result) for path, result in _iterate_mappings(config) if isinstance(result, InvalidRequestError)
    }


def get_service(config: Config, name: str) -> SearchService:
    """Return a search service; raises ``NotFoundError`` if it does not exist or its mapping cannot be read."""
    service = load_services(config).get(name)
    if service is None and (reason := list_broken_mappings(config).get(f"{name}.toml")):
        message = Sentence("The mapping of the search service %(name)s cannot be read: %(why)s", name=name, why=reason)
        raise NotFoundError(message, hint=Sentence("The operator can correct the file."))
    if service is None:
        raise NotFoundError(
            Sentence("There is no search service named %(name)s.", name=f"{name!r}"),
            hint=Sentence("Ask the operator which search services are available."),
        )
    return service


def list_own_mappings(config: Config) -> list[Path]:
    """Return the files of the operator's own mappings."""
    return sorted((config.data_dir / OWN_FOLDER).glob("*.toml"))


def _iterate_mappings(config: Config) -> Iterator[tuple[Path, SearchService | InvalidRequestError]]:
    """Yield each mapping file with its service, or the error if it cannot be read."""
    paths = [*sorted(BUILT_IN_FOLDER.glob("*.toml")), *list_own_mappings(config)]
    for path in {path.stem: path for path in paths}.values():
        try:
            yield path, read_file(path)
        except InvalidRequestError as error:
            yield path, error


def read_file(path: Path) -> SearchService:
    """Read a mapping, from the cache if the file is unchanged; raises ``InvalidRequestError``."""
    if not _NAME.fullmatch(path.stem):
        raise InvalidRequestError("The file name may contain at most 60 characters: letters (A to Z), digits, - and _.")
    try:
        return _read_cached(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError("The file is not UTF-8 text.") from error


@cache
def _read_cached(path: Path, changed_at: int) -> SearchService:  # noqa: ARG001 - part of the key
    return read_service(path.read_text(encoding="utf-8-sig"))


def split_queries(text: str) -> list[str]:
    """Split a text into search queries, one per line."""
    return list(dict.fromkeys(line.strip()[:200] for line in text.splitlines() if line.strip()))


def get_services_for(
    config: Config, names: Collection[str], words: Collection[str], works: Collection[int]
) -> list[SearchService]:
    """Return search services if they accept the subjects of a query: words, works, or none (everything).

    Raises:
        NotFoundError: A service does not exist.
        InvalidRequestError: A service needs other subjects, or the services need different ones.
    """
    matching_services = [get_service(config, name) for name in names]
    for service in matching_services:
        if service.query_kind != "words" and words:
            subject = "your works" if service.takes_pictures else "all its pictures"
            raise InvalidRequestError(f"{service.name} searches for {subject}, not for words.")
        if service.query_kind == "words" and not words:
            raise InvalidRequestError(f"{service.name} requires words to search for.")
        if works and not service.takes_pictures:
            raise InvalidRequestError(Sentence("%(name)s does not search by work.", name=service.name))
    if len({service.query_kind for service in matching_services}) > 1:
        raise InvalidRequestError(Sentence("Search services with different kinds of input need separate watches."))
    return matching_services
