"""Which work a picture shows."""

from django.http import JsonResponse
from ninja import File, Router, UploadedFile

from desk.api import limits
from desk.api.actors import Call, of
from desk.api.files import picture_in
from desk.schemas import works as schemas
from workers import wiring
from workers.identify import identify as search

router = Router(tags=["works"])


@router.post("/owners/{slug:owner}/identify", response=schemas.Identified, operation_id="identify")
def identify(request: Call, owner: str, file: File[UploadedFile]) -> JsonResponse:
    """Say which of the owner's works a picture shows, whole or in part. Nothing of it is stored."""
    house = wiring.house()
    data = picture_in(file, house.limits)
    with limits.one_search(request.auth.user.pk):
        found = search(house, of(request), data)
    works = [schemas.found_work(one) for one in found.works]
    return JsonResponse({"digest": found.features.digest.hex, "too_plain": list(found.too_plain), "works": works})
