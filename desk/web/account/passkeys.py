"""The page of an owner's keys and passkey requirement, and the endpoint for passkey scripts."""

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _, gettext_lazy

from desk.passkeys import create_challenge, verify_answer
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, is_manager, person_of
from desk.web.common.pages import ErrorMessages, decider_post, manager_post, member_page
from exhibit.errors import ExhibitError
from registry.keys import passkeys, signing_keys
from registry.keys.keys import Use, find_key, keys_of, use_of
from registry.models import Owner

USES = {
    Use.SEALING: gettext_lazy("seals bundles"),
    Use.DOCUMENTS: gettext_lazy("signs documents"),
    Use.DEVICE: gettext_lazy("on the owner's own device: countersigns"),
}


@decider_post()
def request_challenge(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Return the passkey challenge for an action, for the script next to a form."""
    act, of = request.POST.get("act", ""), request.POST.get("of", "")
    try:
        return JsonResponse(create_challenge(owner, person_of(request), act, of))
    except ExhibitError as error:
        return JsonResponse({"problem": in_words(error)}, status=422)


@member_page("web/security.html")
def security(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the passkey requirement and all keys. Other persons' passkeys are shown only to managers."""
    runs = is_manager(owner)
    filters = {"user__memberships__owner": owner} if runs else {"user": person_of(request)}
    rows = Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN, **filters).select_related("user")
    keys_with_uses = [(key, USES[use_of(key)]) for key in keys_of(owner)]
    return {"manages": runs, "keys": keys_with_uses, "passkeys": rows.order_by("user__username", "created_at")}


@manager_post(back="security")
def choose(request: HttpRequest, owner: Owner) -> str:
    """Turn the passkey requirement for critical decisions on or off."""
    is_wanted, passkey_answer = (
        request.POST.get("wanted") == "on",
        verify_answer(person_of(request), request.POST.get("passkey")),
    )
    passkeys.set_requirement(owner, is_required=is_wanted, by=request.user.get_username(), answer=passkey_answer)
    return _("Saved.")


@manager_post(back="security")
def revoke_key(request: HttpRequest, owner: Owner) -> None:
    """Revoke one of the owner's keys."""
    with ErrorMessages(request):
        row, reason = find_key(owner, request.POST.get("key", "")), clean_text(request.POST.get("reason", ""))
        passkey_answer = verify_answer(person_of(request), request.POST.get("passkey"))
        signing_keys.revoke(row, by=request.user.get_username(), reason=reason, passkey=passkey_answer)
        messages.success(request, _("The key was revoked. Inform everyone who verifies your bundles."))
