"""Test that each page and form of the site has a counterpart in the API."""

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.urls.resolvers import URLPattern

from desk.api.api import api
from tests import CHECKOUT
from tests.assets.desk_scene import patterns

TEMPLATES = CHECKOUT / "desk" / "web" / "templates"
FORM = re.compile(r"<form\b(.*?)</form>", re.DOTALL)
ACTION = re.compile(r"""action="\{% url '([\w-]+)'""")
ACTION_VALUE = re.compile(r'name="(?:do|action|decision|decide)" value="([^"]*)"')
TAG = re.compile(r"\{[%{].*?[%}]\}")

SIGNED_BY_PERSON = "is signed, sent or worded by a person who has read it"
PERSONAL = "is about one person, who is asked for it in a browser"
OPERATOR_ONLY = "is for whoever runs the installation, who has the command line on the server"
NO_ACCOUNT_NEEDED = "is for people without an account, by an address of its own"
VISUAL_COMPARISON = "shows two pictures to a person, who says what they are; a program has the command"
RARE_SETTING = "is turned on or off once in a while; a program has the command"
PUBLIC = "is there for everybody, programs too, at the same address"
NO_COUNTERPART = {
    **dict.fromkeys(("home", "account", "language", "blur", "leave", "make-token", "choose-mail"), PERSONAL),
    **dict.fromkeys(("add-push-browser", "remove-push-browser", "push-worker"), PERSONAL),
    **dict.fromkeys(("add-sample", "remove-sample"), PERSONAL),
    **dict.fromkeys(("change-feed", "change-feed:make", "change-feed:revoke"), PERSONAL),
    **dict.fromkeys(
        (
            "operator",
            "operator-details",
            "operator-retry",
            "operator-leave",
            "timestamp-services",
            "add-timestamp-service",
            "add-custom-timestamp-service",
            "operator-settings",
            "remove-timestamp-service",
        ),
        OPERATOR_ONLY,
    ),
    **dict.fromkeys(
        ("sign-notice", "send-notice", "answer-claim", "see-replies", "wordings", "edit-wording"), SIGNED_BY_PERSON
    ),
    **dict.fromkeys(("senders", "edit-sender"), SIGNED_BY_PERSON),
    "why": VISUAL_COMPARISON,
    **dict.fromkeys(("derived", "web-archive", "security", "choose-passkeys", "revoke-key"), RARE_SETTING),
    **dict.fromkeys(
        ("feed", "unsubscribe", "mail-link", "link", "link-file", "reply", "reply-pictures", "invitation"),
        NO_ACCOUNT_NEEDED,
    ),
    **dict.fromkeys(("accuracy", "app-manifest", "healthz", "metrics", "log-entries", "log-tile"), PUBLIC),
    **dict.fromkeys(("add-checkpoint", "partner-card", "public-work", "public-work-facts", "robots"), PUBLIC),
    **dict.fromkeys(
        ("pdq-feed", "soft-binding", "soft-binding-content", "manifest", "soft-binding-algorithms"), PUBLIC
    ),
}
"""Pages without a counterpart, with the reason."""
COUNTERPARTS = {
    "owners": ("list_owners", "get_owner"),
    "ask-passkey": ("create_passkey_challenge",),
    "members": ("list_members", "list_invitations"),
    "invite": ("invite_member",),
    "revoke-invitation": ("revoke_invitation",),
    "member-role": ("change_role",),
    "remove-member": ("remove_member",),
    "tokens": ("list_tokens",),
    "revoke-token": ("revoke_token",),
    "works": ("list_works",),
    "work": ("get_work", "list_changes", "list_deposits"),
    "spread": ("get_work", "list_changes", "list_deposits"),
    "add-works": ("register_work", "start_upload", "save_column_mapping"),
    "upload-files": ("send_files",),
    "uploads": ("list_uploads",),
    "upload": ("get_upload",),
    "upload-progress": ("get_upload",),
    "upload-received": ("list_upload_files", "list_unmatched_rows"),
    "upload-results": ("list_upload_files", "list_unmatched_rows"),
    "close-upload": ("close_upload",),
    "upload-again": ("retry_upload",),
    "edit-work": ("change_work",),
    "answer-remark": ("answer_ownership_warning",),
    "attach": ("attach_document",),
    "attachment": ("get_document_file",),
    "detach": ("detach_document",),
    "answer-held": ("decide_hold",),
    "remove-work": ("remove_work",),
    "make-deposit": ("create_deposit", "get_deposit_file"),
    "deposit": ("create_deposit", "get_deposit_file"),
    "deposit-record": ("get_deposit_record",),
    "edit-works": ("change_works",),
    "undo-bulk-edit": ("undo_bulk_edit",),
    "bulk-edits": ("list_bulk_edits",),
    "bulk-edit": ("get_bulk_edit",),
    "change-collection:rename": ("rename_collection",),
    "change-collection:remove": ("remove_collection",),
    "picture": ("get_picture",),
    "mine": ("identify", "visit_page"),
    "proposals": ("list_proposals",),
    "decide-proposals:register": ("register_proposals",),
    "decide-proposals:dismiss": ("dismiss_proposals",),
    "open-work": ("open_public_page",),
    "close-work": ("close_public_page",),
    "ask": ("find_owner",),
    "export-work": ("export_work",),
    "state-works": ("register_fingerprints",),
    "columns": ("list_column_mappings",),
    "forget-columns": ("delete_column_mapping",),
    "licences": ("list_licences",),
    "licence": ("get_licence",),
    "new-licence": ("add_licence", "preview_licences"),
    "import-licences": ("import_licences", "save_column_mapping", "preview_licences"),
    "edit-licence": ("preview_licences", "change_licence"),
    "end-licence": ("end_licence",),
    "watches": ("list_watches",),
    "watch": ("get_watch", "list_crawls", "list_known_copies", "list_opt_outs"),
    "watch-sources": ("get_watch", "change_watch"),
    "where:sites": ("add_watch", "change_watch", "run_watch"),
    "where:archives": ("add_watch", "run_watch"),
    "where:collections": ("list_searches", "add_watch", "run_watch"),
    "try-search": ("set_search_key", "give_search_consent", "add_watch", "run_watch"),
    "keep-trial": ("change_watch", "run_watch"),
    "under-way": ("list_crawls",),
    "new-watch": ("add_watch", "estimate_watch"),
    "make-watch": ("add_watch", "estimate_watch"),
    "new-search-watch": ("add_watch", "estimate_watch"),
    "new-archive-watch": ("add_watch", "estimate_watch"),
    "edit-watch": ("change_watch",),
    "add-sources": ("change_watch",),
    "remove-source": ("change_watch",),
    "run-watch": ("run_watch",),
    "stop-crawl": ("stop_crawl",),
    "pause-watch": ("pause_watch", "resume_watch"),
    "remove-watch": ("remove_watch",),
    "crawl": ("get_crawl", "list_refusals"),
    "progress": ("get_crawl", "list_refusals"),
    "add-known-copy": ("add_known_copy",),
    "remove-known-copy": ("remove_known_copy",),
    "searches": ("list_searches",),
    "keep-search-key": ("set_search_key",),
    "search-price": ("set_search_price", "reset_search_price"),
    "drop-search-key": ("delete_search_key",),
    "allow-search": ("give_search_consent",),
    "disallow-search": ("withdraw_search_consent",),
    "cases": ("list_cases",),
    "start": ("list_cases",),
    "finds": ("list_cases",),
    "decide-find": ("decide_case", "undo_decision"),
    "group-decision": ("list_cases",),
    "case": ("get_case",),
    "drawing": ("get_drawing",),
    "captured": ("get_capture_file",),
    "licences-for": ("list_licences_for_case",),
    "decide:confirmed": ("decide_case", "decide_cases"),
    "decide-cases": ("decide_case", "decide_cases"),
    "decide:dismissed": ("decide_case", "decide_cases"),
    "decide:copies": ("decide_case", "decide_cases"),
    "choose-assign": ("list_cases", "list_members"),
    "assign-cases": ("assign_cases",),
    "put-aside": ("decide_case", "decide_cases"),
    "decide:licensed": ("decide_case", "decide_cases"),
    "decide:open": ("decide_case", "decide_cases"),
    "decide:undo": ("undo_decision",),
    "decide-cases:undo": ("undo_decision",),
    "undo-group": ("undo_decision",),
    "case-action:note": ("add_note",),
    "case-action:dispute": ("dispute_decision",),
    "case-action:settle": ("settle_dispute",),
    "case-action:take-out": ("queue_case_for_review",),
    "case-action:ask-archive": ("look_up_in_archive",),
    "case-action:ask-agency": ("record_agency_inquiry",),
    "case-action:agency-answered": ("record_agency_reply",),
    "case-action:report": ("report_picture",),
    "paper": ("get_draft_document",),
    "bundles": ("list_bundles",),
    "bundle": ("get_bundle", "get_bundle_file"),
    "signed": ("get_signed_sheet",),
    "downloads": ("list_reports", "list_packages"),
    "report-form": ("request_report",),
    "request-report": ("request_report",),
    "report-state": ("get_report",),
    "report-file": ("get_report_file",),
    "report-again": ("regenerate_report",),
    "remove-report": ("remove_report",),
    "request-package": ("request_package",),
    "package": ("get_package",),
    "package-state": ("get_package",),
    "package-file": ("get_package_file",),
    "package-pdf": ("get_package_pdf",),
    "package-again": ("regenerate_package",),
    "remove-package": ("remove_package",),
    "links": ("list_links",),
    "link-report": ("create_report_link",),
    "link-package": ("create_package_link",),
    "revoke-link": ("revoke_link",),
    "parties": ("list_sites", "get_notice_statistics"),
    "party": ("get_site",),
    "look-up": ("look_up_site",),
    "demands": ("list_demands",),
    "demand": ("get_demand",),
    "new-demand": ("add_demand", "propose_fees"),
    "add-entry": ("add_demand_entry",),
    "new-invoice": ("issue_invoice", "list_invoices", "get_invoice"),
    "invoice-file": ("get_invoice_file",),
    "cancel-invoice": ("cancel_invoice",),
    "money-ledger": ("get_ledger", "get_demand_totals"),
    "fees": ("add_fee_table", "list_fee_tables"),
    "notices": ("list_notices",),
    "notice": ("get_notice",),
    "new-notice": ("draft_notice",),
    "edit-notice": ("edit_notice", "discard_notice"),
    "track-notice": ("add_notice_event",),
    "notice-file": ("get_notice_file",),
    "notice-packet": ("get_filing",),
    "reply-file": ("get_reply_file",),
    "told": ("list_events", "list_webhooks"),
    "add-webhook": ("add_webhook",),
    "webhook": ("get_webhook", "list_deliveries"),
    "change-webhook:test": ("test_webhook",),
    "change-webhook:pause": ("pause_webhook",),
    "change-webhook:resume": ("resume_webhook",),
    "change-webhook:again": ("redeliver_event",),
    "change-webhook:remove": ("remove_webhook",),
    "log-checkpoint": ("get_log_checkpoint",),
}
"""The API operations for each page or form, by URL name, with the value that the form selects."""
SIGN_IN_PREFIXES = ("account_", "mfa_", "usersessions_")


def site_pages() -> dict[str, URLPattern]:
    """Return the pages by URL name, except sign-in pages, which programs do not use."""
    return {
        pattern.name: pattern
        for pattern in patterns()
        if pattern.name and not pattern.name.startswith(SIGN_IN_PREFIXES)
    }


def form_actions() -> dict[str, set[str]]:
    """Return the actions of the site's forms, by URL name."""
    actions: dict[str, set[str]] = defaultdict(set)
    for path in TEMPLATES.rglob("*.html"):
        for form in FORM.findall(path.read_text(encoding="utf-8")):
            if (action := ACTION.search(form)) is not None:
                actions[action[1]] |= {
                    word for value in ACTION_VALUE.findall(form) for word in TAG.sub(" ", value).split()
                }
    return actions


def iter_form_pages() -> Iterator[str]:
    """Yield pages that accept a form, except public ones."""
    for name, page in site_pages().items():
        if NO_COUNTERPART.get(name) == PUBLIC:
            continue
        request = RequestFactory().generic("TRACE", "/")
        request.user = AnonymousUser()
        response = page.callback(request, **dict.fromkeys(page.pattern.converters, ""))
        assert response.status_code == 405 or "slug" not in page.pattern.converters, f"{name} takes whatever method"
        if "POST" in response.headers.get("Allow", ""):
            yield name


@pytest.mark.long
def test_each_page_and_form_has_an_api_counterpart_or_a_reason() -> None:
    form_names = {f"{name}:{action}" for name in iter_form_pages() for action in form_actions()[name]}
    names = set(site_pages()) - {form_name.partition(":")[0] for form_name in form_names} | form_names
    assert len(names) > 100
    assert names - set(COUNTERPARTS) - set(NO_COUNTERPART) == set(), "say in COUNTERPARTS which operation does this"
    assert (set(COUNTERPARTS) | set(NO_COUNTERPART)) - names - set(site_pages()) == set(), (
        "these pages and forms are gone"
    )
    assert set(COUNTERPARTS) & set(NO_COUNTERPART) == set()


def test_form_counterparts_are_mutating_operations() -> None:
    paths = api.get_openapi_schema()["paths"].values()
    methods = {operation["operationId"]: method for path in paths for method, operation in path.items()}
    assert {operation for used in COUNTERPARTS.values() for operation in used} <= set(methods), (
        "these operations are gone"
    )
    for name in iter_form_pages():
        doing = {operation for key, used in COUNTERPARTS.items() if key.partition(":")[0] == name for operation in used}
        assert name in NO_COUNTERPART or any(methods[operation] != "get" for operation in doing) or name == "owners", (
            name
        )
