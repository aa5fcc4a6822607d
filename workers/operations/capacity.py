"""Capacity planning: machines, cores, memory, storage, requests and costs for a number of works and images, by stage.

Requirements follow scaling laws with few measured coefficients (``measured.toml``) and are multiplied by prices from a
file (``prices.toml``). Measurements of this installation replace the shipped ones if there are enough of them. If a
price is configured, the cost of a million images is also computed from the measured CPU time.
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
from exhibit.errors import InvalidRequestError
from exhibit.types import Money, parse_money

if TYPE_CHECKING:
    from registry.db.heartbeats import StepUsage
    from registry.services.services import Services

MEASURED_FILE, PRICES_FILE = (Path(__file__).with_name(name) for name in ("measured.toml", "prices.toml"))
GIB, MILLION, MONTH_DAYS, HOUR_MS = 1 << 30, 1_000_000, 30, 3_600_000
MAX_FOLDER_FILES = 20 * MILLION
"""Maximum number of files of a blob folder. Larger installations use a bucket, which charges for requests."""
COST_PERIOD_DAYS = 30  # Number of days over which the CPU time of the steps is added up.
MATCH_STEP = "match"  # Step that processes every found image once. Costs are per row of it.
MIN_PICTURES = 100  # Minimum number of images for an estimate per million.
MIN_SAMPLES, MIN_DISK_SAMPLES = 1_000, 10_000
"""Minimum sample sizes (images, works or cases) for replacing a shipped mean with the mean of this installation.

The second applies to the sizes of files and tables, which are larger per row while they contain few rows.
"""
PositiveNumber = Annotated[float, Field(gt=0, lt=math.inf)]
Price = Annotated[float, Field(ge=0, lt=math.inf)]


@dataclass(frozen=True, slots=True)
class LocalMeasurement:
    """A measurement of this installation, with the number of works and images at that time."""

    value: float
    counted: int  # Sample size of the mean.
    since: str  # First day, ISO 8601.
    works: int
    pictures: int


@dataclass(frozen=True, slots=True)
class ScalingLaw:
    """A scaling law: ``fixed + each * n + thousand * (n / 1000) ** power``, at most ``most``."""

    name: str
    says: str
    unit: str
    of: str = ""  # Quantity n: ``works`` or ``pictures``.
    fixed: float = 0.0
    each: float = 0.0
    thousand: float = 0.0
    power: float = 0.0
    most: float = math.inf  # Upper bound.
    upto: float = math.inf  # Largest n that was measured.
    by: str = ""  # Command that measured it.
    on: str = ""  # Date of measurement, ISO 8601.
    assumed: str = ""  # Reason why it is assumed instead of measured.
    own: LocalMeasurement | None = None

    def evaluate(self, works: float, pictures: float) -> float:
        """Return the value of the law, scaled to this installation's measurement if there is one."""
        value = self._compute(works, pictures)
        return value if self.own is None else value * self.own.value / self._compute(self.own.works, self.own.pictures)

    def _compute(self, works: float, pictures: float) -> float:
        n = {"works": works, "pictures": pictures}.get(self.of, 0)
        return min(self.most, self.fixed + self.each * n + (self.thousand * (n / 1000) ** self.power if n else 0))


@dataclass(frozen=True, slots=True)
class ThresholdChange:
    """A change of the architecture above a number of works or images, automatic or not implemented yet."""

    of: str
    beyond: int
    built: bool
    says: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine type."""

    kind: str
    cores: PositiveNumber
    memory_gib: PositiveNumber
    disk_gib: PositiveNumber


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices from a file, whose comments explain them."""

    currency: str
    whose: str
    as_of: str  # ISO 8601, as precise as known.
    core_hour: Price
    memory_gib_month: Price
    disk_gib_month: Price
    store_gib_month: Price
    requests_million: Price
    egress_gib: Price
    busy: PositiveNumber
    core_memory_gib: PositiveNumber
    database_memory: PositiveNumber
    new_works: Price
    machines: Annotated[tuple[Machine, ...], Field(min_length=1)]  # Smallest first.


@dataclass(frozen=True, slots=True)
class CapacityRequest:
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
    memory_gib: float = 0.0  # Initially only memory needed once, besides that per core and per machine.
    machine_gib: float = 0.0  # Memory needed on each machine.
    disk_gib: float = 0.0  # Working storage.
    store_gib: float = 0.0  # Blob storage.
    requests: float = 0.0  # Writes to a bucket.
    egress_gib: float = 0.0
    kind: str = ""
    machines: float = 0.0
    cores: float = 0.0  # Provisioned cores.
    money: float = 0.0


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """The total requirements."""

    request: CapacityRequest
    stages: Sequence[Stage]
    laws: Sequence[ScalingLaw]
    changes: Sequence[ThresholdChange]  # Changes that apply at this size, by ascending threshold.
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

    def per_million(self, amount: float) -> float:
        """Return an amount per million images."""
        return amount / self.request.pictures * MILLION

    @property
    def machines(self) -> Mapping[str, int]:
        """Number of machines by type; one machine if all stages fit on it together."""
        machine_types = [machine.kind for machine in self.prices.machines]
        counts = {
            machine_type: sum(stage.machines for stage in self.stages if stage.kind == machine_type)
            for machine_type in machine_types
        }
        if sum(counts.values()) <= 1:
            return {[machine_type for machine_type in machine_types if counts[machine_type]][-1]: 1}
        return {machine_type: math.ceil(count) for machine_type, count in counts.items() if count}

    def is_beyond(self, law: ScalingLaw) -> bool:
        """Return True if the plan exceeds the range in which a law was measured."""
        return bool(law.of) and getattr(self.request, law.of) > law.upto


def load_shipped_laws() -> dict[str, ScalingLaw]:
    """Return the shipped laws by name."""
    table = tomllib.loads(MEASURED_FILE.read_text("utf-8"))
    return {name: ScalingLaw(name=name, **values) for name, values in table["figures"].items()}


def read_prices(path: Path) -> Prices:
    """Read a price file.

    Raises:
        InvalidRequestError: A price is missing or invalid.
    """
    try:
        return TypeAdapter(Prices).validate_python(tomllib.loads(path.read_text("utf-8-sig")))
    except (OSError, ValueError) as error:  # Pydantic, TOML and UTF-8 errors are all ValueErrors.
        sentence = f"{path} is not a valid price file. {error}"
        raise InvalidRequestError(sentence, hint=f"Copy {PRICES_FILE}, and change its prices.") from error


def find_prices_file(data_dir: Path) -> Path:
    """Return the operator's price file in the data folder if there is one, otherwise the shipped one."""
    operator_file = data_dir / PRICES_FILE.name
    return operator_file if operator_file.exists() else PRICES_FILE


def build_plan(request: CapacityRequest, laws: Mapping[str, ScalingLaw], prices: Prices) -> CapacityPlan:
    """Compute a plan.

    Raises:
        InvalidRequestError: There are no images or no days.
    """
    if request.pictures < 1 or request.days < 1:
        raise InvalidRequestError(
            "A plan needs at least one picture and one day.", hint="Example: --pictures 1M --days 30"
        )
    law_values = {name: law.evaluate(request.works, request.pictures) for name, law in laws.items()}
    stages = [
        _assign_machines(needs, request.days, prices)
        for needs in _iterate_stages(request, law_values, request.works * prices.new_works)
    ]
    table = tomllib.loads(MEASURED_FILE.read_text("utf-8"))
    changes = [
        change
        for entry in table["changes"]
        if getattr(request, (change := ThresholdChange(**entry)).of) > change.beyond
    ]
    changes.sort(key=lambda change: change.beyond)
    return CapacityPlan(request, stages, list(laws.values()), changes, prices, table["left_out"])


def _iterate_stages(request: CapacityRequest, law_values: Mapping[str, float], new_works: float) -> Iterator[Stage]:
    """Yield the requirements of each stage at this size. Times in laws are CPU milliseconds."""
    works, pictures, cases = request.works, request.pictures, request.pictures * law_values["case"] / MILLION
    stored_pictures = pictures * min(1.0, request.retention_days / request.days)
    small_pictures, uses_bucket = pictures - stored_pictures, pictures > MAX_FOLDER_FILES
    yield Stage(
        "crawl",
        pictures * law_values["fetch"] / HOUR_MS,
        egress_gib=pictures * law_values["page"] * law_values["sent"] / GIB,
    )
    store = (stored_pictures * law_values["picture"] + small_pictures * law_values["small"]) / GIB
    yield Stage("stored files", store_gib=store, requests=(pictures + small_pictures) * uses_bucket)
    yield Stage("match", pictures * law_values["match"] / HOUR_MS, machine_gib=works * law_values["work_index"] / GIB)
    features, file_count = works * law_values["work_features"] / GIB, works * law_values["work_file"] / GIB
    yield Stage(
        "works",
        new_works * law_values["register"] / HOUR_MS,
        disk_gib=features,
        store_gib=file_count,
        requests=new_works * uses_bucket,
    )
    index = pictures * law_values["archive"] / GIB
    yield Stage("crawled pictures", pictures * law_values["take_in"] / HOUR_MS, memory_gib=index, disk_gib=index)
    yield Stage("new works", new_works * (law_values["search"] + law_values["at_once"]) / HOUR_MS)
    yield Stage("new works, later", new_works * law_values["rest"] / HOUR_MS)
    yield Stage(
        "rows",
        pictures * law_values["keep"] / HOUR_MS,
        disk_gib=(pictures * law_values["rows"] + law_values["wal"]) / GIB,
    )
    bundles, file_count = cases * law_values["evidence"] / GIB, cases * law_values["case_files"]
    yield Stage(
        "evidence", cases * law_values["capture"] / HOUR_MS, store_gib=bundles, requests=file_count * uses_bucket
    )


def _assign_machines(stage: Stage, days: int, prices: Prices) -> Stage:
    """Assign machines to a stage: the smallest type with enough memory."""
    rented_hours = stage.core_hours / prices.busy
    cores, core_memory = rented_hours / (days * 24), prices.core_memory_gib
    shared_memory = stage.memory_gib + (stage.disk_gib * prices.database_memory if stage.stage == "rows" else 0)
    fitting_machines = (kind for kind in prices.machines if kind.memory_gib >= stage.machine_gib + core_memory)
    machine = next(fitting_machines, prices.machines[-1])
    cores_per_machine = min(machine.cores, max(1.0, (machine.memory_gib - stage.machine_gib) / core_memory))
    machines = max(cores / cores_per_machine, shared_memory / machine.memory_gib, stage.disk_gib / machine.disk_gib)
    memory = shared_memory + cores * core_memory + machines * stage.machine_gib
    monthly_cost = memory * prices.memory_gib_month + stage.disk_gib * prices.disk_gib_month
    monthly_cost += stage.store_gib * prices.store_gib_month
    money = rented_hours * prices.core_hour + days / MONTH_DAYS * monthly_cost
    money += stage.requests / MILLION * prices.requests_million + stage.egress_gib * prices.egress_gib
    return replace(stage, memory_gib=memory, kind=machine.kind, machines=machines, cores=cores, money=money)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a step per million found images, in core hours and, if a price is set, in money."""

    step: str
    hours: float
    money: Decimal | None


@dataclass(frozen=True, slots=True)
class Costs:
    """Total cost, and the cost of each step, most expensive first. The total is None if too few images were seen."""

    pictures: int  # Images found and compared in the measured period.
    price: Money | None  # Price of a core hour.
    total: Cost | None
    steps: tuple[Cost, ...]


def compute_costs(durations: "Mapping[str, StepUsage]", price_text: str) -> Costs:
    """Compute the cost of a million images from the measured CPU time of each step.

    All steps are included, also registration, evidence and reports, in the proportions in which they occurred. Disk
    rental, traffic and labour are not included.

    Args:
        durations: Measured time by step.
        price_text: Price of a core hour, such as ``0.02 EUR``, or empty.

    Returns:
        The costs.
    """
    price = parse_money(price_text) if price_text else None
    pictures = durations[MATCH_STEP].rows if MATCH_STEP in durations else 0
    if pictures < MIN_PICTURES:
        return Costs(pictures, price, None, ())
    step_costs = [_compute_cost(step, usage.processor_seconds / pictures, price) for step, usage in durations.items()]
    step_costs.sort(key=lambda cost: (-cost.hours, cost.step))
    seconds = sum(cost.processor_seconds for cost in durations.values())
    return Costs(pictures, price, _compute_cost("", seconds / pictures, price), tuple(step_costs))


def _compute_cost(step: str, seconds: float, price: Money | None) -> Cost:
    hours = seconds * MILLION / 3600
    return Cost(step, hours, None if price is None else round(Decimal(hours) * price.millionths / MILLION, 2))


def load_local_laws(services: "Services") -> dict[str, ScalingLaw]:
    """Return the laws, with this installation's measurements instead of the shipped ones where available."""
    from django.db.models import Min

    from registry.fingerprints.fingerprints import Collection
    from registry.matches.index_upkeep import measure_indexes, measure_work_size
    from registry.models import Picture, StepTime
    from workers.operations.status import measure_disk_usage

    since = StepTime.objects.filter(day__gte=_get_period_start()).aggregate(first=Min("day"))["first"]
    states = measure_indexes(services)
    size, pictures = measure_work_size(services, states), Picture.objects.count()
    seen_pictures = sum(state.size for state in states if state.collection == Collection.PICTURES)
    counts = [*_measure_laws(), ("work_index", size.indexes * size.works, size.works)]
    counts += [("work_features", size.features * size.works, size.works)]
    if pictures >= MIN_DISK_SAMPLES:
        counts += [("archive", seen_pictures, pictures), ("rows", measure_disk_usage(services).database, pictures)]
    measurements = {
        name: LocalMeasurement(total / count, count, str(since or _get_period_start()), size.works, pictures)
        for name, total, count in counts
        if count >= MIN_SAMPLES and total
    }
    return {name: replace(law, own=measurements.get(name)) for name, law in load_shipped_laws().items()}


def _get_period_start() -> date:
    return (now() - timedelta(days=COST_PERIOD_DAYS)).date()


def _measure_laws() -> Iterator[tuple[str, float, int]]:
    """Yield (law, total, count): total CPU milliseconds, bytes, or cases per million images, and the divisor."""
    from django.db.models import Avg, Count

    from registry.db.heartbeats import StepUsage, load_usage_since
    from registry.models import Picture

    no_usage, durations = StepUsage(0, 0.0, 0.0, now()), load_usage_since(now() - timedelta(days=COST_PERIOD_DAYS))
    usage_by_step = {
        step: durations.get(step, no_usage) for step in ("slice", "match", "register", "capture", "seal", "service")
    }
    milliseconds = {step: 1000 * duration.processor_seconds for step, duration in usage_by_step.items()}
    pictures, cases = usage_by_step["match"].rows, usage_by_step["capture"].rows
    yield "fetch", milliseconds["slice"], pictures
    yield "match", milliseconds["match"], pictures
    yield "register", milliseconds["register"], usage_by_step["register"].rows
    yield "capture", sum(milliseconds[step] for step in ("capture", "seal", "service")), cases
    yield "case", MILLION * cases, pictures
    new_pictures = Picture.objects.filter(first_seen__date__gte=_get_period_start()).aggregate(
        mean=Avg("size"), count=Count("pk")
    )
    yield "picture", float(new_pictures["mean"] or 0) * new_pictures["count"], new_pictures["count"]
