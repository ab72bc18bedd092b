#include "server/executors/torch/cpu_allocator.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <limits>
#include <new>

#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

#include "absl/strings/str_cat.h"

#include "server/base/bytes.h"
#include "server/executors/torch/activation_account.h"
#include "server/executors/torch/activation_budget.h"
#include "server/executors/torch/block_cache.h"

namespace ferry {
namespace {

constexpr uint8_t kPriority = 1;  // Above LibTorch's own.

struct BlockHeader {
  uint64_t counted_bytes;
  ActivationAccount* account;  // Holds a reference; may be null.
};
static_assert(sizeof(BlockHeader) <= kBlockHeaderBytes);

std::atomic<uint64_t> activation_limit{std::numeric_limits<uint64_t>::max()};
std::atomic<uint64_t> activation_taken{0};  // In use, or kept.

// Two numbers: a person reads the one, compares the other.
std::string BothWays(uint64_t size_bytes) {
  return absl::StrCat(FormatBytes(size_bytes), " (", size_bytes, " bytes)");
}

[[noreturn]] void RefuseBlock(uint64_t size_bytes) {
  const ActivationUsage usage = ActivationsInUse();
  // Without LibTorch's backtrace, which takes longer than many a forward.
  throw c10::OutOfMemoryError(
      absl::StrCat("host memory for activations: ", BothWays(size_bytes),
                   " asked for, ", BothWays(usage.used_bytes), " in use, of ",
                   BothWays(usage.limit_bytes),
                   " at most (--activation-bytes-max)"),
      /*backtrace=*/nullptr);
}

bool TryReserve(uint64_t size_bytes) {
  uint64_t taken = activation_taken;
  do {
    const uint64_t limit = activation_limit;
    if (taken > limit || size_bytes > limit - taken) return false;
  } while (!activation_taken.compare_exchange_weak(taken, taken + size_bytes));
  return true;
}

void FreeMemory(std::byte* block, uint64_t size_bytes) {
  c10::free_cpu(block);
  activation_taken -= size_bytes;
}

BlockCache& KeptBlocks() {
  static auto* const kept = new BlockCache(&FreeMemory);  // As the allocator.
  return *kept;
}

// A block that is counted already, or may be counted. May throw.
std::byte* TakeBlock(uint64_t asked_bytes, uint64_t size_bytes) {
  if (size_bytes >= BlockCache::kBlockBytesMin) {
    std::byte* const kept = KeptBlocks().Take(size_bytes);
    if (kept != nullptr) return kept;
  }
  while (!TryReserve(size_bytes)) {
    // What is only kept makes room before anybody is refused.
    if (size_bytes > activation_limit || !KeptBlocks().Drop(size_bytes)) {
      RefuseBlock(asked_bytes);
    }
  }
  try {
    return static_cast<std::byte*>(c10::alloc_cpu(size_bytes));
  } catch (...) {
    activation_taken -= size_bytes;
    throw;
  }
}

void FreeBlock(void* data) {
  if (data == nullptr) return;
  auto* const block = static_cast<std::byte*>(data) - kBlockHeaderBytes;
  const BlockHeader header = *reinterpret_cast<const BlockHeader*>(block);
  if (header.counted_bytes >= BlockCache::kBlockBytesMin) {
    KeptBlocks().Put(block, header.counted_bytes);
  } else {
    FreeMemory(block, header.counted_bytes);
  }
  if (header.account == nullptr) return;
  header.account->Remove(header.counted_bytes);
  c10::raw::intrusive_ptr::decref(header.account);
}

class HostAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size_bytes) override {
    const c10::Device cpu(c10::kCPU);
    if (size_bytes == 0) return {nullptr, nullptr, &FreeBlock, cpu};
    constexpr uint64_t kSizeMax = std::numeric_limits<ptrdiff_t>::max();
    const uint64_t counted_bytes =
        size_bytes > kSizeMax - kBlockHeaderBytes
            ? std::numeric_limits<uint64_t>::max()
            : BlockCache::RoundUp(size_bytes) + kBlockHeaderBytes;
    std::byte* const block = TakeBlock(size_bytes, counted_bytes);
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

void SetActivationLimit(uint64_t limit_bytes, uint64_t kept_max_bytes) {
  activation_limit = limit_bytes;
  KeptBlocks().SetMax(std::min(kept_max_bytes, limit_bytes));
}

ActivationUsage ActivationsInUse() {
  const uint64_t kept = KeptBlocks().kept_bytes();
  const uint64_t taken = activation_taken;
  return {.used_bytes = taken - std::min(taken, kept),
          .kept_bytes = kept,
          .limit_bytes = activation_limit};
}

}  // namespace ferry
