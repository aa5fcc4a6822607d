"""Next steps for a new owner, shown until the first decision."""

from django import template
from django.db.models import Exists, OuterRef
from django.template.context import Context
from django.urls import reverse
from django.utils.translation import gettext as _

from desk.web.common.access import person_of
from registry.crawls.crawling import HAND
from registry.log.anchors import get_anchor_configs
from registry.members.accounts import is_operator
from registry.models import UNFINISHED, Case, Crawl, Owner, UploadFile, Watch, Work
from workers import wiring

register = template.Library()

PAGES_WITH_STEPS = frozenset({"cases", "works", "add-works", "upload", "watches", "watch", "crawl", "where"})
"""Pages that show the steps."""
BY_HAND = [{"kind": HAND}]
"""Sources of the built-in watch for single visits, which nobody created and which never runs by itself."""


@register.inclusion_tag("web/first-steps.html", takes_context=True)
def first_steps(context: Context, *, below: bool = False) -> dict[str, object]:
    """Return the steps up to the first decision, with the next one marked; nothing once a case has been decided.

    They are shown at the top of a page, but below a queue that contains cases (``below``), because those come first.
    """
    owner, request = context.get("owner"), context["request"]
    page = request.resolver_match.url_name if request.resolver_match else ""
    if not isinstance(owner, Owner) or page not in PAGES_WITH_STEPS or not context.get("may_decide"):
        return {}
    if not hasattr(request, "first_steps"):  # A page with cases calls this twice.
        request.first_steps = _progress_flags(owner)
    works, watch, has_cases, decided, under_way = request.first_steps
    if decided or below != bool(has_cases and page == "cases"):
        return {}
    steps = [
        (works, _("Add works"), reverse("add-works", args=[owner.slug])),
        (watch, _("Find your pictures on the web"), reverse("where", args=[owner.slug])),
        (has_cases, _("Wait for the first match"), ""),
        (decided, _("Decide the first case"), reverse("cases", args=[owner.slug])),
    ]
    following, url = steps[-1][1:] if has_cases else next((words, url) for done, words, url in steps if not done)
    hints = [
        _("You can undo “Not licensed” and the other decisions: Undo is next to the number of remaining cases."),
        _(
            "Exhibit remembers “Dismiss: not a copy”: the same look-alike is listed separately and does not "
            "return to the queue."
        ),
        _("You can blur found pictures until you choose to view them, in the Account menu."),
    ]
    is_fragment = "HX-Request" in request.headers
    waits = watch and not has_cases
    is_current_page = request.path == url or (page == "watches" and following == steps[1][1])
    return {
        "steps": [(done, words) for done, words, _url in steps],
        "next": following,
        "url": url,
        "waits": waits,
        "under_way": under_way,
        "polls": waits and page == "cases" and request.path,
        "here": is_current_page and not is_fragment,  # The step with the button.
        "sample": not has_cases and not owner.sample,
        "lacks_witness": has_cases and is_operator(person_of(request)) and not get_anchor_configs(wiring.services()),
        "hints": hints if below and not is_fragment else [],
    }


def _progress_flags(owner: Owner) -> tuple[bool, bool, bool, bool, bool]:
    """Return five flags: works, watch, cases, decision, crawl under way. Once a case is decided, one query suffices."""
    if Case.objects.filter(owner=owner).exclude(decision=Case.Decision.OPEN).exists():
        return True, True, True, True, False
    flags = Owner.objects.filter(pk=owner.pk).values_list(
        Exists(Work.objects.filter(owner=OuterRef("pk"), removed_at=None)),
        Exists(UploadFile.objects.filter(upload__owner=OuterRef("pk"), state__in=UNFINISHED)),
        Exists(
            Watch.objects.filter(owner=OuterRef("pk"), removed_at=None, own=False).exclude(sources__contains=BY_HAND)
        ),
        Exists(Case.objects.filter(owner=OuterRef("pk"), resembles=False)),
        Exists(Crawl.objects.filter(watch__owner=OuterRef("pk"), state__in=UNFINISHED)),
    )
    works, uploads, watch, has_cases, under_way = flags.get()
    works = works or uploads or owner.sample  # Workers register the works of an upload or sample in the background.
    return works, watch, has_cases, False, under_way or owner.sample
