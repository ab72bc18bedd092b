// The CpuAllocator in LibTorch's place: alignment, what is counted and given
// back, and the limit, for tensors made by LibTorch's own operators.

#include "server/executors/torch/cpu_allocator.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/worker.h"
#include "server/executors/torch/activation_account.h"
#include "server/executors/torch/activation_budget.h"
#include "tests/executors/model_file.h"
#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"
#include "tests/support/torch_models.h"

namespace ferry::cpu_allocator_test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint64_t kMiB = uint64_t{1} << 20;

uint64_t InUse() { return ActivationsInUse().used_bytes; }

at::Tensor Bytes(uint64_t size_bytes) {
  return at::empty({static_cast<int64_t>(size_bytes)}, at::kByte);
}

class CpuAllocatorTest : public ::testing::Test {
 protected:
  ~CpuAllocatorTest() override {
    SetActivationLimit(std::numeric_limits<uint64_t>::max(), 0);
  }
  // Beside what is in use now.
  static void LeaveRoomFor(uint64_t size_bytes) {
    SetActivationLimit(InUse() + size_bytes, 0);
  }

  const c10::InferenceMode inference_;
  const c10::intrusive_ptr<ActivationAccount> account_ =
      c10::make_intrusive<ActivationAccount>();
};

TEST_F(CpuAllocatorTest, IsWhereLibTorchAllocates) {
  EXPECT_EQ(c10::GetCPUAllocator(), &CpuAllocator());
}

TEST_F(CpuAllocatorTest, AlignsBlocksOfAnySizeAsLibTorchDoes) {
  std::vector<at::Tensor> held;
  for (uint64_t size = 1; size <= 5000; size += 37) {
    held.push_back(Bytes(size));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(held.back().data_ptr()) % 64, 0u);
  }
}

TEST_F(CpuAllocatorTest, CountsABlockWithItsHeaderUntilItIsFreed) {
  const uint64_t before = InUse();
  at::Tensor tensor = Bytes(1000);
  EXPECT_EQ(InUse(), before + 1000 + kBlockHeaderBytes);
  tensor.reset();
  EXPECT_EQ(InUse(), before);
}

TEST_F(CpuAllocatorTest, ATensorWithoutElementsTakesNothing) {
  const uint64_t before = InUse();
  LeaveRoomFor(0);
  const at::Tensor nothing = at::empty({0, 5});
  EXPECT_EQ(nothing.numel(), 0);
  EXPECT_EQ(InUse(), before);
}

TEST_F(CpuAllocatorTest, RefusesWhatWouldPassTheLimitWithTheNumbers) {
  LeaveRoomFor(kMiB);
  const uint64_t before = InUse();
  try {
    Bytes(kMiB);
    FAIL() << "granted";
  } catch (const c10::OutOfMemoryError& error) {
    EXPECT_THAT(error.what(),
                StartsWith("host memory for activations: 1.0 MiB (1048576 "
                           "bytes) asked for, "));
    EXPECT_THAT(error.what(),
                HasSubstr(std::to_string(before) + " bytes) in "));
    EXPECT_THAT(error.what(),
                HasSubstr(std::to_string(before + kMiB) + " bytes) at most"));
  }
  EXPECT_EQ(InUse(), before);
  EXPECT_EQ(Bytes(kMiB - kBlockHeaderBytes).numel(), kMiB - kBlockHeaderBytes);
}

TEST_F(CpuAllocatorTest, ASizeBeyondAllMemoryDoesNotWrap) {
  const uint64_t before = InUse();
  for (const size_t size :
       {std::numeric_limits<size_t>::max(),
        std::numeric_limits<size_t>::max() - kBlockHeaderBytes,
        static_cast<size_t>(std::numeric_limits<ptrdiff_t>::max()),
        size_t{1} << 60}) {  // Within the limit; the system refuses.
    EXPECT_ANY_THROW(CpuAllocator().allocate(size)) << size;
  }
  EXPECT_EQ(InUse(), before);
}

TEST_F(CpuAllocatorTest, ABlockIsItsModelsWhoeverFreesIt) {
  std::optional<at::Tensor> tensor;
  {
    const ActivationScope scope(account_);
    tensor = Bytes(kMiB);
  }
  const at::Tensor nobodys = Bytes(kMiB);
  EXPECT_EQ(account_->used_bytes(), kMiB + kBlockHeaderBytes);
  {
    const Worker other("other", [&] { tensor.reset(); });
  }
  EXPECT_EQ(account_->used_bytes(), 0u);
  EXPECT_EQ(account_->peak_bytes(), kMiB + kBlockHeaderBytes);
}

TEST_F(CpuAllocatorTest, ABlockThatOutlivesItsModelIsCountedBack) {
  const uint64_t before = InUse();
  auto account = c10::make_intrusive<ActivationAccount>();
  const c10::weak_intrusive_ptr<ActivationAccount> watched(account);
  at::Tensor tensor;
  {
    const ActivationScope scope(account);
    tensor = Bytes(kMiB);
  }
  account.reset();
  EXPECT_FALSE(watched.expired());
  tensor.reset();
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(InUse(), before);
}

TEST_F(CpuAllocatorTest, ATensorThatGrowsIsCountedAsItIs) {
  const uint64_t before = InUse();
  const ActivationScope scope(account_);
  at::Tensor tensor = Bytes(1000);
  tensor.resize_({3000});
  EXPECT_EQ(account_->used_bytes(), 3000 + kBlockHeaderBytes);
  LeaveRoomFor(kMiB);
  EXPECT_THROW(tensor.resize_({int64_t{2} << 20}), c10::OutOfMemoryError);
  tensor.reset();
  EXPECT_EQ(InUse(), before);
}

TEST_F(CpuAllocatorTest, RawBlocksAndLazyCopiesAreCountedBack) {
  const uint64_t before = InUse();
  CpuAllocator().raw_deallocate(CpuAllocator().raw_allocate(1000));
  CpuAllocator().raw_deallocate(CpuAllocator().raw_allocate(0));
  {
    const at::Tensor one = at::ones({1000});
    at::Tensor copy = one._lazy_clone();
    copy.add_(1);
    EXPECT_EQ(one[0].item<float>(), 1);
    EXPECT_EQ(copy[0].item<float>(), 2);
  }
  EXPECT_EQ(InUse(), before);
}

TEST_F(CpuAllocatorTest, ALargeBlockThatWasFreedIsTheNextOne) {
  SetActivationLimit(InUse() + 64 * kMiB, 16 * kMiB);
  const uint64_t before = InUse();
  at::Tensor tensor = Bytes(8 * kMiB);
  const void* const first = tensor.data_ptr();
  tensor.reset();
  EXPECT_EQ(InUse(), before);
  EXPECT_EQ(ActivationsInUse().kept_bytes, 8 * kMiB + kBlockHeaderBytes);
  tensor = Bytes(8 * kMiB);
  EXPECT_EQ(tensor.data_ptr(), first);
  EXPECT_EQ(ActivationsInUse().kept_bytes, 0u);
}

TEST_F(CpuAllocatorTest, WhatIsKeptGoesBeforeAnybodyIsRefused) {
  SetActivationLimit(InUse() + 16 * kMiB, 16 * kMiB);
  const uint64_t before = InUse();
  Bytes(7 * kMiB).reset();
  Bytes(6 * kMiB).reset();
  EXPECT_GT(ActivationsInUse().kept_bytes, 13 * kMiB);
  {
    const at::Tensor most = Bytes(15 * kMiB);
    EXPECT_EQ(ActivationsInUse().kept_bytes, 0u);
  }
  EXPECT_THROW(Bytes(32 * kMiB), c10::OutOfMemoryError);
  EXPECT_EQ(InUse(), before);
  // What could not be had in any case cost nobody what was kept.
  EXPECT_GT(ActivationsInUse().kept_bytes, 0u);
}

TEST_F(CpuAllocatorTest, ThreadsTogetherNeverPassTheLimit) {
  SetActivationLimit(InUse() + 4 * kMiB, kMiB + kMiB / 2);
  const uint64_t before = InUse();
  const uint64_t limit = ActivationsInUse().limit_bytes;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < 4; ++i) {
    workers.push_back(std::make_unique<Worker>("taker", [&] {
      for (int n = 0; n < 2000; ++n) {
        try {
          const at::Tensor one = Bytes(kMiB);
          const at::Tensor other = Bytes(kMiB);
          EXPECT_LE(InUse(), limit);
        } catch (const c10::OutOfMemoryError&) {
        }
      }
    }));
  }
  workers.clear();
  EXPECT_EQ(InUse(), before);
}

TEST_F(CpuAllocatorTest, WhatTheThreadsOfAnOperatorTakeIsGivenBack) {
  const int former = at::get_num_threads();
  at::set_num_threads(2);
  (void)at::conv2d(at::ones({8, 8, 64, 64}), at::ones({8, 8, 3, 3}));
  const uint64_t before = InUse();
  {
    const ActivationScope scope(account_);
    (void)at::conv2d(at::ones({8, 8, 64, 64}), at::ones({8, 8, 3, 3}));
    (void)at::mm(at::ones({512, 512}), at::ones({512, 512})).sort();
  }
  EXPECT_EQ(InUse(), before);
  EXPECT_EQ(account_->used_bytes(), 0u);
  at::set_num_threads(former);
}

// forward(x): x MiB of zeros, and x again.
constexpr char kGreedy[] =
    "def forward(self, x):\n"
    "    y = torch.zeros([int(x.sum()) * 1048576], dtype=0)\n"
    "    return x + y[0]\n";

class GreedyModelTest : public CpuAllocatorTest {
 protected:
  ServedModel ServeGreedy(Device& device) {
    const std::string path = folder_ / "greedy.pt";
    Scripted(kGreedy).save(path);
    return Serve(path, device, devices_);
  }
  static absl::StatusOr<RunResult> Ask(const ServedModel& model, float mib) {
    return model.instance->Run(
        {{{"x",
           {TensorView{.dtype = DType::kFloat32,
                       .shape = {1},
                       .bytes = std::as_bytes(std::span(&mib, 1))}}}}});
  }

  Devices devices_;
  TemporaryFolder folder_;
};

TEST_F(GreedyModelTest, IsRefusedAndGoesOnWithAllGivenBack) {
  for (Device* device : devices_.all) {
    const ServedModel model = ServeGreedy(*device);
    ASSERT_THAT(Ask(model, 1), IsOk());
    const uint64_t before = InUse();
    LeaveRoomFor(16 * kMiB);
    for (int i = 0; i < 3; ++i) {
      const auto refused = Ask(model, 32);
      EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
      EXPECT_THAT(std::string(refused.status().message()),
                  StartsWith("host memory for activations: 32.0 MiB"));
      EXPECT_EQ(InUse(), before) << device->name();
      EXPECT_THAT(Ask(model, 8), IsOk());
    }
    EXPECT_EQ(InUse(), before) << device->name();
    SetActivationLimit(std::numeric_limits<uint64_t>::max(), 0);
  }
}

TEST_F(GreedyModelTest, ItsPeakIsThatOfItsGreatestRun) {
  const ServedModel model = ServeGreedy(devices_.cpu);
  EXPECT_LT(model.program->activation_peak_bytes(), kMiB);
  for (const float mib : {2, 8, 4}) ASSERT_THAT(Ask(model, mib), IsOk());
  EXPECT_GE(model.program->activation_peak_bytes(), 8 * kMiB);
  EXPECT_LT(model.program->activation_peak_bytes(), 9 * kMiB);
}

TEST_F(GreedyModelTest, AnAnswerFreedByAnotherThreadIsGivenBack) {
  const ServedModel model = ServeGreedy(devices_.cpu);
  const uint64_t before = InUse();
  std::optional<RunResult> result = *Ask(model, 1);
  EXPECT_GT(InUse(), before);
  {
    const Worker other("other", [&] { result.reset(); });
  }
  EXPECT_EQ(InUse(), before);
}

}  // namespace
}  // namespace ferry::cpu_allocator_test
