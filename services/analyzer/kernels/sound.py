"""The loops over samples, compiled; `spec` says what they compute, `audio` what for.

Filters remember their state from one call to the next, so that the pieces in which sound arrives make no difference.
"""

import numba
import numpy as np
from numba import types

_samples = types.Array(types.float32, 2, "C", readonly=True)
_taps = types.Array(types.float64, 2, "C", readonly=True)
_double = types.float64[::1]
_doubles = types.float64[:, ::1]


@numba.njit([types.void(_samples, _double, _doubles, _double)], nogil=True, cache=True, boundscheck=False)
def filter_energy(samples, coefficients, state, energy):
    """Runs two biquads in a row over every channel and adds up the squares of what comes out.

    Args:
        samples: (channels, n) float32.
        coefficients: b0 b1 b2 a1 a2 of the first filter, then of the second, (10,).
        state: Two values per filter and channel, (channels, 4); changed.
        energy: Sum of squares per channel, (channels,); added to.
    """
    b0, b1, b2, a1, a2 = coefficients[0], coefficients[1], coefficients[2], coefficients[3], coefficients[4]
    c0, c1, c2, d1, d2 = coefficients[5], coefficients[6], coefficients[7], coefficients[8], coefficients[9]
    for channel in range(samples.shape[0]):
        s1, s2, t1, t2 = state[channel, 0], state[channel, 1], state[channel, 2], state[channel, 3]
        total = 0.0
        for k in range(samples.shape[1]):
            x = np.float64(samples[channel, k])
            y = b0 * x + s1
            s1 = b1 * x - a1 * y + s2
            s2 = b2 * x - a2 * y
            z = c0 * y + t1
            t1 = c1 * y - d1 * z + t2
            t2 = c2 * y - d2 * z
            total += z * z
        tiny = 1e-30  # numbers so small are slow to compute with, and silence would make them
        state[channel, 0] = s1 if abs(s1) > tiny else 0.0
        state[channel, 1] = s2 if abs(s2) > tiny else 0.0
        state[channel, 2] = t1 if abs(t1) > tiny else 0.0
        state[channel, 3] = t2 if abs(t2) > tiny else 0.0
        energy[channel] += total


@numba.njit([types.float64(_samples, _taps)], nogil=True, cache=True, boundscheck=False)
def interpolated_peak(samples, taps):
    """Largest absolute value of samples and of what lies between them.

    Args:
        samples: (channels, n) float32, with the last `taps.shape[1] - 1` samples of the piece before in front.
        taps: Interpolation filter, (phases, taps).
    """
    phases, length = taps.shape
    count = samples.shape[1] - length + 1
    peak = 0.0
    if count < 1:
        return peak
    between = np.empty(count, np.float32)
    for channel in range(samples.shape[0]):
        line = samples[channel]
        for k in range(length - 1, line.size):
            peak = max(peak, abs(np.float64(line[k])))
        for phase in range(phases):
            between[:] = 0
            for tap in range(length):
                weight = np.float32(taps[phase, tap])
                for k in range(count):
                    between[k] += weight * line[k + tap]
            for k in range(count):
                peak = max(peak, abs(np.float64(between[k])))
    return peak
