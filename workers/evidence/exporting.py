"""Copies of works for publishing, which say whose they are, so that copies of them lead back to the owner."""

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

from evidence.facts.provenance import MEDIA_TYPES
from evidence.keys.credentials import with_credentials
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.pictures.embedding import RightsStatement, with_rights
from registry.models import Work
from workers.evidence.facts import software
from workers.evidence.keys import document_key
from workers.services.wiring import Services

MAX_ADDRESS = 1000  # characters


def exported(
    services: Services, work: Work, *, licensor: str, no_mining: bool, signed: bool
) -> Iterator[tuple[str, bytes]]:
    """File names and bytes of a work's JPEG and PNG pictures with what is declared of it; no pixel is changed.

    ``licensor`` is the address at which a licence is to be had, or empty. ``no_mining`` says that data mining and
    training aren't allowed (PLUS, and CAWG where it is signed); ``signed`` adds credentials (C2PA) by the owner's key.

    Raises ``WrongUseError`` for an address that isn't of the web, ``NotFoundError`` for bytes that are gone,
    ``RefusedError`` for other formats, and ``ServiceMissingError`` without the optional part ``c2pa``.
    """
    if licensor and (not licensor.startswith(("https://", "http://")) or len(licensor) > MAX_ADDRESS):
        raise WrongUseError("The address of licences begins with https:// or http://.")
    statement = RightsStatement(
        title=work.title,
        creator=work.author,
        credit=work.credit,
        rights=work.rights_statement,
        holder=work.holder or work.owner.name,
        licensor=licensor,
        no_mining=no_mining,
    )
    for place, picture in enumerate(work.pictures.order_by("work_pictures__pk"), 1):
        if picture.digest not in services.blobs:
            raise NotFoundError(f"The bytes of work {work.number} aren't stored any more.")
        data = with_rights(services.blobs.get(picture.digest), statement)
        if signed:
            made, media = software(), MEDIA_TYPES[picture.format]
            key = document_key(services, work.owner)
            name = (made.name, made.version)
            data = with_credentials(data, media, key, title=work.title, software=name, no_mining=no_mining)
        suffix = ".png" if picture.format == "PNG" else ".jpg"
        stem = PurePosixPath(work.source_name).stem or "work"
        yield f"{work.number:05d}-{place}-{stem[:80]}{suffix}", data


def tdm_reservation(names: Sequence[str]) -> bytes:
    """The file ``/.well-known/tdmrep.json`` of a site that shows these files (W3C TDMRep, 2024): mining is reserved."""
    return json.dumps([{"location": f"/*{quote(name)}", "tdm-reservation": 1} for name in names], indent=2).encode()
