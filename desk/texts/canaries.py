"""Results of canaries."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from desk.texts.crawl_refusals import refusal_in_words
from registry.crawls import canaries
from registry.models import Canary, Watch

WORDS: dict[str, Promise] = {
    "found": gettext_lazy("found"),
    "waiting": gettext_lazy("in progress"),
    "not-found": gettext_lazy("missed"),
    "not-visited": gettext_lazy("missed, page not visited"),
}


def last_run(outcome: str = "", reason: str = "") -> str:
    """Describe a canary's result in the last run; without an outcome, there was no run."""
    if not outcome:
        return _("none yet")
    word = str(WORDS[outcome])
    return _("%(word)s: %(why)s") % {"word": word, "why": refusal_in_words(reason)} if reason else word


def last_runs(watch: Watch) -> list[tuple[Canary, str]]:
    """Return the active canaries of a watch with their results in its newest run."""
    planted = list(canaries.active(watch.owner).filter(watch=watch))
    newest = watch.crawls.order_by("-number").first() if planted else None
    results = canaries.results([newest]).get(newest.pk, []) if newest is not None else []
    results_in_words = {result.canary.pk: last_run(str(result.outcome), result.reason) for result in results}
    return [(canary, results_in_words.get(canary.pk, last_run())) for canary in planted]
