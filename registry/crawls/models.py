"""Models for watches, crawls, sightings, searches, and known copies."""

from django.db import models
from django.db.models import Index, Q, UniqueConstraint

from registry.accounts.models import Numbered, Owner
from registry.db.claimable import Claimable, StepState
from registry.db.fields import SentenceField
from registry.pictures.models import Picture
from registry.works.models import Upload, Work


class Watch(Numbered):
    """A scheduled crawl: sources, budget, politeness, and the time of its next run."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="watches")
    name = models.CharField(max_length=200)
    sources = models.JSONField(help_text='list of {"kind": "site|sitemap|feed|list|folder|warc|archive", "url": …}')
    interval_seconds = models.PositiveIntegerField(default=86_400)
    budget = models.JSONField(default=dict, blank=True, help_text="limits: pages, images, bytes, seconds, depth, hosts")
    politeness = models.JSONField(default=dict, blank=True, help_text="delay and concurrency")
    next_run_at = models.DateTimeField(null=True, blank=True)
    time_of_day = models.TimeField(
        null=True, blank=True, help_text="time of day of every run; null for hourly intervals"
    )
    time_zone = models.CharField(max_length=64, blank=True, db_default="", help_text="time zone of that time of day")
    paused = models.BooleanField(default=False)
    private = models.BooleanField(default=False, help_text="its sightings are visible only to this owner")
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    everything = models.BooleanField(
        default=False,
        db_default=False,
        help_text="the next run fetches every page again, because what it looks for has changed",
    )
    own = models.BooleanField(
        default=False, db_default=False, help_text="its sites belong to the owner: their pictures are proposed as works"
    )
    visit_count_date = models.DateField(null=True, blank=True, help_text="day (UTC) of the last automatic capture")
    visit_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="number of automatic captures on that day"
    )

    class Meta(Numbered.Meta):
        constraints = [
            *Numbered.Meta.constraints,
            UniqueConstraint(fields=["owner", "name"], condition=Q(removed_at=None), name="watch_name"),
        ]
        indexes = [Index(fields=["next_run_at"], name="watch_due", condition=Q(paused=False))]

    def __str__(self) -> str:
        return self.name


class Crawl(models.Model):
    """One run of a watch, divided into slices."""

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="crawls")
    number = models.PositiveIntegerField()
    sources = models.JSONField(default=list, db_default=[], help_text="the watch's settings when the crawl started")
    state = models.CharField(max_length=8, choices=StepState.choices, default=StepState.QUEUED)
    reason = models.CharField(
        max_length=40, blank=True, help_text="reason for the end: finished, budget-pages, stopped, …"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    pages = models.PositiveIntegerField(default=0)
    everything = models.BooleanField(default=False, db_default=False, help_text="fetch every page again")
    by_change = models.BooleanField(
        default=False, db_default=False, help_text="visit known pages in the order of their probability of change"
    )
    sampled = models.BooleanField(
        default=False, db_default=False, help_text="the sample of unchanged pages has been visited"
    )
    skipped_pages = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="number of known pages postponed as unchanged or by their stated date",
    )
    pictures = models.PositiveIntegerField(
        null=True, blank=True, help_text="number of different pictures, counted at the end"
    )
    opt_outs = models.JSONField(
        null=True, blank=True, help_text="URLs excluded from programs, by host and reason, counted at the end"
    )

    class Meta:
        constraints = [UniqueConstraint(fields=["watch", "number"], name="crawl_identity")]
        ordering = ["watch", "-number"]


class CrawlSlice(Claimable):
    """A few minutes of a crawl, run in a child process that may die without data loss. Each slice has one log entry."""

    crawl = models.ForeignKey(Crawl, on_delete=models.CASCADE, related_name="slices")
    number = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField(default=0, help_text="increases with each claim; an older claim may not write")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    submission = models.OneToOneField(
        "LogSubmission", null=True, blank=True, on_delete=models.PROTECT, related_name="crawl_slice"
    )
    contributor = models.ForeignKey(
        "Contributor",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="leases",
        help_text="contributor that holds the lease",
    )

    class Meta:
        constraints = [UniqueConstraint(fields=["crawl", "number"], name="crawl_slice_identity")]
        indexes = [Index(fields=["id"], name="crawl_slice_unfinished", condition=~Q(state="done"))]


class FrontierUrl(models.Model):
    """A URL known to a crawl: pending, leased to a slice, done, refused or omitted."""

    class State(models.TextChoices):
        """The URL's processing state."""

        PENDING = "pending"
        LEASED = "leased"
        DONE = "done"
        REFUSED = "refused"
        LEFT_OUT = "left-out"  # recent pages of its pattern showed nothing new

    crawl = models.ForeignKey(Crawl, on_delete=models.CASCADE, related_name="frontier", db_index=False)
    key = models.BinaryField(help_text="128-bit key of the normalised URL, and for an image of its page")
    url = models.TextField()
    host = models.CharField(max_length=260)
    kind = models.CharField(max_length=8, help_text="page, sitemap, feed, image, folder, warc or capture")
    depth = models.PositiveSmallIntegerField(default=0)
    page_url = models.TextField(blank=True, help_text="page that shows the image, for images of sitemaps and feeds")
    context = models.TextField(blank=True, help_text="text beside the image there")
    elsewhere = models.JSONField(
        default=list, db_default=[], blank=True, help_text="list of statements of when an image was there"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    slice = models.ForeignKey(CrawlSlice, null=True, blank=True, on_delete=models.SET_NULL, related_name="urls")
    attempts = models.PositiveSmallIntegerField(default=0)
    position = models.TextField(
        blank=True,
        db_default="",
        help_text="read position in a folder or WARC file; the statement of a capture",
    )
    pattern = models.BinaryField(null=True, help_text="128-bit key of the pattern shared with similar URLs")
    turn = models.PositiveIntegerField(
        default=0, db_default=0, help_text="rank within its pattern; 0 for pictures and the first URL"
    )
    shows_new = models.BooleanField(null=True, help_text="whether it showed or linked to something new to the crawl")

    class Meta:
        constraints = [UniqueConstraint(fields=["crawl", "key"], name="frontier_url_identity")]
        indexes = [
            Index(
                fields=["crawl", "host", "depth", "turn", "id"], name="frontier_pending", condition=Q(state="pending")
            ),
            Index(
                fields=["crawl", "host", "depth"],
                name="frontier_first",
                condition=Q(state="pending", turn=0) & ~Q(kind="image"),
            ),
            Index(fields=["crawl", "pattern", "turn"], name="frontier_pattern", condition=Q(pattern__isnull=False)),
            Index(
                fields=["crawl", "pattern", "turn"],
                name="frontier_pattern_done",
                condition=Q(pattern__isnull=False, state="done"),
            ),
            Index(fields=["crawl", "id"], name="frontier_visited", condition=Q(state__in=["done", "refused"])),
            Index(fields=["slice"], name="frontier_leased", condition=Q(state="leased")),
        ]


class KnownPage(models.Model):
    """A page that a watch has visited, and its change statistics (:mod:`registry.crawls.page_changes`)."""

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="known_pages", db_index=False)
    key = models.BinaryField(help_text="128-bit key of the normalised URL")
    url = models.TextField()
    depth = models.PositiveSmallIntegerField(help_text="smallest number of links followed from a source")
    shown = models.BinaryField(help_text="digest of the pictures and text shown at the last visit")
    visited_at = models.DateTimeField()
    visits = models.PositiveIntegerField(
        default=0, help_text="number of visits that could be compared with the previous one"
    )
    changes = models.PositiveIntegerField(default=0, help_text="number of these visits that found a change")
    days = models.FloatField(default=0, help_text="number of days between the first and the last visit")
    run = models.PositiveIntegerField(default=0, db_default=0, help_text="number of the last run that visited it")
    unchanged = models.PositiveIntegerField(default=0, db_default=0, help_text="consecutive visits without a change")
    dated = models.PositiveIntegerField(
        default=0, db_default=0, help_text="number of the last run in which its site dated it before its last visit"
    )
    fresh_seconds = models.PositiveIntegerField(
        default=0, db_default=0, help_text="time for which its server declared it fresh at that visit"
    )
    etag = models.TextField(blank=True, default="", db_default="", help_text="of the last complete response")
    last_modified = models.TextField(blank=True, default="", db_default="")
    leads_to = models.BinaryField(null=True, help_text="key of the URL that responded, if different")

    class Meta:
        constraints = [UniqueConstraint(fields=["watch", "key"], name="known_page_identity")]


class KnownSheet(models.Model):
    """A style sheet that a watch has fetched, with what a conditional request needs if it has not changed."""

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="known_sheets", db_index=False)
    key = models.BinaryField(help_text="128-bit key of the normalised URL")
    url = models.TextField()
    etag = models.TextField(blank=True, default="")
    last_modified = models.TextField(blank=True, default="")
    images = models.JSONField(default=list, help_text="URLs of images in it")
    imports = models.JSONField(default=list, help_text="URLs of style sheets that it imports")
    run = models.PositiveIntegerField(default=0, help_text="number of the last run that received it completely")

    class Meta:
        constraints = [UniqueConstraint(fields=["watch", "key"], name="known_sheet_identity")]


class AddressList(models.Model):
    """The progress of reading a URL list, with one filter, into the frontier of a watch's crawl."""

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="lists")
    key = models.BinaryField(help_text="128-bit key of the file's path and of the filter")
    path = models.TextField()
    stamp = models.CharField(max_length=60, help_text="size and time of the file, to detect changes")
    lines = models.BigIntegerField(default=0, help_text="number of lines read; reading continues after them")
    kept = models.BigIntegerField(default=0)
    skipped = models.JSONField(default=dict, blank=True, help_text="by reason: number and first URLs")
    whole = models.BooleanField(default=False, help_text="read to its end")

    class Meta:
        constraints = [UniqueConstraint(fields=["watch", "key"], name="address_list_identity")]


class HostLease(models.Model):
    """The exclusive lease of a host by one slice, across all crawls; the epoch rejects late writers.

    An unexpired lease without a slice is a pause: the host requested it, or its robots.txt is unavailable.
    """

    host = models.CharField(max_length=260, primary_key=True)
    slice = models.ForeignKey(CrawlSlice, null=True, blank=True, on_delete=models.SET_NULL, related_name="leases")
    epoch = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField()


class Pace(models.Model):
    """The time of the next allowed request to a rate-limited service, shared by all callers."""

    service = models.CharField(max_length=260, primary_key=True, help_text="scheme, host and port")
    free_at = models.DateTimeField()


class HostDenial(models.Model):
    """A host that is not visited: the operator's deny list, including opt-outs."""

    host = models.CharField(max_length=253, unique=True, help_text="includes its subdomains")
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)


class Sighting(models.Model):
    """A picture seen at an image URL on a page during a crawl."""

    crawl = models.ForeignKey(Crawl, on_delete=models.CASCADE, related_name="sightings")
    slice = models.ForeignKey(CrawlSlice, on_delete=models.CASCADE, related_name="sightings")
    picture = models.ForeignKey(Picture, on_delete=models.PROTECT, related_name="sightings")
    page_key = models.BinaryField()
    image_key = models.BinaryField()
    page_url = models.TextField()
    image_url = models.TextField()
    final_url = models.TextField(blank=True)
    host = models.CharField(max_length=260, help_text="host of the page")
    party = models.CharField(max_length=260, help_text="registrable domain of the page, or account on a platform")
    found_in = models.CharField(max_length=16, blank=True)
    context = models.TextField(blank=True)
    page_title = models.TextField(blank=True)
    media_type = models.CharField(max_length=100, blank=True)
    status = models.PositiveSmallIntegerField(default=200)
    request_headers = models.JSONField(default=list, blank=True)
    response_headers = models.JSONField(default=list, blank=True)
    peer = models.CharField(max_length=60, blank=True)
    certificate = models.CharField(
        max_length=160,
        blank=True,
        default="",
        db_default="",
        help_text="the server's certificate: how it was checked, and its SHA-256",
    )
    first_seen = models.DateTimeField(null=True, help_text="null if an archive states no time")
    last_seen = models.DateTimeField(null=True)
    period = models.CharField(max_length=17, blank=True, default="", help_text="a period such as 2016-01, used instead")
    elsewhere = models.JSONField(
        default=list, db_default=[], blank=True, help_text="list of third-party statements of when it was there"
    )
    received_bytes = models.BooleanField(default=True, help_text="false if the server reported it as unchanged")
    private_to = models.ForeignKey(Owner, null=True, blank=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [UniqueConstraint(fields=["crawl", "page_key", "image_key", "picture"], name="sighting_identity")]
        indexes = [Index(fields=["picture", "party"], name="sighting_of_picture")]


class Proposal(models.Model):
    """A picture from the owner's own site that matches no work; a member can register or dismiss it."""

    class State(models.TextChoices):
        """A member's decision about the proposal."""

        OPEN = "open"
        REGISTERED = "registered"
        DISMISSED = "dismissed"

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="proposals")
    picture = models.ForeignKey(Picture, on_delete=models.PROTECT, related_name="proposals")
    sighting = models.ForeignKey(
        Sighting, on_delete=models.CASCADE, related_name="proposals", help_text="the first sighting"
    )
    stated = models.JSONField(default=dict, blank=True, help_text="metadata stated by its file")
    plain = models.BooleanField(default=False, help_text="looks like a logo, an icon or a thumbnail")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    proposed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=300, blank=True)
    upload = models.ForeignKey(Upload, null=True, blank=True, on_delete=models.SET_NULL, related_name="proposals")

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "picture"], name="proposal_identity")]
        indexes = [Index(fields=["owner", "-id"], name="proposal_open", condition=Q(state="open"))]


class Refusal(models.Model):
    """A URL that a crawl did not fetch or keep, and the reason."""

    crawl = models.ForeignKey(Crawl, on_delete=models.CASCADE, related_name="refusals")
    key = models.BinaryField()
    url = models.TextField()
    page_url = models.TextField(blank=True)
    reason = models.CharField(max_length=40)
    sentence = SentenceField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["crawl", "key", "reason"], name="refusal_identity")]


class SearchKey(models.Model):
    """An owner's API key for a search service, encrypted with the operator's master key and never displayed again."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="search_keys")
    service = models.SlugField(max_length=60)
    encrypted = models.BinaryField()
    added_by = models.CharField(max_length=300)
    added_at = models.DateTimeField()
    price = models.JSONField(
        null=True, blank=True, help_text="price paid by its account; null: the price in the mapping"
    )

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "service"], name="search_key_identity")]


class SearchConsent(models.Model):
    """An owner's consent to send copies of works to a search service; valid only for the host at that time."""

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="search_consents")
    service = models.SlugField(max_length=60)
    host = models.CharField(max_length=253, help_text="host to which copies may be sent")
    given_by = models.CharField(max_length=300)
    given_at = models.DateTimeField()

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "service"], name="search_consent_identity")]


class Inquiry(Claimable):
    """A crawl's queries to a search service, by subject and page; they continue after interruptions."""

    crawl = models.ForeignKey(Crawl, on_delete=models.CASCADE, related_name="inquiries")
    service = models.SlugField(max_length=60)
    words = models.JSONField(default=list, blank=True, help_text="search text; empty: the owner's pictures")
    cursor = models.BigIntegerField(
        default=0, help_text="last processed registered picture, or number of processed queries"
    )
    page = models.TextField(blank=True, help_text="token of the next result page of the current subject")
    pages = models.PositiveIntegerField(default=0, help_text="number of result pages requested for the current subject")
    left = models.PositiveIntegerField(help_text="number of subjects that may still be searched")
    allowed = models.PositiveIntegerField(null=True, blank=True, help_text="number of subjects at the start")
    requests = models.PositiveIntegerField(default=0, help_text="number of requests with a response")
    found = models.PositiveIntegerField(default=0, help_text="number of new URLs received")
    outcome = models.CharField(
        max_length=20, blank=True, help_text="reason why it ended before all subjects were searched"
    )
    stopped_at = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="amounts and remaining subjects when the budget was used up"
    )

    class Meta:
        constraints = [UniqueConstraint(fields=["crawl", "service"], name="inquiry_identity")]
        indexes = [Index(fields=["id"], name="inquiry_unfinished", condition=~Q(state="done"))]


class SearchCharge(models.Model):
    """A request to a search service with a known price, recorded before it was sent."""

    inquiry = models.ForeignKey(Inquiry, on_delete=models.CASCADE, related_name="charges")
    at = models.DateTimeField()
    millionths = models.BigIntegerField(help_text="in the currency's unit; 0 if free")
    currency = models.CharField(max_length=3)


class Revisit(models.Model):
    """A previously seen picture that is similar to a registered one and whose bytes are requested again.

    This is a hint for reviewers, not a match. Bytes that are retrieved again are compared and may create a match.
    """

    class Outcome(models.TextChoices):
        """The result of the new request."""

        WAITING = "waiting"
        CAME = "came"
        CHANGED = "changed"
        GONE = "gone"
        UNREACHED = "unreached"

    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="revisits")
    registered = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="revisits_as_registered")
    found = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="revisits_as_found")
    crawl = models.ForeignKey(Crawl, on_delete=models.CASCADE, related_name="revisits")
    hamming = models.PositiveSmallIntegerField(help_text="Hamming distance of the hashes in bits; 256 if not compared")
    inliers = models.PositiveIntegerField(
        null=True, blank=True, help_text="number of details found again in the thumbnail"
    )
    dense = models.FloatField(null=True, blank=True, help_text="share of the thumbnail's pixels that agree")
    outcome = models.CharField(max_length=9, choices=Outcome.choices, default=Outcome.WAITING)
    sentence = SentenceField(blank=True)
    requested_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["owner", "registered", "found"], name="revisit_identity")]
        indexes = [Index(fields=["crawl"], name="revisit_waiting", condition=Q(outcome="waiting"))]


class KnownCopy(Numbered):
    """A copy of a work that the owner placed on their own page to check that a watch finds it."""

    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="known_copies")
    work = models.ForeignKey(Work, on_delete=models.PROTECT, related_name="known_copies")
    watch = models.ForeignKey(Watch, on_delete=models.PROTECT, related_name="known_copies")
    url = models.TextField(help_text="page that shows the copy")
    key = models.BinaryField(help_text="key of the page's normalised URL")
    leads_to = models.TextField(blank=True, help_text="final URL of the page at the last visit, if different")
    added_by = models.CharField(max_length=300)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta(Numbered.Meta):
        verbose_name_plural = "known copies"
        indexes = [Index(fields=["watch", "added_at"], name="canary_of_watch")]
