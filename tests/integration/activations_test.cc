// A daemon whose models ask for more host memory than it gives to activations:
// they are refused, with the numbers, and everything else goes on.

#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/executors/torch/activation_budget.h"
#include "tests/integration/test_daemon.h"
#include "tests/support/status_matchers.h"

namespace ferry::activations_test {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr uint64_t kMiB = uint64_t{1} << 20;

class ActivationsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(daemon_.started, IsOk());
    SaveGreedyModel(daemon_.models / "greedy.pt");
    ASSERT_THAT(daemon_.Load("twice", {"cpu"}), IsOk());
  }
  std::string Metrics() { return daemon_.daemon->metrics().Text(); }

  TestDaemon daemon_{{"--activation-bytes-max=64MiB"}};
};

TEST_F(ActivationsTest, AForwardThatAsksForTooMuchIsRefusedAndOthersGoOn) {
  const uint64_t before = ActivationsInUse().used_bytes;
  for (const char* device : {"cpu", "sim:0"}) {
    ASSERT_THAT(daemon_.Load("greedy", {device}), IsOk());
    EXPECT_EQ(*daemon_.Run("greedy", 16), 16);
    for (int i = 0; i < 3; ++i) {
      const auto refused = daemon_.Run("greedy", 4096);
      EXPECT_THAT(refused, StatusIs(StatusCode::kResourceExhausted));
      EXPECT_THAT(std::string(refused.status().message()),
                  AllOf(StartsWith("model \"greedy\": host memory for "
                                   "activations: 4.0 GiB (4294967296 bytes) "
                                   "asked for, "),
                        HasSubstr(" in use, of 64.0 MiB (67108864 bytes) at "
                                  "most (--activation-bytes-max)")));
      EXPECT_EQ(*daemon_.Run("twice", 3), 7);
    }
    EXPECT_EQ(*daemon_.Run("greedy", 16), 16);
    ASSERT_THAT(daemon_.client->Unload("greedy"), IsOk());
    // The last answers are freed a moment after they were sent.
    while (ActivationsInUse().used_bytes != before) std::this_thread::yield();
  }
}

TEST_F(ActivationsTest, ThePeakOfAModelIsShown) {
  ASSERT_THAT(daemon_.Load("greedy", {"cpu"}), IsOk());
  EXPECT_EQ(*daemon_.Run("greedy", 32), 32);
  EXPECT_EQ(*daemon_.Run("greedy", 4), 4);
  const uint64_t peak = daemon_.client->Get("greedy")->activation_peak_bytes;
  EXPECT_GE(peak, 32 * kMiB);
  EXPECT_LT(peak, 33 * kMiB);
  EXPECT_LT(daemon_.client->Get("twice")->activation_peak_bytes, kMiB);
  EXPECT_THAT(
      Metrics(),
      AllOf(HasSubstr("ferry_model_activation_peak_bytes{model=\"greedy\"} "),
            HasSubstr("ferry_activation_limit_bytes 67108864\n"),
            HasSubstr("ferry_activation_used_bytes ")));
}

TEST_F(ActivationsTest, ALoadWhoseCodeAsksForTooMuchIsUndone) {
  SaveGreedyLoadModel(daemon_.models / "load.pt", 1);
  ASSERT_THAT(daemon_.Load("load", {"cpu"}), IsOk());
  EXPECT_GE(daemon_.client->Get("load")->activation_peak_bytes, kMiB);
  ASSERT_THAT(daemon_.client->Unload("load"), IsOk());

  SaveGreedyLoadModel(daemon_.models / "load.pt", 4096);
  const uint64_t before = ActivationsInUse().used_bytes;
  const uint64_t used = daemon_.Device("cpu").used_bytes;
  const auto refused = daemon_.Load("load", {"cpu"});
  EXPECT_THAT(refused, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(StartsWith("model file "),
                    HasSubstr("host memory for activations: 4.0 GiB")));
  EXPECT_EQ(ActivationsInUse().used_bytes, before);
  EXPECT_EQ(daemon_.Device("cpu").used_bytes, used);
}

TEST(ActivationLimitTest, IsToldAtTheStart) {
  testing::internal::CaptureStderr();
  const TestDaemon daemon({"--devices=cpu=64MiB"});
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(daemon.started, IsOk());
  EXPECT_THAT(log,
              AllOf(HasSubstr(" activations limited limit_bytes=" +
                              std::to_string(ActivationsInUse().limit_bytes)),
                    HasSubstr(" from=default")));
}

}  // namespace
}  // namespace ferry::activations_test
