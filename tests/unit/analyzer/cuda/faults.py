"""Faults that are planted into the text of the kernels, each of which the comparison must notice."""

import dataclasses

from services.analyzer.kernels.cuda import text


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """A change of the text.

    Attributes:
        name: What is wrong, as an identifier.
        file: Of `text.FILES`.
        right: The text that is replaced, once.
        wrong: What stands there instead.
    """

    name: str
    file: str
    right: str
    wrong: str


BARRIER = "  __syncthreads();\n"
FAULTS = (
    Fault("cells_sum_before_the_band_is_there", "cells", BARRIER, ""),
    Fault("cells_round_down", "cells", "(total + count / 2)", "total"),
    Fault("cells_read_every_row", "cells", "cell_rows >= TALL_CELL ? 2 : 1", "1"),
    Fault("cells_keep_unused_bits", "cells", " >> unused;", ";"),
    Fault("cells_go_beyond_the_last_column", "cells", "min(stretch, columns - first)", "stretch"),
    Fault("cells_of_all_frames_in_one_place", "cells", "(size_t)frame * channels + channel", "channel"),
    Fault("cells_count_samples_of_both_channels", "cells", "* cell_columns);", "* cell_columns * channels);"),
    Fault("gradient_goes_one_too_far", "gradient", "x < width - 1", "x < width"),
    Fault("gradient_forgets_warps", "gradient", "threadIdx.x % WARP == 0", "threadIdx.x == 0"),
    Fault("gradient_looks_at_its_own_row", "gradient", "pitch, row + 1)", "pitch, row)"),
    Fault("gradient_ignores_the_step", "gradient", "blockIdx.x * step", "blockIdx.x"),
    Fault("tones_count_before_zero", "tones", BARRIER, ""),
    Fault("tones_forget_red", "tones", " + red[cell] * CHROMA_BINS / 256", ""),
    Fault("tones_of_one_warp_only", "tones", "threadIdx.x % WARP == 0", "threadIdx.x == 0"),
    Fault("blocks_begin_before_cells_are_there", "blocks", BARRIER, ""),
    Fault("blocks_prefer_motion_over_rest", "blocks", "best[1] / ORDERS < still", "best[1] / ORDERS <= still"),
    Fault("blocks_search_what_stayed", "blocks", "still > STILL * CELLS", "still >= 0 * CELLS"),
    Fault("blocks_wrap_at_the_edge", "common", "max(value, low), high", "value, high"),
    Fault("blocks_reach_too_short", "blocks", "k < SIDE * SIDE", "k < SIDE * SIDE - SIDE"),
    Fault("blocks_ignore_the_way", "blocks", " + 2 * (spread(y - REACH) + spread(x - REACH))", ""),
    Fault("blocks_last_candidate_wins", "blocks", "sum * ORDERS + thread", "sum * ORDERS + FINE - 1 - thread"),
    Fault("blocks_take_the_best_before_it_is_found", "blocks", f"  {BARRIER}    const int coarse", "const int coarse"),
    Fault("blocks_lose_a_lane", "blocks", "thread / WARP < CELL_WARPS", "thread < CELLS - 1"),
    Fault("blocks_structure_at_rest_only", "blocks", "min(sums[4], sums[5])", "sums[4]"),
    Fault("blocks_texture_of_one_side", "blocks", "max(sums[6], sums[7])", "sums[6]"),
)  # fmt: skip
# The comparison does not cry over nothing: this changes the text, but not what it computes.
HARMLESS = Fault("harmless", "blocks", "best[thread] = 0xffffffffu", "best[thread] = 0xfffffff0u")


def planted(fault: Fault) -> str:
    """The text of all kernels with a fault in it."""
    right = text.file(fault.file)
    if fault.right not in right:
        raise ValueError(f"{fault.name}: the text that it changes is gone")
    return text.body().replace(right, right.replace(fault.right, fault.wrong, 1))
