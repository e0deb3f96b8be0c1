"""Runs the three networks of MTCNN: one proposes places, one sifts them, one gives the box, the score and the mouth.

The weights come with the package `mtcnn` (MIT), whose own code needs TensorFlow and is not run. A face that was there a
moment ago is looked for only where it was: that skips the first network, which takes most of the time.

Source: Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks", 2016.
"""

import dataclasses
import functools
import importlib.util
import pathlib
from collections.abc import Sequence

import av
import joblib
import numpy as np

from services.analyzer.kernels import nets
from services.analyzer.subjects import detector

NAMES = ("pnet", "rnet", "onet")
CELL, STRIDE = 12, 2  # pixels that the first network sees at a place, and pixels between places
SIFTED, SHARP = 24, 48  # pixels along a side that the second and the third network see
FACE_MIN = 28  # pixels: smaller faces would cost as much again, and few of them are faces
SCALE = 0.709  # from one size of the pyramid to the next: half the area, as it was trained
PROPOSED, KEPT, SURE = 0.6, 0.7, 0.8  # probabilities that each network has to reach
FOLLOWED = 0.6  # probability that is enough where a face was a moment ago
PROPOSALS_MAX = 256  # places that are sifted: a crowd has fewer, a pattern that looks like faces everywhere has more
NEAR = ((0.0, 0.0), (0.25, 0.0), (-0.25, 0.0), (0.0, 0.25), (0.0, -0.25))  # of its size, how far a face has moved
GROWN = (0.9, 1.15)  # of its size, how large it has become
WITHIN = 0.7  # share of a box that may lie in another: a face within a face is the same one twice
POOLS = {"pnet": (2, 1, 1), "rnet": (3, 3, 1), "onet": (3, 3, 2, 1)}


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """A convolution with what follows it.

    Attributes:
        weight: (size * size * channels, out) float32.
        bias: (out,).
        slope: Of what is negative, (out,).
        size: Side of the kernel.
        pool: Side of the window of which the largest value is taken; 1 for none.
    """

    weight: np.ndarray
    bias: np.ndarray
    slope: np.ndarray
    size: int
    pool: int


@dataclasses.dataclass(frozen=True, slots=True)
class Network:
    """Convolutions, a dense layer where there is one, and the outputs.

    Attributes:
        layers: The convolutions.
        dense: Weight, bias and slope; None in a network that is moved over the picture.
        heads: Weight and bias of each output.
    """

    layers: tuple[Layer, ...]
    dense: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    heads: tuple[tuple[np.ndarray, np.ndarray], ...]

    def run(self, values: np.ndarray) -> list[np.ndarray]:
        """The outputs for pictures, (n, rows, columns, 3) float32 from -1 to 1."""
        for layer in self.layers:
            values = _convolved(values, layer)
        if self.dense is not None:
            weight, bias, slope = self.dense
            values = values.transpose(0, 2, 1, 3).reshape(len(values), -1) @ weight + bias
            values = np.where(values > 0, values, values * slope)
        return [values @ weight + bias for weight, bias in self.heads]


def _convolved(values: np.ndarray, layer: Layer) -> np.ndarray:
    count, rows, columns, channels = values.shape
    lines = np.ascontiguousarray(values).reshape(count, rows, columns * channels)
    rows, columns = rows - layer.size + 1, columns - layer.size + 1
    seen = np.empty((count * rows * columns, layer.size**2 * channels), np.float32)
    nets.columns(lines, channels, layer.size, seen)
    products = (seen @ layer.weight).reshape(count, rows, columns, -1)
    if layer.pool > 1:
        rows, columns = (max(-(-(side - layer.pool) // 2) + 1, 1) for side in (rows, columns))
    out = np.empty((count, rows, columns, layer.bias.size), np.float32)
    nets.pooled(products, layer.bias, layer.slope, layer.pool, out)
    return out


@dataclasses.dataclass(frozen=True, slots=True)
class Sweeper:
    """The first network, which is moved over the whole picture.

    Attributes:
        layers: Weight (out, channels, 3, 3), bias and slope of each convolution; the first is followed by halving.
        heads: Weight (channels, 6) and bias of the outputs: four moves of the box and two chances.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    heads: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, network: Network) -> "Sweeper":
        """The same network as one that runs on patches."""
        return cls(
            tuple((_planar(layer), layer.bias, layer.slope) for layer in network.layers),
            (
                np.concatenate([weight for weight, _ in network.heads], axis=1),
                np.concatenate([b for _, b in network.heads]),
            ),
        )

    def run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Moves (rows, columns, 4) and probabilities (rows, columns) for a picture, (rows, columns, 3) uint8."""
        values = np.ascontiguousarray(_numbers(pixels).transpose(2, 0, 1))
        for index, (weight, bias, slope) in enumerate(self.layers):
            seen = np.empty((bias.size, values.shape[1] - 2, values.shape[2] - 2), np.float32)
            nets.sweep(values, weight, bias, slope, seen)
            values = seen
            if index == 0:
                values = np.empty((bias.size, -(-seen.shape[1] // 2), -(-seen.shape[2] // 2)), np.float32)
                nets.halved(seen, values)
        weight, bias = self.heads
        out = (values.reshape(len(values), -1).T @ weight + bias).reshape(*values.shape[1:], -1)
        return out[..., :4], _sure(out[..., 4:])


def _planar(layer: Layer) -> np.ndarray:
    kernel = layer.weight.reshape(layer.size, layer.size, -1, layer.bias.size)
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


@functools.cache
def networks() -> tuple[Network, Network, Network]:
    """The networks, read once; a process that may not open files calls this before it is shut in.

    Raises:
        FileNotFoundError: The package that carries the weights is not there.
    """
    package = importlib.util.find_spec("mtcnn")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("the package mtcnn, which carries the face detector's weights, is missing")
    folder = pathlib.Path(package.submodule_search_locations[0]) / "assets" / "weights"
    first, second, third = (parse(name, joblib.load(folder / f"{name}.lz4")) for name in NAMES)
    return first, second, third


def parse(name: str, arrays: Sequence[np.ndarray]) -> Network:
    """A network from its arrays in their order: convolutions, dense layer, outputs.

    Raises:
        ValueError: There are more or fewer arrays than the network has.
    """
    pools, rest = POOLS[name], [np.ascontiguousarray(array, np.float32) for array in arrays]
    expected = 3 * len(pools) + (0 if name == "pnet" else 3) + (6 if name == "onet" else 4)
    if len(rest) != expected:
        raise ValueError(f"the network {name} has {len(rest)} arrays, not {expected}")
    layers = []
    for pool in pools:
        kernel, bias, slope = rest[:3]
        layers.append(Layer(kernel.reshape(-1, kernel.shape[-1]), bias, slope.ravel(), kernel.shape[0], pool))
        del rest[:3]
    dense = None
    if name != "pnet":
        dense = (rest[0], rest[1], rest[2])
        del rest[:3]
    heads = tuple((rest[k].reshape(-1, rest[k].shape[-1]), rest[k + 1]) for k in range(0, len(rest), 2))
    return Network(tuple(layers), dense, heads)


class Detector:
    """Finds faces that are at least FACE_MIN pixels wide."""

    def __init__(self) -> None:
        proposing, self._sifting, self._sharp = networks()
        self._proposing = Sweeper.of(proposing)

    def scan(self, picture: np.ndarray) -> list[detector.Face]:
        """See `detector.Detector.scan`."""
        boxes = self._sifted(picture, self._proposed(picture), KEPT)
        return self._faces(picture, boxes, SURE)

    def follow(self, picture: np.ndarray, known: Sequence[detector.Face]) -> list[detector.Face]:
        """See `detector.Detector.follow`."""
        if not known:
            return []
        height, width = picture.shape[:2]
        boxes = np.array([face.box for face in known]) * (width, height, width, height)
        still = self._faces(picture, squared(boxes), FOLLOWED)
        if len(still) >= len(known):
            return still
        places = np.concatenate([squared(boxes, grown) for grown in GROWN])
        side = np.tile(places[:, 2:] - places[:, :2], 2)
        moved = np.concatenate([places + side * np.array(step * 2) for step in NEAR])
        return self._faces(picture, self._sifted(picture, moved, FOLLOWED), FOLLOWED)

    def _proposed(self, picture: np.ndarray) -> np.ndarray:
        """Places that may hold a face, (n, 4) in pixels, from a pyramid of smaller pictures."""
        height, width = picture.shape[:2]
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        scale = CELL / FACE_MIN
        boxes, scores = [np.empty((0, 4))], [np.empty(0)]
        while min(height, width) * scale >= CELL:
            rows, columns = int(np.ceil(height * scale)), int(np.ceil(width * scale))
            small = frame.reformat(width=columns, height=rows, interpolation="AREA").to_ndarray()
            moves, chance = self._proposing.run(small)
            y, x = np.nonzero(chance > PROPOSED)
            corner = np.stack([x, y, x, y], axis=1) * float(STRIDE) + (0, 0, CELL, CELL)
            stretch = (width / columns, height / rows, width / columns, height / rows)
            found = (corner + moves[y, x] * CELL) * stretch
            kept = apart(found, chance[y, x], 0.5)
            boxes.append(found[kept])
            scores.append(chance[y, x][kept])
            scale *= SCALE
        all_boxes, all_scores = np.concatenate(boxes), np.concatenate(scores)
        return squared(all_boxes[apart(all_boxes, all_scores, 0.7)[:PROPOSALS_MAX]])

    def _sifted(self, picture: np.ndarray, boxes: np.ndarray, least: float) -> np.ndarray:
        if not len(boxes):
            return boxes
        moves, chances = self._sifting.run(cut(picture, boxes, SIFTED))
        chance = _sure(chances)
        good = chance > least
        moved = _moved(boxes, moves)[good]
        return squared(moved[apart(moved, chance[good], 0.7)])

    def _faces(self, picture: np.ndarray, boxes: np.ndarray, least: float) -> list[detector.Face]:
        if not len(boxes):
            return []
        moves, marks, chances = self._sharp.run(cut(picture, boxes, SHARP))
        chance = _sure(chances)
        moved = _moved(boxes, moves)
        side = boxes[:, 2:] - boxes[:, :2]
        mouths = boxes[:, :2] + np.stack([marks[:, 3:5].mean(axis=1), marks[:, 8:10].mean(axis=1)], axis=1) * side
        good = np.flatnonzero(chance > least)
        kept = good[apart(moved[good], chance[good], 0.4)]
        height, width = picture.shape[:2]
        shares = np.clip(moved / (width, height, width, height), 0.0, 1.0)
        mouths = np.clip(mouths / (width, height), 0.0, 1.0)
        return [
            detector.Face(tuple(shares[k].tolist()), float(chance[k]), tuple(mouths[k].tolist()))
            for k in kept.tolist()
            if (shares[k, 2:] > shares[k, :2]).all()
        ]


def squared(boxes: np.ndarray, grown: float = 1.0) -> np.ndarray:
    """Squares around the same middles as boxes, (n, 4), as large as their longer side times `grown`."""
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([middle - half * grown, middle + half * grown], axis=1)


def apart(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Indices of the surest boxes that do not overlap each other by more than a share of their union, best first."""
    order = np.argsort(-scores, kind="stable")
    kept = np.empty(order.size, np.uint8)
    nets.separate(np.ascontiguousarray(boxes[order], np.float64), overlap, max(overlap, WITHIN), kept)
    return order[kept > 0]


def cut(picture: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
    """What is inside boxes, (n, side, side, 3) float32 from -1 to 1, grey where a box leaves the picture."""
    out = np.empty((len(boxes), side, side, 3), np.float32)
    nets.cut(np.ascontiguousarray(picture), np.ascontiguousarray(boxes, np.float64), out)
    return out


def _moved(boxes: np.ndarray, moves: np.ndarray) -> np.ndarray:
    return boxes + moves * np.tile(boxes[:, 2:] - boxes[:, :2], 2)


def _numbers(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32, copy=False) - np.float32(127.5)) / np.float32(128)


def _sure(chances: np.ndarray) -> np.ndarray:
    """Probability of the second of two outputs."""
    return 0.5 * (1 + np.tanh(0.5 * (chances[..., 1] - chances[..., 0])))
