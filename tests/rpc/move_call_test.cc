// MoveCall: what becomes of a move whose clients leave. The move is long,
// because it goes over a slow simulated link; the client leaves when it sees it
// under way.

#include "server/rpc/move_call.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rpc/test_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::move_call_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr uint64_t kWeightBytes = uint64_t{8} << 20;

// One LoadModel or MigrateModel that is under way.
template <typename Request, typename Response>
struct Asked {
  grpc::ClientContext context;
  Request request;
  Response response;
  std::promise<absl::Status> ended;
  std::future<absl::Status> end = ended.get_future();

  std::function<void(grpc::Status)> Callback() {
    return [this](const grpc::Status& status) {
      ended.set_value(FromGrpc(status));
    };
  }
};
using AskedLoad = Asked<v1::LoadModelRequest, v1::LoadModelResponse>;
using AskedMigrate = Asked<v1::MigrateModelRequest, v1::MigrateModelResponse>;

class MoveCallTest : public testing::Test {
 protected:
  explicit MoveCallTest(
      const char* devices = "cpu=64MiB,sim:0=16MiB@20MBps,sim:1=16MiB@20MBps")
      : server_(devices) {}

  void SetUp() override {
    SaveScaleModel(server_.pool.models / "large.pt", 2, kWeightBytes);
  }

  std::unique_ptr<AskedLoad> Load(const std::string& device,
                                  v1::ModelService::Stub& stub) {
    auto asked = std::make_unique<AskedLoad>();
    asked->request.set_name("large");
    asked->request.add_devices(device);
    stub.async()->LoadModel(&asked->context, &asked->request, &asked->response,
                            asked->Callback());
    return asked;
  }

  std::unique_ptr<AskedMigrate> Migrate(const std::string& device) {
    auto asked = std::make_unique<AskedMigrate>();
    asked->request.set_name("large");
    asked->request.add_devices(device);
    server_.models->async()->MigrateModel(&asked->context, &asked->request,
                                          &asked->response, asked->Callback());
    return asked;
  }

  // Until the model's bytes are on their way.
  void AwaitMove() {
    while (true) {
      const auto model = server_.pool.table->Get("large");
      if (model.ok() && model->move.has_value() &&
          model->move->step == MoveStep::kCopy) {
        return;
      }
    }
  }

  // Until `count` moves have ended; the last one's report.
  MoveReport AwaitReport(size_t count) {
    while (true) {
      const auto moves = server_.pool.mover->Moves();
      if (moves.size() >= count) return moves.front();
    }
  }

  TestServer server_;
};

TEST_F(MoveCallTest, ALoadWhoseClientLeavesIsUndone) {
  const auto asked = Load("sim:0", *server_.models);
  AwaitMove();
  asked->context.TryCancel();
  EXPECT_THAT(asked->end.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(AwaitReport(1).status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(server_.pool.used_bytes("sim:0"), 0u);
  // Another can have it.
  EXPECT_THAT(server_.Load("large", {"cpu"}), IsOk());
}

TEST_F(MoveCallTest, ALoadGoesOnWhileAnotherClientWaits) {
  const auto stub = v1::ModelService::NewStub(server_.NewChannel());
  absl::Status end = absl::AbortedError("not tried");
  // ABORTED when the second client arrived only after the first had left.
  while (absl::IsAborted(end)) {
    const auto leaves = Load("sim:0", *server_.models);
    AwaitMove();
    const auto waits = Load("sim:0", *stub);
    grpc::ClientContext context;  // Time for it to arrive.
    v1::ListDevicesResponse devices;
    EXPECT_TRUE(stub->ListDevices(&context, {}, &devices).ok());
    leaves->context.TryCancel();
    EXPECT_THAT(leaves->end.get(), StatusIs(absl::StatusCode::kCancelled));
    end = waits->end.get();
    if (end.ok()) {
      EXPECT_EQ(waits->response.report().code(), "OK");
    }
    while (end.ok() != server_.pool.table->Get("large").ok()) {
    }
  }
  EXPECT_THAT(end, IsOk());
}

TEST_F(MoveCallTest, AMigrationWhoseClientLeavesIsUndone) {
  ASSERT_THAT(server_.Load("large", {"cpu"}), IsOk());
  const auto asked = Migrate("sim:0");
  AwaitMove();
  asked->context.TryCancel();
  EXPECT_THAT(asked->end.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(AwaitReport(2).status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(server_.Infer(FloatRequest("large", 3))->device(), "cpu");
  EXPECT_EQ(server_.pool.used_bytes("sim:0"), 0u);
}

TEST_F(MoveCallTest, ADeadlineEndsAMove) {
  ASSERT_THAT(server_.Load("large", {"cpu"}), IsOk());
  auto asked = std::make_unique<AskedMigrate>();
  asked->context.set_deadline(std::chrono::system_clock::now() +
                              std::chrono::milliseconds(100));
  asked->request.set_name("large");
  asked->request.add_devices("sim:0");
  server_.models->async()->MigrateModel(&asked->context, &asked->request,
                                        &asked->response, asked->Callback());
  EXPECT_THAT(asked->end.get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(AwaitReport(2).status, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(MoveCallTest, ASecondMoveIsRefusedAndTheFirstGoesOn) {
  ASSERT_THAT(server_.Load("large", {"cpu"}), IsOk());
  const auto first = Migrate("sim:0");
  AwaitMove();
  const auto second = Migrate("sim:1");
  EXPECT_THAT(second->end.get(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(first->end.get(), IsOk());
  EXPECT_EQ(first->response.model().serving_on(0), "sim:0");
}

TEST_F(MoveCallTest, ADrainEndsAMove) {
  ASSERT_THAT(server_.Load("large", {"cpu"}), IsOk());
  const auto asked = Migrate("sim:0");
  AwaitMove();
  server_.pool.mover->Drain(absl::InfiniteDuration());
  EXPECT_THAT(asked->end.get(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(server_.Load("large", {"sim:1"}),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(MoveCallTest, ClientsThatLeaveAtAnyMomentLeaveNothingBehind) {
  ASSERT_THAT(server_.Load("large", {"cpu"}), IsOk());
  for (int round = 0; round < 40; ++round) {
    const auto asked = Migrate(round % 2 == 0 ? "sim:0" : "sim:1");
    // From before it arrives to long after.
    for (int i = 0; i < round * 20; ++i) (void)server_.pool.mover->Moves();
    asked->context.TryCancel();
    const absl::Status end = asked->end.get();
    // Aborted: the move before is still being undone when this one arrives.
    EXPECT_THAT(end, AnyOf(StatusIs(absl::StatusCode::kCancelled),
                           StatusIs(absl::StatusCode::kAborted)));
  }
  EXPECT_THAT(server_.Infer(FloatRequest("large", 3)), IsOk());
}

TEST_F(MoveCallTest, LogsARefusalOnce) {
  testing::internal::CaptureStderr();
  EXPECT_THAT(server_.Load("none", {"cpu"}),
              StatusIs(absl::StatusCode::kNotFound));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("rpc failed method=LoadModel model=none "
                             "code=NOT_FOUND"));
}

class ManyWaitersTest : public MoveCallTest {
 protected:
  ManyWaitersTest() : MoveCallTest("cpu=64MiB,sim:0=16MiB@1MBps") {}
};

TEST_F(ManyWaitersTest, OnlySoManyClientsWaitForOneLoad) {
  std::vector<std::unique_ptr<AskedLoad>> waiting;
  for (size_t i = 0; i <= Mover::Options().waiters_max; ++i) {
    waiting.push_back(Load("sim:0", *server_.models));
    if (i == 0) AwaitMove();
  }
  // The one that came last is told while the others wait.
  const auto told = [](const auto& one) {
    return one->end.wait_for(std::chrono::seconds(0)) ==
           std::future_status::ready;
  };
  auto refused = waiting.end();
  while (refused == waiting.end()) {
    refused = std::ranges::find_if(waiting, told);
  }
  const absl::Status end = (*refused)->end.get();
  EXPECT_THAT(end, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(end.message()),
              HasSubstr("256 clients wait for this load already"));
  waiting.erase(refused);
  for (const auto& one : waiting) one->context.TryCancel();
  for (const auto& one : waiting) {
    EXPECT_THAT(one->end.get(), StatusIs(absl::StatusCode::kCancelled));
  }
}

}  // namespace
}  // namespace ferry::move_call_test
