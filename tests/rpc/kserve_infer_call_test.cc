// ModelInfer through a real server: the same answers as ferry.v1's Infer, in
// the other protocol's form.

#include "server/rpc/kserve_infer_call.h"

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "tests/rpc/test_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::kserve_infer_call_test {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using testing::ElementsAre;
using testing::HasSubstr;

ModelInferRequest RawRequest(const std::string& model, float x) {
  ModelInferRequest request;
  request.set_model_name(model);
  auto& input = *request.add_inputs();
  input.set_name("x");
  input.set_datatype("FP32");
  input.add_shape(1);
  request.add_raw_input_contents(&x, sizeof x);
  return request;
}

class KServeInferCallTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(server_.pool.models / "twice.pt", 2);
    ASSERT_THAT(server_.pool.Load("twice", {"sim:0"}), IsOk());
  }

  absl::StatusOr<ModelInferResponse> Infer(const ModelInferRequest& request) {
    grpc::ClientContext context;
    ModelInferResponse response;
    const absl::Status status =
        FromGrpc(server_.kserve->ModelInfer(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  std::string Refusal(const ModelInferRequest& request, absl::StatusCode code) {
    const auto response = Infer(request);
    EXPECT_THAT(response, StatusIs(code));
    return std::string(response.status().message());
  }

  TestServer server_;
};

float Number(const ModelInferResponse& response) {
  float number = 0;
  EXPECT_EQ(response.raw_output_contents(0).size(), sizeof number);
  memcpy(&number, response.raw_output_contents(0).data(), sizeof number);
  return number;
}

TEST_F(KServeInferCallTest, AnswersRawContents) {
  ModelInferRequest request = RawRequest("twice", 3);
  request.set_id("id-7");
  const auto response = Infer(request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->model_name(), "twice");
  EXPECT_EQ(response->model_version(),
            std::to_string(server_.pool.table->Get("twice")->id.version));
  EXPECT_EQ(response->id(), "id-7");
  ASSERT_EQ(response->outputs_size(), 1);
  EXPECT_EQ(response->outputs(0).name(), "output");
  EXPECT_EQ(response->outputs(0).datatype(), "FP32");
  EXPECT_THAT(response->outputs(0).shape(), ElementsAre(1));
  EXPECT_EQ(Number(*response), 7);
}

TEST_F(KServeInferCallTest, AnswersTypedContentsWithRawOnes) {
  ModelInferRequest request = RawRequest("twice", 0);
  request.clear_raw_input_contents();
  request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(4);
  const auto response = Infer(request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(Number(*response), 9);
}

TEST_F(KServeInferCallTest, AnswersOnlyRequestedOutputs) {
  ModelInferRequest request = RawRequest("twice", 3);
  request.add_outputs()->set_name("output");
  EXPECT_THAT(Infer(request), IsOk());
  request.mutable_outputs(0)->set_name("y");
  EXPECT_EQ(Refusal(request, absl::StatusCode::kInvalidArgument),
            "output \"y\": the model gives no such output; it gives "
            "\"output\"");
}

TEST_F(KServeInferCallTest, AModelDoesNotRunForOutputsThatItDoesNotGive) {
  SaveCounterModel(server_.pool.models / "counter.pt");
  ASSERT_THAT(server_.pool.Load("counter", {"cpu"}), IsOk());
  ModelInferRequest request = RawRequest("counter", 10);
  request.add_outputs()->set_name("y");
  EXPECT_EQ(Refusal(request, absl::StatusCode::kInvalidArgument),
            "output \"y\": the model gives no such output; it gives "
            "\"output\"");
  const auto response = Infer(RawRequest("counter", 10));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(Number(*response), 10);  // For the first time.
}

TEST_F(KServeInferCallTest, AsksForTheVersionThatIsLoaded) {
  ModelInferRequest request = RawRequest("twice", 3);
  request.set_model_version(
      std::to_string(server_.pool.table->Get("twice")->id.version));
  EXPECT_THAT(Infer(request), IsOk());
  request.set_model_version("77");
  EXPECT_THAT(Refusal(request, absl::StatusCode::kNotFound), HasSubstr("77"));
  for (const char* version : {"0", "-1", "one", "1.0"}) {
    request.set_model_version(version);
    EXPECT_THAT(Refusal(request, absl::StatusCode::kInvalidArgument),
                HasSubstr("version"));
  }
}

TEST_F(KServeInferCallTest, RefusesWhatEveryInferRefuses) {
  EXPECT_THAT(Refusal(RawRequest("thrice", 3), absl::StatusCode::kNotFound),
              HasSubstr("thrice"));
  EXPECT_THAT(Refusal(RawRequest("a/b", 3), absl::StatusCode::kInvalidArgument),
              HasSubstr("model name"));
  ModelInferRequest request = RawRequest("twice", 3);
  request.set_raw_input_contents(0, "123");
  EXPECT_EQ(Refusal(request, absl::StatusCode::kInvalidArgument),
            "input \"x\": shape [1] of FP32 takes 4 bytes, got 3");
}

TEST_F(KServeInferCallTest, ATimeoutEndsARequestThatWaits) {
  ModelInferRequest request = RawRequest("twice", 3);
  auto& timeout = (*request.mutable_parameters())["timeout"];
  timeout.set_int64_param(60'000'000);
  EXPECT_THAT(Infer(request), IsOk());

  // It takes longer than that to hand a request to another thread.
  timeout.set_int64_param(1);
  bool late = false;
  for (int i = 0; i < 200 && !late; ++i) {
    const auto response = Infer(request);
    late = absl::IsDeadlineExceeded(response.status());
    EXPECT_TRUE(late || response.ok()) << response.status();
  }
  EXPECT_TRUE(late);
}

TEST_F(KServeInferCallTest, CountsWithTheSameSeries) {
  EXPECT_THAT(Infer(RawRequest("twice", 3)), IsOk());
  EXPECT_THAT(server_.Infer(FloatRequest("twice", 3)), IsOk());
  EXPECT_THAT(
      server_.pool.metrics.Text(),
      HasSubstr("ferry_infer_requests_total{code=\"OK\",model=\"twice\"} 2\n"));
}

}  // namespace
}  // namespace ferry::kserve_infer_call_test
