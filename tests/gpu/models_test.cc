// Test models in a pool of the cpu and the checked device: loaded, moved there
// and back, asked while they move. Answers on the device are the cpu's up to
// rounding; back on the cpu they are the same to the bit.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

#include "tests/executors/model_file.h"
#include "tests/gpu/checked_device.h"
#include "tests/gpu/served_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"
#include "tests/support/torch_models.h"

namespace ferry::models_test {
namespace {

namespace fs = std::filesystem;

// Single precision, additions in another order.
constexpr double kRounding = 2e-4;

std::string Specs(uint64_t mebibytes) {
  return absl::StrFormat("cpu=%dMiB,%s=%dMiB", 2 * mebibytes,
                         CheckedDevice().ToString(), mebibytes);
}

void ReportMove(const std::string& model, const MoveOutcome& outcome) {
  ASSERT_TRUE(outcome.report.has_value());
  const MoveReport& report = *outcome.report;
  EXPECT_TRUE(report.verified);
  Report(absl::StrFormat(
      "%-16s %s to %s: %d bytes in %s, copied at %.2f GB/s, %.2f of the link",
      model, report.from.front().ToString(), report.to.front().ToString(),
      report.size_bytes, absl::FormatDuration(report.total),
      report.bytes_per_second / 1e9, report.efficiency));
}

class ModelsTest : public testing::TestWithParam<std::string> {
 protected:
  ModelsTest() {
    fs::copy_file(ModelsFolder() + "/" + GetParam() + ".pt",
                  pool_.models / (GetParam() + ".pt"));
  }
  ~ModelsTest() override {
    (void)pool_.Unload(GetParam());
    EXPECT_EQ(pool_.used_bytes("cpu"), 0u);
    EXPECT_EQ(pool_.used_bytes(device_), 0u);
  }

  std::string Sibling(const std::string& ending) const {
    return ModelsFolder() + "/" + GetParam() + ending;
  }

  const std::string device_ = CheckedDevice().ToString();
  TestPool pool_{Specs(512)};
};

TEST_P(ModelsTest, AnswersThereAsOnTheCpuAndBackAgainToTheBit) {
  const auto inputs = ReadValues(Sibling(".in.pt"), 'i');
  ASSERT_THAT(pool_.Load(GetParam(), {"cpu"}), IsOk());
  const bool stateful = pool_.table->Get(GetParam())->stateful;
  const auto here = Ask(pool_, GetParam(), inputs);
  ASSERT_THAT(here, IsOk());
  EXPECT_LE(
      Distance(here->numbers, NumbersOf(ReadValues(Sibling(".out.pt"), 'o'))),
      kRounding);

  const auto moved = pool_.Migrate(GetParam(), {device_});
  ASSERT_THAT(moved, IsOk());
  ReportMove(GetParam(), *moved);
  const auto there = Ask(pool_, GetParam(), inputs);
  ASSERT_THAT(there, IsOk());
  EXPECT_EQ(there->device, CheckedDevice());
  if (!stateful) {
    const double distance = Distance(there->numbers, here->numbers);
    EXPECT_LE(distance, ChecksGpu() ? kRounding : 0);
    Report(absl::StrFormat("%-16s answers %.1e off the cpu's", GetParam(),
                           distance));
  }

  ASSERT_THAT(pool_.Migrate(GetParam(), {"cpu"}), IsOk());
  const auto again = Ask(pool_, GetParam(), inputs);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->device, DeviceId{});
  if (!stateful) {
    EXPECT_EQ(Distance(again->numbers, here->numbers), 0);
  }
}

// A model with state, asked in order, and moved every third call.
TEST_P(ModelsTest, CarriesItsStateOverMoves) {
  if (!fs::exists(Sibling(".stream.pt"))) return;
  const torch::jit::Module stream = torch::jit::load(Sibling(".stream.pt"));
  const int64_t calls = stream.attr("calls").toInt();
  const at::Tensor rows = stream.attr("i0").toTensor();
  const at::Tensor answers = stream.attr("o0").toTensor();
  std::vector<c10::IValue> inputs = ReadValues(Sibling(".in.pt"), 'i');

  ASSERT_THAT(pool_.Load(GetParam(), {"cpu"}), IsOk());
  double distance = 0;
  for (int64_t call = 0; call < calls; ++call) {
    if (call % 3 == 2) {
      ASSERT_THAT(pool_.Migrate(GetParam(), {call % 2 == 0 ? device_ : "cpu"}),
                  IsOk());
    }
    inputs[0] = rows.select(0, call).contiguous();
    const auto answer = Ask(pool_, GetParam(), inputs);
    ASSERT_THAT(answer, IsOk());
    distance = std::max(
        distance, Distance(answer->numbers,
                           NumbersOf({answers.select(0, call).contiguous()})));
  }
  EXPECT_LE(distance, kRounding);
  Report(absl::StrFormat("%-16s %d calls over moves, %.1e off", GetParam(),
                         calls, distance));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ModelsTest);
INSTANTIATE_TEST_SUITE_P(All, ModelsTest,
                         testing::ValuesIn(CheckedModels(ModelsFolder())),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name)
                             c = absl::ascii_isalnum(c) ? c : '_';
                           return name;
                         });

TEST(MovingModelTest, MovesOnceAndAnswersThere) {
  const std::string device = CheckedDevice().ToString();
  TestPool pool(Specs(64));
  SaveScaleModel(pool.models / "scale.pt", 3, uint64_t{16} << 20);
  ASSERT_THAT(pool.Load("scale", {"cpu"}), IsOk());
  EXPECT_EQ(*pool.Run("scale", 2), 7);
  const auto moved = pool.Migrate("scale", {device});
  ASSERT_THAT(moved, IsOk());
  ReportMove("scale", *moved);
  EXPECT_EQ(*pool.Run("scale", 2), 7);
  EXPECT_THAT(pool.devices->devices().back()->Health(), IsOk());
}

TEST(MovingModelTest, AnswersEveryRequestWhileItMoves) {
  const int moves = ChecksGpu() ? 40 : 8;
  const std::string device = CheckedDevice().ToString();
  TestPool pool(Specs(256));
  SaveScaleModel(pool.models / "scale.pt", 3, uint64_t{64} << 20);
  ASSERT_THAT(pool.Load("scale", {"cpu"}), IsOk());

  std::atomic<bool> moving{true};
  std::atomic<int> asked{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> clients;
  for (int client = 0; client < 3; ++client) {
    clients.emplace_back([&, client] {
      for (float x = static_cast<float>(client); moving || x < 100; ++x) {
        const auto y = pool.Run("scale", x);
        wrong += !y.ok() || *y != 3 * x + 1;
        ++asked;
        if (x > 1e6F) x = 0;  // Still exact in single precision.
      }
    });
  }
  for (int move = 0; move < moves; ++move) {
    EXPECT_THAT(pool.Migrate("scale", {move % 2 == 0 ? device : "cpu"}),
                IsOk());
  }
  moving = false;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  Report(absl::StrFormat("%d requests over %d moves, %d wrong", asked.load(),
                         moves, wrong.load()));
}

TEST(MovingModelTest, MovesAGibibyteThereAndBack) {
  const std::string device = CheckedDevice().ToString();
  const uint64_t size_mebibytes = ChecksGpu() ? 1024 : 64;
  TestPool pool(Specs(size_mebibytes * 3 / 2));
  SaveScaleModel(pool.models / "large.pt", 2, size_mebibytes << 20);
  const auto loaded = pool.Load("large", {"cpu"});
  ASSERT_THAT(loaded, IsOk());
  ReportMove("large", *loaded);
  for (int round = 0; round < 3; ++round) {
    const auto there = pool.Migrate("large", {device});
    ASSERT_THAT(there, IsOk());
    ReportMove("large", *there);
    EXPECT_EQ(*pool.Run("large", 4), 9);
    const auto back = pool.Migrate("large", {"cpu"});
    ASSERT_THAT(back, IsOk());
    EXPECT_EQ(*pool.Run("large", 4), 9);
  }
}

}  // namespace
}  // namespace ferry::models_test
