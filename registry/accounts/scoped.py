"""Everything of one owner, asked for through that owner. Another owner's things don't exist here."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from django.db.models import Count, Exists, F, Model, OuterRef, Q, QuerySet, Subquery

from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.sentences import Sentence
from registry.db.rows import there
from registry.models import (
    BulkEdit,
    Bundle,
    BytesState,
    Canary,
    Case,
    CaseSighting,
    Crawl,
    Delivery,
    Deposit,
    Flood,
    Licence,
    Owner,
    Package,
    Picture,
    PictureReport,
    Report,
    Upload,
    User,
    Watch,
    Webhook,
    Work,
    WorkAttachment,
)

Row = TypeVar("Row", bound=Model)


def _rows(model: type[Row], *joined: str, order: str = "-number", **which: None) -> Callable[[Owner], QuerySet[Row]]:
    """What finds all of an owner's rows of one kind, newest first, each with what is joined."""

    def find(of: Owner) -> QuerySet[Row]:
        rows = model._default_manager.filter(owner=of, **which).order_by(order)
        return rows.select_related(*joined) if joined else rows

    return find


def numbered(rows: Callable[[Owner], QuerySet[Row]], noun: str) -> Callable[[Owner, int], Row]:
    """What finds one of these rows of an owner by its number."""

    def find(of: Owner, number: int) -> Row:
        return there(rows(of).filter(number=number).first(), f"{of.name} has no {noun} {number}.")

    return find


works = _rows(Work, order="number", removed_at=None)
uploads = _rows(Upload, "owner")
licences = _rows(Licence, order="number")
watches = _rows(Watch, order="number", removed_at=None)
cases = _rows(Case, "work", "owner", order="number")
reports = _rows(Report, "owner", removed_at=None)
packages = _rows(Package, "owner", removed_at=None)
webhooks = _rows(Webhook, "owner", order="number", removed_at=None)


def owners_of(user: User) -> QuerySet[Owner]:
    """The owners that a person is a member of."""
    return Owner.objects.filter(memberships__user=user).order_by("name")


def owner(slug: str) -> Owner:
    """An owner by its short name."""
    return there(
        Owner.objects.filter(slug=slug).first(), f"There is no owner {slug!r}.", "All owners: exhibit api GET /owners"
    )


def attachment(of: Owner, work_number: int, number: int) -> WorkAttachment:
    """A document beside one of the owner's works; one that was taken off isn't there."""
    found = WorkAttachment.objects.filter(work__in=works(of), work__number=work_number, number=number, removed_at=None)
    found = found.select_related("work__owner")
    return there(found.first(), f"{of.name} has no such document beside work {work_number}.")


def deposit(of: Owner, work_number: int, number: int) -> Deposit:
    """A deposit record of one of the owner's works."""
    found = Deposit.objects.filter(work__owner=of, work__number=work_number, number=number)
    found = found.select_related("work__owner", "submission")
    return there(found.first(), f"{of.name} has no such deposit record of work {work_number}.")


def bulk_edits(of: Owner) -> QuerySet[BulkEdit]:
    """Changes of many of the owner's works at once, newest first, without the keys of the works."""
    rows = BulkEdit.objects.filter(owner=of).select_related("owner", "undoes", "undone_by")
    keys = ("works", "undoes__works", "undone_by__works")
    return rows.annotate(count=F("works__len")).defer(*keys).order_by("-number")


def watch(of: Owner, name: str) -> Watch:
    """One of the owner's watches, by its name or its number."""
    found = watches(of).filter(name=name)
    if not found.exists() and name.isdecimal():
        found = watches(of).filter(number=int(name))
    return there(found.first(), f"{of.name} has no watch {name!r}.")


def last_crawls(of: Iterable[Watch]) -> dict[int, Crawl]:
    """The newest crawl of each watch that has one, by the watch's key, each found by its index."""
    newest = Crawl.objects.filter(watch=OuterRef("pk")).order_by("-number").values("pk")[:1]
    watches = Watch.objects.filter(pk__in=[row.pk for row in of]).annotate(newest=Subquery(newest))
    found = [pk for pk in watches.values_list("newest", flat=True) if pk is not None]
    return {crawl.watch_id: crawl for crawl in Crawl.objects.select_related("watch").in_bulk(found).values()}


def found_by(of: Iterable[Watch]) -> dict[int, tuple[int, int]]:
    """How many of their owner's cases watches have seen, and how many of those wait; by the key."""
    theirs = {"case__owner": F("sighting__crawl__watch__owner"), "case__resembles": False}
    seen = CaseSighting.objects.filter(sighting__crawl__watch__in=[row.pk for row in of], **theirs)
    waiting = Count("case", filter=Q(case__waits=True), distinct=True)
    found = seen.values("sighting__crawl__watch").annotate(cases=Count("case", distinct=True), waiting=waiting)
    return {row["sighting__crawl__watch"]: (row["cases"], row["waiting"]) for row in found.order_by()}


def crawls(of: Owner) -> QuerySet[Crawl]:
    """The crawls of the owner's watches, newest first."""
    return Crawl.objects.filter(watch__owner=of).select_related("watch").order_by("-started_at", "-pk")


def crawl(of: Owner, watch_number: int, number: int) -> Crawl:
    """One crawl of one of the owner's watches."""
    found = crawls(of).filter(watch__number=watch_number, number=number)
    return there(found.first(), f"{of.name}'s watch {watch_number} has no crawl {number}.")


def refusal_counts(of: Crawl) -> dict[str, int]:
    """How much a crawl refused, by reason."""
    return dict(of.refusals.values_list("reason").annotate(count=Count("pk")).order_by("reason"))


def passed_counts(of: Crawl) -> dict[str, int]:
    """How many records of web archives a crawl passed over, by reason: they hold no picture, and have no line."""
    counted = Counter[str]()
    for counts in of.slices.values_list("counts", flat=True):
        counted.update(counts.get("passed", {}))
    return dict(sorted(counted.items()))


def bundle(of: Owner, case_number: int, number: int | None = None) -> Bundle:
    """A bundle of one of the owner's cases; the newest, if no number is given."""
    found = Bundle.objects.filter(case__owner=of, case__number=case_number).select_related("case__owner", "submission")
    found = found.order_by("-number") if number is None else found.filter(number=number)
    return there(found.first(), f"{of.name} has no such bundle of case {case_number}.", "Confirming a case makes one.")


def message(of: Webhook, named: str) -> Delivery:
    """One of a webhook's messages, by its name, such as ``evt_17``."""
    key = named.removeprefix("evt_")
    found = of.deliveries.filter(event=int(key) if key.isascii() and key.isdecimal() else 0).select_related("event")
    return there(found.first(), f"The webhook {of.number} has no such message.")


def picture(of: Owner, digest: Digest) -> Picture:
    """A picture that the owner may see."""
    found = Picture.objects.filter(digest=digest).first()
    if found is None or not may_see_picture(of, found):
        raise NotFoundError(Sentence("There is no such picture."))
    return found


def may_see_picture(of: Owner, picture: Picture) -> bool:
    """Whether a picture concerns the owner: it belongs to a work, to a sighting in one of its cases, or to a held work.

    So does one that was proposed as a work. One that a member reported as illegal is shown to none of them any more.
    """
    if hidden_among(of, [picture]):
        return False
    in_works = picture.work_pictures.filter(work__owner=of).exists()
    in_cases = picture.sightings.filter(case_sightings__case__owner=of)
    proposed = picture.proposals.filter(owner=of)
    return in_works or in_cases.exists() or proposed.exists() or _in_held_works(of, picture)


def _in_held_works(of: Owner, picture: Picture) -> bool:
    """Whether a picture was found of a work that is held back: a person has to see what it is about."""
    held = Flood.in_force().filter(work__owner=of).values("work")
    matched = picture.matches_as_found.exclude(decision="none").filter(registered__work_pictures__work__in=held)
    return matched.exists() and picture.sightings.filter(Q(private_to=None) | Q(private_to=of)).exists()


def hidden_among(of: Owner, pictures: Iterable[Picture]) -> set[int]:
    """Those of some pictures (primary keys) that no member sees."""
    return set(
        Picture.objects.filter(is_hidden(of), pk__in=[picture.pk for picture in pictures]).values_list("pk", flat=True)
    )


def is_hidden(of: Owner, path: str = "") -> Q:
    """Whether no member sees a picture: it is reported as illegal, or purged. The path leads to it, as ``found__``."""
    reported = PictureReport.objects.filter(owner=of, picture=OuterRef(f"{path}pk"))
    return Q(**{f"{path}bytes_state": BytesState.PURGED}) | Q(Exists(reported))


def reported(of: Owner, since: datetime | None = None) -> list[Digest]:
    """Digests of the pictures that a member reported as illegal and that are still here: the operator decides."""
    rows = PictureReport.objects.filter(owner=of).exclude(picture__bytes_state=BytesState.PURGED).order_by("pk")
    rows = rows if since is None else rows.filter(reported_at__gt=since)
    return list(rows.values_list("picture__digest", flat=True))


work = numbered(works, "work")
upload = numbered(uploads, "upload")
bulk_edit = numbered(bulk_edits, "bulk edit")
licence = numbered(licences, "licence")
watch_numbered = numbered(watches, "watch")
canary = numbered(lambda of: Canary.objects.filter(owner=of), "canary")
case = numbered(cases, "case")
report = numbered(reports, "report")
package = numbered(packages, "package")
webhook = numbered(webhooks, "webhook")
