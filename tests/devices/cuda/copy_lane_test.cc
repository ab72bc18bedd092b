// CopyLane on a fake CUDA runtime: that it waits before it uses a buffer again,
// and that nothing is under way when it returns, even after an error.

#include "server/devices/cuda/copy_lane.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/devices/cuda/fake_cuda.h"

namespace ferry::copy_lane_test {
namespace {

constexpr uint64_t kStaging = CopyLane::kStagingBytes;

class CopyLaneTest : public testing::Test {
 protected:
  CopyLaneTest() {
    FakeCuda::Start({});
    cudaError_t error = cudaSuccess;
    lane_ = CopyLane::Create(error);
    EXPECT_EQ(error, cudaSuccess);
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, kDevice), cudaSuccess);
    memory_ = static_cast<std::byte*>(memory);
  }
  ~CopyLaneTest() override {
    lane_.reset();
    cudaFree(memory_);
  }

  static std::vector<std::byte> Numbers(uint64_t size_bytes) {
    std::vector<std::byte> bytes(size_bytes);
    std::mt19937 random(1);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
  }

  static constexpr uint64_t kDevice = 10 * kStaging;
  const HostRanges nothing_;
  std::unique_ptr<CopyLane> lane_;
  std::byte* memory_ = nullptr;
};

TEST_F(CopyLaneTest, CarriesWhatFitsNoBufferThroughBoth) {
  for (const uint64_t size_bytes :
       {kStaging - 1, kStaging, kStaging + 1, 2 * kStaging, 2 * kStaging + 1,
        7 * kStaging + 3}) {
    const std::vector<std::byte> sent = Numbers(size_bytes);
    std::vector<std::byte> got(size_bytes);
    ASSERT_EQ(lane_->CopyIn(memory_, sent, nothing_), cudaSuccess);
    ASSERT_EQ(lane_->CopyOut(got, memory_, nothing_), cudaSuccess);
    EXPECT_TRUE(got == sent) << size_bytes;
  }
}

TEST_F(CopyLaneTest, GivesTheSinkEveryPieceInOrder) {
  const std::vector<std::byte> sent = Numbers(5 * kStaging + 9);
  ASSERT_EQ(lane_->CopyIn(memory_, sent, nothing_), cudaSuccess);
  std::vector<std::byte> got;
  int pieces = 0;
  ASSERT_EQ(lane_->Read(memory_, sent.size(),
                        [&](std::span<const std::byte> bytes) {
                          got.insert(got.end(), bytes.begin(), bytes.end());
                          ++pieces;
                        }),
            cudaSuccess);
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(pieces, 6);
}

TEST_F(CopyLaneTest, HasNothingUnderWayAfterAnError) {
  const std::vector<std::byte> sent = Numbers(4 * kStaging);
  for (const bool in : {true, false}) {
    std::vector<std::byte> got(sent.size());
    FakeCuda::FailNextCopy(cudaErrorInvalidValue);
    EXPECT_EQ(in ? lane_->CopyIn(memory_, sent, nothing_)
                 : lane_->CopyOut(got, memory_, nothing_),
              cudaErrorInvalidValue);
    // A stream with work left would answer that it is not ready, and the fake
    // refuses to destroy one.
    EXPECT_EQ(lane_->Probe(), cudaSuccess);
    ASSERT_EQ(lane_->CopyIn(memory_, sent, nothing_), cudaSuccess);
  }
}

TEST_F(CopyLaneTest, ReadsNothingGladly) {
  EXPECT_EQ(lane_->Read(memory_, 0, [](auto) { FAIL(); }), cudaSuccess);
  EXPECT_EQ(lane_->CopyIn(memory_, {}, nothing_), cudaSuccess);
  EXPECT_EQ(lane_->CopyOut({}, memory_, nothing_), cudaSuccess);
}

TEST_F(CopyLaneTest, ProbesTheContext) {
  EXPECT_EQ(lane_->Probe(), cudaSuccess);
  FakeCuda::End(0);
  EXPECT_EQ(lane_->Probe(), cudaErrorIllegalAddress);
}

}  // namespace
}  // namespace ferry::copy_lane_test
