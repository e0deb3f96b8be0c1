// Mean of every cell of a plane, as 8 bits; see `spec.cell_means`. One block takes a stretch of one row of cells.
//
// planes    one pointer per frame: rows of samples, `pitch` bytes apart
// channels  samples that lie interleaved: 1 for luma, 2 for the chroma of NV12 and its kin
// unused    low bits of a sample that mean nothing: 6 for P010, whose 10 bits are the upper ones
// shift     bits above eight that a sample has
// stretch   cells that one block takes; their samples fit into CELLS_SAMPLES
// means     (frames, channels, rows, columns)
template <typename Sample>
__device__ __forceinline__ void means_of_cells(const u8* const* planes, int pitch, int channels, int unused, int shift,
                                               int cell_rows, int cell_columns, int rows, int columns, int stretch,
                                               u8* means) {
  SHARED(u32, band, CELLS_SAMPLES);
  const int first = blockIdx.x * stretch, row = blockIdx.y, frame = blockIdx.z;
  const int cells = min(stretch, columns - first);
  const int samples = cells * cell_columns * channels;
  const int step = cell_rows >= TALL_CELL ? 2 : 1;
  const u32 count = (u32)((cell_rows + step - 1) / step * cell_columns);

  for (int x = threadIdx.x; x < samples; x += CELLS_THREADS) {
    u32 total = 0;
    for (int line = row * cell_rows; line < (row + 1) * cell_rows; line += step)
      total += row_of<Sample>(planes[frame], pitch, line)[first * cell_columns * channels + x] >> unused;
    band[x] = total;
  }
  __syncthreads();
  for (int index = threadIdx.x; index < cells * channels; index += CELLS_THREADS) {
    const int cell = index / channels, channel = index % channels;
    u32 total = 0;
    for (int x = 0; x < cell_columns; ++x) total += band[(cell * cell_columns + x) * channels + channel];
    means[(((size_t)frame * channels + channel) * rows + row) * columns + first + cell] =
        (u8)(((total + count / 2) / count) >> shift);
  }
}

KERNEL(CELLS_THREADS)
cell_means_8(const u8* const* planes, int pitch, int channels, int unused, int shift, int cell_rows, int cell_columns,
             int rows, int columns, int stretch, u8* means) {
  means_of_cells<u8>(planes, pitch, channels, unused, shift, cell_rows, cell_columns, rows, columns, stretch, means);
}

KERNEL(CELLS_THREADS)
cell_means_16(const u8* const* planes, int pitch, int channels, int unused, int shift, int cell_rows, int cell_columns,
              int rows, int columns, int stretch, u8* means) {
  means_of_cells<u16>(planes, pitch, channels, unused, shift, cell_rows, cell_columns, rows, columns, stretch, means);
}
