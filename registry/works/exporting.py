"""Copies of works for publishing, with embedded rights information that leads back to the owner."""

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
from evidence.keys.credentials import add_credentials
from exhibit import __version__
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.pictures.decode import decode, query_helper
from exhibit.pictures.embedding import RightsStatement, embed_rights
from exhibit.pictures.iscc import compute_iscc
from exhibit.sentences import Sentence
from indexer.draw.invisible import add_mark
from registry.keys.signing_keys import get_document_key
from registry.log.audit_log import log_change
from registry.members import samples
from registry.services.services import Services
from registry.works.models import SignedCopy, Work

MAX_URL_LENGTH = 1000  # characters
MAX_STORE_BYTES = 1 << 20
"""Maximum size in bytes of a manifest store; a larger one, due to manifests in the original file, is not stored."""
TDMREP = "tdmrep.json"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Options for exported copies, in addition to the declaration."""

    licensor: str = ""  # URL for licence requests
    no_mining: bool = False  # reserve data mining and training: PLUS, and CAWG if signed
    signed: bool = False  # content credentials (C2PA) signed with the owner's key
    recipient: str = ""  # recipient for whom the copies are invisibly marked; empty for none


def export_pictures(services: Services, work: Work, options: ExportOptions, *, by: str) -> Iterator[tuple[str, bytes]]:
    """Yield file names and bytes of a work's JPEG and PNG pictures, with the declaration embedded.

    Pixels are unchanged unless the copies are marked. Marked pictures are encoded again, without their file's metadata.
    Marks and signatures by the owner's key are recorded in the log. The newest credentials are stored so that copies
    without them can be identified.

    Raises:
        InvalidRequestError: The licensor's address is not a web URL, or the owner is a sample.
        NotFoundError: A picture's bytes are no longer stored.
        RefusedError: A picture has another format.
        ServiceMissingError: The optional component ``c2pa`` is missing.
    """
    samples.check_not_sample(work.owner)
    licensor = options.licensor
    if licensor and (not licensor.startswith(("https://", "http://")) or len(licensor) > MAX_URL_LENGTH):
        raise InvalidRequestError(Sentence("The licensing URL does not start with https:// or http://."))
    statement = RightsStatement(
        title=work.title,
        creator=work.author,
        credit=work.credit,
        rights=work.rights_statement,
        holder=work.holder or work.owner.name,
        licensor=licensor,
        no_mining=options.no_mining,
    )
    for position, row in enumerate(work.work_pictures.select_related("picture").order_by("pk"), 1):
        picture = row.picture
        if picture.digest not in services.blobs:
            raise NotFoundError(Sentence("The bytes of work %(number)s are no longer stored.", number=work.number))
        data, seed = services.blobs.get(picture.digest), secrets.token_bytes(32)
        data = embed_rights(_embed_mark(services, data, seed) if options.recipient else data, statement)
        if options.signed:
            iscc = compute_iscc(data, services.limits)
            copy = add_credentials(
                data,
                MEDIA_TYPES[picture.format],
                get_document_key(services, work.owner),
                title=work.title,
                software=("Exhibit", __version__),
                no_mining=options.no_mining,
                binding=iscc.binding,
            )
            data = copy.file
            with transaction.atomic():
                record = {
                    "digest": Digest.from_bytes(data).hex,
                    "key": copy.public_key,
                    "manifest": copy.manifest,
                    "work": work.number,
                }
                log_change("copy signed", by=by, owner=work.owner, details=record)
                if len(copy.manifest_store) <= MAX_STORE_BYTES:
                    values = {
                        "manifest": copy.manifest,
                        "store": copy.manifest_store,
                        "signed_at": now(),
                        **iscc.bodies,
                    }
                    SignedCopy.objects.update_or_create(work_picture=row, defaults=values)
        if options.recipient:
            record = {"picture": picture.digest.hex, "seed": seed.hex(), "for": options.recipient, "work": work.number}
            log_change(
                "copy marked", by=by, owner=work.owner, details={"digest": Digest.from_bytes(data).hex, **record}
            )
        suffix = ".png" if picture.format == "PNG" else ".jpg"
        stem = PurePosixPath(work.source_name).stem or "work"
        yield f"{work.number:05d}-{position}-{stem[:80]}{suffix}", data


def _embed_mark(services: Services, data: bytes, seed: bytes) -> bytes:
    """Return a picture with the invisible mark for a seed, in its own format and colours."""
    limits, buffer = replace(services.limits, profiles=False), io.BytesIO()  # the file keeps its profile
    picture, profile = decode(data, limits), query_helper("profile", data, limits)[1]
    save_options = {"quality": 95, "subsampling": 0, "icc_profile": bytes(profile)}
    Image.fromarray(add_mark(picture.pixels, seed)).save(buffer, picture.info.format, **save_options)
    return buffer.getvalue()


def export_zip(services: Services, work: Work, options: ExportOptions, *, by: str) -> bytes:
    """Return the copies as a ZIP, with :func:`make_tdm_reservation` if mining is reserved.

    Raises the errors of :func:`export_pictures`.
    """
    files, buffer = dict(export_pictures(services, work, options, by=by)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # stored uncompressed: pictures do not get smaller
        for name, data in files.items():
            archive.writestr(name, data)
        if options.no_mining:
            archive.writestr(TDMREP, make_tdm_reservation(list(files)))
    return buffer.getvalue()


def get_zip_name(work: Work) -> str:
    """Return the name of the ZIP with a work's copies."""
    return f"{work.owner.slug}-work-{work.number}-for-publishing.zip"


def make_tdm_reservation(names: Sequence[str]) -> bytes:
    """Return ``/.well-known/tdmrep.json`` for a site that shows these files (W3C TDMRep, 2024): mining is reserved."""
    return json.dumps([{"location": f"/*{quote(name)}", "tdm-reservation": 1} for name in names], indent=2).encode()
