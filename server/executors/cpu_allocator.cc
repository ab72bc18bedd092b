#include "server/executors/cpu_allocator.h"

#include <atomic>
#include <cstddef>
#include <limits>
#include <new>

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

#include "absl/strings/str_cat.h"

#include "server/base/bytes.h"
#include "server/executors/activation_account.h"
#include "server/executors/activation_budget.h"

namespace ferry {
namespace {

constexpr uint8_t kPriority = 1;  // Above LibTorch's own.

struct BlockHeader {
  uint64_t counted_bytes;
  ActivationAccount* account;  // Holds a reference; may be null.
};
static_assert(sizeof(BlockHeader) <= kBlockHeaderBytes);

std::atomic<uint64_t> activation_limit{std::numeric_limits<uint64_t>::max()};
std::atomic<uint64_t> activation_used{0};

// Two numbers: a person reads the one, compares the other.
std::string BothWays(uint64_t size_bytes) {
  return absl::StrCat(FormatBytes(size_bytes), " (", size_bytes, " bytes)");
}

[[noreturn]] void RefuseBlock(uint64_t size_bytes, uint64_t in_use_bytes) {
  // Without LibTorch's backtrace, which takes longer than many a forward.
  throw c10::OutOfMemoryError(
      absl::StrCat("host memory for activations: ", BothWays(size_bytes),
                   " asked for, ", BothWays(in_use_bytes), " in use, of ",
                   BothWays(activation_limit),
                   " at most (--activation-bytes-max)"),
      /*backtrace=*/nullptr);
}

void ReserveBytes(uint64_t size_bytes, uint64_t counted_bytes) {
  uint64_t used = activation_used;
  do {
    const uint64_t limit = activation_limit;
    if (used > limit || counted_bytes > limit - used)
      RefuseBlock(size_bytes, used);
  } while (!activation_used.compare_exchange_weak(used, used + counted_bytes));
}

void FreeBlock(void* data) {
  if (data == nullptr) return;
  auto* const block = static_cast<std::byte*>(data) - kBlockHeaderBytes;
  const BlockHeader header = *reinterpret_cast<const BlockHeader*>(block);
  c10::free_cpu(block);
  activation_used -= header.counted_bytes;
  if (header.account == nullptr) return;
  header.account->Remove(header.counted_bytes);
  c10::raw::intrusive_ptr::decref(header.account);
}

class HostAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size_bytes) override {
    const c10::Device cpu(c10::kCPU);
    if (size_bytes == 0) return {nullptr, nullptr, &FreeBlock, cpu};
    // LibTorch refuses what is negative as a difference of pointers.
    const uint64_t counted_bytes =
        size_bytes > std::numeric_limits<ptrdiff_t>::max() - kBlockHeaderBytes
            ? std::numeric_limits<uint64_t>::max()
            : size_bytes + kBlockHeaderBytes;
    ReserveBytes(size_bytes, counted_bytes);
    std::byte* block = nullptr;
    try {
      block = static_cast<std::byte*>(c10::alloc_cpu(counted_bytes));
    } catch (...) {
      activation_used -= counted_bytes;
      throw;
    }
    ActivationAccount* const account = ActivationScope::account();
    if (account != nullptr) {
      account->Add(counted_bytes);
      c10::raw::intrusive_ptr::incref(account);
    }
    new (block) BlockHeader{.counted_bytes = counted_bytes, .account = account};
    void* const data = block + kBlockHeaderBytes;
    return {data, data, &FreeBlock, cpu};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &FreeBlock; }
  void copy_data(void* to, const void* from, size_t size_bytes) const override {
    default_copy_data(to, from, size_bytes);
  }
};

const bool in_place = [] {
  c10::SetCPUAllocator(&CpuAllocator(), kPriority);
  return true;
}();

}  // namespace

c10::Allocator& CpuAllocator() {
  static HostAllocator* const allocator =
      new HostAllocator;  // Outlives all tensors.
  return *allocator;
}

void SetActivationLimit(uint64_t size_bytes) { activation_limit = size_bytes; }

ActivationUsage ActivationsInUse() {
  return {.used_bytes = activation_used, .limit_bytes = activation_limit};
}

}  // namespace ferry
