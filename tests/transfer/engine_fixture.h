// An EngineFixture is a TransferEngine between host memory and one simulated
// device, with images to carry.
//
// Owns:     the devices, their arenas and the engine.
// Threads:  TakeHost and TakeSim any; the rest one thread at a time.
// Units:    bytes.

#ifndef TESTS_TRANSFER_ENGINE_FIXTURE_H_
#define TESTS_TRANSFER_ENGINE_FIXTURE_H_

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/devices/cpu_device.h"
#include "server/devices/sim_device.h"
#include "server/transfer/transfer_engine.h"
#include "server/weights/arena.h"
#include "tests/support/status_matchers.h"
#include "tests/transfer/test_image.h"

namespace ferry {

inline constexpr uint64_t kMiB = uint64_t{1} << 20;
inline constexpr uint64_t kChunk = TransferPlan::kChunkBytes;
inline constexpr uint64_t kDeviceBytes = 64 * kMiB;

inline std::unique_ptr<SimDevice> MakeSim(int index) {
  return *SimDevice::Create({.index = index,
                             .capacity_bytes = kDeviceBytes,
                             .scratch_bytes = kMiB,
                             .link_bytes_per_second = 0});
}

class EngineFixture : public testing::Test {
 protected:
  // Five chunks in two spans; some records are cut by them.
  const Spans large_ = {{kChunk + 1000, 64, 3 * kChunk / 2}, {77, kChunk}};
  // One piece of one chunk: a copy of it is one copy on the device.
  const Spans small_ = {{1000, 0, 2000}};

  WeightSet TakeHost(const TestImage& image) {
    return Take(cpu_, *host_, image);
  }
  WeightSet TakeSim(const TestImage& image) {
    return Take(*sim_, *there_, image);
  }

  static WeightSet Take(Device& device, Arena& arena, const TestImage& image) {
    return WeightSet(device, *arena.Take(image.size_bytes()),
                     image.size_bytes());
  }

  TransferEngine::ReadRequest ReadOf(const TestImage& image,
                                     const WeightSet& host) {
    return ReadOf(image.source(), image, host);
  }
  // Of another source of the same image.
  TransferEngine::ReadRequest ReadOf(const WeightsSource& source,
                                     const TestImage& image,
                                     const WeightSet& host) {
    return {.source = source,
            .plan = image.plan(),
            .host = host,
            .checksums = checksums_,
            .progress = {},
            .stop = {}};
  }
  TransferEngine::CopyRequest CopyOf(const TestImage& image,
                                     const WeightSet& from,
                                     const WeightSet& to) {
    return {.plan = image.plan(),
            .from = from,
            .to = to,
            .checksums = checksums_,
            .progress = {},
            .stop = {}};
  }
  WeightSet Load(const TestImage& image) {
    WeightSet host = TakeHost(image);
    EXPECT_THAT(engine_.Read(ReadOf(image, host)), IsOk());
    return host;
  }

  static void ExpectHolds(const WeightSet& weights, const TestImage& image) {
    std::vector<std::byte> found(image.size_bytes());
    ASSERT_THAT(weights.device().CopyOut(found, weights.data()), IsOk());
    for (const ImageLayout::Span& span : image.layout().spans) {
      EXPECT_TRUE(std::ranges::equal(
          std::span(found).subspan(span.image_offset_bytes, span.size_bytes),
          std::span(image.bytes())
              .subspan(span.image_offset_bytes, span.size_bytes)));
    }
  }

  auto HasFailures(const std::string& device, int count) {
    using testing::HasSubstr;
    using testing::Matcher;
    using testing::Not;
    const std::string line =
        absl::StrCat("ferry_verify_failures_total{device=\"", device, "\"} ");
    return count == 0 ? Matcher<std::string>(Not(HasSubstr(line)))
                      : HasSubstr(absl::StrCat(line, count, "\n"));
  }

  CpuDevice cpu_{kDeviceBytes};
  std::unique_ptr<SimDevice> sim_ = MakeSim(0);
  std::unique_ptr<Arena> host_ = *Arena::Create(cpu_, kDeviceBytes);
  std::unique_ptr<Arena> there_ = *Arena::Create(*sim_, kDeviceBytes);
  Metrics metrics_;
  TransferEngine engine_{/*workers=*/2, metrics_};
  Checksums checksums_;
};

}  // namespace ferry

#endif  // TESTS_TRANSFER_ENGINE_FIXTURE_H_
