"""Shared parts of the checks of this machine and of the installation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import StorageError
from registry.services.disk import FreeSpace, get_free_space
from registry.translation import gettext as _, ngettext


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check."""

    name: str
    ok: bool
    sentence: str  # The finding.
    remedy: str = ""  # How to fix it, if there is a problem.
    needed: bool = True  # False if Exhibit works without it, with limitations that it reports.


GIB = 1024**3
DAMAGED = "damaged"  # File in the data folder that lists damaged blobs.


def disk_check(config: Config) -> Check:
    """Check the free disk space, and whether crawling has stopped because of it."""
    return room(get_free_space(config))


def room(free: FreeSpace) -> Check:
    """Check that there is room for crawling, in bytes and inodes."""
    bytes_missing, files_missing = free.missing(1)
    if files_missing > 0:
        values = {"free": f"{free.files:,}", "floor": f"{free.files_floor:,}"}
        sentence = _("%(free)s more files (inodes) fit on the disk; crawling stops below %(floor)s.") % values
        return Check(
            "disk", ok=False, sentence=sentence, remedy=_("Delete files, or use a file system with more inodes.")
        )
    values = {"free": f"{free.free / GIB:,.1f}", "floor": f"{free.floor / GIB:,.1f}"}
    sentence = _("%(free)s GiB are free; crawling stops below %(floor)s GiB.") % values
    remedy = _("Free disk space, or lower EXHIBIT_DISK_FLOOR_BYTES.") if bytes_missing > 0 else ""
    return Check("disk", ok=not remedy, sentence=sentence, remedy=remedy)


def damaged(config: Config) -> list[Digest]:
    """Return the blobs that were found damaged when last read.

    Raises:
        OSError: The list cannot be read.
        ValueError: The list is malformed.
    """
    try:
        return [Digest.from_hex(line) for line in (config.data_dir / DAMAGED).read_text("ascii").split()]
    except FileNotFoundError:
        return []


def damage_check(config: Config) -> Check:
    """Check that no stored bytes have changed."""
    try:
        digests = damaged(config)
    except (OSError, ValueError):
        sentence = _("The list of changed stored files cannot be read.")
        return Check("stored bytes", ok=False, sentence=sentence, remedy=_("Check the disk."))
    if digests:
        values = {"count": f"{len(digests):,}", "first": digests[0].hex}
        sentence = _("Stored files have changed: %(count)s files, the first is %(first)s.") % values
        remedy = _("Check the disk. Upload the same pictures again, or restore the files from a backup.")
        return Check("stored bytes", ok=False, sentence=sentence, remedy=remedy)
    return Check("stored bytes", ok=True, sentence=_("No changes to stored files were found."))


def witnesses_check(config: Config, added: int = 0) -> Check:
    """Check that there are enough timestamp services: those configured plus ``added``."""
    count, needed = len(config.anchors) + added, config.witnesses_needed
    sentence = _("No timestamp service is configured. Only this installation's own log records the time.")
    if count:
        values = {"needed": needed, "there": count}
        sentence = _("External timestamp services: %(needed)s required, %(there)s configured.") % values
    remedy = _(
        "Add one on the operator's page under Timestamp services, or run: exhibit api POST "
        "/operator/witnesses --field name=NAME"
    )
    return Check("witnesses", count >= needed, sentence, remedy if count < needed else "", needed=False)


def archive_checks(config: Config, to_text: Callable[[str], str] = str) -> Iterator[Check]:
    """Check that Milvus responds, if it is used to search seen images."""
    try:
        if config.milvus_url:
            from registry.fingerprints.milvus import milvus_of  # noqa: PLC0415 - loads FAISS

            milvus_of(config).call("get_server_version", timeout=3.0)
            yield Check("archive", ok=True, sentence=_("Milvus, which searches seen pictures, responds."))
    except StorageError as error:
        sentence = _("Milvus, which searches seen pictures, has failed. %(why)s") % {"why": to_text(error.message)}
        remedy = _("Start Milvus, or correct EXHIBIT_MILVUS_URL. Waiting tasks continue automatically.")
        yield Check("archive", ok=False, sentence=sentence, remedy=remedy)


def search_check(config: Config) -> Check:
    """Check that all mappings of image searches and marketplaces can be read, and list those that cannot."""
    from registry.crawls.search_services import FOLDER, list_broken, load_services  # noqa: PLC0415 - the crawler is loaded where needed

    wrong = [f"{FOLDER}/{name}: {why}" for name, why in list_broken(config).items()]
    if wrong:
        sentence = _("Searches that cannot be read are not offered. %(files)s") % {"files": " ".join(wrong)}
        remedy = _("Correct them as described in docs/reference/search-mappings.md.")
        return Check("searches", ok=False, sentence=sentence, remedy=remedy, needed=False)
    count = len(load_services(config))
    sentence = ngettext(
        "Watches can use %(count)s search service.", "Watches can use %(count)s search services.", count
    )
    return Check("searches", ok=True, sentence=sentence % {"count": count}, needed=False)
