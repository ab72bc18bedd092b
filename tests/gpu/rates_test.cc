// How fast the device copies and sums, beside the runtime's own copies of the
// same bytes: figures for the report. Only the bytes are tested.

#include <algorithm>
#include <cuda_runtime_api.h>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_format.h"

#include "server/base/clock.h"
#include "server/base/hash.h"
#include "server/devices/pages.h"
#include "tests/gpu/checked_device.h"
#include "tests/support/status_matchers.h"

namespace ferry::rates_test {
namespace {

// A simulated device shows that the program works, and no rates.
const uint64_t kSize = uint64_t{ChecksGpu() ? 1024u : 64u} << 20;
constexpr uint64_t kChunk = uint64_t{4} << 20;  // As the transfer engine's.
constexpr int kRounds = 5;

// The best of a few rounds, in bytes per second.
double BestRate(const std::function<void()>& round) {
  double best = 0;
  for (int i = 0; i < kRounds; ++i) {
    const Stopwatch watch;
    round();
    best = std::max(best, static_cast<double>(kSize) /
                              absl::ToDoubleSeconds(watch.Elapsed()));
  }
  return best;
}

// Calls `work(offset)` for every chunk, from several threads in turn.
void ForEachChunk(int threads, const std::function<void(uint64_t)>& work) {
  std::vector<std::thread> workers;
  for (int worker = 0; worker < threads; ++worker) {
    workers.emplace_back([&, worker] {
      for (uint64_t at = static_cast<uint64_t>(worker) * kChunk; at < kSize;
           at += static_cast<uint64_t>(threads) * kChunk) {
        work(at);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
}

class RatesTest : public testing::Test {
 protected:
  RatesTest() : pool_(OpenChecked(kSize)), device_(*pool_->devices().back()) {
    std::fill_n(host().begin(), kSize, std::byte{0x5C});
    memory_ = *device_.Allocate(kSize);
  }
  ~RatesTest() override { device_.Free(memory_); }

  std::span<std::byte> host() const {
    return {pages_->data(), pages_->size_bytes()};
  }

  void ReportRate(const char* what, double rate, double limit) {
    Report(absl::StrFormat("%-44s %7.2f GB/s  %4.2f of raw", what, rate / 1e9,
                           limit > 0 ? rate / limit : 0));
  }

  // Both directions and the sum, from one thread and from four.
  void Measure(const char* memory, double raw_in, double raw_out) {
    for (const int threads : {1, 4}) {
      const auto name = [&](const char* what) {
        return absl::StrFormat("%s, %s, 4 MiB chunks, %d threads", what, memory,
                               threads);
      };
      const double in = BestRate([&] {
        ForEachChunk(threads, [&](uint64_t at) {
          ASSERT_THAT(device_.CopyIn(memory_ + at, host().subspan(at, kChunk)),
                      IsOk());
        });
      });
      ReportRate(name("in").c_str(), in, raw_in);
      const double out = BestRate([&] {
        ForEachChunk(threads, [&](uint64_t at) {
          ASSERT_THAT(device_.CopyOut(host().subspan(at, kChunk), memory_ + at),
                      IsOk());
        });
      });
      ReportRate(name("out").c_str(), out, raw_out);
    }
  }

  const absl::StatusOr<Pages> pages_ =
      Pages::Map(kSize, Pages::Access::kReadWrite);
  const std::unique_ptr<DevicePool> pool_;
  Device& device_;
  std::byte* memory_ = nullptr;
};

// The limit: one asynchronous copy of everything, from memory that CUDA itself
// made page-locked.
struct RawRates {
  double in = 0;
  double out = 0;
};
RawRates MeasureRaw(std::byte* device_memory) {
  RawRates rates;
  if (!ChecksGpu()) return rates;
  EXPECT_EQ(cudaSetDevice(CheckedDevice().index), cudaSuccess);
  void* pinned = nullptr;
  EXPECT_EQ(cudaHostAlloc(&pinned, kSize, cudaHostAllocDefault), cudaSuccess);
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
            cudaSuccess);
  rates.in = BestRate([&] {
    EXPECT_EQ(cudaMemcpyAsync(device_memory, pinned, kSize,
                              cudaMemcpyHostToDevice, stream),
              cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  });
  rates.out = BestRate([&] {
    EXPECT_EQ(cudaMemcpyAsync(pinned, device_memory, kSize,
                              cudaMemcpyDeviceToHost, stream),
              cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  });
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  Report(absl::StrFormat("%-44s %7.2f GB/s", "raw, in, page-locked, 1 GiB",
                         rates.in / 1e9));
  Report(absl::StrFormat("%-44s %7.2f GB/s", "raw, out, page-locked, 1 GiB",
                         rates.out / 1e9));
  return rates;
}

TEST_F(RatesTest, AreReported) {
  const RawRates raw = MeasureRaw(memory_);
  Measure("pageable", raw.in, raw.out);

  const Stopwatch watch;
  ASSERT_THAT(device_.RegisterHost(host()), IsOk());
  Report(absl::StrFormat("%-44s %7.2f GB/s", "register 1 GiB",
                         static_cast<double>(kSize) / 1e9 /
                             absl::ToDoubleSeconds(watch.Elapsed())));
  Measure("registered", raw.in, raw.out);
  device_.UnregisterHost(host());

  const uint64_t expected = Hash::Of(host().first(kChunk));
  for (const int threads : {1, 4}) {
    const double rate = BestRate([&] {
      ForEachChunk(threads, [&](uint64_t at) {
        EXPECT_EQ(Hash::Of(host().subspan(at, kChunk)), expected);
      });
    });
    ReportRate(
        absl::StrFormat("hash of host memory, %d threads", threads).c_str(),
        rate, raw.out);
  }
  for (const int threads : {1, 4}) {
    const double rate = BestRate([&] {
      ForEachChunk(threads, [&](uint64_t at) {
        EXPECT_EQ(*device_.HashOf(memory_ + at, kChunk), expected);
      });
    });
    ReportRate(
        absl::StrFormat("hash, 4 MiB chunks, %d threads", threads).c_str(),
        rate, raw.out);
  }
}

}  // namespace
}  // namespace ferry::rates_test
