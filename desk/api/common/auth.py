"""Authentication and permissions: API tokens of programs, and sessions of members."""

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
    """The authenticated caller."""

    user: User
    by: str  # as records name it
    ident: str  # the token or the person, for limits and repeated requests
    owners: QuerySet[Owner]  # those whom the caller may act for
    scopes: frozenset[Scope] | None  # what is permitted; empty where the member's role says it
    owner: Owner | None = None  # whose things this request is about, if anybody's
    is_operator: bool = False  # runs commands on the installation's own machine


class Call(HttpRequest):
    """A request whose caller is authenticated."""

    auth: Actor


def of(request: Call) -> Owner:
    """Return the owner in the path, to whom the caller has access."""
    assert request.auth.owner is not None
    return request.auth.owner


class Permitted:
    """Authenticate the caller, check the scope, and apply the rate limit.

    Owners to whom the caller has no access return 404, as do unknown ones.
    """

    openapi_security_schema = {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, created on the account page.",
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
            sentence = f"This operation requires the scope {self.scope.value}, and a member whose role permits it."
            raise Problem(HTTPStatus.FORBIDDEN, sentence, scope=self.scope.value)
        return actor


class OnTheMachine(Permitted):
    """Allow only the operator, who runs `exhibit api` on the installation's own machine.

    No token and no session opens these operations, not even those of an operator's account.
    """

    openapi_security_schema = Permitted.openapi_security_schema | {
        "description": "None. Call these operations with `exhibit api` on the installation's own machine."
    }

    def __call__(self, request: HttpRequest) -> Actor:
        """The operator; raises where the caller is unknown (401), too frequent (429), or anybody else (403)."""
        actor = super().__call__(request)
        if not actor.is_operator:
            sentence = (
                "Only the operator can call this operation, with `exhibit api` on the installation's own machine."
            )
            raise Problem(HTTPStatus.FORBIDDEN, sentence)
        return actor


READ, WRITE = Permitted(Scope.READ), Permitted(Scope.WRITE)
DECIDE, SEND, MANAGE = Permitted(Scope.DECIDE), Permitted(Scope.SEND), Permitted(Scope.MANAGE)
OPERATOR = OnTheMachine(Scope.READ)


def _caller(request: HttpRequest) -> Actor:
    """Return the authenticated caller without an owner."""
    header = request.headers.get("Authorization", "")
    if header:
        kind, _, secret = header.partition(" ")
        token_row = tokens.find_token(secret.strip() if kind.lower() == BEARER else "")
        if token_row is None:
            raise unauthorized("The API token is unknown, expired or revoked.")
        token, scopes = token_row
        tokens.record_use(token)
        owners = Owner.objects.filter(pk=token.owner_id)
        return Actor(token.user, token.by, f"token:{token.pk}", owners, scopes)
    user = request.user
    if not isinstance(user, User):
        raise unauthorized("An API token is required. Send the header Authorization: Bearer exh_…")
    if check_csrf(request) is not None:
        raise Problem(HTTPStatus.FORBIDDEN, "The CSRF token is missing. Send it in the header X-CSRFToken.")
    return Actor(user, user.get_username(), f"user:{user.pk}", scoped.owners_of(user), None)


def _with_owner(actor: Actor, slug: str) -> Actor:
    """Return the caller with the owner in the path."""
    owner = actor.owners.filter(slug=slug).first()
    if owner is None:
        raise NotFoundError("There is no such owner, or you have no access to it.")
    scopes = tokens.list_permitted_scopes(owner, actor.user) if actor.scopes is None else actor.scopes
    return replace(actor, owner=owner, scopes=scopes)
