"""Whatever people do on the site a program can do: each page and each form has its counterpart in the API."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.urls.resolvers import URLPattern

from desk.api.api import api
from tests.site.test_access import patterns

TEMPLATES = Path(__file__).parents[2] / "desk" / "web" / "templates"
FORM = re.compile(r"<form\b(.*?)</form>", re.DOTALL)
ACTION = re.compile(r"""action="\{% url '([\w-]+)'""")
DEED = re.compile(r'name="(?:do|deed|decision|decide)" value="([^"]*)"')
TAG = re.compile(r"\{[%{].*?[%}]\}")

COUNTERPARTS = {
    # works
    "works": "list_works",
    "work": "get_work list_changes list_deposits",
    "add-works": "begin_upload register_work",
    "uploads": "list_uploads",
    "upload": "get_upload",
    "upload-progress": "get_upload",
    "upload-files": "send_files",
    "upload-received": "list_upload_files",
    "upload-results": "list_upload_files list_lines_without_files",
    "close-upload": "close_upload",
    "upload-again": "try_upload_again",
    "edit-work": "change_work",
    "remove-work": "remove_work",
    "answer-remark": "answer_remark",
    "attach": "attach_document",
    "attachment": "get_document_file",
    "detach": "detach_document",
    "make-deposit": "make_deposit",
    "deposit": "get_deposit_file",
    "deposit-record": "get_deposit_record",
    "picture": "get_picture",
    # cases
    "cases": "list_cases",
    "case": "get_case",
    "drawing": "get_drawing",
    "captured": "get_capture_file",
    "licences-for": "list_licences_for_case",
    "decide": "decide_case",
    "decide:confirmed": "decide_case",
    "decide:licensed": "decide_case",
    "decide:cleared": "decide_case",
    "decide:copies": "decide_case",
    "decide:open": "decide_case",
    "decide:undo": "undo_decision",
    "decide-cases": "decide_cases",
    "decide-cases:undo": "undo_decision",
    "case-deed": "get_case",
    "case-deed:note": "add_note",
    "case-deed:dispute": "dispute_decision",
    "case-deed:settle": "settle_dispute",
    "case-deed:take-out": "take_out_case",
    "case-deed:report": "report_picture",
    # what is taken away
    "bundle": "get_bundle get_bundle_file",
    "signed": "get_signed_sheet",
    "paper": "get_paper",
    "bundles": "list_cases list_bundles",
    "downloads": "list_reports list_packages",
    "report-form": "request_report",
    "request-report": "request_report",
    "report-state": "get_report",
    "report-again": "make_report_again",
    "remove-report": "remove_report",
    "report-file": "get_report_file",
    "request-package": "request_package",
    "package": "get_package",
    "package-state": "get_package",
    "package-again": "make_package_again",
    "remove-package": "remove_package",
    "package-file": "get_package_file",
    "links": "list_links",
    "link-report": "link_report",
    "link-package": "link_package",
    "revoke-link": "revoke_link",
    # watches
    "watches": "list_watches",
    "watch": "get_watch list_crawls list_canaries",
    "new-watch": "add_watch",
    "make-watch": "add_watch",
    "run-watch": "run_watch",
    "pause-watch": "pause_watch resume_watch",
    "plant-canary": "plant_canary",
    "withdraw-canary": "withdraw_canary",
    "crawl": "get_crawl list_refusals",
    "progress": "get_crawl",
    "edit-watch": "change_watch",
    "watch-sources": "get_watch change_watch",
    "add-sources": "change_watch",
    "remove-source": "change_watch",
    "remove-watch": "remove_watch",
    "stop-crawl": "stop_crawl",
    "searches": "list_searches",
    "keep-search-key": "keep_search_key",
    "drop-search-key": "forget_search_key",
    "new-search-watch": "add_watch",
    # licences
    "licences": "list_licences",
    "licence": "get_licence",
    "new-licence": "add_licence",
    "end-licence": "end_licence",
    "edit-licence": "change_licence try_licences",
    "import-licences": "try_licences add_licence",
    # notices
    "notices": "list_notices",
    "new-notice": "draft_notice",
    "notice": "get_notice",
    "edit-notice": "edit_notice discard_notice",
    "track-notice": "track_notice",
    "notice-file": "get_notice_file",
    # members, and being told
    "owners": "list_owners get_owner",
    "members": "list_members list_invitations",
    "invite": "invite_member",
    "member-role": "change_role",
    "remove-member": "remove_member",
    "revoke-invitation": "revoke_invitation",
    "tokens": "list_tokens",
    "revoke-token": "revoke_token",
    "told": "list_webhooks list_events",
    "add-webhook": "add_webhook",
    "webhook": "get_webhook list_deliveries",
    "change-webhook": "get_webhook",
    "change-webhook:test": "test_webhook",
    "change-webhook:pause": "pause_webhook",
    "change-webhook:resume": "resume_webhook",
    "change-webhook:remove": "remove_webhook",
    "change-webhook:again": "send_again",
}
"""The operations with which a program does what a page shows or a form does, by its name, with a form's deed."""

BY_HAND = "is signed, sent or worded by a person who has read it"
A_PERSONS = "is about one person, who is asked for it in a browser"
THE_OPERATORS = "is for whoever runs the installation, who has the command line on the server"
OUTSIDE = "is for people without an account, by an address of its own"
PUBLIC = "is there for everybody, programs too, at the same address"
WITHOUT = {
    **dict.fromkeys(("home", "account", "language", "blur", "leave", "make-token", "choose-mail"), A_PERSONS),
    **dict.fromkeys(("change-feed", "change-feed:make", "change-feed:revoke"), A_PERSONS),
    **dict.fromkeys(("operator", "operator-retry", "operator-leave"), THE_OPERATORS),
    **dict.fromkeys(("sign-notice", "send-notice", "wordings", "edit-wording"), BY_HAND),
    **dict.fromkeys(("feed", "unsubscribe", "link", "link-file", "invitation"), OUTSIDE),
    **dict.fromkeys(("accuracy", "healthz", "metrics", "log-checkpoint", "log-entries", "log-tile"), PUBLIC),
}
"""Pages without a counterpart, and why."""

SIGNING_IN = ("account_", "mfa_", "usersessions_")


def site() -> dict[str, URLPattern]:
    """The pages by their names, but for those of signing in, which are about a person and a browser."""
    return {one.name: one for one in patterns() if one.name and not one.name.startswith(SIGNING_IN)}


def deeds() -> dict[str, set[str]]:
    """What the forms of the site offer besides their address, by its name."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in TEMPLATES.rglob("*.html"):
        for form in FORM.findall(path.read_text(encoding="utf-8")):
            if (action := ACTION.search(form)) is not None:
                found[action[1]] |= {word for value in DEED.findall(form) for word in TAG.sub(" ", value).split()}
    return found


def taking() -> Iterator[str]:
    """Pages that take a form; those for everybody don't."""
    for name, page in site().items():
        if WITHOUT.get(name) == PUBLIC:
            continue
        request = RequestFactory().generic("TRACE", "/")
        request.user = AnonymousUser()
        refused = page.callback(request, **dict.fromkeys(page.pattern.converters, ""))
        assert refused.status_code == 405 or "slug" not in page.pattern.converters, f"{name} takes whatever method"
        if "POST" in refused.headers.get("Allow", ""):
            yield name


def test_each_page_and_each_form_has_its_counterpart_or_a_reason() -> None:
    named = set(site()) | {f"{name}:{deed}" for name in taking() for deed in deeds()[name]}
    assert len(named) > 100
    assert named - set(COUNTERPARTS) - set(WITHOUT) == set(), "say which operation does this"
    assert (set(COUNTERPARTS) | set(WITHOUT)) - named == set(), "these pages and forms are gone"
    assert set(COUNTERPARTS) & set(WITHOUT) == set()


def test_a_form_has_an_operation_that_changes_something() -> None:
    paths = api.get_openapi_schema()["paths"].values()
    methods = {one["operationId"]: method for path in paths for method, one in path.items()}
    used = {name: words.split() for name, words in COUNTERPARTS.items()}
    assert {one for words in used.values() for one in words} <= set(methods)
    for name in taking():
        doing = [one for key, words in used.items() if key.partition(":")[0] == name for one in words]
        assert name in WITHOUT or any(methods[one] != "get" for one in doing) or name == "owners", name
