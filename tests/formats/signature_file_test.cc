// Sidecars as people write them, with the mistakes that people make.

#include "server/formats/signature_file.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::signature_file_test {
namespace {

absl::StatusOr<SignatureFile> Parse(std::string_view text) {
  return ParseSignatureFile(text, "m/1/model.json");
}

// A file with one input, of which `tensor` is the text.
absl::StatusOr<SignatureFile> ParseInput(const std::string& tensor) {
  return Parse("{\"inputs\": [" + tensor + "], \"outputs\": []}");
}

void ExpectRefused(const absl::StatusOr<SignatureFile>& file,
                   const std::string& words) {
  EXPECT_THAT(file, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(file.status().ToString(), testing::HasSubstr("m/1/model.json: "));
  EXPECT_THAT(file.status().ToString(), testing::HasSubstr(words));
}

TEST(SignatureFileTest, ReadsInputsAndOutputs) {
  const auto file = Parse(R"({
    "inputs":  [{"name": "x", "datatype": "FP32", "shape": [-1, 3, 224, 224]},
                {"name": "n", "datatype": "INT64", "shape": []}],
    "outputs": [{"name": "y", "datatype": "BYTES", "shape": [0]}]})");
  ASSERT_THAT(file, IsOk());
  ASSERT_EQ(file->inputs.size(), 2);
  EXPECT_EQ(file->inputs[0].name, "x");
  EXPECT_EQ(file->inputs[0].datatype, "FP32");
  EXPECT_EQ(file->inputs[0].shape, (std::vector<int64_t>{-1, 3, 224, 224}));
  EXPECT_TRUE(file->inputs[1].shape.empty());
  EXPECT_EQ(file->outputs[0].datatype, "BYTES");
}

TEST(SignatureFileTest, InputsOnlyOrOutputsOnlyWillDo) {
  const std::string x = R"([{"name": "x", "datatype": "FP32", "shape": [2]}])";
  const auto inputs = Parse("{\"inputs\": " + x + "}");
  ASSERT_THAT(inputs, IsOk());
  EXPECT_EQ(inputs->inputs.size(), 1);
  EXPECT_TRUE(inputs->outputs.empty());
  const auto outputs = Parse("{\"outputs\": " + x + "}");
  ASSERT_THAT(outputs, IsOk());
  EXPECT_TRUE(outputs->inputs.empty());
  EXPECT_EQ(outputs->outputs.size(), 1);
  EXPECT_THAT(Parse("{}"), IsOk());
}

TEST(SignatureFileTest, AnInputMayBelongOnTheHost) {
  const auto tensor = [](const std::string& device) {
    return R"({"name": "x", "datatype": "FP32", "shape": [], "device": )" +
           device + "}";
  };
  const auto file = ParseInput(tensor("\"cpu\""));
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT(file->host_inputs, testing::ElementsAre(file->inputs[0].name));
  EXPECT_THAT(ParseInput(R"({"name": "x", "datatype": "FP32", "shape": []})")
                  ->host_inputs,
              testing::IsEmpty());
  for (const std::string device : {"\"cuda:0\"", "0", "null", "[\"cpu\"]"}) {
    ExpectRefused(ParseInput(tensor(device)), "inputs[0].device: ");
  }
  ExpectRefused(Parse("{\"outputs\": [" + tensor("\"cpu\"") + "]}"),
                "unknown key \"device\"");
}

TEST(SignatureFileTest, RefusesWhatIsNotJson) {
  ExpectRefused(Parse(""), "not JSON");
  ExpectRefused(Parse("inputs: []"), "not JSON");
  ExpectRefused(Parse(R"({"inputs": [], "outputs": []} more)"), "not JSON");
  ExpectRefused(Parse("{\n\"inputs\": [],\n}"), "at line 3, column 1: ");
  ExpectRefused(Parse("{\"inputs\": [], \"outputs\": [], \"\xff\": 1}"),
                "not JSON");
}

TEST(SignatureFileTest, RefusesUnknownMissingAndRepeatedKeys) {
  ExpectRefused(Parse("[]"), "not an object");
  ExpectRefused(Parse(R"({"inputs": [], "outputs": [], "input": []})"),
                "unknown key \"input\"");
  ExpectRefused(Parse(R"({"inputs": [], "outputs": [], "inputs": []})"),
                "\"inputs\" twice");
  ExpectRefused(ParseInput(R"({"name": "x", "datatype": "FP32"})"),
                "inputs[0]: it has no shape");
  ExpectRefused(
      ParseInput(
          R"({"name": "x", "datatype": "FP32", "shape": [], "dims": []})"),
      "unknown key \"dims\"");
}

TEST(SignatureFileTest, RefusesWrongTypes) {
  ExpectRefused(Parse(R"({"inputs": {}, "outputs": []})"),
                "inputs: it is not a list");
  ExpectRefused(ParseInput("1"), "inputs[0]: it is not an object");
  ExpectRefused(ParseInput(R"({"name": 1, "datatype": "FP32", "shape": []})"),
                "texts");
  ExpectRefused(ParseInput(R"({"name": "x", "datatype": "FP32", "shape": 1})"),
                "shape: it is not a list");
}

TEST(SignatureFileTest, RefusesUnknownDatatypes) {
  ExpectRefused(
      ParseInput(R"({"name": "x", "datatype": "float32", "shape": []})"),
      "\"float32\" is not one of");
}

TEST(SignatureFileTest, RefusesShapesThatAreNotShapes) {
  for (const std::string size :
       {"-2", "1.5", "\"3\"", "null", "9223372036854775808",
        "18446744073709551616", "1e3", "true"}) {
    ExpectRefused(ParseInput(R"({"name": "x", "datatype": "FP32", "shape": [)" +
                             size + "]}"),
                  "is not a size");
  }
}

TEST(SignatureFileTest, RefusesEmptyLongAndRepeatedNames) {
  const auto named = [](const std::string& name) {
    return R"({"datatype": "FP32", "shape": [], "name": ")" + name + "\"}";
  };
  ExpectRefused(ParseInput(named("")), "0 bytes");
  ExpectRefused(ParseInput(named(std::string(257, 'n'))), "257 bytes");
  ExpectRefused(ParseInput(named("x") + "," + named("x")), "there twice");
}

TEST(SignatureFileTest, RefusesTooMuch) {
  std::string sizes = "1";
  for (int i = 0; i < 64; ++i) sizes += ",1";
  ExpectRefused(ParseInput(R"({"name": "x", "datatype": "FP32", "shape": [)" +
                           sizes + "]}"),
                "65 dimensions");
  std::string tensors = "1";
  for (int i = 0; i < 1024; ++i) tensors += ",1";
  ExpectRefused(ParseInput(tensors), "1025 tensors");
  ExpectRefused(Parse(std::string(100'000, '[')), "nested deeper");
}

}  // namespace
}  // namespace ferry::signature_file_test
