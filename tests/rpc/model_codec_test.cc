// Models and reports as messages: every field, and times at their borders.

#include "server/rpc/model_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ferry::model_codec_test {
namespace {

using testing::ElementsAre;

TEST(ModelCodecTest, CarriesEveryFieldOfAModel) {
  ModelSnapshot model;
  model.id.name = "a";
  model.id.version = 2;
  model.state = ModelState::kMigrating;
  model.path = "a/2/model.pt";
  model.serving_on = {{DeviceKind::kSim, 1}};
  model.bytes = {{{DeviceKind::kCpu, 0}, 10}, {{DeviceKind::kSim, 1}, 20}};
  model.weight_bytes = 9;
  model.stateful = true;
  Signature signature;
  signature.inputs = {
      {.name = "x", .type = "Tensor", .required = true, .datatype = "FP32"}};
  signature.outputs = {{.name = "output", .type = "Tensor", .required = true}};
  signature.shape_source = ShapeSource::kSidecar;
  signature.input_shapes = {
      {.name = "x", .datatype = "FP32", .shape = {-1, 4}, .list_size = 300}};
  signature.output_shapes = {
      {.name = "output", .datatype = "INT64", .shape = {}}};
  signature.host_inputs = {"x"};
  model.signature = std::make_shared<const Signature>(signature);
  model.move = MoveProgress{.from = {Place::Host()},
                            .to = {Place::On({DeviceKind::kSim, 0}),
                                   Place::On({DeviceKind::kSim, 1})},
                            .step = MoveStep::kVerify,
                            .done_bytes = 5,
                            .total_bytes = 6,
                            .started_at = absl::FromUnixMillis(1500)};
  model.last_error = "why";
  model.loaded_at = absl::FromUnixSeconds(7);

  v1::Model message;
  EncodeModel(model, message);
  EXPECT_EQ(message.name(), "a");
  EXPECT_EQ(message.version(), 2);
  EXPECT_EQ(message.state(), v1::MODEL_STATE_MIGRATING);
  EXPECT_EQ(message.path(), "a/2/model.pt");
  EXPECT_THAT(message.serving_on(), ElementsAre("sim:1"));
  ASSERT_EQ(message.bytes_size(), 2);
  EXPECT_EQ(message.bytes(0).device(), "cpu");
  EXPECT_EQ(message.bytes(1).size_bytes(), 20u);
  EXPECT_EQ(message.weight_bytes(), 9u);
  EXPECT_TRUE(message.stateful());
  EXPECT_EQ(message.signature().inputs(0).type(), "Tensor");
  EXPECT_TRUE(message.signature().inputs(0).required());
  EXPECT_EQ(message.signature().outputs(0).name(), "output");
  EXPECT_EQ(message.signature().shape_source(), v1::SHAPE_SOURCE_SIDECAR);
  EXPECT_THAT(message.signature().input_shapes(0).shape(), ElementsAre(-1, 4));
  EXPECT_EQ(message.signature().output_shapes(0).datatype(), "INT64");
  EXPECT_THAT(message.move().from(), ElementsAre("cpu"));
  EXPECT_THAT(message.move().to(), ElementsAre("sim:0", "sim:1"));
  EXPECT_EQ(message.move().step(), "verify");
  EXPECT_EQ(message.move().done_bytes(), 5u);
  EXPECT_EQ(message.move().total_bytes(), 6u);
  EXPECT_EQ(message.move().started_at().seconds(), 1);
  EXPECT_EQ(message.move().started_at().nanos(), 500'000'000);
  EXPECT_EQ(message.last_error(), "why");
  EXPECT_EQ(message.loaded_at().seconds(), 7);
}

TEST(ModelCodecTest, LeavesOutWhatThereIsNot) {
  v1::Model message;
  EncodeModel(ModelSnapshot{}, message);
  EXPECT_EQ(message.state(), v1::MODEL_STATE_COLD);
  EXPECT_FALSE(message.has_move());
  EXPECT_FALSE(message.has_loaded_at());
  EXPECT_EQ(message.signature().shape_source(), v1::SHAPE_SOURCE_UNKNOWN);
}

TEST(ModelCodecTest, NamesEveryState) {
  for (const auto& [state, number] :
       {std::pair{ModelState::kCold, v1::MODEL_STATE_COLD},
        {ModelState::kLoading, v1::MODEL_STATE_LOADING},
        {ModelState::kServing, v1::MODEL_STATE_SERVING},
        {ModelState::kParked, v1::MODEL_STATE_PARKED},
        {ModelState::kMigrating, v1::MODEL_STATE_MIGRATING},
        {ModelState::kLeaving, v1::MODEL_STATE_LEAVING}}) {
    ModelSnapshot model;
    model.state = state;
    v1::Model message;
    EncodeModel(model, message);
    EXPECT_EQ(message.state(), number);
    EXPECT_EQ(v1::ModelState_Name(number),
              "MODEL_STATE_" + std::string(StateName(state)));
  }
}

TEST(ModelCodecTest, CarriesEveryFieldOfAReport) {
  MoveReport report;
  report.model.name = "a";
  report.from = {Place::Disk()};
  report.to = {Place::Host()};
  report.size_bytes = 100;
  for (int step = 0; step < kMoveSteps; ++step) {
    report.steps[step] = absl::Milliseconds(step + 1);
  }
  report.total = absl::Seconds(3) + absl::Nanoseconds(5);
  report.bytes_per_second = 1e9;
  report.efficiency = 0.5;
  report.verified = true;
  report.chunks_refilled = 1;
  report.ended_at = absl::FromUnixMillis(-1);
  report.status = absl::DataLossError("damaged");

  v1::MoveReport message;
  EncodeReport(report, message);
  EXPECT_EQ(message.model(), "a");
  EXPECT_THAT(message.from(), ElementsAre("disk"));
  EXPECT_THAT(message.to(), ElementsAre("cpu"));
  EXPECT_EQ(message.size_bytes(), 100u);
  int milliseconds = 1;
  for (const auto& step :
       {message.decide(), message.queue(), message.copy(), message.verify(),
        message.warmup(), message.switch_(), message.drain()}) {
    EXPECT_EQ(step.seconds(), 0);
    EXPECT_EQ(step.nanos(), 1'000'000 * milliseconds++);
  }
  EXPECT_EQ(message.total().seconds(), 3);
  EXPECT_EQ(message.total().nanos(), 5);
  EXPECT_EQ(message.bytes_per_second(), 1e9);
  EXPECT_EQ(message.efficiency(), 0.5);
  EXPECT_TRUE(message.verified());
  EXPECT_EQ(message.chunks_refilled(), 1u);
  // Before 1970, nanoseconds still count forward.
  EXPECT_EQ(message.ended_at().seconds(), -1);
  EXPECT_EQ(message.ended_at().nanos(), 999'000'000);
  EXPECT_EQ(message.code(), "DATA_LOSS");
  EXPECT_EQ(message.error(), "damaged");
}

TEST(ModelCodecTest, AReportWithoutAnErrorSaysOk) {
  v1::MoveReport message;
  EncodeReport(MoveReport{}, message);
  EXPECT_EQ(message.code(), "OK");
  EXPECT_EQ(message.error(), "");
}

}  // namespace
}  // namespace ferry::model_codec_test
