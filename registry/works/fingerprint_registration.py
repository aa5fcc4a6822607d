"""Registration of works without uploading the picture: by fingerprints and a digest that the owner states.

A placeholder row represents the picture, so that stated data is never mixed with measured data.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.plain import to_one_line
from exhibit.sentences import Sentence
from exhibit.types import DeclaredWork
from indexer.picture.spaces import DESCRIPTOR, PHASH, WHOLE, WORK_PARTS
from indexer.search.fingerprint_file import StatedPicture, estimate_all_orientations
from registry.accounts.models import Owner
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.db.rows import lock_row
from registry.fingerprints import fingerprints as vectors
from registry.pictures.blocklist import find_blocked_digests
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services
from registry.works.models import WorkPicture
from registry.works.ownership import record_remarks
from registry.works.registration import (
    MIN_QUOTA_BYTES,
    RegistrationResult,
    find_similar_pictures,
    find_stated_picture,
    find_work,
    list_pending_searches,
    make_existing_result,
    make_work,
    record_conflicts,
    submit_registration,
    use_quota,
)
from registry.works.work_tables import find_declaration


def register_stated_picture(
    services: Services, owner: Owner, stated_picture: StatedPicture, declaration: DeclaredWork | None = None
) -> RegistrationResult:
    """Register a work by the stated fingerprints of its picture, or return an existing work with this digest.

    Other owners' registrations are not changed, and those owners are not warned.

    Raises:
        RefusedError: The digest is blocked, or the quota is used up.
    """
    digest, declaration = Digest.from_hex(stated_picture.digest), declaration or DeclaredWork()
    if find_blocked_digests([digest]):
        raise RefusedError(Sentence("The operator's blocklist contains these bytes."), reason="blocked")
    title = declaration.title or to_one_line(PurePosixPath(stated_picture.file).stem) or "–"
    with lock_row(owner) as locked_owner:
        row = find_stated_picture(locked_owner, digest)
        if (earlier_work := find_work(locked_owner, digest) if row is None else row.work) is not None:
            return make_existing_result(earlier_work)
        use_quota(services, locked_owner, max(stated_picture.bytes, MIN_QUOTA_BYTES))
        work = make_work(
            locked_owner, DeclaredWork(**declaration.to_columns() | {"title": title}), [], {}, stated_picture.file
        )
        submit_registration(work, digest, stated=True)
        placeholder = _create_placeholder(stated_picture)
        work.work_pictures.create(picture=placeholder, stated=digest)
        stored_vectors = stated_picture.to_fingerprints(placeholder.digest)
        vectors.store_fingerprints((PHASH, DESCRIPTOR), [(placeholder.pk, vector) for vector in stored_vectors])
        hold(Lock.INDEX)
        hashes = [vector.vector for vector in stored_vectors if (vector.space, vector.part) == (PHASH.id, WHOLE)]
        near_pictures = find_similar_pictures(services, estimate_all_orientations(hashes))
        vectors.add_to_collection(vectors.Collection.PRINTS, [placeholder.pk], WORK_PARTS)
        existing_picture = Picture.objects.filter(digest=digest).values_list("pk", flat=True).first()
        earlier_registered_at = record_conflicts(work, existing_picture or placeholder.pk, near_pictures)
        record_remarks(work, is_new=True)
    services.enqueue(WorkPicture, list_pending_searches(work))
    return RegistrationResult(work, is_new=True, low_information=(), earlier_registered_at=earlier_registered_at)


def register_stated_pictures(
    services: Services, owner: Owner, stated_pictures: Iterable[StatedPicture], declarations: Mapping[str, DeclaredWork]
) -> Iterator[tuple[str, RegistrationResult | RefusedError]]:
    """Register the pictures in a file of fingerprints one by one, and yield each name with its result or refusal.

    ``declarations`` contains declarations by plain file name, with or without folders.
    """
    for stated_picture in stated_pictures:
        try:
            yield (
                stated_picture.file,
                register_stated_picture(
                    services, owner, stated_picture, find_declaration(declarations, stated_picture.file)
                ),
            )
        except RefusedError as error:
            yield stated_picture.file, error


def _create_placeholder(stated_picture: StatedPicture) -> Picture:
    return Picture.objects.create(
        digest=Digest.from_bytes(secrets.token_bytes(32)),
        size=stated_picture.bytes,
        format=stated_picture.type,
        width=stated_picture.width,
        height=stated_picture.height,
        first_seen=now(),
        bytes_state=BytesState.NEVER,
        state=StepState.DONE,
    )
