// How KServe v2 describes models: with shapes, without them, and on what they
// serve.

#include "server/rpc/kserve_model.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ferry::kserve_model_test {
namespace {

using testing::ElementsAre;

ModelSnapshot Snapshot() {
  ModelSnapshot model;
  model.id.name = "detector";
  model.id.version = 3;
  model.platform = "pytorch_torchscript";
  model.serving_on = {{DeviceKind::kCpu, 0}, {DeviceKind::kCuda, 1}};
  Signature signature;
  signature.inputs = {{.name = "images", .type = "List[Tensor]"},
                      {.name = "limit", .type = "int", .required = false}};
  signature.outputs = {{.name = "output", .type = "Tensor"}};
  model.signature = std::make_shared<const Signature>(std::move(signature));
  return model;
}

ModelSnapshot With(ModelSnapshot model, Signature signature) {
  model.signature = std::make_shared<const Signature>(std::move(signature));
  return model;
}

ModelSnapshot Learned() {
  Signature signature = *Snapshot().signature;
  signature.shape_source = ShapeSource::kLearned;
  signature.input_shapes = {
      {.name = "images.0", .datatype = "FP32", .shape = {3, -1}},
      {.name = "limit", .datatype = "INT64", .shape = {1}}};
  signature.output_shapes = {
      {.name = "output", .datatype = "BYTES", .shape = {-1}}};
  return With(Snapshot(), std::move(signature));
}

TEST(KServeModelTest, TellsTensorsInTheMetadata) {
  inference::ModelMetadataResponse response;
  EncodeKServeMetadata(Learned(), response);
  EXPECT_EQ(response.name(), "detector");
  EXPECT_THAT(response.versions(), ElementsAre("3"));
  EXPECT_EQ(response.platform(), "pytorch_torchscript");
  ASSERT_EQ(response.inputs_size(), 2);
  EXPECT_EQ(response.inputs(0).name(), "images.0");
  EXPECT_EQ(response.inputs(0).datatype(), "FP32");
  EXPECT_THAT(response.inputs(0).shape(), ElementsAre(3, -1));
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).datatype(), "BYTES");
}

TEST(KServeModelTest, TellsArgumentsWhileShapesAreNotKnown) {
  inference::ModelMetadataResponse response;
  EncodeKServeMetadata(Snapshot(), response);
  ASSERT_EQ(response.inputs_size(), 2);
  EXPECT_EQ(response.inputs(0).name(), "images");
  EXPECT_EQ(response.inputs(0).datatype(), "");
  EXPECT_EQ(response.inputs(0).shape_size(), 0);
  EXPECT_EQ(response.outputs(0).name(), "output");
}

// "name datatype size ..." of each input.
std::vector<std::string> InputsOf(const ModelSnapshot& model) {
  inference::ModelMetadataResponse response;
  EncodeKServeMetadata(model, response);
  std::vector<std::string> inputs;
  for (const auto& input : response.inputs()) {
    inputs.push_back(absl::StrCat(input.name(), " ", input.datatype(), " ",
                                  absl::StrJoin(input.shape(), " ")));
  }
  return inputs;
}

// As after a request that left `limit` out and gave no image.
ModelSnapshot HalfLearned() {
  Signature signature = *Learned().signature;
  signature.inputs.push_back({.name = "last", .type = "Tensor"});
  signature.input_shapes = {{.name = "last", .datatype = "FP32", .shape = {2}}};
  return With(Learned(), std::move(signature));
}

TEST(KServeModelTest, ArgumentsWithoutAShapeStayInTheMetadata) {
  EXPECT_THAT(InputsOf(HalfLearned()),
              ElementsAre("images  ", "limit INT64 1", "last FP32 2"));
  inference::ModelConfig config;
  EncodeKServeConfig(HalfLearned(), config);
  ASSERT_EQ(config.input_size(), 3);
  EXPECT_TRUE(config.input(1).optional());
  EXPECT_EQ(config.input(1).data_type(), inference::TYPE_INT64);
}

TEST(KServeModelTest, TypesTellTheDatatypesOfNumbersAndStrings) {
  Signature signature;
  for (const char* type : {"int", "float", "bool", "str", "Optional[str]",
                           "Tensor", "List[int]"}) {
    signature.inputs.push_back({.name = type, .type = type});
  }
  EXPECT_THAT(
      InputsOf(With(Snapshot(), signature)),
      ElementsAre("int INT64 1", "float FP64 1", "bool BOOL 1", "str BYTES 1",
                  "Optional[str] BYTES 1", "Tensor  ", "List[int]  "));
}

TEST(KServeModelTest, TheProgramTellsTheDatatypeOfATensorOfAnyShape) {
  Signature signature;
  signature.inputs = {{.name = "x", .type = "Tensor", .datatype = "FP16"}};
  EXPECT_THAT(InputsOf(With(Snapshot(), signature)), ElementsAre("x FP16 "));
}

TEST(KServeModelTest, NamesTheSameTensorsInTheConfiguration) {
  for (const ModelSnapshot& model : {Snapshot(), Learned(), HalfLearned()}) {
    inference::ModelMetadataResponse metadata;
    EncodeKServeMetadata(model, metadata);
    inference::ModelConfig config;
    EncodeKServeConfig(model, config);
    ASSERT_EQ(config.input_size(), metadata.inputs_size());
    for (int i = 0; i < config.input_size(); ++i) {
      EXPECT_EQ(config.input(i).name(), metadata.inputs(i).name());
    }
    ASSERT_EQ(config.output_size(), metadata.outputs_size());
    EXPECT_EQ(config.output(0).name(), metadata.outputs(0).name());
  }
}

TEST(KServeModelTest, ConfiguresNoBatching) {
  inference::ModelConfig config;
  EncodeKServeConfig(Learned(), config);
  EXPECT_EQ(config.name(), "detector");
  EXPECT_EQ(config.platform(), "pytorch_torchscript");
  EXPECT_EQ(config.backend(), "pytorch");
  EXPECT_EQ(config.max_batch_size(), 0);
  EXPECT_FALSE(config.model_transaction_policy().decoupled());
  EXPECT_THAT(config.version_policy().specific().versions(), ElementsAre(3));
  EXPECT_EQ(config.input(0).data_type(), inference::TYPE_FP32);
  EXPECT_EQ(config.output(0).data_type(), inference::TYPE_STRING);
  EXPECT_FALSE(config.input(0).optional());
  EXPECT_TRUE(config.input(1).optional());
}

TEST(KServeModelTest, ConfiguresEveryDatatype) {
  for (const char* datatype :
       {"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32",
        "INT64", "FP16", "BF16", "FP32", "FP64", "BYTES"}) {
    Signature signature = *Learned().signature;
    signature.input_shapes[0].datatype = datatype;
    inference::ModelConfig config;
    EncodeKServeConfig(With(Learned(), std::move(signature)), config);
    EXPECT_NE(config.input(0).data_type(), inference::TYPE_INVALID) << datatype;
  }
}

TEST(KServeModelTest, ConfiguresAnInstanceForEachDevice) {
  inference::ModelConfig config;
  EncodeKServeConfig(Learned(), config);
  ASSERT_EQ(config.instance_group_size(), 2);
  EXPECT_EQ(config.instance_group(0).name(), "cpu");
  EXPECT_EQ(config.instance_group(0).kind(),
            inference::ModelInstanceGroup::KIND_CPU);
  EXPECT_EQ(config.instance_group(1).kind(),
            inference::ModelInstanceGroup::KIND_GPU);
  EXPECT_THAT(config.instance_group(1).gpus(), ElementsAre(1));
  EXPECT_EQ(config.instance_group(1).count(), 1);
}

}  // namespace
}  // namespace ferry::kserve_model_test
