"""Pages of a user's account and owners, and of invitations."""

from allauth.account.adapter import get_adapter
from allauth.account.signals import email_changed, password_changed, password_reset, user_signed_up
from allauth.account.utils import perform_login
from allauth.decorators import rate_limit
from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.texts.sentences import in_words
from desk.web.account.roles import ROLE_DESCRIPTIONS
from desk.web.account.sign_in import INVITATION_KEY, get_current_invitation
from desk.web.common.access import clean_text, get_user
from desk.web.common.pages import FORM, ErrorMessages, manager_post
from desk.web.notifications import push
from exhibit.errors import ExhibitError
from registry.cases import sample
from registry.db.rows import update_row
from registry.events import push_subscriptions
from registry.members import accounts, devices, invitations
from registry.models import Invitation, Owner, Role, User
from registry.retention import sample_removal
from workers import wiring


class OperatorForm(forms.Form):
    """Form of the first operator: account and rights holder."""

    email = forms.EmailField(
        label=gettext_lazy("Email address"),
        max_length=invitations.MAX_EMAIL_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=500,
        strip=False,
        help_text=gettext_lazy("At least 12 characters."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    owner = forms.CharField(
        label=gettext_lazy("Name of the rights holder"),
        max_length=accounts.MAX_NAME_LENGTH,
        required=False,
        help_text=gettext_lazy("Your name or your organisation's name, as shown in documents. You can add it later."),
    )


@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show the user's account."""
    browsers = push_subscriptions.list_push_browsers(get_user(request))
    page_values = {
        "second_factor": is_mfa_enabled(request.user),
        "push": push.get_push_setup(request),
        "browsers": browsers,
    }
    return render(request, "web/account.html", _build_account_values(request) | page_values)


@require_http_methods(FORM)
@login_required
def owners(request: HttpRequest) -> HttpResponseBase:
    """Show the user's owners, and a form to add one."""
    values = _build_account_values(request)
    if request.method == "POST":
        if not values["may_add"]:
            messages.error(request, _("Only the operator can add owners."))
            return redirect("owners")
        name, contact = clean_text(request.POST.get("name", "")), clean_text(request.POST.get("contact", ""))
        with ErrorMessages(request):
            new_owner = accounts.create_owner_for_user(get_user(request), name, contact=contact)
            return redirect("cases", slug=new_owner.slug)
        values["typed"] = {"name": name, "contact": contact}
    return render(request, "web/owners.html", values)


@require_POST
@login_required
def add_sample(request: HttpRequest) -> HttpResponse:
    """Create a sample owner that the user can explore."""
    with ErrorMessages(request):
        sample_owner = sample.add_sample(wiring.services(), get_user(request))
        return redirect("cases", slug=sample_owner.slug)
    return redirect("owners")


@manager_post(back="owners")
def remove_sample(request: HttpRequest, owner: Owner) -> str:
    """Remove a sample owner with all its data."""
    sample_removal.remove_sample(owner, by=request.user.get_username())
    return _("The sample data was removed, including all actions in it.")


@require_http_methods(FORM)
@never_cache
@rate_limit(action="invitation", limit_get=True)
def invitation(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Show an invitation and the role that it grants. Only submitting the form accepts it."""
    row = invitations.find_open_invitation(secret)
    if row is None:
        return render(request, "web/invitation.html", status=404)
    user = request.user if isinstance(request.user, User) else None
    if request.method == "POST" and user is not None:
        if _accept_invitation(request, row, user) and row.owner is not None:
            return redirect("cases", slug=row.owner.slug)
        return redirect("owners")
    values: dict[str, object] = {
        "invitation": row,
        "role_means": ROLE_DESCRIPTIONS.get(row.role, ""),
        "fits": user is not None and row.email in ("", user.email.lower()),
        "sign_in": f"{reverse('account_login')}?{urlencode({'next': request.path})}",
    }
    if user is None and row.owner is None:
        form = values["form"] = OperatorForm(request.POST or None)
        if (
            request.method == "POST"
            and form.is_valid()
            and (response := _create_operator(request, row, form)) is not None
        ):
            return response
    elif user is None:
        request.session[INVITATION_KEY] = row.pk
        get_adapter().stash_verified_email(request, row.email)
    return render(request, "web/invitation.html", values)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return the response to a form without a valid CSRF token."""
    return render(request, "403_csrf.html", status=403)


@receiver(user_signed_up)
def accept_pending_invitation(request: HttpRequest, user: User, **_kwargs: object) -> None:
    """Accept the invitation of a user who has just signed up."""
    open_invitation = get_current_invitation(request)
    request.session.pop(INVITATION_KEY, None)
    if open_invitation is not None:
        _accept_invitation(request, open_invitation, user)


@receiver(email_changed)
def sync_user_name(user: User, **_kwargs: object) -> None:
    """Set the user name, which appears in records, to the new email address."""
    if not User.objects.filter(username=user.email).exclude(pk=user.pk).exists():
        update_row(user, username=user.email)


@receiver([password_changed, password_reset])
def forget_devices(user: User, **_kwargs: object) -> None:
    """Forget all recognised browsers and push subscriptions after a password change."""
    devices.forget_devices(user, by=user.get_username())


def _build_account_values(request: HttpRequest) -> dict[str, object]:
    user = get_user(request)
    memberships = user.memberships.select_related("owner").order_by("owner__name")
    may_add = settings.CONFIG.sign_up == "open" or accounts.is_operator(user)
    has_sample = any(membership.owner.sample for membership in memberships)
    return {"memberships": memberships, "may_add": may_add, "has_sample": has_sample}


def _accept_invitation(request: HttpRequest, row: Invitation, user: User) -> bool:
    with ErrorMessages(request):
        membership = invitations.accept_invitation(row, user)
        if membership is None:
            messages.success(request, _("You are now the operator of this installation."))
        else:
            messages.success(request, _("You are now a member of %(owner)s.") % {"owner": membership.owner.name})
        return True
    return False


def _create_operator(request: HttpRequest, row: Invitation, form: OperatorForm) -> HttpResponseBase | None:
    """Create the operator's account and owner together; return None if the input is invalid."""
    fields = form.cleaned_data
    try:
        user = accounts.create_operator(row, fields["email"], fields["password"], clean_text(fields["owner"]))
    except ExhibitError as error:
        form.add_error(None, in_words(error))
        return None
    messages.success(request, _("You are now the operator of this installation."))
    membership = user.memberships.select_related("owner").filter(role=Role.OWNER).first()
    next_url = reverse("owners") if membership is None else reverse("works", args=[membership.owner.slug])
    response: HttpResponseBase = perform_login(request, user, redirect_url=next_url)
    return response
