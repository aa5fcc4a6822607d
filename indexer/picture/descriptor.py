"""Networks that describe pictures: the built-in one (``models/MODEL_CARD.md``), or a user's own with its card.

``python -m indexer.picture.descriptor`` is the helper process in which untrusted networks run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.digests import Digest
from exhibit.errors import IntegrityError, ServiceMissingError, WrongUseError
from exhibit.helper import Answer, Helper, HelperDiedError, serve
from exhibit.types import Space, Untyped
from indexer.layout.orientation import ORIENTATIONS, Box
from indexer.layout.single_thread import cv2
from indexer.picture.card import Card, Resize, card_from_dict, create_space
from indexer.picture.onnx_file import has_external_data, has_nonstandard_operators
from indexer.picture.spaces import DESCRIPTOR

MODEL = Path(__file__).parents[1] / "models" / "descriptor.int8.onnx"
WITHOUT_OVERFLOW = "session.x64quantprecision"
"""ONNX Runtime setting that makes sums of 8-bit products exact on x86 processors without VNNI. There they would
otherwise overflow, and the vector of a picture would differ from other machines (cosine .9). With VNNI, sums are
exact anyway, and the setting would select another kernel at half the speed for the same vectors."""
VNNI = frozenset({"avx_vnni", "avx512_vnni"})
PROCESSORS = Path("/proc/cpuinfo")
MAX_FILE_BYTES = 512 << 20
"""Maximum size of a network file in bytes."""
MIN_LENGTH = 1e-9
FLOATS, LEVELS = "tensor(float)", "tensor(uint8)"
"""Types of a network's input; one that takes levels scales them itself."""
SECONDS, MEMORY = 60.0, 4 << 30
"""Limits of processor time and bytes for an untrusted network, to open it and for each picture."""
helper = Helper("indexer.picture.descriptor")
_FAILURES = {
    "time": f"The network takes more than {SECONDS:.0f} seconds.",
    "memory": f"The network takes more than {MEMORY >> 30} GiB of memory.",
    "crash": "The network makes ONNX Runtime crash.",
}
CENTRE_SHARE = 0.6
TILE_SHARE = 0.5


class Descriptor:
    """A network with its preparation of pictures; opened on first use: after a fork, with one thread."""

    def __init__(
        self, card: Card, space: Space, load: Callable[[], bytes], extra_orientations: Sequence[int] = ORIENTATIONS[1:]
    ) -> None:
        """``extra_orientations`` lists the orientations, besides the upright one.

        Whose vectors differ enough to be useful.
        """
        self.card = card
        self.space = space
        self.extra_orientations = extra_orientations
        self._load = load

    def open(self) -> None:
        """Open the network now, to distinguish damage in its file from damage in a picture.

        Raises:
            ExhibitError: The file is missing or cannot be opened.
        """
        self._session  # noqa: B018 - opened by that

    def vectors(self, parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Describe pictures or parts, each uint8 RGB, (height, width, 3), as float32, (n, width).

        Rows have unit length, or are zeros if the output has no direction: these are near to nothing.
        """
        rows = np.stack([self._raw(part) for part in parts])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        usable = np.isfinite(lengths) & (lengths > MIN_LENGTH)
        return np.where(usable, rows / np.where(usable, lengths, 1), 0).astype(np.float32)

    def reduce_for_orientations(self, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the reduced picture that is sufficient to describe several orientations."""
        card = self.card
        same = card.resize is Resize.SQUASH and card.input_width == card.input_height
        return _resize_to_input(part, card) if same else part

    def _raw(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.run(prepare(part, self.card))

    def run(self, ready: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's output for one picture from :func:`prepare`, as the card specifies."""
        levels = ready.astype(np.uint8) if self._session.get_inputs()[0].type == LEVELS else ready
        output = self._session.run([self._output], {self._input: levels})[0][0]
        if self.card.take == "first":
            output = output[0]
        elif self.card.take == "mean":
            output = output.mean(axis=0)
        return np.asarray(output, np.float32)

    @cached_property
    def _input(self) -> str:
        return str(self._session.get_inputs()[0].name)

    @cached_property
    def _output(self) -> str:
        return self.card.output or str(self._session.get_outputs()[0].name)

    @cached_property
    def _session(self) -> Untyped:
        data = self._load()
        try:
            return open_session(data)
        except Exception as error:  # the runtime's own errors have no common base class
            raise IntegrityError(
                f"The network {self.space.id} can't be opened.", hint="Restore its file, or use another network."
            ) from error


class GuardedDescriptor(Descriptor):
    """An untrusted network: it is examined and runs in a helper process, within limits of time and memory.

    Raises ``WrongUseError`` if the network cannot be used or exceeds the limits.
    """

    def open(self) -> None:
        """Let the helper examine the network now."""
        self._query_helper({"card": asdict(self.card)}, self._load())

    def run(self, ready: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's output for one picture from the helper, which receives the network if necessary."""
        for _ in range(3):
            reply, output = self._query_helper({}, ready.tobytes())
            if reply["held"] == self._identity:
                return np.frombuffer(output.tobytes(), np.float32).reshape(reply["shape"])
            self.open()
        raise WrongUseError(_FAILURES["crash"])  # it crashed with each picture

    @property
    def _identity(self) -> str:
        return repr(self.space)

    def _query_helper(self, question: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        try:
            reply, output = helper.ask({**question, "held": self._identity}, data, seconds=SECONDS, memory=MEMORY)
        except HelperDiedError as died:
            raise WrongUseError(_FAILURES[died.reason]) from died
        if "refused" in reply:
            raise WrongUseError(reply["refused"], hint=reply["hint"])
        return reply, output


_loaded_networks: dict[str, Descriptor] = {}
"""In the helper: the two latest networks by space, as one is in use while another is measured."""


def answer(question: Mapping[str, Any], data: bytes) -> Answer:
    """Examine a network with its card, or describe a prepared picture with a network that is loaded."""
    try:
        if "card" in question:
            for name in list(_loaded_networks)[:-1]:
                del _loaded_networks[name]
            _loaded_networks[question["held"]] = examine(card_from_dict(question["card"]), data, is_untrusted=True)
        elif network := _loaded_networks.get(question["held"]):
            output = np.ascontiguousarray(network.run(np.frombuffer(data, np.float32).reshape(network.card.shape)))
            return {"held": question["held"], "shape": output.shape}, output.tobytes()
    except WrongUseError as error:
        return {"refused": error.message, "hint": error.hint}, b""
    except Exception as error:  # noqa: BLE001 - the runtime's own errors have no common root
        return {"refused": f"The network can't describe a picture: {str(error)[:200]}", "hint": ""}, b""
    return {"held": ""}, b""


@dataclass(frozen=True, slots=True)
class DescriptorFile:
    """A user's network in a file, for other processes, which open it themselves."""

    card: Card
    digest: Digest
    path: Path
    guarded: bool = False  # whether the network is untrusted

    def descriptor(self) -> Descriptor:
        """Return the network, opened on first use; it then raises ``IntegrityError`` if the file has changed."""
        kind = GuardedDescriptor if self.guarded else Descriptor
        return kind(self.card, create_space(self.card, self.digest), self._bytes)

    def _bytes(self) -> bytes:
        data = self.path.read_bytes()
        if Digest.of(data) != self.digest:
            raise IntegrityError(f"The file of the network {self.card.name} has changed.", hint="Restore it.")
        return data


def prepare(pixels: NDArray[np.uint8], card: Card) -> NDArray[np.float32]:
    """Return a network's input for one picture, float32 in the card's shape, from uint8 RGB, (height, width, 3)."""
    resized = _resize_to_input(pixels, card)
    if card.channels == "bgr":
        resized = resized[..., ::-1]
    mean, deviation = np.array(card.mean, np.float32), np.array(card.deviation, np.float32)
    if card.layout == "nchw":
        resized, mean, deviation = resized.transpose(2, 0, 1), mean[:, None, None], deviation[:, None, None]
    scaled = np.empty((1, *resized.shape), np.float32)
    np.subtract(resized, mean, out=scaled[0])
    scaled /= deviation
    return scaled


@cache
def has_vnni() -> bool:
    """Return True if all processors are known to sum 8-bit products exactly with an instruction."""
    try:
        lines = PROCESSORS.read_text("utf-8", "replace").splitlines()
    except OSError:  # not Linux: unknown
        return False
    flags = [set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")]
    return bool(flags) and all(VNNI & processor_flags for processor_flags in flags)


def describe_kernel() -> str:
    """Describe how 8-bit networks run on this machine."""
    return "8-bit products by VNNI" if has_vnni() else f"8-bit products without VNNI ({WITHOUT_OVERFLOW})"


def open_session(data: bytes) -> Untyped:
    """Open a network on the CPU with one thread."""
    import onnxruntime  # noqa: PLC0415 - its threads must not exist before a fork

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not has_vnni():
        options.add_session_config_entry(WITHOUT_OVERFLOW, "1")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def examine(card: Card, data: bytes, *, is_untrusted: bool = False) -> Descriptor:
    """Return a user's network after checking it against its card; an untrusted one may use only plain operators.

    Raises:
        WrongUseError: The network cannot be used; the message states why.
    """
    if len(data) > MAX_FILE_BYTES:
        raise WrongUseError(f"The file has {len(data)} bytes; at most {MAX_FILE_BYTES} are taken.")
    if has_external_data(data):
        raise WrongUseError(
            "The file keeps weights in other files.",
            hint="Save it as one file: onnx.save(model, path, save_as_external_data=False).",
        )
    if is_untrusted and has_nonstandard_operators(data):
        message = "The network has operators that the ONNX standard doesn't know, functions, loops or branches."
        raise WrongUseError(message, hint="Its author has to export it without them.")
    try:
        session = open_session(data)
    except Exception as error:  # the runtime's own errors have no common base class
        message_lines = str(error).strip().splitlines() or [type(error).__name__]
        raise WrongUseError(f"ONNX Runtime can't open the file: {message_lines[0][:200]}") from error
    _check_input(card, session)
    names = [output.name for output in session.get_outputs()]
    if card.output and card.output not in names:
        raise WrongUseError(f"The network has no output {card.output}.", hint=f"It has {', '.join(names)}.")
    return _try_out(Descriptor(card, create_space(card, Digest.of(data)), lambda: data))


def _check_input(card: Card, session: Untyped) -> None:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise WrongUseError(f"The network has {len(inputs)} inputs; it takes one, the picture.")
    if inputs[0].type not in {FLOATS, LEVELS}:
        raise WrongUseError(f"The network's input is {inputs[0].type}; float32 is needed, or uint8.")
    if inputs[0].type == LEVELS and (any(card.mean) or any(deviation != 1 for deviation in card.deviation)):
        hint = "Set mean = [0, 0, 0] and deviation = [1, 1, 1] in [input]."
        raise WrongUseError("The network takes levels as they are, uint8.", hint=hint)
    shape = inputs[0].shape
    fits = len(shape) == len(card.shape) and all(
        not isinstance(actual, int) or actual == required for actual, required in zip(shape, card.shape, strict=True)
    )
    if not fits:
        actual = "x".join(str(side) for side in shape)
        required = "x".join(str(side) for side in card.shape)
        raise WrongUseError(f"The network's input is {actual}; by its card it is {required}.", hint="Correct [input].")


def _try_out(descriptor: Descriptor) -> Descriptor:
    """Return the descriptor after it has described two pictures.

    Raises:
        WrongUseError: The results cannot be used.
    """
    pictures = list(np.random.default_rng(0).integers(0, 256, (2, 300, 400, 3), np.uint8))
    try:
        raw = [descriptor._raw(picture) for picture in pictures]  # noqa: SLF001 - of this module
        repeated = descriptor._raw(pictures[0])  # noqa: SLF001
    except Exception as error:  # the runtime's own errors have no common base class
        message_lines = str(error).strip().splitlines() or [type(error).__name__]
        raise WrongUseError(f"The network can't describe a picture: {message_lines[0][:200]}") from error
    width = descriptor.card.width
    if raw[0].shape != (width,):
        gives = "x".join(str(side) for side in raw[0].shape) or "side number"
        raise WrongUseError(
            f"The network gives {gives} where its card says {width}.", hint="Correct width, name or take in [output]."
        )
    if not all(np.isfinite(vector).all() for vector in raw):
        raise WrongUseError("The network gives numbers that aren't finite.")
    if not np.array_equal(raw[0], repeated):
        raise WrongUseError("The network gives other numbers for the same picture.", hint="Export it for inference.")
    if np.allclose(raw[0], raw[1]):
        raise WrongUseError("The network gives the same numbers for different pictures.")
    return descriptor


def _resize_to_input(pixels: NDArray[np.uint8], card: Card) -> NDArray[np.uint8]:
    width, height = card.input_width, card.input_height
    if card.resize is Resize.SQUASH:
        return _resize(pixels, width, height)
    source_height, source_width = pixels.shape[:2]
    if card.resize is Resize.PAD:
        factor = min(width / source_width, height / source_height)
        part = _resize(pixels, max(1, round(source_width * factor)), max(1, round(source_height * factor)))
        page = np.empty((height, width, 3), np.uint8)
        page[:] = np.array(card.mean).round().clip(0, 255).astype(np.uint8)
        top, left = (height - part.shape[0]) // 2, (width - part.shape[1]) // 2
        page[top : top + part.shape[0], left : left + part.shape[1]] = part
        return page
    min_size = (card.shorter or width, card.shorter or height)
    factor = max(min_size[0] / source_width, min_size[1] / source_height)
    part = _resize(pixels, max(width, round(source_width * factor)), max(height, round(source_height * factor)))
    top, left = (part.shape[0] - height) // 2, (part.shape[1] - width) // 2
    return part[top : top + height, left : left + width]


def _resize(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    shrinks = pixels.shape[0] > height and pixels.shape[1] > width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), np.uint8)


def _read_shipped_model() -> bytes:
    try:
        return MODEL.read_bytes()
    except OSError as error:
        raise ServiceMissingError(
            f"The model {MODEL.name} isn't there.", hint="Restore indexer/models.", retry=False
        ) from error


BUILT_IN = Descriptor(
    Card(
        name=DESCRIPTOR.name,
        version=DESCRIPTOR.version,
        licence="Apache-2.0",
        source="indexer/models/MODEL_CARD.md",
        input_width=224,
        input_height=224,
        width=DESCRIPTOR.width,
    ),
    DESCRIPTOR,
    _read_shipped_model,
    extra_orientations=(5, 6),
)
"""The built-in network. Its vectors for a picture and its mirror image are nearly the same (cosine .93), those for
an upside-down one are not (.78), so that two of the eight orientations are described besides the upright one."""


def crop_centre(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the central part of a picture."""
    height, width = pixels.shape[:2]
    high, wide = max(1, round(height * CENTRE_SHARE)), max(1, round(width * CENTRE_SHARE))
    top, left = (height - high) // 2, (width - wide) // 2
    return pixels[top : top + high, left : left + wide]


def cut_crops(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return the centre of a picture and its four quarters: crops that copies may show."""
    height, width = pixels.shape[:2]
    high, wide = max(1, round(height * TILE_SHARE)), max(1, round(width * TILE_SHARE))
    corners = [(0, 0), (0, width - wide), (height - high, 0), (height - high, width - wide)]
    return [crop_centre(pixels), *(pixels[top : top + high, left : left + wide] for top, left in corners)]


def place_on_backgrounds(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return a picture on plain backgrounds, as on a page, a wall or in a frame."""
    pictures = []
    for share, colour in ((0.4, (255, 255, 255)), (0.65, pixels.reshape(-1, 3).mean(axis=0)), (0.4, (0, 0, 0))):
        down, across = (round(length / share) - length for length in pixels.shape[:2])
        sides = (down // 2, down - down // 2, across // 2, across - across // 2)
        pictures.append(cv2.copyMakeBorder(pixels, *sides, cv2.BORDER_CONSTANT, value=[int(level) for level in colour]))
    return pictures


def cut_rectangle(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Return a rectangle of a picture, in its pixels, at least one pixel in size."""
    left, top = round(box.left), round(box.top)
    return pixels[top : max(top + 1, round(box.bottom)), left : max(left + 1, round(box.right))]


if __name__ == "__main__":
    import onnxruntime  # noqa: F401 - loaded before the limits, which count from here

    serve(answer)
