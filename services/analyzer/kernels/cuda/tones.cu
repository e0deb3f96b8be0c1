// Histograms and moments of a picture's cells; see `spec.histograms` and `spec.moments`. One block takes one frame.
//
// luma    (frames, luma_count) cells
// chroma  (frames, 2, chroma_count) cells
// tones   (frames, LUMA_BINS + CHROMA_BINS * CHROMA_BINS + 2): luma histogram, joint chroma histogram, sum and sum of
//         squares of the luma; at most 128 * 128 cells, whose squares sum up to less than 32 bits
#define TONES (LUMA_BINS + CHROMA_BINS * CHROMA_BINS + 2)

KERNEL(TONES_THREADS)
tones(const u8* luma, const u8* chroma, int luma_count, int chroma_count, u32* tones) {
  SHARED(u32, counts, TONES);
  const int frame = blockIdx.x;
  for (int bin = threadIdx.x; bin < TONES; bin += TONES_THREADS) counts[bin] = 0;
  __syncthreads();

  u32 total = 0, squares = 0;
  for (int cell = threadIdx.x; cell < luma_count; cell += TONES_THREADS) {
    const u32 value = luma[(size_t)frame * luma_count + cell];
    total += value;
    squares += value * value;
    atomicAdd(counts + value * LUMA_BINS / 256, 1u);
  }
  const u8* blue = chroma + (size_t)frame * 2 * chroma_count;
  const u8* red = blue + chroma_count;
  for (int cell = threadIdx.x; cell < chroma_count; cell += TONES_THREADS) {
    const u32 bin = blue[cell] * CHROMA_BINS / 256 * CHROMA_BINS + red[cell] * CHROMA_BINS / 256;
    atomicAdd(counts + LUMA_BINS + bin, 1u);
  }
  total = warp_sum(total);
  squares = warp_sum(squares);
  if (threadIdx.x % WARP == 0) {
    atomicAdd(counts + TONES - 2, total);
    atomicAdd(counts + TONES - 1, squares);
  }
  __syncthreads();
  for (int bin = threadIdx.x; bin < TONES; bin += TONES_THREADS) tones[(size_t)frame * TONES + bin] = counts[bin];
}
