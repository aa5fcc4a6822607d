"""Whatever people do on the site a program can do: each page and each form has its counterpart in the API."""

import re
from collections import defaultdict
from collections.abc import Iterator

from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.urls.resolvers import URLPattern

from desk.api.api import api
from tests import CHECKOUT
from tests.assets.desk_scene import patterns
from tools.reference import faces

TEMPLATES = CHECKOUT / "desk" / "web" / "templates"
FORM = re.compile(r"<form\b(.*?)</form>", re.DOTALL)
ACTION = re.compile(r"""action="\{% url '([\w-]+)'""")
DEED = re.compile(r'name="(?:do|deed|decision|decide)" value="([^"]*)"')
TAG = re.compile(r"\{[%{].*?[%}]\}")

BY_HAND = "is signed, sent or worded by a person who has read it"
A_PERSONS = "is about one person, who is asked for it in a browser"
THE_OPERATORS = "is for whoever runs the installation, who has the command line on the server"
OUTSIDE = "is for people without an account, by an address of its own"
BY_EYE = "shows two pictures to a person, who says what they are; a program has the command"
ONCE = "is turned on or off once in a while; a program has the command"
PUBLIC = "is there for everybody, programs too, at the same address"
WITHOUT = {
    **dict.fromkeys(("home", "account", "language", "blur", "leave", "make-token", "choose-mail"), A_PERSONS),
    **dict.fromkeys(("add-sample", "remove-sample"), A_PERSONS),
    **dict.fromkeys(("change-feed", "change-feed:make", "change-feed:revoke"), A_PERSONS),
    **dict.fromkeys(("operator", "operator-details", "operator-retry", "operator-leave"), THE_OPERATORS),
    **dict.fromkeys(("sign-notice", "send-notice", "answer-claim", "see-replies", "wordings", "edit-wording"), BY_HAND),
    **dict.fromkeys(("senders", "edit-sender"), BY_HAND),
    "why": BY_EYE,
    **dict.fromkeys(("derived", "web-archive", "security", "choose-passkeys", "revoke-key"), ONCE),
    **dict.fromkeys(("feed", "unsubscribe", "mail-link", "link", "link-file", "reply", "invitation"), OUTSIDE),
    **dict.fromkeys(("accuracy", "healthz", "metrics", "log-entries", "log-tile"), PUBLIC),
    **dict.fromkeys(("add-checkpoint", "partner-card", "public-work", "public-work-facts", "robots"), PUBLIC),
    **dict.fromkeys(
        ("pdq-feed", "soft-binding", "soft-binding-content", "manifest", "soft-binding-algorithms"), PUBLIC
    ),
}
"""Pages without a counterpart, and why."""


def site() -> dict[str, URLPattern]:
    """The pages by their names, but for those of signing in, which are about a person and a browser."""
    return {one.name: one for one in patterns() if one.name and not one.name.startswith(faces.SIGNING_IN)}


def counterparts() -> dict[str, set[str]]:
    """The operations with which a program does what a page shows or a form does, by its name, with a form's deed."""
    found: dict[str, set[str]] = defaultdict(set)
    for _heading, (_commands, operations, pages) in faces.rows():
        for name in pages:
            found[name] |= set(operations)
    return found


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
    chosen = {f"{name}:{deed}" for name in taking() for deed in deeds()[name]}
    named = set(site()) - {one.partition(":")[0] for one in chosen} | chosen
    beside = {name for name, operations in counterparts().items() if operations}
    assert len(named) > 100
    assert named - beside - set(WITHOUT) == set(), "say in docs/reference/faces.md which operation does this"
    assert (set(counterparts()) | set(WITHOUT)) - named - set(site()) == set(), "these pages and forms are gone"
    assert beside & set(WITHOUT) == set()


def test_a_form_has_an_operation_that_changes_something() -> None:
    paths = api.get_openapi_schema()["paths"].values()
    methods = {one["operationId"]: method for path in paths for method, one in path.items()}
    for name in taking():
        doing = {one for key, used in counterparts().items() if key.partition(":")[0] == name for one in used}
        assert name in WITHOUT or any(methods[one] != "get" for one in doing) or name == "owners", name
