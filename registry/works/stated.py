"""Registration of works whose picture stays with the owner: by stated fingerprints and digest.

A placeholder row stands for the picture, so that stated data is never mixed with measured data.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from exhibit.plain import one_line
from exhibit.sentences import Sentence
from exhibit.types import DeclaredWork
from indexer.picture.spaces import DESCRIPTOR, PHASH, WHOLE, WORK_PARTS
from indexer.search.prints import StatedPicture, all_turned
from registry.accounts.models import Owner
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.db.rows import alone_with
from registry.fingerprints import fingerprints as vectors
from registry.pictures.blocks import blocked
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services
from registry.works.models import WorkPicture
from registry.works.ownership import note
from registry.works.registration import (
    LEAST,
    RegistrationResult,
    known_result,
    near_same,
    new_work,
    note_conflicts,
    stated_by,
    submit_registration,
    take_room,
    waiting_searches,
    work_of,
)
from registry.works.tables import line_about


def register_stated(
    services: Services, owner: Owner, told: StatedPicture, declared: DeclaredWork | None = None
) -> RegistrationResult:
    """Register a work by the stated fingerprints of its picture; an existing work with this digest is returned instead.

    This neither changes other owners' registrations nor warns them.

    Raises:
        RefusedError: The digest is blocked, or the quota is used up.
    """
    digest, declared = Digest.from_hex(told.digest), declared or DeclaredWork()
    if blocked([digest]):
        raise RefusedError(Sentence("The operator's blocklist contains these bytes."), reason="blocked")
    title = declared.title or one_line(PurePosixPath(told.file).stem) or "–"
    with alone_with(owner) as alone:
        row = stated_by(alone, digest)
        if (earlier := work_of(alone, digest) if row is None else row.work) is not None:
            return known_result(earlier)
        take_room(services, alone, max(told.bytes, LEAST))
        work = new_work(alone, DeclaredWork(**declared.columns() | {"title": title}), [], {}, told.file)
        submit_registration(work, digest, stated=True)
        stands_in = _stand_in(told)
        work.work_pictures.create(picture=stands_in, stated=digest)
        stored = told.fingerprints(stands_in.digest)
        vectors.keep_fingerprints((PHASH, DESCRIPTOR), [(stands_in.pk, vector) for vector in stored])
        hold(Lock.INDEX)
        whole = [vector.vector for vector in stored if (vector.space, vector.part) == (PHASH.id, WHOLE)]
        near = near_same(services, all_turned(whole))
        vectors.add_to(vectors.Collection.PRINTS, [stands_in.pk], WORK_PARTS)
        held = Picture.objects.filter(digest=digest).values_list("pk", flat=True).first()
        earliest = note_conflicts(work, held or stands_in.pk, near)
        note(work, is_new=True)
    services.enqueue(WorkPicture, waiting_searches(work))
    return RegistrationResult(work, new=True, low_information=(), earlier=earliest)


def register_all(
    services: Services, owner: Owner, told: Iterable[StatedPicture], declared: Mapping[str, DeclaredWork]
) -> Iterator[tuple[str, RegistrationResult | RefusedError]]:
    """Register the pictures in a file of fingerprints one by one, and yield each name with its result or refusal.

    ``declared`` contains declarations by plain file name, with or without folders.
    """
    for one in told:
        try:
            yield one.file, register_stated(services, owner, one, line_about(declared, one.file))
        except RefusedError as error:
            yield one.file, error


def _stand_in(told: StatedPicture) -> Picture:
    return Picture.objects.create(
        digest=Digest.of(secrets.token_bytes(32)),
        size=told.bytes,
        format=told.type,
        width=told.width,
        height=told.height,
        first_seen=now(),
        bytes_state=BytesState.NEVER,
        state=StepState.DONE,
    )
