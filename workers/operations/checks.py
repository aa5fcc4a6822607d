"""Checks that are shared by the diagnosis of this machine and the health checks of the installation."""

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
    sentence: str  # Result for the operator.
    remedy: str = ""  # Steps to fix the problem; empty if there is none.
    needed: bool = True  # False if Exhibit also works without it, with limitations.


GIB = 1024**3
DAMAGE_LIST_NAME = "damaged"  # File in the data folder that lists damaged blobs.


def check_disk(config: Config) -> Check:
    """Check that there is enough free disk space for crawling."""
    return check_free_space(get_free_space(config))


def check_free_space(free_space: FreeSpace) -> Check:
    """Check that free bytes and inodes suffice for crawling."""
    bytes_missing, files_missing = free_space.compute_shortage(1)
    if files_missing > 0:
        values = {"free": f"{free_space.files:,}", "floor": f"{free_space.files_floor:,}"}
        sentence = (
            _("%(free)s more files (inodes) can be created on the disk; crawling stops below %(floor)s.") % values
        )
        return Check(
            "disk", ok=False, sentence=sentence, remedy=_("Delete files, or use a file system with more inodes.")
        )
    values = {"free": f"{free_space.free / GIB:,.1f}", "floor": f"{free_space.floor / GIB:,.1f}"}
    sentence = _("%(free)s GiB are free; crawling stops below %(floor)s GiB.") % values
    remedy = _("Free disk space, or lower EXHIBIT_DISK_FLOOR_BYTES.") if bytes_missing > 0 else ""
    return Check("disk", ok=not remedy, sentence=sentence, remedy=remedy)


def read_damaged_digests(config: Config) -> list[Digest]:
    """Return the digests of blobs that were damaged when they were last read.

    Raises:
        OSError: The list cannot be read.
        ValueError: The list is malformed.
    """
    try:
        return [Digest.from_hex(line) for line in (config.data_dir / DAMAGE_LIST_NAME).read_text("ascii").split()]
    except FileNotFoundError:
        return []


def check_damage(config: Config) -> Check:
    """Check that no stored file has changed."""
    try:
        digests = read_damaged_digests(config)
    except (OSError, ValueError):
        sentence = _("The list of changed stored files cannot be read.")
        return Check("stored bytes", ok=False, sentence=sentence, remedy=_("Check the disk."))
    if digests:
        values = {"count": f"{len(digests):,}", "first": digests[0].hex}
        sentence = _("Changed stored files: %(count)s. The first one is %(first)s.") % values
        remedy = _("Check the disk. Upload the same pictures again, or restore the files from a backup.")
        return Check("stored bytes", ok=False, sentence=sentence, remedy=remedy)
    return Check("stored bytes", ok=True, sentence=_("No changes to stored files were found."))


def check_timestamp_services(config: Config, added_count: int = 0) -> Check:
    """Check that there are enough timestamp services: those configured plus ``added_count``."""
    count, required_count = len(config.anchors) + added_count, config.timestamps_needed
    sentence = _("No timestamp service is configured. Only this installation's own log records the time.")
    if count:
        values = {"needed": required_count, "there": count}
        sentence = _("External timestamp services: %(needed)s required, %(there)s configured.") % values
    remedy = _(
        "Add a timestamp service on the operator's page under Timestamp services, or run: exhibit api "
        "POST /operator/timestamp-services --field name=NAME"
    )
    return Check(
        "timestamps", count >= required_count, sentence, remedy if count < required_count else "", needed=False
    )


def check_archive(config: Config, to_text: Callable[[str], str] = str) -> Iterator[Check]:
    """Check that Milvus responds, if it is configured for the search of crawled images."""
    try:
        if config.milvus_url:
            from registry.fingerprints.milvus import connect_milvus  # noqa: PLC0415 - loads FAISS

            connect_milvus(config).call("get_server_version", timeout=3.0)
            yield Check("archive", ok=True, sentence=_("Milvus, which searches previously seen pictures, responds."))
    except StorageError as error:
        sentence = _("Milvus, which searches previously seen pictures, has failed. %(why)s") % {
            "why": to_text(error.message)
        }
        remedy = _("Start Milvus, or correct EXHIBIT_MILVUS_URL. Waiting tasks continue automatically.")
        yield Check("archive", ok=False, sentence=sentence, remedy=remedy)


def check_search_mappings(config: Config) -> Check:
    """Check that all mappings of image searches and marketplaces can be read, and list those that cannot."""
    from registry.crawls.search_services import OWN_FOLDER, list_broken_mappings, load_services  # noqa: PLC0415 - the crawler is loaded where needed

    problems = [f"{OWN_FOLDER}/{name}: {reason}" for name, reason in list_broken_mappings(config).items()]
    if problems:
        sentence = _("Some search mappings cannot be read, so their services are not available. %(files)s") % {
            "files": " ".join(problems)
        }
        remedy = _("Correct the search mappings as described in docs/reference/search-mappings.md.")
        return Check("searches", ok=False, sentence=sentence, remedy=remedy, needed=False)
    count = len(load_services(config))
    sentence = ngettext(
        "Watches can use %(count)s search service.", "Watches can use %(count)s search services.", count
    )
    return Check("searches", ok=True, sentence=sentence % {"count": count}, needed=False)
