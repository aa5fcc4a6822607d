"""Capacity planning: the machines, cores, memory, storage, requests and money that works and images need, by stage.

Costs follow laws with few coefficients, measured (``measured.toml``), multiplied by prices from a file
(``prices.toml``). Measurements of this installation replace the shipped ones where there are enough of them. With a
configured price, the measured CPU time also gives the cost of a million images.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter

from exhibit.clock import now
from exhibit.errors import WrongUseError
from exhibit.types import Money, parse_money

if TYPE_CHECKING:
    from registry.db.heartbeats import StepUsage
    from registry.services.services import Services

MEASURED, PRICES = (Path(__file__).with_name(name) for name in ("measured.toml", "prices.toml"))
GIB, MILLION, MONTH_DAYS, HOUR_MS = 1 << 30, 1_000_000, 30, 3_600_000
ONE_FOLDER = 20 * MILLION
"""Maximum number of files for a folder of exact bytes. Larger stores use a bucket, which charges for requests."""
COST_DAYS = 30  # Number of days over which the steps' times are summed.
MATCH = "match"  # The step that every found image passes once. Its rows are the unit of the cost.
MIN_PICTURES = 100  # Minimum number of images for an estimate per million.
ENOUGH, ENOUGH_ON_DISK = 1_000, 10_000
"""Minimum number of images, works or cases for a mean of this installation to replace the shipped one.

The second is for files and tables, which take relatively more at the beginning.
"""
Share = Annotated[float, Field(gt=0, lt=math.inf)]
Price = Annotated[float, Field(ge=0, lt=math.inf)]


@dataclass(frozen=True, slots=True)
class Own:
    """A measurement of this installation, with the number of works and images at that time."""

    value: float
    counted: int  # Sample size of the mean.
    since: str  # First day, ISO 8601.
    works: int
    pictures: int


@dataclass(frozen=True, slots=True)
class Law:
    """A quantity that may grow with n: ``fixed + each * n + thousand * (n / 1000) ** power``, up to ``most``."""

    name: str
    says: str
    unit: str
    of: str = ""  # Meaning of n: ``works`` or ``pictures``.
    fixed: float = 0.0
    each: float = 0.0
    thousand: float = 0.0
    power: float = 0.0
    most: float = math.inf  # Upper bound.
    upto: float = math.inf  # Largest n that was measured.
    by: str = ""  # Command that measured it.
    on: str = ""  # Date of measurement, ISO 8601.
    assumed: str = ""  # Reason why it is assumed instead of measured.
    own: Own | None = None

    def at(self, works: float, pictures: float) -> float:
        """Return the value, scaled to this installation's own measurement if there is one."""
        value = self._law(works, pictures)
        return value if self.own is None else value * self.own.value / self._law(self.own.works, self.own.pictures)

    def _law(self, works: float, pictures: float) -> float:
        n = {"works": works, "pictures": pictures}.get(self.of, 0)
        return min(self.most, self.fixed + self.each * n + (self.thousand * (n / 1000) ** self.power if n else 0))


@dataclass(frozen=True, slots=True)
class Change:
    """A change at a threshold of works or images: automatic, or not implemented yet."""

    of: str
    beyond: int
    built: bool
    says: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine type."""

    kind: str
    cores: Share
    memory_gib: Share
    disk_gib: Share


@dataclass(frozen=True, slots=True)
class Prices:
    """A price file, which explains each price."""

    currency: str
    whose: str
    as_of: str  # ISO 8601, as precise as known.
    core_hour: Price
    memory_gib_month: Price
    disk_gib_month: Price
    store_gib_month: Price
    requests_million: Price
    egress_gib: Price
    busy: Share
    core_memory_gib: Share
    database_memory: Share
    new_works: Price
    machines: Annotated[tuple[Machine, ...], Field(min_length=1)]  # Smallest first.


@dataclass(frozen=True, slots=True)
class Asked:
    """The planned amount of data and the period."""

    works: int
    pictures: int
    days: int = MONTH_DAYS
    retention_days: int = 30


@dataclass(frozen=True, slots=True)
class Stage:
    """The resources of a stage for the whole period, and then its machines and cost."""

    stage: str
    core_hours: float = 0.0
    memory_gib: float = 0.0  # At first counted once, in addition to the memory per core and per machine.
    machine_gib: float = 0.0  # On each machine.
    disk_gib: float = 0.0  # Working storage.
    store_gib: float = 0.0  # Exact bytes.
    requests: float = 0.0  # Writes to a bucket.
    egress_gib: float = 0.0
    kind: str = ""
    machines: float = 0.0
    cores: float = 0.0  # Provisioned cores.
    money: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The total requirements."""

    request: Asked
    stages: Sequence[Stage]
    laws: Sequence[Law]
    changes: Sequence[Change]  # Those in effect at this size, the nearest last.
    prices: Prices
    left_out: Sequence[str]

    @property
    def money(self) -> float:
        """Total cost of all stages."""
        return sum(stage.money for stage in self.stages)

    @property
    def core_hours(self) -> float:
        """Total core hours of all stages."""
        return sum(stage.core_hours for stage in self.stages)

    def a_million(self, amount: float) -> float:
        """Return the share of an amount per million images."""
        return amount / self.request.pictures * MILLION

    @property
    def machines(self) -> Mapping[str, int]:
        """Number of machines by type; a single one if all stages fit into it together."""
        kinds = [machine.kind for machine in self.prices.machines]
        parts = {kind: sum(stage.machines for stage in self.stages if stage.kind == kind) for kind in kinds}
        if sum(parts.values()) <= 1:
            return {[kind for kind in kinds if parts[kind]][-1]: 1}
        return {kind: math.ceil(part) for kind, part in parts.items() if part}

    def is_beyond(self, law: Law) -> bool:
        """Return True if the plan exceeds the range in which a law was measured."""
        return bool(law.of) and getattr(self.request, law.of) > law.upto


def shipped_laws() -> dict[str, Law]:
    """Return the shipped laws by name."""
    table = tomllib.loads(MEASURED.read_text("utf-8"))
    return {name: Law(name=name, **values) for name, values in table["figures"].items()}


def prices_in(path: Path) -> Prices:
    """Read a price file.

    Raises:
        WrongUseError: A price is missing or invalid.
    """
    try:
        return TypeAdapter(Prices).validate_python(tomllib.loads(path.read_text("utf-8-sig")))
    except (OSError, ValueError) as error:  # Pydantic, TOML and UTF-8 errors are all ValueErrors.
        sentence = f"{path} isn't a file of prices. {error}"
        raise WrongUseError(sentence, hint=f"Copy {PRICES}, and change its figures.") from error


def prices_file(data_dir: Path) -> Path:
    """Return the operator's price file in the data folder if there is one, otherwise the shipped one."""
    own = data_dir / PRICES.name
    return own if own.exists() else PRICES


def plan(request: Asked, laws: Mapping[str, Law], prices: Prices) -> Plan:
    """Compute a plan.

    Raises:
        WrongUseError: There are no images or no days.
    """
    if request.pictures < 1 or request.days < 1:
        raise WrongUseError("A plan needs a picture and a day at least.", hint="Such as --pictures 1M --days 30.")
    at = {name: law.at(request.works, request.pictures) for name, law in laws.items()}
    stages = [
        _settle_stage(need, request.days, prices) for need in _needs(request, at, request.works * prices.new_works)
    ]
    table = tomllib.loads(MEASURED.read_text("utf-8"))
    changes = [change for entry in table["changes"] if getattr(request, (change := Change(**entry)).of) > change.beyond]
    changes.sort(key=lambda change: change.beyond)
    return Plan(request, stages, list(laws.values()), changes, prices, table["left_out"])


def _needs(request: Asked, at: Mapping[str, float], new: float) -> Iterator[Stage]:
    """Yield each stage with its needs at this size. Times are milliseconds of a core."""
    works, pictures, cases = request.works, request.pictures, request.pictures * at["case"] / MILLION
    images_kept = pictures * min(1.0, request.retention_days / request.days)
    small, bucket = pictures - images_kept, pictures > ONE_FOLDER
    yield Stage("crawl", pictures * at["fetch"] / HOUR_MS, egress_gib=pictures * at["page"] * at["sent"] / GIB)
    store = (images_kept * at["picture"] + small * at["small"]) / GIB
    yield Stage("exact bytes", store_gib=store, requests=(pictures + small) * bucket)
    yield Stage("match", pictures * at["match"] / HOUR_MS, machine_gib=works * at["work_index"] / GIB)
    features, files = works * at["work_features"] / GIB, works * at["work_file"] / GIB
    yield Stage("works", new * at["register"] / HOUR_MS, disk_gib=features, store_gib=files, requests=new * bucket)
    index = pictures * at["archive"] / GIB
    yield Stage("pictures seen", pictures * at["take_in"] / HOUR_MS, memory_gib=index, disk_gib=index)
    yield Stage("new works", new * (at["search"] + at["at_once"]) / HOUR_MS)
    yield Stage("new works, the rest", new * at["rest"] / HOUR_MS)
    yield Stage("rows", pictures * at["keep"] / HOUR_MS, disk_gib=(pictures * at["rows"] + at["wal"]) / GIB)
    bundles, files = cases * at["evidence"] / GIB, cases * at["case_files"]
    yield Stage("evidence", cases * at["capture"] / HOUR_MS, store_gib=bundles, requests=files * bucket)


def _settle_stage(need: Stage, days: int, prices: Prices) -> Stage:
    """Assign machines to a stage: the smallest type whose memory suffices for each machine's share."""
    rented = need.core_hours / prices.busy
    cores, a_core = rented / (days * 24), prices.core_memory_gib
    once = need.memory_gib + (need.disk_gib * prices.database_memory if need.stage == "rows" else 0)
    fit = (kind for kind in prices.machines if kind.memory_gib >= need.machine_gib + a_core)
    machine = next(fit, prices.machines[-1])
    each = min(machine.cores, max(1.0, (machine.memory_gib - need.machine_gib) / a_core))
    machines = max(cores / each, once / machine.memory_gib, need.disk_gib / machine.disk_gib)
    memory = once + cores * a_core + machines * need.machine_gib
    a_month = memory * prices.memory_gib_month + need.disk_gib * prices.disk_gib_month
    a_month += need.store_gib * prices.store_gib_month
    money = rented * prices.core_hour + days / MONTH_DAYS * a_month
    money += need.requests / MILLION * prices.requests_million + need.egress_gib * prices.egress_gib
    return replace(need, memory_gib=memory, kind=machine.kind, machines=machines, cores=cores, money=money)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a step per million found images, in core hours and, if a price is set, in money."""

    step: str
    hours: float
    money: Decimal | None


@dataclass(frozen=True, slots=True)
class Costs:
    """The cost of all steps and of each, most expensive first. The total is None if too few images were seen."""

    pictures: int  # Found and compared in the measured period.
    price: Money | None  # Per core hour.
    total: Cost | None
    steps: tuple[Cost, ...]


def costs_of(durations: "Mapping[str, StepUsage]", priced: str) -> Costs:
    """Compute the cost of a million images from the measured time of each step.

    All steps count, including registrations, evidence and reports, in the proportion in which they occurred. Disk rent,
    traffic and labour are not included.

    Args:
        durations: Measured time by step.
        priced: Price of a core hour, such as ``0.02 EUR``, or empty.

    Returns:
        The costs.
    """
    price = parse_money(priced) if priced else None
    pictures = durations[MATCH].rows if MATCH in durations else 0
    if pictures < MIN_PICTURES:
        return Costs(pictures, price, None, ())
    each = [_cost(step, spent.processor_seconds / pictures, price) for step, spent in durations.items()]
    each.sort(key=lambda cost: (-cost.hours, cost.step))
    seconds = sum(cost.processor_seconds for cost in durations.values())
    return Costs(pictures, price, _cost("", seconds / pictures, price), tuple(each))


def _cost(step: str, seconds: float, price: Money | None) -> Cost:
    hours = seconds * MILLION / 3600
    return Cost(step, hours, None if price is None else round(Decimal(hours) * price.millionths / MILLION, 2))


def laws_here(services: "Services") -> dict[str, Law]:
    """Return the laws, with this installation's measurements in place of shipped ones where available."""
    from django.db.models import Min

    from registry.fingerprints.fingerprints import Collection
    from registry.matches.index_upkeep import measure_indexes, measure_work_size
    from registry.models import Picture, StepTime
    from workers.operations.status import disk_of

    since = StepTime.objects.filter(day__gte=_began()).aggregate(first=Min("day"))["first"]
    states = measure_indexes(services)
    size, pictures = measure_work_size(services, states), Picture.objects.count()
    seen_pictures = sum(state.size for state in states if state.collection == Collection.PICTURES)
    counts = [*_by_steps(), ("work_index", size.indexes * size.works, size.works)]
    counts += [("work_features", size.features * size.works, size.works)]
    if pictures >= ENOUGH_ON_DISK:
        counts += [("archive", seen_pictures, pictures), ("rows", disk_of(services).database, pictures)]
    own = {
        name: Own(total / count, count, str(since or _began()), size.works, pictures)
        for name, total, count in counts
        if count >= ENOUGH and total
    }
    return {name: replace(law, own=own.get(name)) for name, law in shipped_laws().items()}


def _began() -> date:
    return (now() - timedelta(days=COST_DAYS)).date()


def _by_steps() -> Iterator[tuple[str, float, int]]:
    """Yield (law, total, count): core milliseconds, bytes, or cases per million, and the number they refer to."""
    from django.db.models import Avg, Count

    from registry.db.heartbeats import StepUsage, usage_since
    from registry.models import Picture

    none, durations = StepUsage(0, 0.0, 0.0, now()), usage_since(now() - timedelta(days=COST_DAYS))
    spent = {step: durations.get(step, none) for step in ("slice", "match", "register", "capture", "seal", "witness")}
    milliseconds = {step: 1000 * duration.processor_seconds for step, duration in spent.items()}
    pictures, cases = spent["match"].rows, spent["capture"].rows
    yield "fetch", milliseconds["slice"], pictures
    yield "match", milliseconds["match"], pictures
    yield "register", milliseconds["register"], spent["register"].rows
    yield "capture", sum(milliseconds[step] for step in ("capture", "seal", "witness")), cases
    yield "case", MILLION * cases, pictures
    fresh = Picture.objects.filter(first_seen__date__gte=_began()).aggregate(mean=Avg("size"), count=Count("pk"))
    yield "picture", float(fresh["mean"] or 0) * fresh["count"], fresh["count"]
