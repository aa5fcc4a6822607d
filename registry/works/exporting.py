"""Copies of works for publishing, which say whose they are, so that copies of them lead back to the owner."""

import io
import json
import secrets
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import quote

from django.db import transaction
from PIL import Image

from evidence.facts.provenance import MEDIA_TYPES
from evidence.keys.credentials import with_credentials
from exhibit import __version__
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.pictures.decode import asked, decode
from exhibit.pictures.embedding import RightsStatement, with_rights
from exhibit.pictures.iscc import iscc_of
from exhibit.sentences import Sentence
from indexer.draw.invisible import marked
from registry.keys.signing_keys import document_key
from registry.log.audit_log import changed
from registry.members import samples
from registry.services.services import Services
from registry.works.models import SignedCopy, Work

MAX_ADDRESS = 1000  # characters
MAX_STORE = 1 << 20
"""Bytes of a manifest store that is kept; one that is larger, because of what the file brought along, isn't."""
TDMREP = "tdmrep.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What copies say besides what is declared."""

    licensor: str = ""  # address at which a licence is to be had
    no_mining: bool = False  # data mining and training aren't allowed: PLUS, and CAWG where it is signed
    signed: bool = False  # credentials (C2PA) by the owner's key
    recipient: str = ""  # for whom the copies are marked invisibly; empty for none


def exported(services: Services, work: Work, wanted: Wanted, *, by: str) -> Iterator[tuple[str, bytes]]:
    """File names and bytes of a work's JPEG and PNG pictures with what is declared of it.

    No pixel is changed unless they are marked: then each is encoded anew, without what its file said. Marks, and what
    the owner's key signs, are entries of the log; the newest credentials are kept for copies that lose them.

    Raises ``WrongUseError`` for an address that isn't of the web, ``NotFoundError`` for bytes that are gone,
    ``RefusedError`` for other formats, and ``ServiceMissingError`` without the optional part ``c2pa``.
    """
    samples.refuse(work.owner)
    licensor = wanted.licensor
    if licensor and (not licensor.startswith(("https://", "http://")) or len(licensor) > MAX_ADDRESS):
        raise WrongUseError(Sentence("The address of licences begins with https:// or http://."))
    statement = RightsStatement(
        title=work.title,
        creator=work.author,
        credit=work.credit,
        rights=work.rights_statement,
        holder=work.holder or work.owner.name,
        licensor=licensor,
        no_mining=wanted.no_mining,
    )
    for place, row in enumerate(work.work_pictures.select_related("picture").order_by("pk"), 1):
        picture = row.picture
        if picture.digest not in services.blobs:
            raise NotFoundError(Sentence("The bytes of work %(number)s aren't stored any more.", number=work.number))
        data, seed = services.blobs.get(picture.digest), secrets.token_bytes(32)
        data = with_rights(_marked(services, data, seed) if wanted.recipient else data, statement)
        if wanted.signed:
            iscc = iscc_of(data, services.limits)
            copy = with_credentials(
                data,
                MEDIA_TYPES[picture.format],
                document_key(services, work.owner),
                title=work.title,
                software=("Exhibit", __version__),
                no_mining=wanted.no_mining,
                binding=iscc.binding,
            )
            data = copy.file
            with transaction.atomic():
                told = {"digest": Digest.of(data).hex, "key": copy.key, "manifest": copy.manifest, "work": work.number}
                changed("copy signed", by=by, owner=work.owner, about=told)
                if len(copy.store) <= MAX_STORE:
                    kept = {"manifest": copy.manifest, "store": copy.store, "signed_at": now(), **iscc.bodies}
                    SignedCopy.objects.update_or_create(work_picture=row, defaults=kept)
        if wanted.recipient:
            told = {"picture": picture.digest.hex, "seed": seed.hex(), "for": wanted.recipient, "work": work.number}
            changed("copy marked", by=by, owner=work.owner, about={"digest": Digest.of(data).hex, **told})
        suffix = ".png" if picture.format == "PNG" else ".jpg"
        stem = PurePosixPath(work.source_name).stem or "work"
        yield f"{work.number:05d}-{place}-{stem[:80]}{suffix}", data


def _marked(services: Services, data: bytes, seed: bytes) -> bytes:
    """A picture with the mark of a seed, in its own format and colours."""
    limits, out = replace(services.limits, profiles=False), io.BytesIO()  # the file keeps its profile
    picture, profile = decode(data, limits), asked("profile", data, limits)[1]
    how = {"quality": 95, "subsampling": 0, "icc_profile": bytes(profile)}
    Image.fromarray(marked(picture.pixels, seed)).save(out, picture.info.format, **how)
    return out.getvalue()


def packed(services: Services, work: Work, wanted: Wanted, *, by: str) -> bytes:
    """The same as a ZIP, with :func:`tdm_reservation` where mining is reserved; raises likewise."""
    files, out = dict(exported(services, work, wanted, by=by)), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:  # pictures don't get smaller
        for name, data in files.items():
            archive.writestr(name, data)
        if wanted.no_mining:
            archive.writestr(TDMREP, tdm_reservation(list(files)))
    return out.getvalue()


def packed_name(work: Work) -> str:
    """What the ZIP of a work's copies is called."""
    return f"{work.owner.slug}-work-{work.number}-for-publishing.zip"


def tdm_reservation(names: Sequence[str]) -> bytes:
    """The file ``/.well-known/tdmrep.json`` of a site that shows these files (W3C TDMRep, 2024): mining is reserved."""
    return json.dumps([{"location": f"/*{quote(name)}", "tdm-reservation": 1} for name in names], indent=2).encode()
