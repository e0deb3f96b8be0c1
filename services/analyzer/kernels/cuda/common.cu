// What the kernels share. The constants in capitals that are defined nowhere here come from `spec.py`: `text.py` puts
// their definitions, and this file, before each kernel. On the processor, tests bring their own KERNEL and SHARED.
//
// Sums are of whole numbers only: their order does not matter, so any schedule of threads gives the same bits.
#ifndef KERNEL
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
#define SHARED(type, name, count) __shared__ type name[count]
#endif

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define WARP 32

// The sum over all lanes of a warp, known to each of them; all lanes must call it.
__device__ __forceinline__ u32 warp_sum(u32 value) {
#if defined(EMULATED) || __CUDA_ARCH__ >= 800
  return __reduce_add_sync(0xffffffffu, value);
#else
  for (int apart = WARP / 2; apart > 0; apart /= 2) value += __shfl_xor_sync(0xffffffffu, value, apart);
  return value;
#endif
}

__device__ __forceinline__ int clamped(int value, int low, int high) { return min(max(value, low), high); }

__device__ __forceinline__ u32 distance(u32 one, u32 other) { return one > other ? one - other : other - one; }

// A row of a plane; rows lie `pitch` bytes apart.
template <typename Sample>
__device__ __forceinline__ const Sample* row_of(const u8* plane, int pitch, int row) {
  return (const Sample*)(plane + (size_t)row * pitch);
}
