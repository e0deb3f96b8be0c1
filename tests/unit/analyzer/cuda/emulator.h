// Runs the text of our kernels on the processor: enough of CUDA C++ for them, and no more.
//
// One block runs at a time, each of its threads on a stack of its own. Threads change places only at barriers and warp
// collectives; who goes first there is drawn from a seed, so that a missing barrier gives another result under another
// seed. Shared memory is filled with rubbish before each block and fenced behind each array. What is not seen: races
// between blocks, the memory model, speed, and whether the intrinsics below mean what those of the device mean.
#pragma once
#define EMULATED 1
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#define __device__
#define __forceinline__ inline
#define KERNEL(threads) static void
#define SHARED(type, name, count) type* const name = (type*)emulated::shared_array(__LINE__, sizeof(type) * (count))
using std::max;
using std::min;

namespace emulated {
constexpr size_t STACK_BYTES = 64 << 10, FENCE_BYTES = 64;
constexpr unsigned LANES = 32;
constexpr unsigned char RUBBISH = 0xA7;

struct Dim {
  unsigned x, y, z;
};
enum class State { ready, at_barrier, in_collective, done };
enum class Collective { add, shuffle_xor };
struct Thread {
  ucontext_t birth;
  jmp_buf place;
  char* stack = nullptr;
  bool born = false;
  State state = State::ready;
  Dim index{};
  Collective collective = Collective::add;
  uint32_t given = 0, apart = 0, answer = 0;
};
struct Array {
  int line;
  size_t bytes;
  std::vector<unsigned char> content;
};

inline std::vector<Thread> threads;
inline Thread* running;
inline jmp_buf scheduler;
inline Dim block_index, block_size, grid_size;
inline std::function<void()> body;
inline std::vector<Array> arrays;
inline std::string failure;
inline uint64_t seed_state;

inline unsigned drawn(unsigned below) {
  seed_state = seed_state * 6364136223846793005ull + 1442695040888963407ull;
  return (unsigned)((seed_state >> 33) % below);
}

inline void* shared_array(int line, size_t bytes) {
  for (auto& array : arrays)
    if (array.line == line) return array.content.data();
  if (arrays.size() == arrays.capacity()) failure = "too many shared arrays";
  arrays.push_back({line, bytes, std::vector<unsigned char>(bytes + FENCE_BYTES, RUBBISH)});
  return arrays.back().content.data();
}

inline void check_fences() {
  for (const auto& array : arrays)
    for (size_t k = array.bytes; k < array.content.size(); ++k)
      if (array.content[k] != RUBBISH) failure = "a shared array was written beyond its end";
}

inline void leave(State state) {
  running->state = state;
  if (!_setjmp(running->place)) _longjmp(scheduler, 1);
}

// What a stack runs for ever: one thread of each block, for being born is what takes the time.
inline void live() {
  for (;;) {
    body();
    leave(State::done);
  }
}

inline void resume(Thread& thread) {
  running = &thread;
  if (_setjmp(scheduler)) return;
  if (thread.born) _longjmp(thread.place, 1);
  thread.born = true;
  setcontext(&thread.birth);
}

inline uint32_t together(Collective collective, uint32_t given, uint32_t apart) {
  running->collective = collective;
  running->given = given;
  running->apart = apart;
  leave(State::in_collective);
  return running->answer;
}

inline void prepare_block() {
  const unsigned count = block_size.x * block_size.y * block_size.z;
  if (threads.size() < count) threads.resize(count);
  for (unsigned k = 0; k < count; ++k) {
    Thread& thread = threads[k];
    thread.index = {k % block_size.x, k / block_size.x % block_size.y, k / block_size.x / block_size.y};
    const bool whole = thread.state == State::done;  // else a fault left it in the middle of a block
    thread.state = State::ready;
    if (thread.born && whole) continue;
    if (!thread.stack)
      thread.stack = (char*)mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    thread.born = false;
    getcontext(&thread.birth);
    thread.birth.uc_stack.ss_sp = thread.stack;
    thread.birth.uc_stack.ss_size = STACK_BYTES;
    thread.birth.uc_link = nullptr;
    makecontext(&thread.birth, live, 0);
  }
  arrays.clear();
  arrays.reserve(16);  // their places must not change while threads hold them
}

// Gives all lanes of a warp the result of what they met for.
inline void settle(Thread* first, unsigned lanes) {
  uint32_t sum = 0;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    if (first[lane].state != State::in_collective || first[lane].collective != first->collective) {
      failure = "a lane is missing from a collective of its warp";
      return;
    }
    sum += first[lane].given;
  }
  for (unsigned lane = 0; lane < lanes; ++lane) {
    const unsigned other = lane ^ first[lane].apart;
    first[lane].answer = first->collective == Collective::add ? sum : first[other < lanes ? other : lane].given;
    first[lane].state = State::ready;
  }
}

// Runs one warp as far as it gets; says whether it got anywhere.
inline bool advance(Thread* first, unsigned lanes) {
  unsigned order[LANES], ready = 0;
  bool met = false;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    if (first[lane].state == State::ready) order[ready++] = lane;
    met |= first[lane].state == State::in_collective;
  }
  for (unsigned k = ready; k > 1; --k) std::swap(order[k - 1], order[drawn(k)]);
  for (unsigned k = 0; k < ready; ++k) resume(first[order[k]]);
  if (!ready && met) settle(first, lanes);
  return ready || met;
}

inline bool all(unsigned count, State state) {
  return std::all_of(threads.begin(), threads.begin() + count, [&](const Thread& one) { return one.state == state; });
}

inline void run_block() {
  prepare_block();
  const unsigned count = block_size.x * block_size.y * block_size.z, warps = (count + LANES - 1) / LANES;
  const bool eager = drawn(2);  // one warp runs ahead as far as barriers allow, or all go step by step
  unsigned start = drawn(warps);
  while (failure.empty() && !all(count, State::done)) {
    bool moved = false;
    if (!eager) start = drawn(warps);
    for (unsigned k = 0; k < warps && failure.empty() && !(moved && eager); ++k) {
      const unsigned first = (start + k) % warps * LANES;
      moved |= advance(&threads[first], min(LANES, count - first));
    }
    if (moved) continue;
    if (!all(count, State::at_barrier)) failure = "some threads wait at a barrier that others never reach";
    for (unsigned k = 0; k < count; ++k) threads[k].state = State::ready;
    start = drawn(warps);
  }
  check_fences();
}

template <typename... Arguments, size_t... Index>
void call(void (*kernel)(Arguments...), void** arguments, std::index_sequence<Index...>) {
  body = [=] { kernel(*(Arguments*)arguments[Index]...); };
}

// Launches a kernel as the driver does: `arguments` points at each argument. Gives what went wrong, or nothing.
template <typename... Arguments>
const char* launch(void (*kernel)(Arguments...), const unsigned* grid, unsigned size, uint64_t seed, void** arguments) {
  call(kernel, arguments, std::index_sequence_for<Arguments...>{});
  failure.clear();
  seed_state = seed;
  block_size = {size, 1, 1};
  grid_size = {grid[0], grid[1], grid[2]};
  const unsigned blocks = grid[0] * grid[1] * grid[2], turn = blocks ? drawn(blocks) : 0;
  for (unsigned k = 0; k < blocks && failure.empty(); ++k) {
    const unsigned id = (k + turn) % blocks;
    block_index = {id % grid[0], id / grid[0] % grid[1], id / grid[0] / grid[1]};
    run_block();
  }
  return failure.c_str();
}
}  // namespace emulated

#define threadIdx (emulated::running->index)
#define blockIdx (emulated::block_index)
#define blockDim (emulated::block_size)
#define gridDim (emulated::grid_size)

inline void __syncthreads() { emulated::leave(emulated::State::at_barrier); }
inline unsigned __reduce_add_sync(unsigned, unsigned value) {
  return emulated::together(emulated::Collective::add, value, 0);
}
inline unsigned __shfl_xor_sync(unsigned, unsigned value, int apart) {
  return emulated::together(emulated::Collective::shuffle_xor, value, (unsigned)apart);
}
template <typename Number>
Number atomicAdd(Number* place, Number value) {
  const Number before = *place;
  *place += value;
  return before;
}
template <typename Number>
Number atomicMin(Number* place, Number value) {
  const Number before = *place;
  *place = min(before, value);
  return before;
}
