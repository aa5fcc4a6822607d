"""Results of canaries."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from desk.texts.crawl_refusals import refusal_in_words
from registry.crawls import canaries
from registry.models import Canary, Watch

OUTCOME_LABELS: dict[str, Promise] = {
    "found": gettext_lazy("found"),
    "waiting": gettext_lazy("in progress"),
    "not-found": gettext_lazy("missed"),
    "not-visited": gettext_lazy("missed, page not visited"),
}


def describe_last_run(outcome: str = "", reason: str = "") -> str:
    """Describe a canary's result in the last run; without an outcome, there was no run."""
    if not outcome:
        return _("none yet")
    word = str(OUTCOME_LABELS[outcome])
    return _("%(word)s: %(why)s") % {"word": word, "why": refusal_in_words(reason)} if reason else word


def describe_last_runs(watch: Watch) -> list[tuple[Canary, str]]:
    """Return the active canaries of a watch with their results in its newest run."""
    known_copies = list(canaries.list_active(watch.owner).filter(watch=watch))
    newest = watch.crawls.order_by("-number").first() if known_copies else None
    results = canaries.compute_results([newest]).get(newest.pk, []) if newest is not None else []
    results_in_words = {result.canary.pk: describe_last_run(str(result.outcome), result.reason) for result in results}
    return [(canary, results_in_words.get(canary.pk, describe_last_run())) for canary in known_copies]
