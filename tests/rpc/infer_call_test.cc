// InferCall: what ends a call but an answer (deadlines, clients that leave,
// size), and what is left behind of each (a count, a log line, nothing else).
//
// A call is held in the queue by a model that runs until its test lets it end:
// a slow forward in front of it on the only lane.

#include "server/rpc/infer_call.h"

#include <chrono>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "server/base/worker.h"
#include "tests/rpc/test_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::infer_call_test {
namespace {

using testing::HasSubstr;

class InferCallTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(server_.pool.models / "twice.pt", 2);
    ASSERT_THAT(server_.pool.Load("twice", {"cpu"}), IsOk());
  }

  // Whether a count is what it should be; it is counted before the client
  // hears of the end, except when the client left.
  void ExpectCount(const std::string& model, const std::string& code,
                   int count) {
    const std::string line = "ferry_infer_requests_total{code=\"" + code +
                             "\",model=\"" + model + "\"} " +
                             std::to_string(count) + "\n";
    EXPECT_THAT(server_.pool.metrics.Text(), HasSubstr(line));
  }

  TestServer server_;
};

TEST_F(InferCallTest, CountsEveryEndOnce) {
  EXPECT_THAT(server_.Infer(FloatRequest("twice", 3)), IsOk());
  EXPECT_THAT(server_.Infer(FloatRequest("twice", 3)), IsOk());
  v1::InferRequest wrong = FloatRequest("twice", 3);
  wrong.mutable_inputs(0)->clear_name();
  EXPECT_THAT(server_.Infer(wrong),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(server_.Infer(FloatRequest("thrice", 3)),
              StatusIs(absl::StatusCode::kNotFound));
  v1::InferRequest other = FloatRequest("twice", 3);
  other.set_version(7);
  EXPECT_THAT(server_.Infer(other), StatusIs(absl::StatusCode::kNotFound));
  other.set_version(-1);
  EXPECT_THAT(server_.Infer(other),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(server_.CallWithBytes("/ferry.v1.InferenceService/Infer", "\x0A"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ExpectCount("twice", "OK", 2);
  ExpectCount("twice", "INVALID_ARGUMENT", 2);
  ExpectCount("twice", "NOT_FOUND", 1);
  ExpectCount("_other", "NOT_FOUND", 1);
  ExpectCount("_other", "INVALID_ARGUMENT", 1);
}

TEST_F(InferCallTest, LogsAFailureOnce) {
  testing::internal::CaptureStderr();
  EXPECT_THAT(server_.Infer(FloatRequest("thrice", 3)),
              StatusIs(absl::StatusCode::kNotFound));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("rpc failed method=Infer model=thrice "
                             "code=NOT_FOUND"));
  EXPECT_THAT(log, HasSubstr("peer="));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
}

// A call of its own thread's: it says how it ended.
class AsyncInfer {
 public:
  AsyncInfer(TestServer& server, const std::string& model,
             std::chrono::system_clock::duration patience)
      : request_(FloatRequest(model, 1)) {
    context_.set_deadline(std::chrono::system_clock::now() + patience);
    server.inference->async()->Infer(&context_, &request_, &response_,
                                     [this](const grpc::Status& status) {
                                       ended_.set_value(FromGrpc(status));
                                     });
  }
  void Leave() { context_.TryCancel(); }
  absl::Status End() { return ended_.get_future().get(); }

 private:
  const v1::InferRequest request_;
  v1::InferResponse response_;
  grpc::ClientContext context_;
  std::promise<absl::Status> ended_;
};

// Whatever ended a request in the queue, its model did not run.
class QueuedInferTest : public InferCallTest {
 protected:
  void SetUp() override {
    InferCallTest::SetUp();
    SaveSlowModel(server_.pool.models / "slow.pt", 256, 1000);
    ASSERT_THAT(server_.pool.Load("slow", {"cpu"}), IsOk());
  }
  // Until a request of "slow" runs on the only lane.
  void AwaitRun() {
    while (!Counted("slow", "queue")) std::this_thread::yield();
  }
  void AwaitQueued(const std::string& model) {
    while (server_.pool.table->Get(model)->queued_requests == 0) {
      std::this_thread::yield();
    }
  }
  bool Counted(const std::string& model, const std::string& step) {
    return server_.pool.metrics.Text().find(
               "ferry_infer_step_seconds_count{model=\"" + model +
               "\",step=\"" + step + "\"}") != std::string::npos;
  }

  static constexpr auto kPatience = std::chrono::minutes(5);
};

TEST_F(QueuedInferTest, ARequestThatExpiresIsNotRun) {
  AsyncInfer ahead(server_, "slow", kPatience);
  AwaitRun();
  AsyncInfer queued(server_, "twice", std::chrono::milliseconds(50));
  EXPECT_THAT(queued.End(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(ahead.End(), IsOk());
  server_.server->Shutdown(absl::InfiniteDuration());  // All have ended.
  EXPECT_FALSE(Counted("twice", "run"));
  ExpectCount("twice", "DEADLINE_EXCEEDED", 1);
}

TEST_F(QueuedInferTest, ARequestThatIsNotAsDeclaredDoesNotWait) {
  SaveScaleModel(server_.pool.models / "half.pt", 2);
  std::ofstream(server_.pool.models / "half.json") << R"({"inputs": [
      {"name": "x", "datatype": "INT64", "shape": [-1]}]})";
  ASSERT_THAT(server_.pool.Load("half", {"cpu"}), IsOk());
  AsyncInfer ahead(server_, "slow", kPatience);
  AwaitRun();
  EXPECT_THAT(server_.Infer(FloatRequest("half", 3)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(server_.pool.metrics.Text(),
              HasSubstr("ferry_infer_step_seconds_count{model=\"slow\",step="
                        "\"run\"} 0\n"))
      << "the lane is no longer busy";
  EXPECT_THAT(ahead.End(), IsOk());
  ExpectCount("half", "INVALID_ARGUMENT", 1);
}

TEST_F(QueuedInferTest, ARequestWhoseClientLeftIsNotRun) {
  AsyncInfer ahead(server_, "slow", kPatience);
  AwaitRun();
  AsyncInfer queued(server_, "twice", kPatience);
  AwaitQueued("twice");
  queued.Leave();
  EXPECT_THAT(queued.End(), StatusIs(absl::StatusCode::kCancelled));
  // Its place is free before a lane gets there.
  while (server_.pool.table->Get("twice")->queued_requests > 0) {
    std::this_thread::yield();
  }
  EXPECT_THAT(server_.pool.metrics.Text(),
              HasSubstr("ferry_infer_step_seconds_count{model=\"slow\",step="
                        "\"run\"} 0\n"));
  EXPECT_THAT(ahead.End(), IsOk());
  server_.server->Shutdown(absl::InfiniteDuration());
  EXPECT_FALSE(Counted("twice", "run"));
  ExpectCount("twice", "CANCELLED", 1);
}

TEST_F(InferCallTest, AClientThatLeavesDisturbsNobody) {
  SaveSlowModel(server_.pool.models / "slow.pt", 256, 50);
  ASSERT_THAT(server_.pool.Load("slow", {"cpu"}), IsOk());
  for (int round = 0; round < 20; ++round) {
    grpc::ClientContext context;
    v1::InferResponse response;
    std::promise<absl::Status> ended;
    const v1::InferRequest request =
        FloatRequest(round % 2 == 0 ? "slow" : "twice", 1);
    server_.inference->async()->Infer(
        &context, &request, &response,
        [&](const grpc::Status& status) { ended.set_value(FromGrpc(status)); });
    context.TryCancel();
    const absl::Status status = ended.get_future().get();
    EXPECT_TRUE(status.ok() || absl::IsCancelled(status)) << status;
  }
  EXPECT_THAT(server_.Infer(FloatRequest("twice", 3)), IsOk());
}

TEST_F(InferCallTest, ManyClientsThatLeaveAtOnceDisturbNobody) {
  SaveSlowModel(server_.pool.models / "slow.pt", 256, 50);
  ASSERT_THAT(server_.pool.Load("slow", {"cpu"}), IsOk());
  for (int round = 0; round < 10; ++round) {
    auto stub = v1::InferenceService::NewStub(server_.NewChannel());
    std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
    std::vector<std::promise<void>> ended(8);
    const v1::InferRequest request = FloatRequest("slow", 1);
    std::vector<v1::InferResponse> responses(ended.size());
    for (size_t i = 0; i < ended.size(); ++i) {
      contexts.push_back(std::make_unique<grpc::ClientContext>());
      stub->async()->Infer(
          contexts.back().get(), &request, &responses[i],
          [&ended, i](const grpc::Status&) { ended[i].set_value(); });
    }
    for (const auto& context : contexts) context->TryCancel();
    stub.reset();
    for (auto& end : ended) end.get_future().get();
  }
  EXPECT_THAT(server_.Infer(FloatRequest("twice", 3)), IsOk());
  EXPECT_THAT(server_.pool.Unload("slow"), IsOk());  // Nothing holds it.
}

TEST_F(InferCallTest, LooksForTheModelBeforeTheInputs) {
  v1::InferRequest wrong = FloatRequest("thrice", 3);
  wrong.mutable_inputs(0)->clear_name();
  EXPECT_THAT(server_.Infer(wrong), StatusIs(absl::StatusCode::kNotFound));
}

// The most memory that this process had since it was last reset.
class MemoryPeak {
 public:
  MemoryPeak() {
    std::ofstream("/proc/self/clear_refs") << "5";
    before_bytes_ = Read("VmHWM:");
  }
  int64_t Grown() const { return Read("VmHWM:") - before_bytes_; }

 private:
  static int64_t Read(const std::string& key) {
    std::ifstream file("/proc/self/status");
    std::string word;
    int64_t size_kib = 0;
    while (file >> word) {
      if (word == key) file >> size_kib;
    }
    return size_kib * 1024;
  }
  int64_t before_bytes_;
};

std::string Repeated(const std::string& unit, int size_bytes) {
  std::string text;
  while (text.size() < static_cast<size_t>(size_bytes)) text += unit;
  return text;
}

// Each is 16 MiB of what costs most in memory for its bytes; before they were
// looked at first they took 0.4 to 1.7 GB. The client's own copies count too.
TEST_F(InferCallTest, HostileRequestsTakeLittleMoreThanTheirBytes) {
  constexpr int kBytes = 16 << 20;
  constexpr int64_t kGrownMax = 8 * kBytes;
  const std::string kserve = "/inference.GRPCInferenceService/";
  const std::string ferry = "/ferry.v1.";
  const std::string twice = "\x0a\x05twice";
  const std::string thrice = "\x0a\x06thrice";
  struct Hostile {
    std::string method;
    std::string bytes;
    absl::StatusCode code;
  };
  for (const Hostile& hostile : std::vector<Hostile>{
           {kserve + "ModelInfer",
            Repeated("\x2a" + std::string(1, '\0'), kBytes),
            absl::StatusCode::kResourceExhausted},
           {kserve + "ModelInfer",
            twice + Repeated("\x2a" + std::string(1, '\0'), kBytes),
            absl::StatusCode::kResourceExhausted},
           {kserve + "ModelInfer",
            thrice + Repeated("\x22\x03\x0a\x01x", kBytes),
            absl::StatusCode::kResourceExhausted},
           {ferry + "InferenceService/Infer",
            twice + Repeated("\x1a" + std::string(1, '\0'), kBytes),
            absl::StatusCode::kResourceExhausted},
           {kserve + "ModelReady",
            Repeated("\x7a" + std::string(1, '\0'), kBytes),
            absl::StatusCode::kResourceExhausted},
           {ferry + "ModelService/WatchModels",
            Repeated("\x0a" + std::string(1, '\0'), kBytes),
            absl::StatusCode::kResourceExhausted},
           {ferry + "ModelService/LoadModel",
            Repeated("\x12" + std::string(1, '\0'), kBytes),
            absl::StatusCode::kResourceExhausted},
           {ferry + "ModelService/LoadModel",
            Repeated("\x22" + std::string(1, '\0'), kBytes),
            absl::StatusCode::kResourceExhausted},
       }) {
    SCOPED_TRACE(hostile.method);
    const MemoryPeak peak;
    EXPECT_THAT(server_.CallWithBytes(hostile.method, hostile.bytes),
                StatusIs(hostile.code));
    EXPECT_LT(peak.Grown(), kGrownMax);
  }
}

TEST_F(InferCallTest, ShapesOfManyOnesTakeLittleMoreThanTheirBytes) {
  constexpr int64_t kStrings = 262'144;
  for (const char* model : {"thrice", "twice"}) {
    inference::ModelInferRequest request;
    request.set_model_name(model);
    auto& input = *request.add_inputs();
    input.set_name("x");
    input.set_datatype("BYTES");
    input.add_shape(kStrings);
    for (int i = 0; i < 63; ++i) input.add_shape(1);
    request.add_raw_input_contents(std::string(4 * kStrings, '\0'));
    const MemoryPeak peak;
    EXPECT_THAT(
        server_.CallWithBytes("/inference.GRPCInferenceService/ModelInfer",
                              request.SerializeAsString()),
        StatusIs(std::string(model) == "twice"
                     ? absl::StatusCode::kInvalidArgument
                     : absl::StatusCode::kNotFound));
    EXPECT_LT(peak.Grown(), int64_t{64} << 20);
  }
}

TEST_F(InferCallTest, SaysWhyItCannotReadARequest) {
  const absl::Status status =
      server_.CallWithBytes("/ferry.v1.InferenceService/Infer", "\x0a\x09two");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(status.message(),
            "the message cannot be read: a field says that it has 9 bytes, "
            "where 3 are left");
}

// forward(x) of 50,000 floats.
v1::InferRequest LargeRequest() {
  v1::InferRequest request = FloatRequest("twice", 3);
  v1::Tensor& tensor =
      *request.mutable_inputs(0)->mutable_value()->mutable_tensor();
  tensor.set_shape(0, 50'000);
  tensor.set_data(std::string(200'000, '\0'));
  return request;
}

void ExpectRefusal(TestServer& server, const char* why) {
  SaveScaleModel(server.pool.models / "twice.pt", 2);
  ASSERT_THAT(server.pool.Load("twice", {"cpu"}), IsOk());
  for (int i = 0; i < 3; ++i) {  // Whatever was taken has been given back.
    EXPECT_THAT(server.Infer(FloatRequest("twice", 3)), IsOk());
    const auto response = server.Infer(LargeRequest());
    EXPECT_THAT(response, StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(std::string(response.status().message()), HasSubstr(why));
  }
}

TEST(InferCallSizeTest, RefusesMoreMemoryThanTheRequestsForAModelMayTake) {
  TestServer server("cpu=64MiB", {.request_bytes_max = 100'000});
  ExpectRefusal(server, "a model's may take 100000; ");
}

TEST(InferCallSizeTest, RefusesMoreMemoryThanAllRequestsMayTake) {
  TestServer server("cpu=64MiB", {}, {.all_bytes_max = 100'000});
  ExpectRefusal(server, "and all may take 100000; try again later");
}

TEST(InferCallSizeTest, RefusesAnAnswerThatThereIsNoMemoryFor) {
  TestServer server("cpu=64MiB", {}, {.all_bytes_max = 150'000});
  SaveScaleModel(server.pool.models / "twice.pt", 2);
  ASSERT_THAT(server.pool.Load("twice", {"cpu"}), IsOk());
  // One byte in, four out.
  v1::InferRequest request = FloatRequest("twice", 3);
  v1::Tensor& tensor =
      *request.mutable_inputs(0)->mutable_value()->mutable_tensor();
  tensor.set_dtype(v1::DATA_TYPE_BOOL);
  tensor.set_shape(0, 50'000);
  tensor.set_data(std::string(50'000, '\1'));
  const auto response = server.Infer(request);
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(response.status().message()),
              HasSubstr("all may take 150000"));
  EXPECT_THAT(server.Infer(FloatRequest("twice", 3)), IsOk());
}

TEST(InferCallSizeTest, RefusesARequestThatWouldTakeTooMuchMemory) {
  TestServer server("cpu=64MiB", {}, {.request_bytes_max = 100'000});
  ExpectRefusal(server, "would take more than the 100000 bytes of memory");
}

TEST(InferCallSizeTest, RefusesAnAnswerThatIsTooLarge) {
  TestServer small("cpu=64MiB", {},
                   {.message_bytes_max = RpcServer::kMessageBytesMin});
  SaveScaleModel(small.pool.models / "twice.pt", 2);
  ASSERT_THAT(small.pool.Load("twice", {"cpu"}), IsOk());
  // One byte in, four out: x is a bool, y a float.
  v1::InferRequest request = FloatRequest("twice", 3);
  v1::Tensor& tensor =
      *request.mutable_inputs(0)->mutable_value()->mutable_tensor();
  tensor.set_dtype(v1::DATA_TYPE_BOOL);
  tensor.set_shape(0, 20'000);
  tensor.set_data(std::string(20'000, '\1'));
  const auto response = small.Infer(request);
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(response.status().message()),
              HasSubstr("the outputs take 80000 bytes"));
}

TEST(InferCallSizeTest, RefusesARequestThatIsTooLarge) {
  TestServer small("cpu=64MiB", {},
                   {.message_bytes_max = RpcServer::kMessageBytesMin});
  v1::InferRequest request = FloatRequest("twice", 3);
  request.mutable_inputs(0)->mutable_value()->mutable_tensor()->set_data(
      std::string(RpcServer::kMessageBytesMin, '\1'));
  const auto response = small.Infer(request);
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(response.status().message()),
              HasSubstr("larger than max (65"));

  inference::ModelInferRequest kserve;
  kserve.set_model_name("twice");
  kserve.add_raw_input_contents(std::string(RpcServer::kMessageBytesMin, '\1'));
  grpc::ClientContext context;
  inference::ModelInferResponse answer;
  const absl::Status refused =
      FromGrpc(small.kserve->ModelInfer(&context, kserve, &answer));
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("larger than max (65"));
}

}  // namespace
}  // namespace ferry::infer_call_test
