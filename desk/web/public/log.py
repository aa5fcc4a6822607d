"""The public log: its signed checkpoint and its tiles (C2SP tlog-tiles), for download and monitoring.

Leaves contain a type, a time and a salted commitment, but no personal data. This module also serves other installations
that want their logs cosigned: this installation's card, and the log witness (C2SP tlog-witness).
"""

from allauth.decorators import rate_limit
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from evidence.log.tiles import HEIGHT, LEVELS, Tile, encode_entries, parse_tile
from exhibit.entries import Entry, EntryType
from exhibit.errors import NotFoundError
from registry.alliance import cosigning, signed_calls
from registry.log.local_log import get_log
from registry.log.log import PostgresLogStore
from registry.models import LogCheckpoint, LogEntry
from workers import wiring

CACHE_FIVE_MINUTES = "public, max-age=300"
"""Five minutes, not longer: after a restore under another log name, the same URL has different content."""
CACHE_FIVE_SECONDS = "public, max-age=5"


@require_safe
def checkpoint(request: HttpRequest) -> HttpResponse:
    """Return the newest checkpoint, a C2SP signed note."""
    newest = _get_newest_checkpoint()
    if newest is None:
        raise Http404
    return _build_response(newest.note.encode(), "text/plain; charset=utf-8", CACHE_FIVE_SECONDS)


@require_safe
def hash_tile(request: HttpRequest, level: int, path: str) -> HttpResponse:
    """Return hashes of complete subtrees of ``256**level`` leaves, 32 bytes each."""
    tile = _get_tile(path, level)
    positions = [(level * HEIGHT, number) for number in range(tile.first_index, tile.first_index + tile.width)]
    return _build_response(
        b"".join(PostgresLogStore().nodes(positions)), "application/octet-stream", CACHE_FIVE_MINUTES
    )


@require_safe
def entries(request: HttpRequest, path: str) -> HttpResponse:
    """Return the hashed leaf data: canonical JSON entries, each preceded by its length."""
    tile = _get_tile(path, 0)
    rows = LogEntry.objects.filter(sequence__gte=tile.first_index, sequence__lt=tile.first_index + tile.width).order_by(
        "sequence"
    )
    leaves = [Entry(EntryType(row.type), row.time, bytes(row.commitment)).leaf_bytes for row in rows]
    return _build_response(encode_entries(leaves), "application/octet-stream", CACHE_FIVE_MINUTES)


def _get_newest_checkpoint() -> LogCheckpoint | None:
    return LogCheckpoint.objects.filter(origin=get_log(wiring.services()).origin).order_by("-size").first()


def _get_tile(path: str, level: int) -> Tile:
    """Parse the path of a tile. Raise 404 unless a signed checkpoint covers the tile."""
    newest = _get_newest_checkpoint()
    try:
        tile = parse_tile(path)
    except NotFoundError as error:
        raise Http404 from error
    if newest is None or level > LEVELS or not tile.is_complete_in(newest.size, level):
        raise Http404
    return tile


def _build_response(data: bytes, media_type: str, cache_control: str) -> HttpResponse:
    headers = {"Cache-Control": cache_control, "Access-Control-Allow-Origin": "*"}
    return HttpResponse(data, content_type=media_type, headers=headers)


@require_safe
@rate_limit(action="link", limit_get=True)  # type: ignore[untyped-decorator]
def card(request: HttpRequest) -> JsonResponse:
    """Return this installation's address, log key and cosigning key."""
    return JsonResponse(signed_calls.build_own_card(wiring.services()), headers={"Access-Control-Allow-Origin": "*"})


@require_POST
@csrf_exempt
@rate_limit(action="head")  # type: ignore[untyped-decorator]
def add_checkpoint(request: HttpRequest) -> HttpResponse:
    """Cosign the checkpoint of a known log (C2SP tlog-witness).

    Requests are rate-limited by IP address, because checkpoints are public and anyone can submit them.
    """
    try:
        body = request.read(cosigning.MAX_BODY + 1)
        line = cosigning.add_checkpoint(wiring.services(), body)
    except cosigning.NotCosignedError as refusal:
        if refusal.size is not None:
            return HttpResponse(f"{refusal.size}\n", status=refusal.status, content_type="text/x.tlog.size")
        return HttpResponse(f"{refusal.message}\n", status=refusal.status, content_type="text/plain; charset=utf-8")
    return HttpResponse(line, content_type="text/plain; charset=utf-8")
