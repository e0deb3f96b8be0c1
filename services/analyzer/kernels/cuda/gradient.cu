// Gradient energy of planes on every `step`-th row; see `spec.gradient`. One block takes one sampled row.
//
// planes  one pointer per frame: rows of samples, `pitch` bytes apart
// unused  low bits of a sample that mean nothing
// energy  one sum per frame, zero before
template <typename Sample>
__device__ __forceinline__ void gradient_of_row(const u8* const* planes, int pitch, int unused, int width, int step,
                                                u64* energy) {
  const int row = 1 + blockIdx.x * step, frame = blockIdx.y;
  const Sample* above = row_of<Sample>(planes[frame], pitch, row - 1);
  const Sample* line = row_of<Sample>(planes[frame], pitch, row);
  const Sample* below = row_of<Sample>(planes[frame], pitch, row + 1);
  u32 total = 0;  // at most 8192 / GRADIENT_THREADS * 2 * 65535 for each lane
  for (int x = 1 + threadIdx.x; x < width - 1; x += GRADIENT_THREADS)
    total += distance(line[x + 1] >> unused, line[x - 1] >> unused) + distance(below[x] >> unused, above[x] >> unused);
  total = warp_sum(total);
  if (threadIdx.x % WARP == 0) atomicAdd(energy + frame, (u64)total);
}

KERNEL(GRADIENT_THREADS)
gradient_8(const u8* const* planes, int pitch, int unused, int width, int step, u64* energy) {
  gradient_of_row<u8>(planes, pitch, unused, width, step, energy);
}

KERNEL(GRADIENT_THREADS)
gradient_16(const u8* const* planes, int pitch, int unused, int width, int step, u64* energy) {
  gradient_of_row<u16>(planes, pitch, unused, width, step, energy);
}
