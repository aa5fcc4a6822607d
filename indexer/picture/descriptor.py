"""A network that describes pictures: ours (``models/MODEL_CARD.md``), or one that a user brought with its card.

``python -m indexer.picture.descriptor`` is the helper in which networks of somebody else run.
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
from indexer.picture.card import Card, Resize, card_of, space_of
from indexer.picture.onnx_file import keeps_data_elsewhere, needs_more_than_plain_operators
from indexer.picture.spaces import DESCRIPTOR

MODEL = Path(__file__).parents[1] / "models" / "descriptor.int8.onnx"
WITHOUT_OVERFLOW = "session.x64quantprecision"
"""ONNX Runtime's setting under which sums of 8-bit products are exact on x86 processors without VNNI, too: there they
overflow otherwise, and the vector of a picture would be another one (cosine .9) than on any other machine. Where there
is VNNI sums are exact anyhow, and the setting would take another kernel, of half the speed, for the same vectors."""
VNNI = frozenset({"avx_vnni", "avx512_vnni"})
PROCESSORS = Path("/proc/cpuinfo")
MAX_FILE_BYTES = 512 << 20
"""Bytes of the largest file that is taken."""
MIN_LENGTH = 1e-9
FLOATS, LEVELS = "tensor(float)", "tensor(uint8)"
"""Types of what a network is given: levels it scales by itself."""
SECONDS, MEMORY = 60.0, 4 << 30
"""Processor time and bytes that a network of somebody else may take, to be opened and for each picture."""
helper = Helper("indexer.picture.descriptor")
_DEATHS = {
    "time": f"The network takes more than {SECONDS:.0f} seconds.",
    "memory": f"The network takes more than {MEMORY >> 30} GiB of memory.",
    "crash": "The network makes ONNX Runtime crash.",
}
CENTRE_SHARE = 0.6
TILE_SHARE = 0.5


class Descriptor:
    """A network and how pictures are put before it; opened on first use: after a fork, with one thread."""

    def __init__(
        self, card: Card, space: Space, load: Callable[[], bytes], turned: Sequence[int] = ORIENTATIONS[1:]
    ) -> None:
        """``turned`` are the orientations besides the upright one whose vectors say something of their own."""
        self.card = card
        self.space = space
        self.turned = turned
        self._load = load

    def open(self) -> None:
        """Open the network now, so that damage in its file is told apart from damage in a picture.

        Raises ``ExhibitError`` when its file has gone or can't be opened.
        """
        self._session  # noqa: B018 - opened by that

    def vectors(self, parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Describe pictures or parts of pictures, each uint8 RGB, (height, width, 3), as float32, (n, width).

        Rows are of unit length, or zeros where the network gave nothing that has a direction: near to nothing.
        """
        rows = np.stack([self._raw(part) for part in parts])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        usable = np.isfinite(lengths) & (lengths > MIN_LENGTH)
        return np.where(usable, rows / np.where(usable, lengths, 1), 0).astype(np.float32)

    def for_turning(self, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As much of a picture as the network needs where it is described in several orientations."""
        card = self.card
        same = card.resize is Resize.SQUASH and card.input_width == card.input_height
        return _sized(part, card) if same else part

    def _raw(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.given(prepared(part, self.card))

    def given(self, ready: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network gives for one picture that :func:`prepared` made ready, as the card takes it."""
        taken = ready.astype(np.uint8) if self._session.get_inputs()[0].type == LEVELS else ready
        given = self._session.run([self._output], {self._input: taken})[0][0]
        if self.card.take == "first":
            given = given[0]
        elif self.card.take == "mean":
            given = given.mean(axis=0)
        return np.asarray(given, np.float32)

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
            return opened(data)
        except Exception as error:  # the runtime's own errors have no common root
            raise IntegrityError(
                f"The network {self.space.id} can't be opened.", hint="Restore its file, or use another network."
            ) from error


class GuardedDescriptor(Descriptor):
    """A network of somebody else: it is examined and runs in a helper, within limits of time and memory.

    Raises ``WrongUseError`` for one that can't be used, or takes too much.
    """

    def open(self) -> None:
        """Have the helper examine the network now."""
        self._ask({"card": asdict(self.card)}, self._load())

    def given(self, ready: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network gives for one picture, from the helper, which is told the network where it lacks it."""
        for _ in range(3):
            told, made = self._ask({}, ready.tobytes())
            if told["held"] == self._identity:
                return np.frombuffer(made.tobytes(), np.float32).reshape(told["shape"])
            self.open()
        raise WrongUseError(_DEATHS["crash"])  # with each picture anew

    @property
    def _identity(self) -> str:
        return repr(self.space)

    def _ask(self, question: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        try:
            told, made = helper.ask({**question, "held": self._identity}, data, seconds=SECONDS, memory=MEMORY)
        except HelperDiedError as died:
            raise WrongUseError(_DEATHS[died.reason]) from died
        if "refused" in told:
            raise WrongUseError(told["refused"], hint=told["hint"])
        return told, made


_held: dict[str, Descriptor] = {}
"""In the helper, the two networks that it was told last, by their spaces: one serves, and one is measured beside it."""


def answer(question: Mapping[str, Any], data: bytes) -> Answer:
    """Examine a network that comes with its card, or describe a picture that was made ready by the one that is held."""
    try:
        if "card" in question:
            for name in list(_held)[:-1]:
                del _held[name]
            _held[question["held"]] = examined(card_of(question["card"]), data, strange=True)
        elif network := _held.get(question["held"]):
            made = np.ascontiguousarray(network.given(np.frombuffer(data, np.float32).reshape(network.card.shape)))
            return {"held": question["held"], "shape": made.shape}, made.tobytes()
    except WrongUseError as error:
        return {"refused": error.message, "hint": error.hint}, b""
    except Exception as error:  # noqa: BLE001 - the runtime's own errors have no common root
        return {"refused": f"The network can't describe a picture: {str(error)[:200]}", "hint": ""}, b""
    return {"held": ""}, b""


@dataclass(frozen=True, slots=True)
class DescriptorFile:
    """A network of one's own in a file, for other processes, which open it themselves."""

    card: Card
    digest: Digest
    path: Path
    guarded: bool = False  # somebody else's

    def descriptor(self) -> Descriptor:
        """The network, opened on first use; raises ``IntegrityError`` then when the file has changed."""
        kind = GuardedDescriptor if self.guarded else Descriptor
        return kind(self.card, space_of(self.card, self.digest), self._bytes)

    def _bytes(self) -> bytes:
        data = self.path.read_bytes()
        if Digest.of(data) != self.digest:
            raise IntegrityError(f"The file of the network {self.card.name} has changed.", hint="Restore it.")
        return data


def prepared(pixels: NDArray[np.uint8], card: Card) -> NDArray[np.float32]:
    """A network's input for one picture, float32 of the card's shape, from uint8 RGB, (height, width, 3)."""
    sized = _sized(pixels, card)
    if card.channels == "bgr":
        sized = sized[..., ::-1]
    mean, deviation = np.array(card.mean, np.float32), np.array(card.deviation, np.float32)
    if card.layout == "nchw":
        sized, mean, deviation = sized.transpose(2, 0, 1), mean[:, None, None], deviation[:, None, None]
    scaled = np.empty((1, *sized.shape), np.float32)
    np.subtract(sized, mean, out=scaled[0])
    scaled /= deviation
    return scaled


@cache
def has_vnni() -> bool:
    """Whether every processor here is known to sum 8-bit products exactly by an instruction of its own."""
    try:
        lines = PROCESSORS.read_text("utf-8", "replace").splitlines()
    except OSError:  # not Linux: it can't be known
        return False
    flags = [set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")]
    return bool(flags) and all(VNNI & each for each in flags)


def kernel() -> str:
    """In words, with what networks of 8-bit numbers are run here."""
    return "8-bit products by VNNI" if has_vnni() else f"8-bit products without VNNI ({WITHOUT_OVERFLOW})"


def opened(data: bytes) -> Untyped:
    """A network ready to run, with one thread, on the CPU."""
    import onnxruntime  # noqa: PLC0415 - its threads must not exist before a fork

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not has_vnni():
        options.add_session_config_entry(WITHOUT_OVERFLOW, "1")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def examined(card: Card, data: bytes, *, strange: bool = False) -> Descriptor:
    """A user's network, after trying whether it is what its card says; raises ``WrongUseError``, which says why not.

    One from a stranger has to do with plain operators.
    """
    if len(data) > MAX_FILE_BYTES:
        raise WrongUseError(f"The file has {len(data)} bytes; at most {MAX_FILE_BYTES} are taken.")
    if keeps_data_elsewhere(data):
        raise WrongUseError(
            "The file keeps weights in other files.",
            hint="Save it as one file: onnx.save(model, path, save_as_external_data=False).",
        )
    if strange and needs_more_than_plain_operators(data):
        more = "The network has operators that the ONNX standard doesn't know, functions, loops or branches."
        raise WrongUseError(more, hint="Its author has to export it without them.")
    try:
        session = opened(data)
    except Exception as error:  # the runtime's own errors have no common root
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise WrongUseError(f"ONNX Runtime can't open the file: {said[0][:200]}") from error
    _check_input(card, session)
    names = [output.name for output in session.get_outputs()]
    if card.output and card.output not in names:
        raise WrongUseError(f"The network has no output {card.output}.", hint=f"It has {', '.join(names)}.")
    return _tried(Descriptor(card, space_of(card, Digest.of(data)), lambda: data))


def _check_input(card: Card, session: Untyped) -> None:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise WrongUseError(f"The network has {len(inputs)} inputs; it takes one, the picture.")
    if inputs[0].type not in {FLOATS, LEVELS}:
        raise WrongUseError(f"The network's input is {inputs[0].type}; float32 is needed, or uint8.")
    if inputs[0].type == LEVELS and (any(card.mean) or any(one != 1 for one in card.deviation)):
        hint = "Set mean = [0, 0, 0] and deviation = [1, 1, 1] in [input]."
        raise WrongUseError("The network takes levels as they are, uint8.", hint=hint)
    shape = inputs[0].shape
    fits = len(shape) == len(card.shape) and all(
        not isinstance(has, int) or has == needs for has, needs in zip(shape, card.shape, strict=True)
    )
    if not fits:
        has = "x".join(str(side) for side in shape)
        needs = "x".join(str(side) for side in card.shape)
        raise WrongUseError(f"The network's input is {has}; by its card it is {needs}.", hint="Correct [input].")


def _tried(descriptor: Descriptor) -> Descriptor:
    """The descriptor, after it has described two pictures; raises ``WrongUseError`` when they can't be used."""
    pictures = list(np.random.default_rng(0).integers(0, 256, (2, 300, 400, 3), np.uint8))
    try:
        raw = [descriptor._raw(picture) for picture in pictures]  # noqa: SLF001 - of this module
        again = descriptor._raw(pictures[0])  # noqa: SLF001
    except Exception as error:  # the runtime's own errors have no common root
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise WrongUseError(f"The network can't describe a picture: {said[0][:200]}") from error
    width = descriptor.card.width
    if raw[0].shape != (width,):
        gives = "x".join(str(side) for side in raw[0].shape) or "side number"
        raise WrongUseError(
            f"The network gives {gives} where its card says {width}.", hint="Correct width, name or take in [output]."
        )
    if not all(np.isfinite(vector).all() for vector in raw):
        raise WrongUseError("The network gives numbers that aren't finite.")
    if not np.array_equal(raw[0], again):
        raise WrongUseError("The network gives other numbers for the same picture.", hint="Export it for inference.")
    if np.allclose(raw[0], raw[1]):
        raise WrongUseError("The network gives the same numbers for different pictures.")
    return descriptor


def _sized(pixels: NDArray[np.uint8], card: Card) -> NDArray[np.uint8]:
    width, height = card.input_width, card.input_height
    if card.resize is Resize.SQUASH:
        return _resized(pixels, width, height)
    has_height, has_width = pixels.shape[:2]
    if card.resize is Resize.PAD:
        factor = min(width / has_width, height / has_height)
        part = _resized(pixels, max(1, round(has_width * factor)), max(1, round(has_height * factor)))
        page = np.empty((height, width, 3), np.uint8)
        page[:] = np.array(card.mean).round().clip(0, 255).astype(np.uint8)
        top, left = (height - part.shape[0]) // 2, (width - part.shape[1]) // 2
        page[top : top + part.shape[0], left : left + part.shape[1]] = part
        return page
    least = (card.shorter or width, card.shorter or height)
    factor = max(least[0] / has_width, least[1] / has_height)
    part = _resized(pixels, max(width, round(has_width * factor)), max(height, round(has_height * factor)))
    top, left = (part.shape[0] - height) // 2, (part.shape[1] - width) // 2
    return part[top : top + height, left : left + width]


def _resized(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    shrinks = pixels.shape[0] > height and pixels.shape[1] > width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


def _shipped() -> bytes:
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
    _shipped,
    turned=(5, 6),
)
"""The one that comes with Exhibit. It gives nearly the same for a picture and its mirror image (cosine .93)
and not much else for one upside down (.78), so that two of the eight orientations are asked for besides the upright."""


def centre(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle part of a picture."""
    height, width = pixels.shape[:2]
    high, wide = max(1, round(height * CENTRE_SHARE)), max(1, round(width * CENTRE_SHARE))
    top, left = (height - high) // 2, (width - wide) // 2
    return pixels[top : top + high, left : left + wide]


def crops(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The middle of a picture and its four quarters: what may be left of it."""
    height, width = pixels.shape[:2]
    high, wide = max(1, round(height * TILE_SHARE)), max(1, round(width * TILE_SHARE))
    corners = [(0, 0), (0, width - wide), (height - high, 0), (height - high, width - wide)]
    return [centre(pixels), *(pixels[top : top + high, left : left + wide] for top, left in corners)]


def on_grounds(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """A picture amid plain grounds: what a page, a wall or a frame shows of it."""
    laid = []
    for share, colour in ((0.4, (255, 255, 255)), (0.65, pixels.reshape(-1, 3).mean(axis=0)), (0.4, (0, 0, 0))):
        down, across = (round(length / share) - length for length in pixels.shape[:2])
        sides = (down // 2, down - down // 2, across // 2, across - across // 2)
        laid.append(cv2.copyMakeBorder(pixels, *sides, cv2.BORDER_CONSTANT, value=[int(level) for level in colour]))
    return laid


def rectangle(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The rectangle of a picture, in its pixels, one pixel at least."""
    left, top = round(box.left), round(box.top)
    return pixels[top : max(top + 1, round(box.bottom)), left : max(left + 1, round(box.right))]


if __name__ == "__main__":
    import onnxruntime  # noqa: F401 - before the limits, which count from here

    serve(answer)
