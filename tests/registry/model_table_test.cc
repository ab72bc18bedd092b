// ModelTable: what requests hold, what clients see. Models get into it by a
// real mover over simulated devices.

#include "server/registry/model_table.h"

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/base/mutex.h"
#include "server/values/value.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"

namespace ferry::model_table_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ModelTableTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(pool_.models / "twice.pt", 2);
    ASSERT_THAT(pool_.Load("twice", {"sim:0"}), IsOk());
  }

  TestPool pool_{"cpu=64MiB,sim:0=16MiB,sim:1=16MiB", {.requests_max = 2}};
  ModelTable& table_ = *pool_.table;
};

TEST_F(ModelTableTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(table_.Admit("thrice", 0), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(table_.Admit("twice", 7), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(table_.Get("thrice"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(table_.Admit("twice", 1), IsOk());
}

TEST_F(ModelTableTest, RefusesMoreRequestsThanAQueueHolds) {
  const auto first = table_.Admit("twice", 0);
  {
    const auto second = table_.Admit("twice", 0);
    EXPECT_THAT(table_.Admit("twice", 0),
                StatusIs(absl::StatusCode::kResourceExhausted));
  }
  EXPECT_THAT(table_.Admit("twice", 0), IsOk());
}

TEST_F(ModelTableTest, PinsOnlyWhereTheModelServes) {
  const auto admission = table_.Admit("twice", 0);
  ASSERT_THAT(admission, IsOk());
  const DeviceId sim0 = *DeviceId::Parse("sim:0");
  EXPECT_THAT(table_.Where(*admission), ElementsAre(sim0));
  EXPECT_FALSE(table_.PinOn(*admission, *DeviceId::Parse("sim:1")));
  const ModelTable::Pin pin = table_.PinOn(*admission, sim0);
  ASSERT_TRUE(pin);
  EXPECT_EQ(pin.device(), sim0);
}

TEST_F(ModelTableTest, CountsWhatWaitsButNotWhatRuns) {
  const auto first = table_.Admit("twice", 0);
  const auto second = table_.Admit("twice", 0);
  EXPECT_EQ(table_.Get("twice")->queued_requests, 2);
  const ModelTable::Pin pin = table_.PinOn(*first, *DeviceId::Parse("sim:0"));
  EXPECT_EQ(table_.Get("twice")->queued_requests, 1);
}

TEST_F(ModelTableTest, LearnsShapesFromTheFirstRun) {
  EXPECT_EQ(table_.Get("twice")->signature->shape_source,
            ShapeSource::kUnknown);
  EXPECT_EQ(*pool_.Run("twice", 3), 7);
  const Signature signature = *table_.Get("twice")->signature;
  EXPECT_EQ(signature.shape_source, ShapeSource::kLearned);
  ASSERT_EQ(signature.input_shapes.size(), 1);
  EXPECT_EQ(signature.input_shapes[0].name, "x");
  EXPECT_EQ(signature.input_shapes[0].datatype, "FP32");
  EXPECT_THAT(signature.output_shapes[0].shape, ElementsAre(1));
}

TEST_F(ModelTableTest, LearnsWhatASidecarLeavesOut) {
  SaveScaleModel(pool_.models / "half.pt", 2);
  std::ofstream(pool_.models / "half.json") << R"({"inputs": [
      {"name": "x", "datatype": "FP32", "shape": [-1]}]})";
  ASSERT_THAT(pool_.Load("half", {"cpu"}), IsOk());
  EXPECT_EQ(*pool_.Run("half", 3), 7);
  const Signature signature = *table_.Get("half")->signature;
  EXPECT_EQ(signature.shape_source, ShapeSource::kSidecar);
  EXPECT_THAT(signature.input_shapes[0].shape, ElementsAre(-1));
  ASSERT_EQ(signature.output_shapes.size(), 1);
  EXPECT_EQ(signature.output_shapes[0].datatype, "FP32");
}

TEST_F(ModelTableTest, AFirstRequestOfWholeNumbersTeachesNoInteger) {
  alignas(16) constexpr std::array<int64_t, 2> kWhole{1, 2};
  const std::vector<NamedValue> inputs = {
      {.name = "x",
       .value = {TensorView{.dtype = DType::kInt64,
                            .shape = {2},
                            .bytes = std::as_bytes(std::span(kWhole))}}}};
  const auto admission = table_.Admit("twice", 0);
  const ModelTable::Pin pin =
      table_.PinOn(*admission, *DeviceId::Parse("sim:0"));
  const auto result = pin.instance().Run(inputs);  // 2.0 * x + 1 takes both.
  ASSERT_THAT(result, IsOk());
  table_.Learn(pin, absl::ZeroDuration(), inputs, result->outputs());
  const auto model = table_.Get("twice");
  EXPECT_EQ(model->signature->input_shapes[0].datatype, "FP32");
  EXPECT_THAT(model->signature->input_shapes[0].shape, ElementsAre(2));
}

TEST_F(ModelTableTest, APinShowsWhatHasBeenLearnedByNow) {
  const auto admission = table_.Admit("twice", 0);
  const ModelTable::Pin pin =
      table_.PinOn(*admission, *DeviceId::Parse("sim:0"));
  EXPECT_TRUE(pin.signature()->input_shapes.empty());
  EXPECT_THAT(pool_.Run("twice", 3), IsOk());
  EXPECT_EQ(pin.signature()->input_shapes.size(), 1);
}

TEST_F(ModelTableTest, EveryoneIsShownTheSameSignature) {
  ASSERT_THAT(pool_.Run("twice", 3), IsOk());
  const auto model = table_.Get("twice");
  EXPECT_EQ(table_.List().front().signature, model->signature);
  ASSERT_THAT(pool_.Migrate("twice", {"cpu"}), IsOk());
  EXPECT_EQ(table_.Get("twice")->signature, model->signature);
}

TEST_F(ModelTableTest, CountsWhatItRefusesByModelAndWhatItDoesNotKnowTogether) {
  table_.CountRefused("twice", absl::StatusCode::kResourceExhausted);
  table_.CountRefused("guess-1", absl::StatusCode::kNotFound);
  table_.CountRefused("guess-2", absl::StatusCode::kNotFound);
  table_.CountRefused("\n\"}", absl::StatusCode::kInvalidArgument);
  const std::string text = pool_.metrics.Text();
  EXPECT_THAT(text, HasSubstr("ferry_infer_requests_total{code=\"RESOURCE_"
                              "EXHAUSTED\",model=\"twice\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("{code=\"NOT_FOUND\",model=\"_other\"} 2\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("guess")));
}

TEST(ModelTableMetricsTest, AnUnloadedModelsCountsMakeRoomForAnother) {
  TestPool pool("cpu=64MiB", {.models_max = 1}, {.models_max = 1});
  for (const char* model : {"one", "other"}) {
    SaveScaleModel(pool.models / absl::StrCat(model, ".pt"), 2);
    ASSERT_THAT(pool.Load(model, {"cpu"}), IsOk());
    pool.table->CountRefused(model, absl::StatusCode::kAborted);
    ASSERT_THAT(pool.Unload(model), IsOk());
    EXPECT_THAT(pool.metrics.Text(),
                HasSubstr(absl::StrCat("model=\"", model, "\"} 1\n")));
  }
  EXPECT_THAT(pool.metrics.Text(), testing::Not(HasSubstr("\"one\"")));
}

TEST_F(ModelTableTest, ASidecarKeepsAnInputOnTheHost) {
  SaveDeviceModel(pool_.models / "where.pt");
  const auto device = [&](const std::string& sidecar) {
    std::ofstream(pool_.models / "where.json") << sidecar;
    EXPECT_THAT(pool_.Load("where", {"sim:0"}), IsOk());
    const auto admission = table_.Admit("where", 0);
    const ModelTable::Pin pin =
        table_.PinOn(*admission, *DeviceId::Parse("sim:0"));
    const auto result = pin.instance().Run(
        {{{.name = "x",
           .value = {TensorView{
               .dtype = DType::kFloat32, .shape = {0}, .bytes = {}}}}}});
    return std::get<std::string>(result->outputs().front().value.value);
  };
  EXPECT_EQ(device("{}"), "sim:0");
  ASSERT_THAT(pool_.Unload("where"), IsOk());
  EXPECT_EQ(device(R"({"inputs": [{"name": "x", "datatype": "FP32",
                                   "shape": [-1], "device": "cpu"}]})"),
            "cpu");
  EXPECT_THAT(table_.Get("where")->signature->host_inputs, ElementsAre("x"));
}

TEST_F(ModelTableTest, AWrongSidecarIsNamedItself) {
  SaveScaleModel(pool_.models / "half.pt", 2);
  std::ofstream(pool_.models / "half.json") << R"({"inputs": [
      {"name": "y", "datatype": "FP32", "shape": [-1]}]})";
  const auto loaded = pool_.Load("half", {"cpu"});
  EXPECT_THAT(loaded, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(loaded.status().message()),
              HasSubstr("half.json: it names an input \"y\""));
}

TEST_F(ModelTableTest, TellsWatchersOfChangesUntilTheyLeave) {
  Mutex mutex;
  std::vector<std::string> seen;
  {
    const ModelTable::Watch watch =
        table_.WatchChanges([&](std::string_view name) {
          MutexLock lock(mutex);
          seen.emplace_back(name);
        });
    ASSERT_THAT(pool_.Migrate("twice", {"sim:1"}), IsOk());
    MutexLock lock(mutex);
    EXPECT_THAT(seen, testing::Contains("twice"));
    seen.clear();
  }
  ASSERT_THAT(pool_.Migrate("twice", {"sim:0"}), IsOk());
  MutexLock lock(mutex);
  EXPECT_THAT(seen, testing::IsEmpty());
}

TEST_F(ModelTableTest, ShowsExactBytesOnEachDevice) {
  const ModelSnapshot model = *table_.Get("twice");
  for (const auto& [device, size_bytes] : model.bytes) {
    EXPECT_EQ(size_bytes, pool_.used_bytes(device.ToString()));
  }
  EXPECT_EQ(model.bytes.size(), 2);  // The host copy, and sim:0's.
}

TEST_F(ModelTableTest, EscapesNamesInItsMessages) {
  const auto refused = table_.Admit(std::string_view("a\0\x1b[31m", 7), 0);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("a\\000"));
}

}  // namespace
}  // namespace ferry::model_table_test
