"""Next steps for a new owner, shown until the first decision."""

from django import template
from django.db.models import Exists, OuterRef
from django.template.context import Context
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.web.common.access import get_user
from registry.crawls.crawling import MANUAL
from registry.log.anchors import get_anchor_configs
from registry.members.accounts import is_operator
from registry.models import UNFINISHED, Case, Crawl, Owner, UploadFile, Watch, Work
from workers import wiring

register = template.Library()

PAGES_WITH_STEPS = frozenset({"cases", "works", "add-works", "upload", "watches", "watch", "crawl", "where"})
"""Pages that show the steps."""
MANUAL_SOURCES = [{"kind": MANUAL}]
"""Sources of the built-in watch for single visits. Members do not create it, and it has no schedule."""


@register.inclusion_tag("web/first-steps.html", takes_context=True)
def first_steps(context: Context, *, below: bool = False) -> dict[str, object]:
    """Return the steps up to the first decision, with the next step marked; empty once a case has been decided.

    The steps appear at the top of a page. On the cases page, if there are cases, they appear ``below`` the queue.
    """
    owner, request = context.get("owner"), context["request"]
    page = request.resolver_match.url_name if request.resolver_match else ""
    if not isinstance(owner, Owner) or page not in PAGES_WITH_STEPS or not context.get("may_decide"):
        return {}
    if not hasattr(request, "first_steps"):  # The cases page calls this tag twice.
        request.first_steps = _get_progress_flags(owner)
    has_works, has_watch, has_cases, has_decision, is_crawling = request.first_steps
    if has_decision or below != bool(has_cases and page == "cases"):
        return {}
    steps = [
        (has_works, _("Add works"), reverse("add-works", args=[owner.slug])),
        (has_watch, _("Find your pictures on the web"), reverse("where", args=[owner.slug])),
        (has_cases, _("Wait for the first match"), ""),
        (has_decision, _("Decide the first case"), reverse("cases", args=[owner.slug])),
    ]
    next_label, url = steps[-1][1:] if has_cases else next((label, url) for is_done, label, url in steps if not is_done)
    hints = [
        _("You can undo “Not licensed” and the other decisions: Undo is next to the number of remaining cases."),
        _("After “Dismiss: not a copy”, the same look-alike is listed separately and does not return to the queue."),
        _("To blur found pictures until you choose to view them, use the Account menu."),
    ]
    is_fragment = "HX-Request" in request.headers
    is_waiting = has_watch and not has_cases
    is_current_page = request.path == url or (page == "watches" and next_label == steps[1][1])
    return {
        "steps": [(is_done, label) for is_done, label, _url in steps],
        "next": next_label,
        "url": url,
        "is_pending": is_waiting,
        "under_way": is_crawling,
        "polls": is_waiting and page == "cases" and request.path,
        "here": is_current_page and not is_fragment,  # True if the current page has the button for the next step.
        "sample": not has_cases and not owner.sample,
        "lacks_timestamp_service": has_cases
        and is_operator(get_user(request))
        and not get_anchor_configs(wiring.services()),
        "hints": hints if below and not is_fragment else [],
    }


def _get_progress_flags(owner: Owner) -> tuple[bool, bool, bool, bool, bool]:
    """Return five flags: has works, has a watch, has cases, has a decision, has a crawl in progress.

    After the first decision, only one query is needed.
    """
    if Case.objects.filter(owner=owner).exclude(decision=Case.Decision.OPEN).exists():
        return True, True, True, True, False
    flags = Owner.objects.filter(pk=owner.pk).values_list(
        Exists(Work.objects.filter(owner=OuterRef("pk"), removed_at=None)),
        Exists(UploadFile.objects.filter(upload__owner=OuterRef("pk"), state__in=UNFINISHED)),
        Exists(
            Watch.objects.filter(owner=OuterRef("pk"), removed_at=None, own=False).exclude(
                sources__contains=MANUAL_SOURCES
            )
        ),
        Exists(Case.objects.filter(owner=OuterRef("pk"), is_related=False)),
        Exists(Crawl.objects.filter(watch__owner=OuterRef("pk"), state__in=UNFINISHED)),
    )
    has_works, has_uploads, has_watch, has_cases, is_crawling = flags.get()
    # Workers register the works of an upload or sample in the background.
    has_works = has_works or has_uploads or owner.sample
    return has_works, has_watch, has_cases, False, is_crawling or owner.sample
