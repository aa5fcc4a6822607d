"""Feature extraction for many pictures in separate processes, before they are registered."""

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
from exhibit.files.regular import open_regular_file
from exhibit.pictures.decode import Limits
from registry.fingerprints.ports import get_descriptors
from registry.services.services import Services

if TYPE_CHECKING:
    from indexer.picture.descriptor import Descriptor, DescriptorFile

MIN_FILES = 16  # minimum number of pictures for which starting processes saves time
MAX_AHEAD = 8  # pictures that each process may measure in advance
_MAX_SECONDS = 60.0


@contextmanager
def prefetch_features(config: Config, files: Sequence[Path]) -> Iterator[Callable[[], None]]:
    """Compute features of files into the feature cache, in order, before the files are registered.

    Yields a function to call before each registration: it waits until that file has been measured. Files that cannot be
    measured are skipped; their registration reports the reason.
    """
    if len(files) < MIN_FILES:
        yield lambda: None
        return
    services = Services(config)
    descriptor_file = get_descriptors(services).get_serving_file(config.data_dir)
    ignore_interrupt = (signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    earlier_children = multiprocessing.active_children()
    pool = ProcessPoolExecutor(config.workers, multiprocessing.get_context("spawn"), signal.signal, ignore_interrupt)
    remaining_files = iter(files)
    pending_futures: deque[Future[None]] = deque()

    def refill() -> None:
        while len(pending_futures) < MAX_AHEAD * config.workers and (file := next(remaining_files, None)) is not None:
            pending_futures.append(pool.submit(_measure_file, config.data_dir, services.limits, descriptor_file, file))

    def wait() -> None:
        with suppress(BrokenProcessPool, TimeoutError):
            refill()
            if pending_futures:
                pending_futures.popleft().result(_MAX_SECONDS)

    try:
        yield wait
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():  # do not wait for the pictures that these still measure
            if child not in earlier_children:
                child.kill()


def _measure_file(data_dir: Path, limits: Limits, descriptor_file: "DescriptorFile | None", file: Path) -> None:
    from indexer.search.cache import FeatureCache

    with suppress(ExhibitError, OSError):
        with open_regular_file(file) as stream:
            data = stream.read(limits.max_bytes + 1)
        if len(data) <= limits.max_bytes:
            cache = FeatureCache(data_dir / "features", 1, limits, _load_descriptor(descriptor_file))
            cache.get(Digest.from_bytes(data), lambda: data)


@cache
def _load_descriptor(descriptor_file: "DescriptorFile | None") -> "Descriptor":
    from indexer.picture.descriptor import BUILT_IN

    return BUILT_IN if descriptor_file is None else descriptor_file.create_descriptor()
