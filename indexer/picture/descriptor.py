"""Models that compute picture descriptors: the built-in one (``models/MODEL_CARD.md``), or a user's own with its card.

``python -m indexer.picture.descriptor`` is the sandboxed helper process in which untrusted models run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.digests import Digest
from exhibit.errors import IntegrityError, InvalidRequestError, ServiceMissingError
from exhibit.helper import Helper, HelperDiedError, HelperResult, serve
from exhibit.types import Space, Untyped
from indexer.layout.orientation import ORIENTATIONS, Box
from indexer.layout.single_thread import cv2
from indexer.picture.card import Card, Resize, card_from_dict, create_space
from indexer.picture.onnx_file import has_external_data, has_nonstandard_operators
from indexer.picture.spaces import DESCRIPTOR

MODEL = Path(__file__).parents[1] / "models" / "descriptor.int8.onnx"
WITHOUT_OVERFLOW = "session.x64quantprecision"
"""ONNX Runtime setting that makes sums of 8-bit products exact on x86 processors without VNNI. Without it, sums
overflow there, and the vector of a picture differs from that on other machines (cosine .9). With VNNI, sums are always
exact, and the setting would select a kernel at half the speed for the same vectors."""
VNNI_FLAGS = frozenset({"avx_vnni", "avx512_vnni"})
PROCESSORS = Path("/proc/cpuinfo")
MAX_FILE_BYTES = 512 << 20
"""Maximum size of a model file in bytes."""
MIN_VECTOR_LENGTH = 1e-9
FLOAT_TYPE, LEVEL_TYPE = "tensor(float)", "tensor(uint8)"
"""Types of a model's input; a model with an integer input scales the levels itself."""
SECONDS, MEMORY = 60.0, 4 << 30
"""Limits of processor time in seconds and memory in bytes for an untrusted model, on opening and for each picture."""
helper = Helper("indexer.picture.descriptor")
_FAILURES = {
    "time": f"The model takes more than {SECONDS:.0f} seconds.",
    "memory": f"The model uses more than {MEMORY >> 30} GiB of memory.",
    "crash": "The model crashes ONNX Runtime.",
}
CENTRE_FRACTION = 0.6
TILE_FRACTION = 0.5


class Descriptor:
    """Model with its preparation of pictures; opened on first use, which is after a fork, with one thread."""

    def __init__(
        self, card: Card, space: Space, load: Callable[[], bytes], extra_orientations: Sequence[int] = ORIENTATIONS[1:]
    ) -> None:
        """Create a descriptor.

        Args:
            card: Card of the model.
            space: Space of the vectors.
            load: Returns the bytes of the model.
            extra_orientations: Orientations besides the upright one whose vectors differ enough to be useful.
        """
        self.card = card
        self.space = space
        self.extra_orientations = extra_orientations
        self._load = load

    def open(self) -> None:
        """Open the model now, to distinguish damage in its file from damage in a picture.

        Raises:
            ExhibitError: The file is missing or cannot be opened.
        """
        self._session  # noqa: B018 - opened by that

    def compute_vectors(self, parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the vectors of pictures or parts, each uint8 RGB, (height, width, 3), as float32, (n, width).

        Rows have unit length, or are zeros if the model's output is (nearly) zero; such rows match nothing.
        """
        rows = np.stack([self._raw(part) for part in parts])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        usable = np.isfinite(lengths) & (lengths > MIN_VECTOR_LENGTH)
        return np.where(usable, rows / np.where(usable, lengths, 1), 0).astype(np.float32)

    def reduce_for_orientations(self, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Reduce a picture to the size that is sufficient to describe several orientations."""
        card = self.card
        is_square_squash = card.resize is Resize.SQUASH and card.input_width == card.input_height
        return _resize_to_input(part, card) if is_square_squash else part

    def _raw(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.run(prepare_input(part, self.card))

    def run(self, model_input: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the model on one picture from :func:`prepare_input`; return its output as the card specifies."""
        levels = model_input.astype(np.uint8) if self._session.get_inputs()[0].type == LEVEL_TYPE else model_input
        output = self._session.run([self._output_name], {self._input_name: levels})[0][0]
        if self.card.take == "first":
            output = output[0]
        elif self.card.take == "mean":
            output = output.mean(axis=0)
        return np.asarray(output, np.float32)

    @cached_property
    def _input_name(self) -> str:
        return str(self._session.get_inputs()[0].name)

    @cached_property
    def _output_name(self) -> str:
        return self.card.output or str(self._session.get_outputs()[0].name)

    @cached_property
    def _session(self) -> Untyped:
        data = self._load()
        try:
            return open_session(data)
        except Exception as error:  # ONNX Runtime's errors have no common base class
            raise IntegrityError(
                f"The model {self.space.id} cannot be opened.", hint="Restore its file, or use another model."
            ) from error


class GuardedDescriptor(Descriptor):
    """Untrusted model, which is examined and runs in the sandboxed helper process, within limits of time and memory.

    Raises:
        InvalidRequestError: The model cannot be used, or exceeds the limits.
    """

    def open(self) -> None:
        """Examine the model now in the sandboxed helper process."""
        self._query_helper({"card": asdict(self.card)}, self._load())

    def run(self, model_input: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the model on one picture in the sandboxed helper process, which receives the model if necessary."""
        for _ in range(3):
            reply, output = self._query_helper({}, model_input.tobytes())
            if reply["held"] == self._identity:
                return np.frombuffer(output.tobytes(), np.float32).reshape(reply["shape"])
            self.open()
        raise InvalidRequestError(_FAILURES["crash"])  # the process crashed with each picture

    @property
    def _identity(self) -> str:
        return repr(self.space)

    def _query_helper(self, question: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        try:
            reply, output = helper.send_request(
                {**question, "held": self._identity}, data, seconds=SECONDS, memory=MEMORY
            )
        except HelperDiedError as died:
            raise InvalidRequestError(_FAILURES[died.reason]) from died
        if "refused" in reply:
            raise InvalidRequestError(reply["refused"], hint=reply["hint"])
        return reply, output


_loaded_models: dict[str, Descriptor] = {}
"""In the sandboxed helper process: the two latest models by space, because one may be in use while another is
measured."""


def answer_request(question: Mapping[str, Any], data: bytes) -> HelperResult:
    """Handle a request in the sandboxed helper process: examine a model, or run a loaded model on a picture."""
    try:
        if "card" in question:
            for name in list(_loaded_models)[:-1]:
                del _loaded_models[name]
            _loaded_models[question["held"]] = examine_model(card_from_dict(question["card"]), data, is_untrusted=True)
        elif model := _loaded_models.get(question["held"]):
            output = np.ascontiguousarray(model.run(np.frombuffer(data, np.float32).reshape(model.card.shape)))
            return {"held": question["held"], "shape": output.shape}, output.tobytes()
    except InvalidRequestError as error:
        return {"refused": error.message, "hint": error.hint}, b""
    except Exception as error:  # noqa: BLE001 - the runtime's own errors have no common root
        return {"refused": f"The model cannot process a picture: {str(error)[:200]}", "hint": ""}, b""
    return {"held": ""}, b""


@dataclass(frozen=True, slots=True)
class DescriptorFile:
    """File of a user's model, which each process opens itself."""

    card: Card
    digest: Digest
    path: Path
    is_guarded: bool = False  # whether the model is untrusted

    def create_descriptor(self) -> Descriptor:
        """Create the descriptor, which opens the model on first use.

        It then raises ``IntegrityError`` if the file has changed.
        """
        kind = GuardedDescriptor if self.is_guarded else Descriptor
        return kind(self.card, create_space(self.card, self.digest), self._read_bytes)

    def _read_bytes(self) -> bytes:
        data = self.path.read_bytes()
        if Digest.from_bytes(data) != self.digest:
            raise IntegrityError(f"The file of the model {self.card.name} has changed.", hint="Restore the file.")
        return data


def prepare_input(pixels: NDArray[np.uint8], card: Card) -> NDArray[np.float32]:
    """Prepare a model's input for one picture: float32 in the card's shape, from uint8 RGB, (height, width, 3)."""
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
    """Return True if all processors are known to have an instruction that sums 8-bit products exactly."""
    try:
        lines = PROCESSORS.read_text("utf-8", "replace").splitlines()
    except OSError:  # not Linux: unknown
        return False
    flags = [set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")]
    return bool(flags) and all(VNNI_FLAGS & processor_flags for processor_flags in flags)


def describe_kernel() -> str:
    """Describe the method by which this machine runs 8-bit models."""
    return "8-bit products by VNNI" if has_vnni() else f"8-bit products without VNNI ({WITHOUT_OVERFLOW})"


def open_session(data: bytes) -> Untyped:
    """Open a model on the CPU with one thread."""
    import onnxruntime  # noqa: PLC0415 - its threads must not exist before a fork

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not has_vnni():
        options.add_session_config_entry(WITHOUT_OVERFLOW, "1")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def examine_model(card: Card, data: bytes, *, is_untrusted: bool = False) -> Descriptor:
    """Check a user's model against its card and return its descriptor.

    An untrusted model may use only standard operators.

    Raises:
        InvalidRequestError: The model cannot be used; the message states the reason.
    """
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRequestError(f"The file has {len(data)} bytes; the maximum is {MAX_FILE_BYTES}.")
    if has_external_data(data):
        raise InvalidRequestError(
            "The weights are stored in other files.",
            hint="Save the model as one file: onnx.save(model, path, save_as_external_data=False).",
        )
    if is_untrusted and has_nonstandard_operators(data):
        message = "The model contains non-standard operators, functions, loops or branches."
        raise InvalidRequestError(message, hint="The author must export it without these.")
    try:
        session = open_session(data)
    except Exception as error:  # ONNX Runtime's errors have no common base class
        message_lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InvalidRequestError(f"ONNX Runtime cannot open the file: {message_lines[0][:200]}") from error
    _check_input(card, session)
    names = [output.name for output in session.get_outputs()]
    if card.output and card.output not in names:
        raise InvalidRequestError(
            f"The model has no output {card.output}.", hint=f"Its outputs are {', '.join(names)}."
        )
    return _test_descriptor(Descriptor(card, create_space(card, Digest.from_bytes(data)), lambda: data))


def _check_input(card: Card, session: Untyped) -> None:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise InvalidRequestError(f"The model has {len(inputs)} inputs, but must have one: the picture.")
    if inputs[0].type not in {FLOAT_TYPE, LEVEL_TYPE}:
        raise InvalidRequestError(f"The input of the model is {inputs[0].type}; it must be float32 or uint8.")
    if inputs[0].type == LEVEL_TYPE and (any(card.mean) or any(deviation != 1 for deviation in card.deviation)):
        hint = "Set mean = [0, 0, 0] and deviation = [1, 1, 1] in [input]."
        raise InvalidRequestError("The model uses unscaled uint8 levels.", hint=hint)
    shape = inputs[0].shape
    has_card_shape = len(shape) == len(card.shape) and all(
        not isinstance(actual, int) or actual == required for actual, required in zip(shape, card.shape, strict=True)
    )
    if not has_card_shape:
        actual = "x".join(str(side) for side in shape)
        required = "x".join(str(side) for side in card.shape)
        raise InvalidRequestError(
            f"The model input is {actual}; its card requires {required}.", hint="Correct [input]."
        )


def _test_descriptor(descriptor: Descriptor) -> Descriptor:
    """Test a descriptor on two pictures and return it.

    Raises:
        InvalidRequestError: The results cannot be used.
    """
    pictures = list(np.random.default_rng(0).integers(0, 256, (2, 300, 400, 3), np.uint8))
    try:
        raw_vectors = [descriptor._raw(picture) for picture in pictures]  # noqa: SLF001 - of this module
        repeated_vectors = descriptor._raw(pictures[0])  # noqa: SLF001
    except Exception as error:  # ONNX Runtime's errors have no common base class
        message_lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InvalidRequestError(f"The model cannot process a picture: {message_lines[0][:200]}") from error
    width = descriptor.card.width
    if raw_vectors[0].shape != (width,):
        shape_text = "x".join(str(side) for side in raw_vectors[0].shape) or "side number"
        raise InvalidRequestError(
            f"The model returns {shape_text}; its card requires {width}.",
            hint="Correct width, name or take in [output].",
        )
    if not all(np.isfinite(vector).all() for vector in raw_vectors):
        raise InvalidRequestError("The model returns numbers that are not finite.")
    if not np.array_equal(raw_vectors[0], repeated_vectors):
        raise InvalidRequestError("The model returns varying results for a picture.", hint="Export for inference.")
    if np.allclose(raw_vectors[0], raw_vectors[1]):
        raise InvalidRequestError("The model returns the same numbers for different pictures.")
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
    is_shrinking = pixels.shape[0] > height and pixels.shape[1] > width
    interpolation = cv2.INTER_AREA if is_shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), np.uint8)


def _read_shipped_model() -> bytes:
    try:
        return MODEL.read_bytes()
    except OSError as error:
        raise ServiceMissingError(
            f"The model {MODEL.name} is missing.", hint="Restore indexer/models.", retry=False
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
"""The built-in model.

Its vectors of a picture and of its mirror image are nearly the same (cosine .93), but not those of an upside-down
picture (.78). Therefore two of the eight orientations are described besides the upright one."""


def crop_centre(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Crop the central part of a picture."""
    height, width = pixels.shape[:2]
    crop_height, crop_width = max(1, round(height * CENTRE_FRACTION)), max(1, round(width * CENTRE_FRACTION))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return pixels[top : top + crop_height, left : left + crop_width]


def cut_crops(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Crop the centre of a picture and its four quarters, which copies may show."""
    height, width = pixels.shape[:2]
    crop_height, crop_width = max(1, round(height * TILE_FRACTION)), max(1, round(width * TILE_FRACTION))
    corners = [(0, 0), (0, width - crop_width), (height - crop_height, 0), (height - crop_height, width - crop_width)]
    return [crop_centre(pixels), *(pixels[top : top + crop_height, left : left + crop_width] for top, left in corners)]


def place_on_backgrounds(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Place a picture on plain backgrounds, as on a page, a wall or in a frame."""
    pictures = []
    for fraction, colour in ((0.4, (255, 255, 255)), (0.65, pixels.reshape(-1, 3).mean(axis=0)), (0.4, (0, 0, 0))):
        down, across = (round(length / fraction) - length for length in pixels.shape[:2])
        sides = (down // 2, down - down // 2, across // 2, across - across // 2)
        pictures.append(cv2.copyMakeBorder(pixels, *sides, cv2.BORDER_CONSTANT, value=[int(level) for level in colour]))
    return pictures


def cut_rectangle(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Cut a rectangle, in pixels, out of a picture; at least one pixel in size."""
    left, top = round(box.left), round(box.top)
    return pixels[top : max(top + 1, round(box.bottom)), left : max(left + 1, round(box.right))]


if __name__ == "__main__":
    import onnxruntime  # noqa: F401 - loaded before the limits, which count from here

    serve(answer_request)
