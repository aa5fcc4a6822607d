"""Models of works, licences, documents, ownership remarks and uploads."""

from dataclasses import fields

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Index, Q, UniqueConstraint
from django.db.models.functions import Concat, Greatest, Least, Lower

from exhibit.digests import Digest
from exhibit.types import DeclaredWork
from registry.accounts.models import Numbered, Owner
from registry.db.claimable import Claimable, StepState
from registry.db.fields import DigestField
from registry.pictures.models import Picture

_BLANK = models.Value(" ")
_SEARCHED_TEXT = Concat(
    "title", _BLANK, "author", _BLANK, "holder", _BLANK, "source_name", output_field=models.TextField()
)


class Work(Numbered):
    """A registered work of one owner, with one or more pictures."""

    class AuthorKind(models.TextChoices):
        """Type of author. The term of protection depends on it."""

        PERSON = "person"
        ANONYMOUS = "anonymous"
        ORGANISATION = "organisation"

    class Medium(models.TextChoices):
        """Kind of work, on which the term of protection depends."""

        UNSPECIFIED = ""
        PHOTOGRAPH = "photograph"
        OTHER = "other"

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="works")
    title = models.CharField(max_length=500)
    author = models.CharField(max_length=300, blank=True)
    rights_statement = models.TextField(blank=True)
    first_publication = models.CharField(max_length=40, blank=True, help_text="ISO 8601 date, possibly incomplete")
    registrations = models.JSONField(default=list, blank=True, help_text="office, number, date")
    holder = models.CharField(max_length=300, blank=True, db_default="", help_text="rights holder, if not the owner")
    credit = models.CharField(max_length=300, blank=True, db_default="", help_text="credit line of the work")
    created = models.CharField(
        max_length=40, blank=True, db_default="", help_text="date of creation, in the format of first_publication"
    )
    author_kind = models.CharField(
        max_length=12, choices=AuthorKind.choices, default=AuthorKind.PERSON, db_default=AuthorKind.PERSON
    )
    author_died = models.PositiveSmallIntegerField(null=True, blank=True, help_text="year")
    medium = models.CharField(
        max_length=10, choices=Medium.choices, default=Medium.UNSPECIFIED, db_default=Medium.UNSPECIFIED, blank=True
    )
    metadata = models.JSONField(default=dict, db_default={}, blank=True, help_text="metadata stated by the file")
    registration = models.ForeignKey(
        "LogSubmission",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="log submission of the registration",
    )
    declaration = models.ForeignKey(
        "LogSubmission",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="log submission of the current declaration",
    )
    words = models.GeneratedField(
        expression=Lower(_SEARCHED_TEXT),
        output_field=models.TextField(),
        db_persist=True,
        help_text="lower-case text for searches",
    )
    source_name = models.CharField(max_length=300, blank=True, help_text="name of the registered file")
    low_information = models.JSONField(default=list, blank=True, help_text="reasons why its matches are never certain")
    registered_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(
        null=True, blank=True, help_text="time since which its public page has been visible"
    )
    public_name = models.CharField(
        max_length=16, null=True, blank=True, unique=True, help_text="identifier in the page's URL"
    )
    licence_contact = models.CharField(max_length=300, blank=True, db_default="", help_text="contact for licences")
    pictures: "models.ManyToManyField[Picture, WorkPicture]" = models.ManyToManyField(Picture, through="WorkPicture")

    class Meta(Numbered.Meta):
        indexes = [
            Index("owner", Lower("title"), "number", name="work_titles", condition=Q(removed_at=None)),
            Index(fields=["owner", "author", "number"], name="work_authors", condition=Q(removed_at=None)),
            Index(fields=["owner", "number"], name="work_living", condition=Q(removed_at=None)),
            Index(
                fields=["owner", "number"], name="work_unsafe", condition=Q(removed_at=None) & ~Q(low_information=[])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.title}"

    @property
    def declared_work(self) -> DeclaredWork:
        """The current declaration."""
        values = {field.name: getattr(self, field.name) for field in fields(DeclaredWork)}
        return DeclaredWork(**{**values, "registrations": tuple(self.registrations)})


class WorkPicture(Claimable):
    """A picture of a work. Its step searches for it among all pictures seen earlier."""

    class PictureRole(models.TextChoices):
        """Role of the picture in the work."""

        MASTER = "master"
        VERSION = "version"

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="work_pictures")
    picture = models.ForeignKey(Picture, on_delete=models.PROTECT, related_name="work_pictures")
    role = models.CharField(max_length=8, choices=PictureRole.choices, default=PictureRole.MASTER)
    captions = models.JSONField(
        default=list, blank=True, help_text="edges of masked rectangles, as fractions of width and height"
    )
    marks = models.JSONField(
        default=list, blank=True, help_text="masked rectangles that other works of the owner show as well"
    )
    progress = models.JSONField(
        default=dict, blank=True, help_text="progress of the search of seen pictures, as counts"
    )
    iscc = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="ISO 24138 code, set while the work is public"
    )
    pdq = models.CharField(
        max_length=70, blank=True, db_default="", help_text="hash and quality, while the owner publishes them"
    )
    stated = DigestField(
        null=True, blank=True, help_text="digest of a file that was not sent; its picture is stored under another name"
    )

    class Meta:
        constraints = [UniqueConstraint(fields=["work", "picture"], name="work_picture_identity")]
        indexes = [
            Index(fields=["state", "id"], name="work_picture_unfinished"),
            Index(fields=["id"], name="work_picture_marked", condition=~Q(marks=[])),  # few, read at each registration
        ]

    @property
    def digest(self) -> Digest:
        """Digest of the exact bytes, whether they are stored here or only stated."""
        digest: Digest = self.stated or self.picture.digest
        return digest


class SignedCopy(models.Model):
    """Content credentials of the newest published copy of a picture, to identify copies without credentials."""

    work_picture = models.OneToOneField(WorkPicture, on_delete=models.CASCADE, related_name="signed_copy")
    manifest = models.CharField(max_length=200, unique=True, help_text="identifier")
    store = models.BinaryField(help_text="manifest store (C2PA)")
    content = models.BinaryField(max_length=32, help_text="256 bits of its Content-Code (ISO 24138)")
    data = models.BinaryField(max_length=32, help_text="256 bits of its Data-Code")
    instance = models.BinaryField(max_length=32, help_text="256 bits of its Instance-Code")
    signed_at = models.DateTimeField()


class RegistrationConflict(models.Model):
    """An earlier registration of the same or a nearly identical picture by another owner. Only its date is shown."""

    class Kind(models.TextChoices):
        """Similarity of the two registered pictures."""

        SAME = "same"
        NEAR = "near"

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="conflicts")
    earlier = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=4, choices=Kind.choices)
    earlier_registered_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["work", "earlier"], name="registration_conflict_identity")]


class WorkRelation(models.Model):
    """Two works of one owner with common content, according to their comparison. Each pair is stored once."""

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="relations")
    other = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="related_to")
    kind = models.CharField(max_length=9, help_text="relation of the work to the other one: exhibit.types.Relation")
    work_shown = models.FloatField(help_text="share of the work's picture that the other one shows, 0 to 1")
    other_shown = models.FloatField(help_text="share of the other one's picture that the work shows")
    dense = models.FloatField(help_text="share of the textured windows that agree")
    in_place = models.FloatField(null=True, help_text="share of the patches that are where the transform predicts")
    drift = models.FloatField(null=True, help_text="common displacement of neighbouring patches, in pixels")
    noted_at = models.DateTimeField()

    class Meta:
        constraints = [
            UniqueConstraint(Least("work", "other"), Greatest("work", "other"), name="work_relation_identity")
        ]


class Licence(Numbered):
    """A permitted use: works, licensee, site, period and reason."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="licences")
    licensee = models.CharField(max_length=300)
    works: "models.ManyToManyField[Work, models.Model]" = models.ManyToManyField(
        Work, blank=True, related_name="licences"
    )
    domain = models.CharField(max_length=253, blank=True, help_text="includes its subdomains; empty for any")
    url_pattern = models.CharField(max_length=1000, blank=True, help_text="* matches any characters; empty for any")
    account = models.CharField(max_length=200, blank=True)
    territories = models.JSONField(default=list, blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    reason = models.TextField(blank=True)
    reseller = models.CharField(
        max_length=200, blank=True, db_default="", default="", help_text="reseller, if not sold by the owner"
    )
    invoice = models.CharField(max_length=100, blank=True, db_default="", default="", help_text="invoice number")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.number}: {self.licensee}"


class ColumnMapping(models.Model):
    """An owner's mapping of a table's headings to columns, applied to later tables with the same headings."""

    class Kind(models.TextChoices):
        """Content of the table."""

        WORKS = "works"
        LICENCES = "licences"

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="column_mappings")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    key = DigestField(help_text="SHA-256 of the headings in order")
    columns = models.JSONField(help_text="list of [heading, its column; empty for none]")
    by = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "kind", "key"], name="column_mapping_identity")]


class OwnershipRemark(models.Model):
    """An ownership warning that a member should review before enforcing rights in the work. It has no other effect."""

    class Kind(models.TextChoices):
        """Type of an ownership warning."""

        CREDIT = "credit"
        MANIFEST = "manifest"
        TERM = "term"
        DEDICATION = "dedication"

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="remarks")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    details = models.JSONField(default=dict)
    noted_at = models.DateTimeField()
    reason = models.TextField(blank=True, help_text="reason why the warning does not apply, as stated by a person")
    answered_by = models.CharField(max_length=300, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["work", "kind"], name="ownership_remark_identity")]
        indexes = [Index(fields=["work"], name="ownership_remark_open", condition=Q(answered_at=None))]


class WorkAttachment(models.Model):
    """A document of a work's chain of title or registration: exact bytes in the blob store."""

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="attachments")
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    about = models.CharField(max_length=300, blank=True, help_text="description by the owner")
    digest = DigestField()
    size = models.BigIntegerField()
    added_by = models.CharField(max_length=300)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["work", "number"], name="work_attachment_identity")]
        indexes = [Index(fields=["digest"], name="work_attachment_bytes")]
        ordering = ["work", "number"]


class Collection(Numbered):
    """A named set of works of one owner. A work may be in several, or in none."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="collections")
    name = models.CharField(max_length=200)
    works: "models.ManyToManyField[Work, models.Model]" = models.ManyToManyField(Work, related_name="collections")
    made_at = models.DateTimeField()

    class Meta(Numbered.Meta):
        constraints = [
            *Numbered.Meta.constraints,
            UniqueConstraint(fields=["owner", "name"], name="collection_name"),
        ]
        ordering = ["owner", "name"]

    def __str__(self) -> str:
        return self.name


class BulkEdit(Numbered, Claimable):
    """A change of many works. Its step applies it in portions. A second bulk edit can undo it as a whole."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="bulk_edits")
    at = models.DateTimeField()
    by = models.CharField(max_length=300)
    reason = models.TextField(blank=True)
    what = models.CharField(max_length=20, help_text="a field of the declaration; put or take for a collection")
    value = models.TextField(blank=True, help_text="new value of the field; name of the collection")
    undoes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="undone_by")
    works = ArrayField(models.BigIntegerField(), default=list, help_text="primary keys of the selected works, in order")
    looked_at = models.PositiveIntegerField(default=0, help_text="number of processed works")
    changed = models.PositiveIntegerField(default=0, help_text="number of works that were changed")

    class Meta(Numbered.Meta):
        constraints = [UniqueConstraint(fields=["owner", "number"], name="bulk_edit_identity")]
        indexes = [Index(fields=["state", "id"], name="bulk_edit_unfinished")]
        ordering = ["owner", "-number"]

    @property
    def may_be_undone(self) -> bool:
        """Return True if the edit is finished, has changed something, is not an undo and was not undone."""
        is_finished = self.state in (StepState.DONE, StepState.FAILED) and self.changed > 0
        return is_finished and self.undoes_id is None and not hasattr(self, "undone_by")


class WorkChange(models.Model):
    """One entry of a work's history: the author, the change, and the values before and after."""

    work = models.ForeignKey(Work, on_delete=models.CASCADE, related_name="changes")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    by = models.CharField(max_length=300)
    kind = models.CharField(max_length=12, help_text="edited, collected, attached, detached, answered")
    details = models.JSONField(default=dict, help_text="by field: before and after; or the subject of the change")
    reason = models.TextField(blank=True)
    bulk = models.ForeignKey(BulkEdit, null=True, on_delete=models.PROTECT, related_name="changes")

    class Meta:
        constraints = [UniqueConstraint(fields=["work", "number"], name="work_change_identity")]
        ordering = ["work", "-number"]


class Upload(Numbered):
    """Files uploaded together, in portions. Their bytes are stored in a folder until they are registered."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="uploads")
    announced = models.PositiveIntegerField(default=0, help_text="number of files announced by the sender")
    author = models.CharField(
        max_length=300, blank=True, help_text="author of files for which neither the table nor the metadata names one"
    )
    rights_statement = models.TextField(blank=True, help_text="rights statement, likewise")
    reads_metadata = models.BooleanField(default=True, help_text="missing values are read from the files")
    table_name = models.CharField(max_length=300, blank=True)
    started_by = models.CharField(max_length=300)
    started_at = models.DateTimeField()
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="time when the sender reported that all files were sent"
    )

    class Meta(Numbered.Meta):
        ordering = ["owner", "-number"]


class UploadLine(models.Model):
    """One row of an upload's table: the declaration for a file."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="lines")
    file = models.CharField(max_length=300)
    declared = models.JSONField()

    class Meta:
        constraints = [UniqueConstraint(fields=["upload", "file"], name="upload_line_identity")]


class UploadFile(Claimable):
    """One file of an upload. Its step registers it. A refused file is also ``done`` and has a reason."""

    class Outcome(models.TextChoices):
        """Result for a file."""

        REGISTERED = "registered"
        KNOWN = "known"
        REFUSED = "refused"

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=300)
    digest = DigestField(null=True, blank=True, help_text="empty for files that were too large")
    size = models.BigIntegerField()
    line = models.ForeignKey(UploadLine, null=True, blank=True, on_delete=models.SET_NULL, related_name="files")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    reason = models.CharField(max_length=40, blank=True, help_text="stable code of the reason for the refusal")
    work = models.ForeignKey(Work, null=True, blank=True, on_delete=models.SET_NULL, related_name="upload_files")

    class Meta:
        constraints = [
            UniqueConstraint(fields=["upload", "name", "digest"], name="upload_file_identity", nulls_distinct=False)
        ]
        indexes = [
            Index(fields=["id"], name="upload_file_unfinished", condition=~Q(state="done")),
            Index(fields=["upload", "outcome", "name"], name="upload_file_results"),
        ]


class LedgerChange(Claimable):
    """Licences that were added, changed or ended together. Its step checks the affected cases."""

    class Kind(models.TextChoices):
        """Kind of change."""

        ADDED = "added"
        CHANGED = "changed"
        ENDED = "ended"

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="ledger_changes")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    licences: "models.ManyToManyField[Licence, models.Model]" = models.ManyToManyField(Licence, related_name="changes")
    at = models.DateTimeField()
    by = models.CharField(max_length=300, blank=True)
    reason = models.TextField(blank=True)
    before = models.JSONField(default=dict, blank=True, help_text="terms of a licence before the change")
    looked_until = models.BigIntegerField(default=0, db_default=0, help_text="the last case that was processed")

    class Meta:
        indexes = [
            Index(fields=["id"], name="ledger_change_unfinished", condition=~Q(state="done")),
            Index(fields=["owner", "-id"], name="ledger_change_of_owner"),
        ]
