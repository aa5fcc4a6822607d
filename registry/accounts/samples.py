"""Sample owners, examples to look around in: nothing of one is logged, told, visited, sealed or sent, and it can go."""

from django.db import transaction
from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence
from registry.accounts.models import Membership, Owner, Role, User
from registry.accounts.people import free_slug
from registry.cases.models import Case, LedgerChange
from registry.parties.models import DemandEntry, Instalment


def sample_of(person: User) -> Owner | None:
    """The sample that a person looks around in, if there is one."""
    return Owner.objects.filter(sample=True, memberships__user=person).first()


def make(person: User) -> Owner:
    """An empty sample owner for a person, in the role of owner."""
    name = _("Sample (%(who)s)") % {"who": person.get_username()}
    owner = Owner.objects.create(slug=free_slug("sample"), name=name[:200], sample=True)
    Membership.objects.create(user=person, owner=owner, role=Role.OWNER)
    return owner


def refuse(owner: Owner) -> None:
    """Raise ``WrongUseError`` for a sample: what is asked for would leave it."""
    if owner.sample:
        sentence = Sentence("This is a sample: nothing of it is real, so nothing of it goes out.")
        raise WrongUseError(sentence, hint=Sentence("Do it with an owner of your own."))


def delete(owner: Owner) -> None:
    """Delete a sample; rows of pictures, which name nobody, stay. Raises ``WrongUseError`` for a real owner."""
    if not owner.sample:
        raise WrongUseError(f"{owner.name} isn't a sample.")
    with transaction.atomic():
        Owner.objects.select_for_update().get(pk=owner.pk)
        entries = DemandEntry.objects.filter(demand__owner=owner)
        entries.update(corrects=None)
        owner.bulk_edits.update(undoes=None)
        owner.invoices.update(cancels=None)
        instalments = Instalment.objects.filter(invoice__owner=owner)
        for rows in (entries, instalments, Case.objects.filter(owner=owner), LedgerChange.objects.filter(owner=owner)):
            rows.delete()
        for more in (
            owner.invoices, owner.demands, owner.group_decisions, owner.watches, owner.uploads, owner.licences,
            owner.works, owner.bulk_edits, owner.collections, owner.device_keys,
        ):  # fmt: skip
            more.all().delete()
        owner.delete()
