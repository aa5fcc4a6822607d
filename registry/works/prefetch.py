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

WORTH_IT = 16  # number of pictures from which the processes are worth their start-up time
AHEAD = 8  # pictures that each process may be ahead
_MAX_SECONDS = 60.0


@contextmanager
def measured_ahead(config: Config, files: Sequence[Path]) -> Iterator[Callable[[], None]]:
    """Measure files in order into the feature cache, ahead of their registration.

    Yields a function to call before a file is registered: it waits until that file has been measured. Files that cannot
    be measured are skipped: their registration reports the reason.
    """
    if len(files) < WORTH_IT:
        yield lambda: None
        return
    services = Services(config)
    network = get_descriptors(services).serving_file(config.data_dir)
    leave = (signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(config.workers, multiprocessing.get_context("spawn"), signal.signal, leave)
    rest = iter(files)
    under_way: deque[Future[None]] = deque()

    def refill() -> None:
        while len(under_way) < AHEAD * config.workers and (file := next(rest, None)) is not None:
            under_way.append(pool.submit(_measure, config.data_dir, services.limits, network, file))

    def wait() -> None:
        with suppress(BrokenProcessPool, TimeoutError):
            refill()
            if under_way:
                under_way.popleft().result(_MAX_SECONDS)

    try:
        yield wait
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():  # do not wait for the pictures that these still measure
            if child not in others:
                child.kill()


def _measure(data_dir: Path, limits: Limits, network: "DescriptorFile | None", file: Path) -> None:
    from indexer.search.cache import FeatureCache

    with suppress(ExhibitError, OSError):
        with open_regular(file) as opened:
            data = opened.read(limits.max_bytes + 1)
        if len(data) <= limits.max_bytes:
            cache = FeatureCache(data_dir / "features", 1, limits, _descriptor(network))
            cache.get(Digest.of(data), lambda: data)


@cache
def _descriptor(network: "DescriptorFile | None") -> "Descriptor":
    from indexer.picture.descriptor import BUILT_IN

    return BUILT_IN if network is None else network.descriptor()
