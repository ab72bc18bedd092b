// ferry.v1's Infer, through a real server: answers, and each kind of refusal.

#include "server/rpc/inference_service.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/worker.h"
#include "tests/rpc/test_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::inference_service_test {
namespace {

using testing::HasSubstr;

class InferenceServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(server_.pool.models / "twice.pt", 2);
    ASSERT_THAT(server_.pool.Load("twice", {"cpu"}), IsOk());
  }

  std::string Refusal(const v1::InferRequest& request, absl::StatusCode code) {
    const auto response = server_.Infer(request);
    EXPECT_THAT(response, StatusIs(code));
    return std::string(response.status().message());
  }

  TestServer server_;
};

TEST_F(InferenceServiceTest, Answers) {
  const auto response = server_.Infer(FloatRequest("twice", 3));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->model(), "twice");
  EXPECT_EQ(response->version(), server_.pool.table->Get("twice")->id.version);
  EXPECT_EQ(response->device(), "cpu");
  ASSERT_EQ(response->outputs_size(), 1);
  EXPECT_EQ(response->outputs(0).name(), "output");
  const v1::Tensor& y = response->outputs(0).value().tensor();
  EXPECT_EQ(y.dtype(), v1::DATA_TYPE_FLOAT32);
  ASSERT_EQ(y.data().size(), sizeof(float));
  float number = 0;
  memcpy(&number, y.data().data(), sizeof number);
  EXPECT_EQ(number, 7);
}

TEST_F(InferenceServiceTest, TellsTheDeviceItRanOn) {
  ASSERT_THAT(server_.pool.Migrate("twice", {"sim:1"}), IsOk());
  EXPECT_EQ(server_.Infer(FloatRequest("twice", 3))->device(), "sim:1");
}

TEST_F(InferenceServiceTest, AsksForTheVersionThatIsLoaded) {
  v1::InferRequest request = FloatRequest("twice", 3);
  request.set_version(server_.pool.table->Get("twice")->id.version);
  EXPECT_THAT(server_.Infer(request), IsOk());
  request.set_version(request.version() + 1);
  EXPECT_THAT(Refusal(request, absl::StatusCode::kNotFound),
              HasSubstr("version"));
  request.set_version(-1);
  EXPECT_EQ(Refusal(request, absl::StatusCode::kInvalidArgument),
            "version -1: must be positive, or 0 for the one that is loaded");
}

TEST_F(InferenceServiceTest, RefusesModelsThatAreNotThere) {
  EXPECT_THAT(Refusal(FloatRequest("thrice", 3), absl::StatusCode::kNotFound),
              HasSubstr("thrice"));
}

TEST_F(InferenceServiceTest, RefusesNamesThatNoModelCanHave) {
  for (const std::string& name :
       {std::string(), std::string("../twice"), std::string("a/b"),
        std::string("a\0b", 3), std::string(300, 'a')}) {
    EXPECT_THAT(
        Refusal(FloatRequest(name, 3), absl::StatusCode::kInvalidArgument),
        HasSubstr("model name"));
  }
}

TEST_F(InferenceServiceTest, NamesTheInputThatIsWrong) {
  v1::InferRequest request = FloatRequest("twice", 3);
  request.mutable_inputs(0)->mutable_value()->mutable_tensor()->set_data("x");
  EXPECT_EQ(Refusal(request, absl::StatusCode::kInvalidArgument),
            "input \"x\": shape [1] of float32 takes 4 bytes, got 1");
  // And what only the model knows.
  request = FloatRequest("twice", 3);
  request.mutable_inputs(0)->set_name("z");
  EXPECT_THAT(Refusal(request, absl::StatusCode::kInvalidArgument),
              HasSubstr("z"));
}

// A request whose input is `depth` dicts, or lists, in one another.
v1::InferRequest DeepRequest(int depth, bool dicts) {
  v1::InferRequest request;
  request.set_model("twice");
  v1::NamedValue& input = *request.add_inputs();
  input.set_name("x");
  v1::Value* value = input.mutable_value();
  for (int i = 0; i < depth; ++i) {
    value = dicts ? value->mutable_dict()->add_entries()->mutable_value()
                  : value->mutable_list()->add_values();
  }
  value->mutable_tensor()->set_dtype(v1::DATA_TYPE_FLOAT32);
  return request;
}

TEST_F(InferenceServiceTest, ReadsTheDeepestNestingThereMayBe) {
  for (const bool dicts : {false, true}) {
    const auto deepest = server_.Infer(DeepRequest(Value::kDepthMax, dicts));
    EXPECT_THAT(deepest, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(deepest.status().message()), HasSubstr("bytes"));
  }
  const auto deeper = server_.Infer(DeepRequest(Value::kDepthMax + 1, false));
  EXPECT_THAT(deeper, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(deeper.status().message()),
              HasSubstr("nested deeper than 32 levels"));
}

TEST_F(InferenceServiceTest, SaysWhatForwardThrew) {
  SaveThrowingModel(server_.pool.models / "throwing.pt");
  ASSERT_THAT(server_.pool.Load("throwing", {"cpu"}), IsOk());
  EXPECT_THAT(Refusal(FloatRequest("throwing", 3), absl::StatusCode::kInternal),
              HasSubstr("no thanks"));
  EXPECT_THAT(server_.Infer(FloatRequest("twice", 3)), IsOk());
}

TEST_F(InferenceServiceTest, RefusesWhileDraining) {
  server_.scheduler->Drain(absl::InfiniteDuration());
  EXPECT_THAT(server_.Infer(FloatRequest("twice", 3)),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(InferenceServiceTest, AnswersManyClientsAtOnce) {
  std::vector<std::unique_ptr<Worker>> clients;
  std::atomic<int> right{0};
  for (int client = 0; client < 8; ++client) {
    clients.push_back(std::make_unique<Worker>("client", [&, client] {
      for (int i = 0; i < 50; ++i) {
        const auto response = server_.Infer(
            FloatRequest("twice", static_cast<float>(client * 100 + i)));
        float y = 0;
        if (!response.ok()) continue;
        memcpy(&y, response->outputs(0).value().tensor().data().data(),
               sizeof y);
        if (y == static_cast<float>(client * 100 + i) * 2 + 1) ++right;
      }
    }));
  }
  clients.clear();
  EXPECT_EQ(right, 400);
}

}  // namespace
}  // namespace ferry::inference_service_test
