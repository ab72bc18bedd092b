// KServe v2 parameters: what is obeyed, what is refused, what is ignored.

#include "server/rpc/kserve_parameters.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::kserve_parameters_test {
namespace {

using inference::InferParameter;
using inference::ModelInferRequest;
using testing::HasSubstr;
using testing::Not;

InferParameter Int(int64_t number) {
  InferParameter parameter;
  parameter.set_int64_param(number);
  return parameter;
}

InferParameter Text(const std::string& text) {
  InferParameter parameter;
  parameter.set_string_param(text);
  return parameter;
}

absl::StatusOr<absl::Duration> Timeout(const InferParameter& parameter) {
  ModelInferRequest request;
  (*request.mutable_parameters())["timeout"] = parameter;
  const auto read = ReadKServeParameters(request);
  if (!read.ok()) return read.status();
  return read->timeout;
}

TEST(KServeParametersTest, ATimeoutIsInMicroseconds) {
  EXPECT_EQ(ReadKServeParameters({})->timeout, absl::InfiniteDuration());
  EXPECT_EQ(*Timeout(Int(2500)), absl::Microseconds(2500));
  EXPECT_EQ(*Timeout(Int(0)), absl::InfiniteDuration());
  InferParameter parameter;
  parameter.set_uint64_param(7);
  EXPECT_EQ(*Timeout(parameter), absl::Microseconds(7));
  parameter.set_uint64_param(UINT64_MAX);
  EXPECT_GT(*Timeout(parameter), absl::Hours(1'000'000));
}

TEST(KServeParametersTest, RefusesTimeoutsThatAreNone) {
  for (const InferParameter& parameter :
       {Int(-1), Text("5"), InferParameter()}) {
    const auto timeout = Timeout(parameter);
    EXPECT_THAT(timeout, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(timeout.status().message()),
                HasSubstr("parameter \"timeout\""));
  }
}

TEST(KServeParametersTest, RefusesSharedMemoryWithoutNamingTheRegion) {
  ModelInferRequest request;
  auto& input = *request.add_inputs();
  input.set_name("x");
  (*input.mutable_parameters())["shared_memory_region"] = Text("secret-key");
  (*input.mutable_parameters())["shared_memory_byte_size"] = Int(16);
  const absl::Status status = ReadKServeParameters(request).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(status.message(),
            "input \"x\": shared memory is not served here; send the tensor "
            "itself");

  ModelInferRequest wanting;
  auto& output = *wanting.add_outputs();
  output.set_name("y");
  (*output.mutable_parameters())["shared_memory_region"] = Text("secret-key");
  const absl::Status refused = ReadKServeParameters(wanting).status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      std::string(refused.message()),
      testing::AllOf(HasSubstr("output \"y\""), Not(HasSubstr("secret"))));
}

TEST(KServeParametersTest, RefusesSequences) {
  for (const char* key : {"sequence_id", "sequence_start", "sequence_end"}) {
    ModelInferRequest request;
    (*request.mutable_parameters())[key] = Int(1);
    const absl::Status status = ReadKServeParameters(request).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
    EXPECT_THAT(std::string(status.message()), HasSubstr(key));
    // What clients send to say that there is none.
    (*request.mutable_parameters())[key] = Int(0);
    EXPECT_THAT(ReadKServeParameters(request), IsOk());
    (*request.mutable_parameters())[key].set_bool_param(false);
    EXPECT_THAT(ReadKServeParameters(request), IsOk());
    (*request.mutable_parameters())[key] = Text("");
    EXPECT_THAT(ReadKServeParameters(request), IsOk());
    (*request.mutable_parameters())[key] = Text("id");
    EXPECT_THAT(ReadKServeParameters(request),
                StatusIs(absl::StatusCode::kUnimplemented));
  }
}

TEST(KServeParametersTest, RefusesClassification) {
  ModelInferRequest request;
  auto& output = *request.add_outputs();
  output.set_name("y");
  (*output.mutable_parameters())["classification"] = Int(3);
  EXPECT_THAT(ReadKServeParameters(request),
              StatusIs(absl::StatusCode::kUnimplemented));
  (*output.mutable_parameters())["classification"] = Int(0);
  EXPECT_THAT(ReadKServeParameters(request), IsOk());
}

TEST(KServeParametersTest, RefusesOutputsThatAreNamelessOrThereTwice) {
  ModelInferRequest request;
  request.add_outputs()->set_name("y");
  request.add_outputs()->set_name("y");
  const absl::Status status = ReadKServeParameters(request).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(status.message(), "output \"y\" is requested twice");
  request.mutable_outputs(1)->set_name("");
  EXPECT_THAT(ReadKServeParameters(request),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(KServeParametersTest, IgnoresWhatItDoesNotKnow) {
  ModelInferRequest request;
  (*request.mutable_parameters())["priority"] = Int(3);
  (*request.mutable_parameters())["binary_data_output"].set_bool_param(true);
  (*request.mutable_parameters())["headers"] = Text("x");
  (*request.mutable_parameters())["triton_enable_empty_final_response"]
      .set_bool_param(true);
  auto& input = *request.add_inputs();
  (*input.mutable_parameters())["binary_data_size"] = Int(4);
  EXPECT_THAT(ReadKServeParameters(request), IsOk());
}

}  // namespace
}  // namespace ferry::kserve_parameters_test
