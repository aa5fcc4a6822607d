"""What stops a notice until a person gives a reason."""

from registry.models import OwnershipRemark, Work
from workers.ownership import doubts

STOPPING = (OwnershipRemark.Kind.TERM, OwnershipRemark.Kind.DEDICATION)


def stopping(work: Work) -> list[str]:
    """Why protection of the work may be over, by the kinds of remarks that a person hasn't answered at the work.

    Asked anew each time, since terms end with time. Writes nothing; needs the work's owner and remarks loaded.
    """
    found = doubts(work)
    answered = {one.kind: one.details for one in work.remarks.all() if one.answered_at is not None}
    return [str(kind) for kind in STOPPING if kind in found and answered.get(kind) != found[kind]]
