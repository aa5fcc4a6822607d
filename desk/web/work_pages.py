"""Works and pictures."""

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from desk import shapes
from desk.masks import masks
from desk.past import search_in_words
from desk.web.access import member_view, said
from desk.web.paging import page_of
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from registry import owned
from registry.models import BytesState, Owner, Picture
from workers.previews import LARGE, SMALL, preview
from workers.wiring import house


@require_safe
@member_view
def works(request: HttpRequest, owner: Owner) -> HttpResponse:
    """The owner's works."""
    rows = owned.works(owner).annotate(case_count=Count("cases")).prefetch_related("pictures", "conflicts")
    words = said(request.GET.get("q", ""))
    if words:
        rows = rows.filter(title__icontains=words)
    return render(request, "web/works.html", {"owner": owner, "page": page_of(request, rows), "q": words})


@require_safe
@member_view
def work(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """One work: what was declared, its pictures, where it was seen, and the search of what was seen before."""
    row = owned.work(owner, number)
    found = owned.cases(owner).filter(work=row)
    past = shapes.past(row)
    searches = [search_in_words(one) for one in past["search"]]
    values = {
        "owner": owner,
        "work": row,
        "masked": [one["sentence"] for picture in row.work_pictures.all() for one in masks(picture)],
        "cases": found,
        "searches": searches,
        "seen_before": past["seen_before"],
    }
    return render(request, "web/work.html", values)


@require_safe
@member_view
@cache_control(private=True, max_age=3600)
def picture(request: HttpRequest, owner: Owner, digest: str) -> HttpResponse:
    """A small JPEG made of a picture; what was found on the web is never sent to a browser as it is."""
    try:
        row = Picture.objects.filter(digest=Digest.from_hex(digest)).first()
    except ValueError:
        row = None
    if row is None or not owned.may_see_picture(owner, row):
        raise Http404
    side = LARGE if request.GET.get("size") == "large" else SMALL
    try:
        if row.bytes_state != BytesState.STORED and row.thumbnail is not None:
            return HttpResponse(house().blobs.get(row.thumbnail), content_type="image/jpeg")
        return HttpResponse(preview(house().blobs.get(row.digest), house().limits, side), content_type="image/jpeg")
    except ExhibitError as error:
        raise Http404 from error
