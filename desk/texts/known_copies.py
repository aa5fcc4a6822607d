"""Descriptions of the results of known copies."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy

from desk.texts.crawl_refusals import describe_refusal
from registry.crawls import copy_checks
from registry.models import KnownCopy, Watch

OUTCOME_LABELS: dict[str, Promise] = {
    "found": gettext_lazy("found"),
    "waiting": gettext_lazy("in progress"),
    "not-found": gettext_lazy("missed"),
    "not-visited": gettext_lazy("missed, page not visited"),
}


def describe_last_run(outcome: str = "", reason: str = "") -> str:
    """Describe a known copy's result in the latest crawl. An empty outcome means that there was no crawl."""
    if not outcome:
        return _("none yet")
    label = str(OUTCOME_LABELS[outcome])
    return _("%(word)s: %(why)s") % {"word": label, "why": describe_refusal(reason)} if reason else label


def describe_last_runs(watch: Watch) -> list[tuple[KnownCopy, str]]:
    """Return the active known copies of a watch with their results in the watch's latest crawl."""
    known_copies = list(copy_checks.list_active_known_copies(watch.owner).filter(watch=watch))
    newest_crawl = watch.crawls.order_by("-number").first() if known_copies else None
    results = copy_checks.compute_results([newest_crawl]).get(newest_crawl.pk, []) if newest_crawl is not None else []
    result_texts = {result.known_copy.pk: describe_last_run(str(result.outcome), result.reason) for result in results}
    return [(known_copy, result_texts.get(known_copy.pk, describe_last_run())) for known_copy in known_copies]
