// DeviceSuite is device.h as tests, for every implementation of it.
//
// It reaches the memory only through CopyIn and CopyOut, as the rooms above do,
// so the same tests run on the cpu, on a simulated device and on a GPU. Include
// it in one file of a program, and instantiate it there:
//
//   INSTANTIATE_TEST_SUITE_P(Cpu, DeviceSuite, testing::Values(MakeCpu));
//
// Threads:  some tests start a few of their own.

#ifndef TESTS_DEVICES_DEVICE_SUITE_H_
#define TESTS_DEVICES_DEVICE_SUITE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/hash.h"
#include "server/devices/device.h"
#include "server/devices/pages.h"
#include "tests/support/status_matchers.h"

namespace ferry {

// Makes a device that has `capacity_bytes` for weights.
using MakeDevice = std::unique_ptr<Device> (*)(uint64_t capacity_bytes);

using Bytes = std::vector<std::byte>;

// The same bytes for the same seed; eight at a time, which sanitizers like.
inline Bytes RandomBytes(uint64_t size_bytes, unsigned seed) {
  Bytes bytes(size_bytes);
  std::mt19937_64 random(seed);
  for (uint64_t at = 0; at < size_bytes; at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(&bytes[at], &word, std::min(sizeof(word), size_bytes - at));
  }
  return bytes;
}

class DeviceSuite : public testing::TestWithParam<MakeDevice> {
 protected:
  static constexpr uint64_t kPage = Device::kAlignmentBytes;
  static constexpr uint64_t kMiB = uint64_t{1} << 20;
  static constexpr uint64_t kCapacity = 32 * kMiB;

  ~DeviceSuite() override {
    for (std::byte* memory : taken_) device_->Free(memory);
  }

  // Freed when the test ends.
  std::byte* Take(uint64_t size_bytes) {
    auto memory = device_->Allocate(size_bytes);
    EXPECT_THAT(memory, IsOk());
    if (!memory.ok()) return nullptr;
    taken_.push_back(*memory);
    return *memory;
  }

  Bytes Read(const std::byte* from, uint64_t size_bytes) {
    Bytes bytes(size_bytes);
    EXPECT_THAT(device_->CopyOut(bytes, from), IsOk());
    return bytes;
  }

  const std::unique_ptr<Device> device_ = GetParam()(kCapacity);
  std::vector<std::byte*> taken_;
};

TEST_P(DeviceSuite, HasANameThatFindsIt) {
  EXPECT_EQ(*DeviceId::Parse(device_->name()), device_->id());
}

TEST_P(DeviceSuite, HasTheCapacityItWasGiven) {
  EXPECT_EQ(device_->capacity_bytes(), kCapacity);
}

TEST_P(DeviceSuite, CarriesBytesThereAndBack) {
  for (const uint64_t size_bytes :
       {uint64_t{1}, kPage - 1, kPage, kMiB, 4 * kMiB, 9 * kMiB + 3}) {
    std::byte* const memory = *device_->Allocate(size_bytes);
    const Bytes sent = RandomBytes(size_bytes, 1);
    ASSERT_THAT(device_->CopyIn(memory, sent), IsOk());
    EXPECT_TRUE(Read(memory, size_bytes) == sent) << size_bytes;
    device_->Free(memory);
  }
}

TEST_P(DeviceSuite, CopiesToAnyOffsetAndNothingBesideIt) {
  std::byte* const memory = Take(2 * kPage);
  const Bytes around = RandomBytes(2 * kPage, 2);
  const Bytes inside = RandomBytes(77, 3);
  ASSERT_THAT(device_->CopyIn(memory, around), IsOk());
  ASSERT_THAT(device_->CopyIn(memory + 4001, inside), IsOk());

  Bytes expected = around;
  std::ranges::copy(inside, expected.begin() + 4001);
  EXPECT_TRUE(Read(memory, 2 * kPage) == expected);
}

TEST_P(DeviceSuite, CopiesNothingGladly) {
  std::byte* const memory = Take(kPage);
  EXPECT_THAT(device_->CopyIn(memory, {}), IsOk());
  EXPECT_THAT(device_->CopyOut({}, memory), IsOk());
}

TEST_P(DeviceSuite, HashesTheBytesWhereTheyLie) {
  const Bytes sent = RandomBytes(5 * kMiB + 1, 4);
  std::byte* const memory = Take(sent.size());
  ASSERT_THAT(device_->CopyIn(memory, sent), IsOk());

  const std::span<const std::byte> all(sent);
  EXPECT_EQ(*device_->HashOf(memory, sent.size()), Hash::Of(all));
  EXPECT_EQ(*device_->HashOf(memory + 3, 1000), Hash::Of(all.subspan(3, 1000)));
  Hash hash;
  EXPECT_THAT(device_->AddTo(hash, memory, 1000), IsOk());
  EXPECT_THAT(device_->AddTo(hash, memory, 0), IsOk());
  EXPECT_THAT(device_->AddTo(hash, memory + 1000, 500), IsOk());
  EXPECT_EQ(hash.Total(), Hash::Of(all.first(1500)));
}

TEST_P(DeviceSuite, AlignsWhatItAllocates) {
  for (const uint64_t size_bytes : {uint64_t{1}, kPage + 1, 3 * kMiB}) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Take(size_bytes)) % kPage, 0u);
  }
}

TEST_P(DeviceSuite, RefusesBeyondItsCapacity) {
  EXPECT_THAT(device_->Allocate(kCapacity + 1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(device_->Allocate(UINT64_MAX),
              StatusIs(absl::StatusCode::kResourceExhausted));
  Take(kCapacity - kPage);
  EXPECT_THAT(device_->Allocate(kPage + 1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  Take(kPage);
}

TEST_P(DeviceSuite, RefusesToAllocateNothing) {
  EXPECT_THAT(device_->Allocate(0),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(DeviceSuite, GetsItsCapacityBackOnFree) {
  for (int round = 0; round < 3; ++round) {
    const auto memory = device_->Allocate(kCapacity);
    ASSERT_THAT(memory, IsOk());
    device_->Free(*memory);
  }
}

TEST_P(DeviceSuite, KeepsAllocationsApart) {
  std::byte* const first = Take(kPage);
  std::byte* const second = Take(kPage);
  const Bytes ones(kPage, std::byte{1});
  const Bytes twos(kPage, std::byte{2});
  ASSERT_THAT(device_->CopyIn(first, ones), IsOk());
  ASSERT_THAT(device_->CopyIn(second, twos), IsOk());
  EXPECT_TRUE(Read(first, kPage) == ones);
  EXPECT_TRUE(Read(second, kPage) == twos);
}

TEST_P(DeviceSuite, DiscardsARangeAndNothingBesideIt) {
  const Bytes sent = RandomBytes(8 * kPage, 5);
  std::byte* const memory = Take(sent.size());
  ASSERT_THAT(device_->CopyIn(memory, sent), IsOk());
  // It begins and ends in the middle of a page.
  device_->Discard(memory + 100, 5 * kPage);

  EXPECT_TRUE(Read(memory, 100) == Bytes(sent.begin(), sent.begin() + 100));
  EXPECT_TRUE(Read(memory + 100 + 5 * kPage, 3 * kPage - 100) ==
              Bytes(sent.begin() + 100 + static_cast<ptrdiff_t>(5 * kPage),
                    sent.end()));
  ASSERT_THAT(device_->CopyIn(memory, sent), IsOk());
  EXPECT_TRUE(Read(memory, sent.size()) == sent);
}

TEST_P(DeviceSuite, CopiesWithRegisteredHostMemory) {
  auto pages = Pages::Map(6 * kMiB, Pages::Access::kReadWrite);
  ASSERT_THAT(pages, IsOk());
  const std::span<std::byte> host(pages->data(), pages->size_bytes());
  const Bytes sent = RandomBytes(host.size(), 6);
  std::ranges::copy(sent, host.begin());
  ASSERT_THAT(device_->RegisterHost(host), IsOk());

  std::byte* const memory = Take(host.size());
  ASSERT_THAT(device_->CopyIn(memory, host), IsOk());
  std::ranges::fill(host, std::byte{0});
  ASSERT_THAT(device_->CopyOut(host.subspan(1), memory + 1), IsOk());
  EXPECT_TRUE(std::ranges::equal(host.subspan(1), std::span(sent).subspan(1)));
  EXPECT_EQ(host[0], std::byte{0});
  device_->UnregisterHost(host);
  EXPECT_TRUE(Read(memory, sent.size()) == sent);
}

TEST_P(DeviceSuite, CopiesForManyThreadsAtOnce) {
  constexpr uint64_t kShare = 2 * kMiB + 5;
  std::byte* const memory = Take(6 * kShare);
  std::vector<std::thread> threads;
  for (unsigned share = 0; share < 6; ++share) {
    threads.emplace_back([this, memory, share] {
      std::byte* const mine = memory + share * kShare;
      for (unsigned round = 0; round < 4; ++round) {
        const Bytes sent = RandomBytes(kShare, 100 * share + round);
        EXPECT_THAT(device_->CopyIn(mine, sent), IsOk());
        EXPECT_EQ(*device_->HashOf(mine, kShare), Hash::Of(sent));
        EXPECT_TRUE(Read(mine, kShare) == sent);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(DeviceSuite, IsHealthy) { EXPECT_THAT(device_->Health(), IsOk()); }

}  // namespace ferry

#endif  // TESTS_DEVICES_DEVICE_SUITE_H_
