// Finds where each block of a picture was in the one before; see `spec.match_blocks`, whose words are used here.
// One group of threads takes one block of one pair of pictures.
//
// cells     (pairs + 1, rows, columns): picture n + 1 is compared with picture n
// moves     (pairs, block rows, block columns, 2)
// measures  (4, pairs, block rows, block columns): residual, still, structure, texture
#define HALF (BLOCK / 2)
#define SPAN (BLOCK + 2 * PAD)          // cells along one side of what a block may be compared with
#define HALF_SPAN (HALF + 2 * REACH)    // the same at half resolution
#define SIDE (2 * REACH + 1)            // coarse displacements along one side
#define CELLS (BLOCK * BLOCK)
#define ORDERS 1024                     // cost and order in one number, for ties go to the first
#define FINE 9                          // candidates around the best coarse displacement
#define CELL_WARPS (CELLS / WARP)       // warps that have a cell of the block for each lane

__device__ __forceinline__ int place(int index, int count, int size) {
  return count > 1 ? index * (size - BLOCK) / (count - 1) : 0;
}

// A cell at half resolution; beyond the border the edge goes on.
__device__ __forceinline__ u8 halved(const u8* cells, int rows, int columns, int row, int column) {
  const u8* upper = cells + 2 * clamped(row, 0, rows / 2 - 1) * columns + 2 * clamped(column, 0, columns / 2 - 1);
  return (u8)((upper[0] + upper[1] + upper[columns] + upper[columns + 1] + 2) >> 2);
}

__device__ __forceinline__ u32 spread(int difference) { return (u32)(difference < 0 ? -difference : difference); }

KERNEL(BLOCKS_THREADS)
match_blocks(const u8* cells, int rows, int columns, int* moves, int* measures) {
  SHARED(u8, ours, CELLS);
  SHARED(u8, theirs, SPAN * SPAN);
  SHARED(u8, ours_half, HALF * HALF);
  SHARED(u8, theirs_half, HALF_SPAN * HALF_SPAN);
  SHARED(u32, sums, 8);     // still, block, block at rest, block displaced; then structures and textures
  SHARED(u32, best, 2);     // coarse, fine
  const int thread = threadIdx.x;
  const int top = place(blockIdx.y, gridDim.y, rows), left = place(blockIdx.x, gridDim.x, columns);
  const u8* before = cells + (size_t)blockIdx.z * rows * columns;
  const u8* after = before + rows * columns;

  for (int k = thread; k < SPAN * SPAN; k += BLOCKS_THREADS)
    theirs[k] = before[clamped(top - PAD + k / SPAN, 0, rows - 1) * columns +
                       clamped(left - PAD + k % SPAN, 0, columns - 1)];
  for (int k = thread; k < HALF_SPAN * HALF_SPAN; k += BLOCKS_THREADS)
    theirs_half[k] = halved(before, rows, columns, top / 2 - REACH + k / HALF_SPAN, left / 2 - REACH + k % HALF_SPAN);
  for (int k = thread; k < HALF * HALF; k += BLOCKS_THREADS)
    ours_half[k] = halved(after, rows, columns, top / 2 + k / HALF, left / 2 + k % HALF);
  for (int k = thread; k < CELLS; k += BLOCKS_THREADS)
    ours[k] = after[(top + k / BLOCK) * columns + left + k % BLOCK];
  if (thread < 8) sums[thread] = 0;
  if (thread < 2) best[thread] = 0xffffffffu;
  __syncthreads();

  const int line = thread / BLOCK, column = thread % BLOCK;      // of the cell that a thread of the first warps has
  const u8* rest = theirs + PAD * SPAN + PAD;                    // the block without displacement
  if (thread / WARP < CELL_WARPS) {
    const u32 sum = warp_sum(distance(ours[thread], rest[line * SPAN + column]));
    if (thread % WARP == 0) atomicAdd(sums, sum);
  }
  __syncthreads();

  const u32 still = sums[0];
  int down = 0, across = 0;
  u32 residual = still;
  if (still > STILL * CELLS) {                                   // the same for all threads
    for (int k = thread; k < SIDE * SIDE; k += BLOCKS_THREADS) {
      const int y = k / SIDE, x = k % SIDE;
      u32 sum = 0;
      for (int cell = 0; cell < HALF * HALF; ++cell)
        sum += distance(ours_half[cell], theirs_half[(y + cell / HALF) * HALF_SPAN + x + cell % HALF]);
      atomicMin(best, (4 * sum + 2 * (spread(y - REACH) + spread(x - REACH))) * ORDERS + k);
    }
    __syncthreads();
    const int coarse = best[0] % ORDERS;
    const int middle_y = 2 * (coarse / SIDE - REACH), middle_x = 2 * (coarse % SIDE - REACH);
    if (thread < FINE) {
      const u8* there = rest + (middle_y + thread / 3 - 1) * SPAN + middle_x + thread % 3 - 1;
      u32 sum = 0;
      for (int cell = 0; cell < CELLS; ++cell)
        sum += distance(ours[cell], there[cell / BLOCK * SPAN + cell % BLOCK]);
      atomicMin(best + 1, sum * ORDERS + thread);
    }
    __syncthreads();
    if (best[1] / ORDERS < still) {
      const int fine = best[1] % ORDERS;
      residual = best[1] / ORDERS;
      down = middle_y + fine / 3 - 1;
      across = middle_x + fine % 3 - 1;
    }
  }

  const u8* there = rest + down * SPAN + across;
  const int where = line * SPAN + column;
  if (thread / WARP < CELL_WARPS) {
    const u32 block = warp_sum(ours[thread]), at_rest = warp_sum(rest[where]), displaced = warp_sum(there[where]);
    if (thread % WARP == 0) {
      atomicAdd(sums + 1, block);
      atomicAdd(sums + 2, at_rest);
      atomicAdd(sums + 3, displaced);
    }
  }
  __syncthreads();
  if (thread / WARP < CELL_WARPS) {
    const int block = CELLS * ours[thread] - (int)sums[1];
    const int at_rest = CELLS * rest[where] - (int)sums[2], displaced = CELLS * there[where] - (int)sums[3];
    const u32 found[4] = {warp_sum(spread(block - at_rest)), warp_sum(spread(block - displaced)),
                          warp_sum(spread(block)), warp_sum(spread(at_rest))};
    if (thread % WARP == 0)
      for (int k = 0; k < 4; ++k) atomicAdd(sums + 4 + k, found[k]);
  }
  __syncthreads();

  if (thread == 0) {
    const size_t blocks = (size_t)gridDim.x * gridDim.y, plane = gridDim.z * blocks;
    const size_t index = blockIdx.z * blocks + blockIdx.y * gridDim.x + blockIdx.x;
    moves[2 * index] = down;
    moves[2 * index + 1] = across;
    measures[index] = (int)residual;
    measures[plane + index] = (int)still;
    measures[2 * plane + index] = (int)min(sums[4], sums[5]);
    measures[3 * plane + index] = (int)max(sums[6], sums[7]);
  }
}
