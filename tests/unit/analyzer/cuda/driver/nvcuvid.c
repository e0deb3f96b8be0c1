// A pretend libnvcuvid.so.1: takes what FFmpeg parsed from a real stream, and "decodes" a pattern that moves.
#include <stdint.h>

#include "pretend.h"

enum { H264 = 4, AV1 = 11, CHROMA_420 = 1 };  // of cudaVideoCodec and cudaVideoChromaFormat
enum { PITCH = 512 };

typedef struct {  // CUVIDDECODECAPS
  int codec, chroma;
  unsigned depth_above_8, reserved[3];
  unsigned char supported, engines;
  unsigned short formats;
  unsigned width_max, height_max, blocks_max;
  unsigned short width_min, height_min;
} Caps;
typedef struct {  // the beginning of CUVIDDECODECREATEINFO
  unsigned long width, height, surfaces;
  int codec, chroma;
  unsigned long flags, depth_above_8, intra_only, width_max, height_max, reserved;
  short area[4];
  int format, deinterlace;
  unsigned long target_width, target_height;
} Wanted;
typedef struct {
  size_t width, height;
  int bytes;
  unsigned order[64], count;  // of the pictures that are in each surface
} Decoder;

Result cuvidGetDecoderCaps(Caps* caps) {
  // As on a Hopper card: no AV1, and of H.264 only 8 bits of 4:2:0.
  caps->supported = caps->chroma == CHROMA_420;
  if (caps->codec == AV1) caps->supported &= told("CUDA_PRETEND_AV1", 0) != 0;
  if (caps->codec == H264) caps->supported &= caps->depth_above_8 == 0;
  caps->engines = 1;
  caps->width_max = caps->height_max = 8192;
  caps->blocks_max = 1 << 18;
  caps->width_min = caps->height_min = 16;
  return SUCCESS;
}
Result cuvidCreateDecoder(void** made, const Wanted* wanted) {
  Decoder* decoder = calloc(1, sizeof *decoder);
  decoder->width = wanted->target_width;
  decoder->height = wanted->target_height;
  decoder->bytes = wanted->format ? 2 : 1;
  *made = decoder;
  return SUCCESS;
}
Result cuvidDestroyDecoder(void* decoder) { free(decoder); return SUCCESS; }
Result cuvidDecodePicture(Decoder* decoder, const int* picture) {
  if (told("CUDA_PRETEND_FAIL_AT", -1) == (long)decoder->count) return ILLEGAL_ADDRESS;
  decoder->order[picture[2] & 63] = decoder->count++;
  return SUCCESS;
}

// Patches of some brightness that move down and to the right from picture to picture.
static unsigned value(size_t x, size_t y, unsigned order) {
  const unsigned patch = (unsigned)((x + 4096 - 2 * order) / 12 * 31 + (y + 4096 - order) / 12 * 17);
  return (patch * 2654435761u) >> 24;
}
Result cuvidMapVideoFrame64(Decoder* decoder, int index, Address* place, unsigned* pitch, void* how) {
  const size_t row_bytes = (decoder->width * decoder->bytes + PITCH - 1) / PITCH * PITCH;
  const size_t rows = decoder->height + (decoder->height + 1) / 2;
  unsigned char* memory = aligned_alloc(PITCH, row_bytes * rows);
  const unsigned order = decoder->order[index & 63];
  for (size_t y = 0; y < rows; ++y)
    for (size_t x = 0; x < row_bytes / decoder->bytes; ++x) {
      const unsigned byte = y < decoder->height ? value(x, y, order) : value(x / 2 * 2, y, order / 2) / 2 + 60 * (x & 1);
      if (decoder->bytes == 2) ((uint16_t*)(memory + y * row_bytes))[x] = (uint16_t)(byte << 8 | ((x & 3) << 6));
      else memory[y * row_bytes + x] = (unsigned char)byte;
    }
  *place = (Address)memory;
  *pitch = (unsigned)row_bytes;
  return SUCCESS;
}
Result cuvidUnmapVideoFrame64(Decoder* decoder, Address place) { free((void*)place); return SUCCESS; }

ABSENT(cuvidCreateVideoParser) ABSENT(cuvidCreateVideoSource) ABSENT(cuvidCreateVideoSourceW) ABSENT(cuvidCtxLock)
ABSENT(cuvidCtxLockCreate) ABSENT(cuvidCtxLockDestroy) ABSENT(cuvidCtxUnlock) ABSENT(cuvidDestroyVideoParser)
ABSENT(cuvidDestroyVideoSource) ABSENT(cuvidGetDecodeStatus) ABSENT(cuvidGetSourceAudioFormat)
ABSENT(cuvidGetSourceVideoFormat) ABSENT(cuvidGetVideoSourceState) ABSENT(cuvidParseVideoData)
ABSENT(cuvidReconfigureDecoder) ABSENT(cuvidSetVideoSourceState)
