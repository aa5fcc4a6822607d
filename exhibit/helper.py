"""A child process that handles untrusted bytes, one file after another, because a fork for each file costs too much.

A process has one helper of each kind and starts it for the first file. The helper has an empty environment, and limits
of memory and CPU time for each file (:func:`serve`). Both processes share the memory that holds bytes and pixels. The
helper exits when its parent exits for any reason. Threads take turns, which bounds the memory of a process with many
threads.
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

Answer = tuple[Mapping[str, Any], bytes | memoryview]
Response = tuple[dict[str, Any], NDArray[np.uint8]]  # a response as it is received
_HEADER = struct.Struct("<IQ")  # bytes of the JSON that follows, and of the data in shared memory
_OUT_OF_MEMORY = 12
_STALLED = 1000
_NO_ROOM = (errno.EFBIG, errno.ENOSPC)  # exit status of a helper that cannot write its result
_START_SECONDS = 60.0
_PATIENCE = 6  # the parent waits this many times the CPU time, because the machine may be busy
_REUSED_BYTES = 1 << 25  # bytes of shared memory that are reused for the next file
_STATM = Path("/proc/self/statm")
_MMAP_THRESHOLD, _TRIM_THRESHOLD, _MAX_ARENAS = -3, -1, -8  # parameters of mallopt(3)
_LARGEST_KEPT, _KEPT_FREED = 32 << 20, 64 << 20
"""Bytes of the largest block to keep, and of all blocks: the values glibc reaches itself after freeing such a block."""
_LARGEST_ON_HEAP = 128 << 10
"""glibc's default for both thresholds. Setting them also stops glibc from raising them by itself."""


class HelperDiedError(Exception):
    """A helper exited while it handled this file, with the reason ``time``, ``memory`` or ``crash``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _EndedError(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


class Helper:
    """One child process, started on demand and restarted after it exits. Its module calls :func:`serve`."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ends: tuple[socket.socket, IO[bytes]] | None = None
        self._answered = 0
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._forget)

    def ask(self, question: Mapping[str, Any], data: bytes, *, seconds: float, memory: int) -> Response:
        """Send a request about a file, and retry once if the helper's exit may have had another cause.

        Args:
            question: Request, encoded as JSON.
            data: Bytes of the file.
            seconds: Limit of CPU time.
            memory: Limit of memory in bytes, in addition to what the helper has at its start.

        Raises:
            HelperDiedError: The helper exited because of this file.
            ServiceMissingError: No helper can be started.
        """
        limits, stalled = {"seconds": seconds, "memory": memory}, False
        with self._lock:
            while True:
                fresh = self._answered == 0
                try:
                    return self._request({"question": question, **limits}, data, seconds)
                except _EndedError as ended:
                    if ended.status == _STALLED and not stalled:  # all helpers stall when the machine itself was paused
                        stalled = True
                        continue
                    if ended.status in _NO_ROOM:
                        with _shared_memory():
                            raise OSError(ended.status, os.strerror(ended.status)) from ended
                    if ended.status in {-signal.SIGXCPU, _STALLED}:
                        raise HelperDiedError("time") from ended
                    if fresh and ended.status == -signal.SIGKILL:  # nothing in a file causes this signal
                        message = Sentence("The process that reads third-party files was killed.")
                        raise ServiceMissingError(
                            message, hint=Sentence("Check whether the machine has enough memory.")
                        ) from ended
                    if fresh:
                        raise HelperDiedError("memory" if ended.status == _OUT_OF_MEMORY else "crash") from ended

    def _request(self, question: Mapping[str, Any], data: bytes, seconds: float) -> Response:
        channel, memory = self._ends or self._start()
        shared, text = memory.fileno(), json.dumps(question).encode()
        try:
            channel.settimeout(_START_SECONDS + _PATIENCE * seconds)
            with _shared_memory():
                _write(shared, data)
            channel.sendall(_HEADER.pack(len(text), len(data)) + text)
            length, size = _HEADER.unpack(_received(channel, _HEADER.size))
            response: dict[str, Any] = json.loads(_received(channel, length))
            with _shared_memory():
                output = _read_shared(shared, size)
                if max(size, len(data)) > _REUSED_BYTES:
                    os.ftruncate(shared, 0)
        except TimeoutError as error:
            self.close(kill=True)
            raise _EndedError(_STALLED) from error
        except (OSError, EOFError) as error:
            raise _EndedError(self.close()) from error
        except BaseException:  # the rest of a partial response would be read as the next response
            self.close(kill=True)
            raise
        self._answered += 1
        return response, output

    def _start(self) -> tuple[socket.socket, IO[bytes]]:
        try:
            linux = sys.platform == "linux"
            memory = os.fdopen(os.memfd_create(self.module), "rb") if linux else TemporaryFile()  # noqa: SIM115 - kept
            own_end, child_end = socket.socketpair()
            self._ends, self._answered = (own_end, memory), 0
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
            _received(own_end, 1)
        except (OSError, EOFError) as error:
            self.close(kill=True)
            raise ServiceMissingError(
                Sentence("The process that reads third-party files could not be started.")
            ) from error
        return own_end, memory

    def close(self, *, kill: bool = False) -> int:
        """Stop the child and return its exit status."""
        ends, process = self._ends, self.process
        self._ends, self.process, self._answered = None, None, 0
        for end in ends or ():
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

    def _forget(self) -> None:
        """Drop the parent's child in a forked process, whose copy of the socket must not keep the child alive."""
        for end in self._ends or ():
            end.close()
        if self.process is not None:
            self.process.returncode = 0
        self._ends, self.process, self._answered, self._lock = None, None, 0, threading.Lock()


def keep_freed_memory() -> None:
    """Make this process keep the memory that it frees, if its C library supports it (glibc).

    Returning memory to the kernel and requesting new pages costs as much as the arithmetic on them.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_TRIM_THRESHOLD, _KEPT_FREED)


def return_freed_memory() -> None:
    """Make this process return freed memory to the kernel, if its C library supports it (glibc).

    For processes that serve in several threads: after :func:`keep_freed_memory` each thread's heap could keep 64 MiB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_ON_HEAP)
        mallopt(_TRIM_THRESHOLD, _LARGEST_ON_HEAP)
        mallopt(_MAX_ARENAS, 2)


def serve(answer: Callable[[Mapping[str, Any], bytes], Answer]) -> None:
    """Run as a helper: handle requests until the parent exits.

    Core dumps and new processes are disabled at the start. Before each file, the limits of memory (``RLIMIT_AS``) and
    CPU time (``RLIMIT_CPU``, whose signal ends the process) are set again.
    """
    channel, shared = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # stopping the service stops the parent, whose exit ends this process
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        _limit(kind, 0)
    keep_freed_memory()
    mapped = int(_STATM.read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE") if _STATM.exists() else 0
    channel.sendall(b"\0")
    with channel.makefile("rb") as stream:
        while head := stream.read(_HEADER.size):
            length, size = _HEADER.unpack(head)
            request = json.loads(stream.read(length))
            used = resource.getrusage(resource.RUSAGE_SELF)
            _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + request["seconds"]))
            _limit(resource.RLIMIT_FSIZE, max(size, request["memory"]))
            if mapped:
                _limit(resource.RLIMIT_AS, mapped + request["memory"])
            try:
                result, output = answer(request["question"], _read_shared(shared, size).tobytes())
                text = json.dumps(result).encode()
            except MemoryError:
                os._exit(_OUT_OF_MEMORY)
            try:
                _write(shared, output)
            except OSError as error:
                os._exit(error.errno or 1)
            channel.sendall(_HEADER.pack(len(text), len(output)) + text)
            del result, output, text


@contextmanager
def _shared_memory() -> Iterator[None]:
    """Report a failure to allocate shared memory as a fault of the machine, not of the file."""
    try:
        yield
    except OSError as error:
        raise ServiceMissingError(
            Sentence("The process that reads third-party files could not allocate shared memory.")
        ) from error


def _limit(kind: int, most: int) -> None:
    with suppress(ValueError):  # the limit is above one that is already set, which then stays
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _write(descriptor: int, data: bytes | memoryview) -> None:
    at, rest = 0, memoryview(data)
    while rest:
        count = os.pwrite(descriptor, rest, at)
        at, rest = at + count, rest[count:]


def _read_shared(descriptor: int, size: int) -> NDArray[np.uint8]:
    out = np.empty(size, np.uint8)
    at, rest = 0, out.data
    while rest:
        count = os.preadv(descriptor, [rest], at)
        if count == 0:
            raise EOFError
        at, rest = at + count, rest[count:]
    return out


def _received(channel: socket.socket, size: int) -> bytes:
    whole = bytearray()
    while len(whole) < size:
        piece = channel.recv(size - len(whole))
        if not piece:
            raise EOFError
        whole += piece
    return bytes(whole)
