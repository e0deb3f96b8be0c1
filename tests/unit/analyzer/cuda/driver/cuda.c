// A pretend libcuda.so.1: one device, one context, memory, and copies, which are counted by where they go.
#include "pretend.h"

enum { TEXTURE_ALIGNMENT = 14, HOST = 1 };  // of CUdevice_attribute and CUmemorytype
static char contexts[8];
static long live, peak, to_host, off_default_stream;

long pretend_live(void) { return live; }
long pretend_peak(void) { return peak; }
long pretend_copies_to_host(void) { return to_host; }
long pretend_copies_off_default_stream(void) { return off_default_stream; }

Result cuInit(unsigned flags) { return told("CUDA_PRETEND_NO_DEVICE", 0) ? NO_DEVICE : SUCCESS; }
Result cuDriverGetVersion(int* version) { *version = 13000; return SUCCESS; }
Result cuDeviceGetCount(int* count) { *count = 1; return SUCCESS; }
Result cuDeviceGet(int* device, int index) { *device = index; return index ? INVALID_DEVICE : SUCCESS; }
Result cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == TEXTURE_ALIGNMENT ? 512 : 0;
  return SUCCESS;
}
// As CuPy leaves it: the primary context is in use, with other flags than FFmpeg wants.
Result cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active) { *flags = 0; *active = 1; return SUCCESS; }
Result cuDevicePrimaryCtxSetFlags(int device, unsigned flags) { return SUCCESS; }
Result cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) { return SUCCESS; }
Result cuDevicePrimaryCtxRetain(void** context, int device) { *context = contexts; return SUCCESS; }
Result cuDevicePrimaryCtxRelease(int device) { return SUCCESS; }
Result cuCtxGetCurrent(void** context) { *context = contexts; return SUCCESS; }
Result cuCtxPushCurrent_v2(void* context) { return SUCCESS; }
Result cuCtxPopCurrent_v2(void** context) { *context = NULL; return SUCCESS; }
ABSENT(cuCtxCreate_v2)  // a second context would cost hundreds of megabytes

Result cuMemAlloc_v2(Address* place, size_t bytes) {
  if (live >= told("CUDA_PRETEND_SURFACES_MAX", 1 << 20)) return OUT_OF_MEMORY;
  *place = (Address)aligned_alloc(512, (bytes + 511) / 512 * 512);
  memset((void*)*place, 0xEE, bytes);
  if (++live > peak) peak = live;
  return SUCCESS;
}
Result cuMemFree_v2(Address place) { --live; free((void*)place); return SUCCESS; }

typedef struct {
  size_t from_x, from_y; int from_kind; const void* from_host; Address from_device; void* from_array; size_t from_pitch;
  size_t to_x, to_y; int to_kind; void* to_host; Address to_device; void* to_array; size_t to_pitch;
  size_t bytes, rows;
} Copy;
static Result copy(const Copy* c) {
  const char* from = c->from_kind == HOST ? c->from_host : (const char*)c->from_device;
  char* to = c->to_kind == HOST ? c->to_host : (char*)c->to_device;
  to_host += c->to_kind == HOST;
  for (size_t row = 0; row < c->rows; ++row)
    memcpy(to + (c->to_y + row) * c->to_pitch + c->to_x, from + (c->from_y + row) * c->from_pitch + c->from_x, c->bytes);
  return SUCCESS;
}
Result cuMemcpy2D_v2(const Copy* c) { return copy(c); }
Result cuMemcpy2DAsync_v2(const Copy* c, void* stream) { off_default_stream += stream != NULL; return copy(c); }
Result cuGetErrorName(Result error, const char** name) { *name = "PRETENDED"; return SUCCESS; }
Result cuGetErrorString(Result error, const char** text) { *text = "a pretended error"; return SUCCESS; }

ABSENT(cuArray3DCreate_v2) ABSENT(cuArrayCreate_v2) ABSENT(cuArrayDestroy) ABSENT(cuCtxDestroy_v2) ABSENT(cuCtxGetDevice)
ABSENT(cuCtxSetLimit) ABSENT(cuDestroyExternalMemory) ABSENT(cuDestroyExternalSemaphore)
ABSENT(cuDeviceComputeCapability) ABSENT(cuDeviceGetByPCIBusId) ABSENT(cuDeviceGetLuid) ABSENT(cuDeviceGetName)
ABSENT(cuDeviceGetPCIBusId) ABSENT(cuDeviceGetUuid) ABSENT(cuDeviceGetUuid_v2) ABSENT(cuDevicePrimaryCtxReset)
ABSENT(cuEGLStreamConsumerDisconnect) ABSENT(cuEGLStreamProducerConnect) ABSENT(cuEGLStreamProducerDisconnect)
ABSENT(cuEGLStreamProducerPresentFrame) ABSENT(cuEGLStreamProducerReturnFrame) ABSENT(cuEventCreate)
ABSENT(cuEventDestroy_v2) ABSENT(cuEventQuery) ABSENT(cuEventRecord) ABSENT(cuEventSynchronize)
ABSENT(cuExternalMemoryGetMappedBuffer) ABSENT(cuExternalMemoryGetMappedMipmappedArray) ABSENT(cuGLGetDevices_v2)
ABSENT(cuGraphicsGLRegisterImage) ABSENT(cuGraphicsMapResources) ABSENT(cuGraphicsResourceGetMappedPointer_v2)
ABSENT(cuGraphicsSubResourceGetMappedArray) ABSENT(cuGraphicsUnmapResources) ABSENT(cuGraphicsUnregisterResource)
ABSENT(cuImportExternalMemory) ABSENT(cuImportExternalSemaphore) ABSENT(cuLaunchKernel) ABSENT(cuLinkAddData)
ABSENT(cuLinkComplete) ABSENT(cuLinkCreate) ABSENT(cuLinkDestroy) ABSENT(cuMemAllocManaged) ABSENT(cuMemAllocPitch_v2)
ABSENT(cuMemcpy) ABSENT(cuMemcpyAsync) ABSENT(cuMemcpyDtoDAsync_v2) ABSENT(cuMemcpyDtoD_v2) ABSENT(cuMemcpyDtoHAsync_v2)
ABSENT(cuMemcpyDtoH_v2) ABSENT(cuMemcpyHtoDAsync_v2) ABSENT(cuMemcpyHtoD_v2) ABSENT(cuMemsetD8Async)
ABSENT(cuMipmappedArrayDestroy) ABSENT(cuMipmappedArrayGetLevel) ABSENT(cuModuleGetFunction) ABSENT(cuModuleGetGlobal)
ABSENT(cuModuleLoadData) ABSENT(cuModuleUnload) ABSENT(cuSignalExternalSemaphoresAsync) ABSENT(cuStreamAddCallback)
ABSENT(cuStreamCreate) ABSENT(cuStreamDestroy_v2) ABSENT(cuStreamQuery) ABSENT(cuStreamSynchronize)
ABSENT(cuStreamWaitEvent) ABSENT(cuTexObjectCreate) ABSENT(cuTexObjectDestroy) ABSENT(cuWaitExternalSemaphoresAsync)
