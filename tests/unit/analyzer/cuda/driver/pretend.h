// What both pretend libraries share. "Device" memory is the processor's; each call may be told to fail by a variable of
// the environment, CUDA_PRETEND_<NAME>. Only for driving PyAV's and FFmpeg's own code where there is no card.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;
typedef unsigned long long Address;
enum { SUCCESS = 0, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, ILLEGAL_ADDRESS = 700, UNEXPECTED = 999 };

static inline long told(const char* name, long otherwise) {
  const char* value = getenv(name);
  return value ? atol(value) : otherwise;
}

// Functions that FFmpeg looks up when it loads the library, and must never call here.
#define ABSENT(name) \
  Result name(void) { fprintf(stderr, "unexpected call of " #name "\n"); return UNEXPECTED; }
