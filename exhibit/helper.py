"""Sandboxed helper process that handles untrusted bytes, one file after another. A process for each file is too slow.

A process has one helper of each kind and starts it for the first file. The helper has an empty environment, and limits
for memory and CPU time for each file (:func:`serve`). Both processes share the memory that holds bytes and pixels. The
helper exits when its parent exits for any reason. Only one thread at a time uses a helper, which limits the memory of a
process with many threads.
"""

import atexit
import ctypes
import errno
import json
import math
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import ServiceMissingError
from exhibit.sentences import Sentence

HelperResult = tuple[Mapping[str, Any], bytes | memoryview]
Response = tuple[dict[str, Any], NDArray[np.uint8]]  # response as received by the parent
_HEADER = struct.Struct("<IQ")  # size in bytes of the JSON that follows, and of the data in shared memory
_OUT_OF_MEMORY_STATUS = 12
_STALLED_STATUS = 1000
_WRITE_FAILURE_STATUSES = (errno.EFBIG, errno.ENOSPC)  # exit status of a helper that cannot write its result
_START_SECONDS = 60.0
_TIMEOUT_FACTOR = 6  # the parent waits this multiple of the CPU time limit, because the machine may be busy
_REUSED_BYTES = 1 << 25  # bytes of shared memory that are reused for the next file
_STATM = Path("/proc/self/statm")
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _MAX_ARENAS = -3, -1, -8  # parameters of mallopt(3)
_MAX_KEPT_BLOCK_BYTES, _MAX_KEPT_BYTES = 32 << 20, 64 << 20
"""Maximum bytes of one kept block, and of all kept blocks: glibc sets them itself after it frees such a block."""
_DEFAULT_THRESHOLD_BYTES = 128 << 10
"""glibc's default for both thresholds. Setting them also stops glibc from raising them by itself."""


class HelperDiedError(Exception):
    """The helper exited while it handled a file, with the reason ``time``, ``memory`` or ``crash``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _HelperExitedError(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


class Helper:
    """Helper process that runs a module. It is started on demand and restarted after it exits.

    The module must call :func:`serve`.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self.process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._connection: tuple[socket.socket, IO[bytes]] | None = None
        self._response_count = 0
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._drop_child)

    def send_request(self, request: Mapping[str, Any], data: bytes, *, seconds: float, memory: int) -> Response:
        """Send a request about a file to the helper. Retries once if the file may not be the cause of an exit.

        Args:
            request: Request, encoded as JSON.
            data: Bytes of the file.
            seconds: CPU time limit in seconds.
            memory: Memory limit in bytes, in addition to the memory that the helper has mapped at its start.

        Raises:
            HelperDiedError: The helper exited because of this file.
            ServiceMissingError: No helper can be started.
        """
        limits, has_stalled = {"seconds": seconds, "memory": memory}, False
        with self._lock:
            while True:
                is_fresh = self._response_count == 0
                try:
                    return self._request({"question": request, **limits}, data, seconds)
                except _HelperExitedError as ended:
                    if (
                        ended.status == _STALLED_STATUS and not has_stalled
                    ):  # every helper stalls if the machine was suspended
                        has_stalled = True
                        continue
                    if ended.status in _WRITE_FAILURE_STATUSES:
                        with _shared_memory():
                            raise OSError(ended.status, os.strerror(ended.status)) from ended
                    if ended.status in {-signal.SIGXCPU, _STALLED_STATUS}:
                        raise HelperDiedError("time") from ended
                    if is_fresh and ended.status == -signal.SIGKILL:  # a file cannot cause this signal
                        message = Sentence("The process that reads third-party files was killed.")
                        raise ServiceMissingError(
                            message, hint=Sentence("Check whether the machine has enough memory.")
                        ) from ended
                    if is_fresh:
                        raise HelperDiedError("memory" if ended.status == _OUT_OF_MEMORY_STATUS else "crash") from ended

    def _request(self, request: Mapping[str, Any], data: bytes, seconds: float) -> Response:
        channel, memory = self._connection or self._start()
        shared, text = memory.fileno(), json.dumps(request).encode()
        try:
            channel.settimeout(_START_SECONDS + _TIMEOUT_FACTOR * seconds)
            with _shared_memory():
                _write(shared, data)
            channel.sendall(_HEADER.pack(len(text), len(data)) + text)
            length, size = _HEADER.unpack(_receive(channel, _HEADER.size))
            response: dict[str, Any] = json.loads(_receive(channel, length))
            with _shared_memory():
                output = _read_shared(shared, size)
                if max(size, len(data)) > _REUSED_BYTES:
                    os.ftruncate(shared, 0)
        except TimeoutError as error:
            self.close(kill=True)
            raise _HelperExitedError(_STALLED_STATUS) from error
        except (OSError, EOFError) as error:
            raise _HelperExitedError(self.close()) from error
        except BaseException:  # otherwise the rest of a partial response would be read as the next response
            self.close(kill=True)
            raise
        self._response_count += 1
        return response, output

    def _start(self) -> tuple[socket.socket, IO[bytes]]:
        try:
            is_linux = sys.platform == "linux"
            memory = os.fdopen(os.memfd_create(self.module), "rb") if is_linux else TemporaryFile()  # noqa: SIM115 - kept
            own_end, child_end = socket.socketpair()
            self._connection, self._response_count = (own_end, memory), 0
            with child_end:
                descriptors = (child_end.fileno(), memory.fileno())
                self.process = subprocess.Popen(
                    [sys.executable, "-m", self.module, *map(str, descriptors)],
                    pass_fds=descriptors,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=Path(__file__).parents[1],
                    env={"OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"},
                    start_new_session=True,
                )
            own_end.settimeout(_START_SECONDS)
            _receive(own_end, 1)
        except (OSError, EOFError) as error:
            self.close(kill=True)
            raise ServiceMissingError(
                Sentence("The process that reads third-party files could not be started.")
            ) from error
        return own_end, memory

    def close(self, *, kill: bool = False) -> int:
        """Stop the child and return its exit status."""
        connection, process = self._connection, self.process
        self._connection, self.process, self._response_count = None, None, 0
        for end in connection or ():
            end.close()
        if process is None:
            return 0
        if kill:
            process.kill()
        try:
            return process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _drop_child(self) -> None:
        """Drop the parent's helper in a forked process. A copy of the socket would keep that helper alive."""
        for end in self._connection or ():
            end.close()
        if self.process is not None:
            self.process.returncode = 0
        self._connection, self.process, self._response_count, self._lock = None, None, 0, threading.Lock()


def keep_freed_memory() -> None:
    """Configure this process to keep the memory that it frees, if its C library supports it (glibc).

    Returning memory to the kernel and requesting new pages costs as much as the arithmetic on them.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MAX_KEPT_BLOCK_BYTES)
        mallopt(_TRIM_THRESHOLD, _MAX_KEPT_BYTES)


def return_freed_memory() -> None:
    """Configure this process to return freed memory to the kernel, if its C library supports it (glibc).

    Use this in processes with several threads: after :func:`keep_freed_memory`, the heap of each thread could keep
    64 MiB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _DEFAULT_THRESHOLD_BYTES)
        mallopt(_TRIM_THRESHOLD, _DEFAULT_THRESHOLD_BYTES)
        mallopt(_MAX_ARENAS, 2)


def serve(handler: Callable[[Mapping[str, Any], bytes], HelperResult]) -> None:
    """Run as a helper: handle requests until the parent exits.

    Core dumps and new processes are disabled at the start. Before each file, the limits of memory (``RLIMIT_AS``) and
    CPU time (``RLIMIT_CPU``, whose signal ends the process) are set again.
    """
    channel, shared = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # this process exits when its parent does
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        _set_limit(kind, 0)
    keep_freed_memory()
    mapped_bytes = int(_STATM.read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE") if _STATM.exists() else 0
    channel.sendall(b"\0")
    with channel.makefile("rb") as stream:
        while header := stream.read(_HEADER.size):
            length, size = _HEADER.unpack(header)
            request = json.loads(stream.read(length))
            usage = resource.getrusage(resource.RUSAGE_SELF)
            _set_limit(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime + request["seconds"]))
            _set_limit(resource.RLIMIT_FSIZE, max(size, request["memory"]))
            if mapped_bytes:
                _set_limit(resource.RLIMIT_AS, mapped_bytes + request["memory"])
            try:
                result, output = handler(request["question"], _read_shared(shared, size).tobytes())
                text = json.dumps(result).encode()
            except MemoryError:
                os._exit(_OUT_OF_MEMORY_STATUS)
            try:
                _write(shared, output)
            except OSError as error:
                os._exit(error.errno or 1)
            channel.sendall(_HEADER.pack(len(text), len(output)) + text)
            del result, output, text


@contextmanager
def _shared_memory() -> Iterator[None]:
    """Convert a failure to allocate shared memory to ``ServiceMissingError``: the file is not the cause."""
    try:
        yield
    except OSError as error:
        raise ServiceMissingError(
            Sentence("The process that reads third-party files could not allocate shared memory.")
        ) from error


def _set_limit(kind: int, limit: int) -> None:
    with suppress(ValueError):  # a lower hard limit is already set and stays in force
        resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))


def _write(descriptor: int, data: bytes | memoryview) -> None:
    offset, remainder = 0, memoryview(data)
    while remainder:
        count = os.pwrite(descriptor, remainder, offset)
        offset, remainder = offset + count, remainder[count:]


def _read_shared(descriptor: int, size: int) -> NDArray[np.uint8]:
    out = np.empty(size, np.uint8)
    offset, remainder = 0, out.data
    while remainder:
        count = os.preadv(descriptor, [remainder], offset)
        if count == 0:
            raise EOFError
        offset, remainder = offset + count, remainder[count:]
    return out


def _receive(channel: socket.socket, size: int) -> bytes:
    received_bytes = bytearray()
    while len(received_bytes) < size:
        chunk = channel.recv(size - len(received_bytes))
        if not chunk:
            raise EOFError
        received_bytes += chunk
    return bytes(received_bytes)
