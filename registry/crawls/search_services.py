"""The image searches and marketplaces of this installation: their mappings, shipped ones and the operator's own."""

import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import crawler
from crawler.searches.mapping import Service, read_service
from exhibit.config.config import Config
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.sentences import Sentence

SHIPPED = Path(crawler.__file__).with_name("searches")
FOLDER = "searches"
"""Below the data folder: the operator's own mappings, one TOML file each; one named as a shipped one replaces it."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
"""What a file may be called before ``.toml``: it stands in addresses."""


def services(config: Config) -> dict[str, Service]:
    """The searches that can be asked, by their short names; a mapping that can't be read is left out."""
    return {path.stem: found for path, found in _files(config) if isinstance(found, Service)}


def broken(config: Config) -> dict[str, str]:
    """The files whose mappings can't be read, by their names, and why; for the operator."""
    return {path.name: str(found) for path, found in _files(config) if isinstance(found, WrongUseError)}


def service_of(config: Config, name: str) -> Service:
    """One search; raises ``NotFoundError``."""
    found = services(config).get(name)
    if found is None and (why := broken(config).get(f"{name}.toml")):
        sentence = Sentence("The mapping of the search %(name)s can't be read: %(why)s", name=name, why=why)
        raise NotFoundError(sentence, hint=Sentence("Your operator can mend its file."))
    if found is None:
        raise NotFoundError(
            Sentence("There is no search %(name)s.", name=f"{name!r}"),
            hint=Sentence("Your operator says which there are."),
        )
    return found


def own_mappings(config: Config) -> list[Path]:
    """The files of the operator's own mappings."""
    return sorted((config.data_dir / FOLDER).glob("*.toml"))


def _files(config: Config) -> Iterator[tuple[Path, Service | WrongUseError]]:
    """The mappings, or why one can't be read."""
    paths = [*sorted(SHIPPED.glob("*.toml")), *own_mappings(config)]
    for path in {path.stem: path for path in paths}.values():
        try:
            yield path, read_file(path)
        except WrongUseError as error:
            yield path, error


def read_file(path: Path) -> Service:
    """Read a mapping; raises ``WrongUseError``. Read anew when the file has changed."""
    if not _NAME.fullmatch(path.stem):
        raise WrongUseError("It needs another name: letters from A to Z, digits, - and _, at most 60.")
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUseError("It can't be read as text in UTF-8.") from error


@cache
def _read(path: Path, changed: int) -> Service:  # noqa: ARG001 - part of the key
    return read_service(path.read_text(encoding="utf-8-sig"))


def words_of(text: str) -> list[str]:
    """Words to search for, one search a line."""
    return list(dict.fromkeys(line.strip()[:200] for line in text.splitlines() if line.strip()))


def services_for(
    config: Config, names: Collection[str], words: Collection[str], works: Collection[int]
) -> list[Service]:
    """The searches that are to be asked for words, or where there are none for works, or for all that they have.

    Raises ``NotFoundError`` where there is no such search, ``WrongUseError`` where one takes another of the three.
    """
    found = [service_of(config, name) for name in names]
    for service in found:
        if service.takes != "words" and words:
            what = "your works" if service.takes_pictures else "all that it has"
            raise WrongUseError(f"{service.name} is asked for {what}, not for words.")
        if service.takes == "words" and not words:
            raise WrongUseError(f"{service.name} needs words to search for.")
        if works and not service.takes_pictures:
            raise WrongUseError(Sentence("%(name)s isn't asked for works.", name=service.name))
    if len({service.takes for service in found}) > 1:
        raise WrongUseError(Sentence("Searches that are asked for different things need a watch each."))
    return found
