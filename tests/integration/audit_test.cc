// Models that write to their weights although nothing shows it: by an operator
// whose schema is wrong, as a fault of LibTorch's or of the list of those that
// alias would be.

#include <future>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/library.h>
#include <torch/script.h>

#include "tests/integration/test_daemon.h"
#include "tests/support/status_matchers.h"

namespace ferry::audit_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// Adds `step` to the last element of `x`, says nothing of it, and gives 0.
at::Tensor Scribble(const at::Tensor& x, const at::Tensor& step) {
  at::Tensor last = x.slice(0, -1);
  last.add_(step);
  return at::zeros_like(step);
}

TORCH_LIBRARY_FRAGMENT(aten, library) {
  library.def("ferry_scribble(Tensor x, Tensor step) -> Tensor", &Scribble);
}

// forward(x) = x * 2, and x is scribbled into `weight_bytes` of weights.
void SaveScribblingModel(const std::string& path, uint64_t weight_bytes) {
  torch::jit::Module module("Scribbling");
  module.register_parameter(
      "weight",
      torch::full({static_cast<int64_t>(weight_bytes / sizeof(float))}, 2.0F),
      false);
  module.define(
      "def forward(self, x):\n"
      "    return x * self.weight[0] + torch.ferry_scribble(self.weight, x)\n");
  module.save(path);
}

class AuditTest : public testing::Test {
 protected:
  static constexpr uint64_t kChunk = uint64_t{4} << 20;

  void Start(const std::string& flag, uint64_t weight_bytes,
             const std::vector<std::string>& devices) {
    daemon_.emplace(std::vector<std::string>{flag});
    ASSERT_THAT(daemon_->started, IsOk());
    SaveScribblingModel(daemon_->models / "scribbling.pt", weight_bytes);
    ASSERT_THAT(daemon_->Load("scribbling", devices), IsOk());
  }

  std::string State() { return daemon_->client->Get("scribbling")->state; }

  // Asks as often as it says, and waits until the last of them is known to have
  // done damage.
  void AskUntilDamaged(int runs) {
    std::promise<void> damaged;
    bool told = false;
    ModelTable& table = daemon_->daemon->table();
    const auto watch = table.WatchChanges([&](std::string_view name) {
      const auto model = table.Get(name);
      if (told || !model.ok() || model->last_error.empty()) return;
      told = true;
      damaged.set_value();
    });
    for (int run = 0; run < runs; ++run) {
      EXPECT_THAT(daemon_->Run("scribbling", 3), IsOk());
    }
    damaged.get_future().wait();
  }

  std::optional<TestDaemon> daemon_;
};

TEST_F(AuditTest, WeightsThatWereWrittenServeNothing) {
  for (const char* device : {"cpu", "sim:0"}) {
    Start("--audit-runs=1", 1024, {device});
    AskUntilDamaged(1);
    const auto refused = daemon_->Run("scribbling", 3);
    EXPECT_THAT(refused, StatusIs(StatusCode::kDataLoss));
    EXPECT_THAT(
        refused.status().message(),
        HasSubstr(absl::StrCat("model \"scribbling\": its weights on ", device,
                               " are no longer those of its file")));
    EXPECT_EQ(State(), "PARKED");
    EXPECT_EQ(daemon_->client->Get("scribbling")->last_error,
              refused.status().message());
    EXPECT_THAT(daemon_->daemon->metrics().Text(),
                HasSubstr(absl::StrCat("ferry_verify_failures_total{device=\"",
                                       device, "\"} 1\n")));
    // It is this model's affair, and of nobody else.
    EXPECT_THAT(daemon_->client->Health(), IsOk());
    ASSERT_THAT(daemon_->Load("twice", {device}), IsOk());
    EXPECT_EQ(*daemon_->Run("twice", 3), 7);
  }
}

TEST_F(AuditTest, LoadingItAgainServesItsFileAgain) {
  Start("--audit-runs=1", 1024, {"cpu"});
  AskUntilDamaged(1);
  // Not from the copy in host memory, which is the one that was written.
  EXPECT_THAT(daemon_->Migrate("scribbling", {"sim:1"}),
              StatusIs(StatusCode::kDataLoss));
  ASSERT_THAT(daemon_->client->Unload("scribbling"), IsOk());
  ASSERT_THAT(daemon_->Load("scribbling", {"sim:1"}), IsOk());
  EXPECT_EQ(*daemon_->Run("scribbling", 3), 6);
}

TEST_F(AuditTest, AnotherCopyGoesOn) {
  Start("--audit-runs=1", 1024, {"sim:0", "sim:1"});
  AskUntilDamaged(1);
  EXPECT_EQ(State(), "SERVING");
  EXPECT_EQ(daemon_->client->Get("scribbling")->serving_on.size(), 1U);
  EXPECT_EQ(*daemon_->Run("scribbling", 3), 6);
  // A move that keeps no damaged copy mends it.
  ASSERT_THAT(daemon_->Migrate("scribbling", {"cpu"}), IsOk());
  EXPECT_EQ(*daemon_->Run("scribbling", 3), 6);
}

TEST_F(AuditTest, AMoveToADamagedCopyFillsItAgain) {
  Start("--audit-runs=1", 1024, {"sim:0", "sim:1"});
  AskUntilDamaged(1);
  const std::string good =
      daemon_->client->Get("scribbling")->serving_on.front();
  const std::string damaged = good == "sim:0" ? "sim:1" : "sim:0";
  ASSERT_THAT(daemon_->Migrate("scribbling", {damaged}), IsOk());
  EXPECT_EQ(State(), "SERVING");
  EXPECT_EQ(*daemon_->Run("scribbling", 3), 6);
}

TEST_F(AuditTest, EveryChunkComesToItsTurn) {
  Start("--audit-runs=1", 2 * kChunk + 1024, {"sim:0"});
  AskUntilDamaged(2);  // The second chunk, the third, the first, ...
  EXPECT_THAT(daemon_->Run("scribbling", 3), StatusIs(StatusCode::kDataLoss));
}

TEST_F(AuditTest, LooksOnlyAsOftenAsItIsTold) {
  Start("--audit-runs=0", 1024, {"cpu"});
  for (int run = 0; run < 5; ++run) {
    EXPECT_THAT(daemon_->Run("scribbling", 3), IsOk());
  }
  EXPECT_EQ(State(), "SERVING");

  Start("--audit-runs=4", 1024, {"cpu"});
  for (int run = 0; run < 3; ++run) {
    EXPECT_THAT(daemon_->Run("scribbling", 3), IsOk());
  }
  EXPECT_EQ(State(), "SERVING");
  AskUntilDamaged(1);
  EXPECT_EQ(State(), "PARKED");
}

}  // namespace
}  // namespace ferry::audit_test
