"""What stops a notice until a person gives a reason."""

from registry.models import OwnershipRemark, Work
from workers.works.ownership import warnings_of

STOPPING = (OwnershipRemark.Kind.TERM, OwnershipRemark.Kind.DEDICATION)


def stopping(work: Work) -> list[str]:
    """Why protection of the work may be over, by the kinds of remarks that a person hasn't answered at the work.

    Asked anew each time, since terms end with time; see :func:`workers.works.ownership.warnings_of`.
    """
    found = warnings_of(work)
    return [str(kind) for kind in STOPPING if kind in found]
