// KServe v2 outputs: every kind of value as a flat tensor, and the filter of
// requested outputs.

#include "server/rpc/kserve_outputs.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::kserve_outputs_test {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kNoLimit = UINT64_MAX;

const float kFloats[2] = {1.5F, -2};

Value Floats() {
  return {TensorView{.dtype = DType::kFloat32,
                     .shape = {2, 1},
                     .bytes = std::as_bytes(std::span(kFloats))}};
}

// "name DATATYPE [shape]" of each output.
std::vector<std::string> Lines(const ModelInferResponse& response) {
  EXPECT_EQ(response.outputs_size(), response.raw_output_contents_size());
  std::vector<std::string> lines;
  for (const auto& output : response.outputs()) {
    EXPECT_FALSE(output.has_contents());
    std::string shape;
    for (const int64_t size : output.shape()) {
      shape += (shape.empty() ? "" : ", ") + std::to_string(size);
    }
    lines.push_back(output.name() + " " + output.datatype() + " [" + shape +
                    "]");
  }
  return lines;
}

ModelInferRequest Wanting(const std::vector<std::string>& names) {
  ModelInferRequest request;
  for (const std::string& name : names) request.add_outputs()->set_name(name);
  return request;
}

TEST(KServeOutputsTest, SendsATensorAsRawContents) {
  ModelInferResponse response;
  const std::vector<NamedValue> outputs = {{"y", Floats()}};
  ASSERT_THAT(EncodeKServeOutputs(outputs, {}, kNoLimit, response), IsOk());
  EXPECT_THAT(Lines(response), ElementsAre("y FP32 [2, 1]"));
  ASSERT_EQ(response.raw_output_contents(0).size(), sizeof kFloats);
  EXPECT_EQ(
      memcmp(response.raw_output_contents(0).data(), kFloats, sizeof kFloats),
      0);
}

TEST(KServeOutputsTest, SendsNumbersAndStringsAsTensorsOfOneElement) {
  ModelInferResponse response;
  const std::vector<NamedValue> outputs = {{"i", {int64_t{-7}}},
                                           {"d", {2.5}},
                                           {"b", {true}},
                                           {"s", {std::string("text")}}};
  ASSERT_THAT(EncodeKServeOutputs(outputs, {}, kNoLimit, response), IsOk());
  EXPECT_THAT(Lines(response), ElementsAre("i INT64 [1]", "d FP64 [1]",
                                           "b BOOL [1]", "s BYTES [1]"));
  int64_t i = 0;
  memcpy(&i, response.raw_output_contents(0).data(), sizeof i);
  EXPECT_EQ(i, -7);
  double d = 0;
  memcpy(&d, response.raw_output_contents(1).data(), sizeof d);
  EXPECT_EQ(d, 2.5);
  EXPECT_EQ(response.raw_output_contents(2), "\1");
  EXPECT_EQ(response.raw_output_contents(3), std::string("\4\0\0\0text", 8));
}

// {"a": [y, None, 1], "n": P(u=2, v=(3,))}
std::vector<NamedValue> NestedOutputs() {
  return {
      {"a", {Value::List{Floats(), {None{}}, {int64_t{1}}}}},
      {"n",
       {Value::Dict{
           {"p",
            {Value::Tuple{.elements = {{int64_t{2}},
                                       {Value::Tuple{.elements = {{int64_t{3}}},
                                                     .names = {}}}},
                          .names = {"u", "v"}}}}}}}};
}

TEST(KServeOutputsTest, NamesPartsByTheirPathAndLeavesNoneOut) {
  ModelInferResponse response;
  ASSERT_THAT(EncodeKServeOutputs(NestedOutputs(), {}, kNoLimit, response),
              IsOk());
  EXPECT_THAT(Lines(response),
              ElementsAre("a.0 FP32 [2, 1]", "a.2 INT64 [1]", "n.p.u INT64 [1]",
                          "n.p.v.0 INT64 [1]"));
}

TEST(KServeOutputsTest, SendsOnlyWhatIsRequested) {
  ModelInferResponse response;
  ASSERT_THAT(EncodeKServeOutputs(NestedOutputs(), Wanting({"n.p.v.0", "a.2"}),
                                  kNoLimit, response),
              IsOk());
  EXPECT_THAT(Lines(response),
              ElementsAre("a.2 INT64 [1]", "n.p.v.0 INT64 [1]"));
}

TEST(KServeOutputsTest, ARequestForAWholeIsForAllItsParts) {
  ModelInferResponse response;
  ASSERT_THAT(
      EncodeKServeOutputs(NestedOutputs(), Wanting({"n"}), kNoLimit, response),
      IsOk());
  EXPECT_THAT(Lines(response),
              ElementsAre("n.p.u INT64 [1]", "n.p.v.0 INT64 [1]"));
}

TEST(KServeOutputsTest, ARequestForNoneIsRight) {
  ModelInferResponse response;
  ASSERT_THAT(EncodeKServeOutputs(NestedOutputs(), Wanting({"a.1"}), kNoLimit,
                                  response),
              IsOk());
  EXPECT_EQ(response.outputs_size(), 0);
}

TEST(KServeOutputsTest, RefusesARequestForWhatTheModelDoesNotGive) {
  for (const char* name : {"b", "a.3", "a.", "n.p.uu", "aa"}) {
    ModelInferResponse response;
    const absl::Status status = EncodeKServeOutputs(
        NestedOutputs(), Wanting({"a", name}), kNoLimit, response);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument)) << name;
    EXPECT_EQ(status.message(),
              "output \"" + std::string(name) +
                  "\": the model gives no such output; it gives \"a\", \"n\"");
  }
}

TEST(KServeOutputsTest, RefusesDtypesThatTheProtocolDoesNotHave) {
  const std::byte bytes[8] = {};
  const std::vector<NamedValue> outputs = {
      {"y",
       {TensorView{.dtype = DType::kComplex64, .shape = {}, .bytes = bytes}}}};
  ModelInferResponse response;
  const absl::Status status =
      EncodeKServeOutputs(outputs, {}, kNoLimit, response);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(status.message(),
            "output \"y\": KServe v2 has no datatype for complex64; ferry.v1 "
            "has");
}

TEST(KServeOutputsTest, RefusesAnAnswerThatIsTooLargeUnlessLessIsRequested) {
  const std::vector<std::byte> bytes(1000);
  const std::vector<NamedValue> outputs = {
      {"small", {int64_t{1}}},
      {"large",
       {TensorView{.dtype = DType::kUint8, .shape = {1000}, .bytes = bytes}}}};
  ModelInferResponse response;
  const absl::Status status = EncodeKServeOutputs(outputs, {}, 500, response);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(status.message()), HasSubstr("may have 500"));
  ModelInferResponse less;
  EXPECT_THAT(EncodeKServeOutputs(outputs, Wanting({"small"}), 500, less),
              IsOk());
}

}  // namespace
}  // namespace ferry::kserve_outputs_test
