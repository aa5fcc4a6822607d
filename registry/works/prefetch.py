"""Measure many pictures ahead of their registration, in separate processes."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from exhibit.files.regular import open_regular
from exhibit.pictures.decode import Limits
from registry.fingerprints.ports import get_descriptors
from registry.services.services import Services

if TYPE_CHECKING:
    from indexer.picture.descriptor import Descriptor, DescriptorFile

MIN_FILES = 16  # number of pictures from which the processes are worth their start-up time
MAX_AHEAD = 8  # pictures that each process may be ahead
_MAX_SECONDS = 60.0


@contextmanager
def measure_ahead(config: Config, files: Sequence[Path]) -> Iterator[Callable[[], None]]:
    """Measure files in order into the feature cache, ahead of their registration.

    Yields a function to call before a file is registered: it waits until that file has been measured. Files that cannot
    be measured are skipped: their registration reports the reason.
    """
    if len(files) < MIN_FILES:
        yield lambda: None
        return
    services = Services(config)
    network = get_descriptors(services).serving_file(config.data_dir)
    ignore_interrupt = (signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    earlier_children = multiprocessing.active_children()
    pool = ProcessPoolExecutor(config.workers, multiprocessing.get_context("spawn"), signal.signal, ignore_interrupt)
    remaining = iter(files)
    pending: deque[Future[None]] = deque()

    def refill() -> None:
        while len(pending) < MAX_AHEAD * config.workers and (file := next(remaining, None)) is not None:
            pending.append(pool.submit(_measure, config.data_dir, services.limits, network, file))

    def wait() -> None:
        with suppress(BrokenProcessPool, TimeoutError):
            refill()
            if pending:
                pending.popleft().result(_MAX_SECONDS)

    try:
        yield wait
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():  # do not wait for the pictures that these still measure
            if child not in earlier_children:
                child.kill()


def _measure(data_dir: Path, limits: Limits, network: "DescriptorFile | None", file: Path) -> None:
    from indexer.search.cache import FeatureCache

    with suppress(ExhibitError, OSError):
        with open_regular(file) as opened:
            data = opened.read(limits.max_bytes + 1)
        if len(data) <= limits.max_bytes:
            cache = FeatureCache(data_dir / "features", 1, limits, _load_descriptor(network))
            cache.get(Digest.of(data), lambda: data)


@cache
def _load_descriptor(network: "DescriptorFile | None") -> "Descriptor":
    from indexer.picture.descriptor import BUILT_IN

    return BUILT_IN if network is None else network.descriptor()
