"""Cuts sound that arrives in pieces into overlapping frames, and gives their spectra."""

import numpy as np


class Spectra:
    """Spectra of frames, however the samples arrive.

    Args:
        window: Samples of a frame.
        hop: Samples from one frame to the next.
    """

    def __init__(self, window: int, hop: int) -> None:
        self._window, self._hop = window, hop
        self._shape = np.hanning(window).astype(np.float32)
        self._rest = np.zeros(window // 2, np.float32)  # so that the first frame lies around the first sample

    def add(self, samples: np.ndarray) -> np.ndarray:
        """Magnitudes of the frames that are whole now, (frames, window // 2 + 1) float32."""
        joined = np.concatenate([self._rest, samples])
        count = max((joined.size - self._window) // self._hop + 1, 0)
        self._rest = joined[count * self._hop :]
        if not count:
            return np.empty((0, self._window // 2 + 1), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(joined, self._window)[:: self._hop][:count]
        return np.abs(np.fft.rfft(frames * self._shape, axis=1)).astype(np.float32, copy=False)
