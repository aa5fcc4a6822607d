"""What the search that a picture is done with depends on, beside the picture and works that come later."""

from django.db.models import Count, Max

from indexer.spaces import LOCAL, PIPELINE, ROOTSIFT
from registry import descriptors
from registry import fingerprints as vectors
from registry.models import StepState, WorkPicture


def search_mark() -> str:
    """The mark of a search that begins now.

    It holds the version of the comparison, the network that serves, how many works are found by these two alone because
    their local features are still to be measured, and which works know nothing of what was seen before them because
    their search of the past has failed. A picture that is seen again and has another mark is searched for again.
    """
    choice = descriptors.choice_with()
    unmeasured = vectors.works_without(ROOTSIFT, LOCAL).count()
    failed = WorkPicture.objects.filter(state=StepState.FAILED, work__removed_at=None).aggregate(Count("pk"), Max("pk"))
    return " ".join(map(str, (PIPELINE, choice and choice.serving, unmeasured, *failed.values())))
