"""Who calls the API: a program with a token, or a member who is signed in to the site."""

from dataclasses import dataclass, replace
from http import HTTPStatus

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja.utils import check_csrf

from desk.api.common import limits
from desk.api.common.problems import Problem, unauthorized
from exhibit.errors import NotFoundError
from registry import scoped
from registry.members import tokens
from registry.models import Owner, Scope, User

BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who calls."""

    user: User
    by: str  # as records name it
    ident: str  # the token or the person, for limits and repeated requests
    owners: QuerySet[Owner]  # those whom the caller may act for
    scopes: frozenset[Scope] | None  # what is permitted; empty where the member's role says it
    owner: Owner | None = None  # whose things this request is about, if anybody's
    is_operator: bool = False  # runs commands on the installation's own machine


class Call(HttpRequest):
    """A request of the API, when it is known who calls."""

    auth: Actor


def of(request: Call) -> Owner:
    """The owner that the address names, and that the caller may act for."""
    assert request.auth.owner is not None
    return request.auth.owner


class Permitted:
    """Lets callers in whose token or role permits something, each as often as the limit allows.

    An owner who isn't theirs isn't there for them: 404, as for one that doesn't exist.
    """

    openapi_security_schema = {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the API, made on the page of the account.",
    }

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Actor:
        """The caller; raises where it is nobody (401), too often (429), or not permitted (403)."""
        actor = getattr(request, "actor", None)  # of the command line, which makes its requests in this process
        if not isinstance(actor, Actor):
            actor = _caller(request)
            limits.count(request, actor.ident)
        match = request.resolver_match
        if match is not None and (slug := match.kwargs.get("owner")) is not None:
            actor = _with_owner(actor, slug)
        if self.scope not in ({Scope.READ} if actor.scopes is None else actor.scopes):
            sentence = f"This needs the scope {self.scope.value}, within the role of the member."
            raise Problem(HTTPStatus.FORBIDDEN, sentence, scope=self.scope.value)
        return actor


class OnTheMachine(Permitted):
    """Allows the operator alone, who runs `exhibit api` on the installation's own machine.

    No token and no session opens these operations, not even those of an operator's account.
    """

    openapi_security_schema = Permitted.openapi_security_schema | {
        "description": "None: these operations are called with `exhibit api` on the installation's own machine."
    }

    def __call__(self, request: HttpRequest) -> Actor:
        """The operator; raises where the caller is unknown (401), too frequent (429), or anybody else (403)."""
        actor = super().__call__(request)
        if not actor.is_operator:
            sentence = "Only the operator can do this, with `exhibit api` on the machine of the installation."
            raise Problem(HTTPStatus.FORBIDDEN, sentence)
        return actor


READ, WRITE = Permitted(Scope.READ), Permitted(Scope.WRITE)
DECIDE, SEND, MANAGE = Permitted(Scope.DECIDE), Permitted(Scope.SEND), Permitted(Scope.MANAGE)
OPERATOR = OnTheMachine(Scope.READ)


def _caller(request: HttpRequest) -> Actor:
    """Who calls, whatever about."""
    given = request.headers.get("Authorization", "")
    if given:
        kind, _, secret = given.partition(" ")
        found = tokens.find(secret.strip() if kind.lower() == BEARER else "")
        if found is None:
            raise unauthorized("The token is unknown, has expired or was revoked.")
        token, scopes = found
        tokens.used(token)
        owners = Owner.objects.filter(pk=token.owner_id)
        return Actor(token.user, token.by, f"token:{token.pk}", owners, scopes)
    user = request.user
    if not isinstance(user, User):
        raise unauthorized("Send a token: Authorization: Bearer exh_…")
    if check_csrf(request) is not None:
        raise Problem(HTTPStatus.FORBIDDEN, "A browser that is signed in has to send the header X-CSRFToken.")
    return Actor(user, user.get_username(), f"user:{user.pk}", scoped.owners_of(user), None)


def _with_owner(actor: Actor, slug: str) -> Actor:
    """The caller, for the owner whom the address names."""
    owner = actor.owners.filter(slug=slug).first()
    if owner is None:
        raise NotFoundError("There is no such owner.")
    scopes = tokens.permitted(owner, actor.user) if actor.scopes is None else actor.scopes
    return replace(actor, owner=owner, scopes=scopes)
