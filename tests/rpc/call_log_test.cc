// LogCallEnd: one line for an error, at the level of whoever is at fault; none
// for OK.

#include "server/rpc/call_log.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/log_limit.h"
#include "tests/rpc/test_server.h"

namespace ferry::call_log_test {
namespace {

using testing::HasSubstr;

std::string Logged(const absl::Status& status) {
  const grpc::CallbackServerContext context;
  testing::internal::CaptureStderr();
  LogCallEnd("LoadModel", "resnet", context, status);
  return testing::internal::GetCapturedStderr();
}

TEST(CallLogTest, SaysNothingOfSuccess) {
  EXPECT_EQ(Logged(absl::OkStatus()), "");
}

TEST(CallLogTest, TellsWhatWasAskedAndWhatWentWrong) {
  const std::string log = Logged(absl::NotFoundError("no such file"));
  EXPECT_THAT(log, HasSubstr(" INFO  rpc failed method=LoadModel "
                             "model=resnet code=NOT_FOUND"));
  EXPECT_THAT(log, HasSubstr("no such file"));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
}

TEST(CallLogTest, CutsANameThatNoModelHas) {
  const grpc::CallbackServerContext context;
  testing::internal::CaptureStderr();
  LogCallEnd("LoadModel", std::string(1'000'000, 'm'), context,
             absl::InvalidArgumentError("no name"));
  EXPECT_LT(testing::internal::GetCapturedStderr().size(), 1000u);
}

TEST(CallLogTest, LeavesOutWhatRepeatsOfOnePeer) {
  std::string log;
  for (int i = 0; i < 1000; ++i) {
    log += Logged(absl::AbortedError(std::to_string(i)));
  }
  EXPECT_LE(std::count(log.begin(), log.end(), '\n'), 3 * LogLimit::kLinesMax);
}

TEST(CallLogTest, APeerIsOneWhateverPortItComesFrom) {
  TestServer server;
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3 * LogLimit::kLinesMax; ++i) {
    const auto stub = v1::ModelService::NewStub(server.NewChannel());
    grpc::ClientContext context;
    v1::GetModelRequest request;
    request.set_name("nobody");
    v1::GetModelResponse response;
    EXPECT_EQ(stub->GetModel(&context, request, &response).error_code(),
              grpc::StatusCode::NOT_FOUND);
  }
  // An answer may come before its line.
  server.server.reset();
  const std::string log = testing::internal::GetCapturedStderr();
  size_t lines = 0;
  for (size_t at = log.find("method=GetModel model=nobody ");
       at != std::string::npos;
       at = log.find("method=GetModel model=nobody ", at + 1)) {
    ++lines;
  }
  EXPECT_LE(lines, LogLimit::kLinesMax);
  EXPECT_GT(lines, 0u);
}

TEST(CallLogTest, CallsOnlyTheServersOwnFaultsErrors) {
  for (const auto code :
       {absl::StatusCode::kInternal, absl::StatusCode::kDataLoss,
        absl::StatusCode::kUnknown}) {
    EXPECT_THAT(Logged(absl::Status(code, "x")), HasSubstr(" ERROR "));
  }
  for (const auto code :
       {absl::StatusCode::kCancelled, absl::StatusCode::kInvalidArgument,
        absl::StatusCode::kResourceExhausted, absl::StatusCode::kUnavailable}) {
    EXPECT_THAT(Logged(absl::Status(code, "x")), HasSubstr(" INFO "));
  }
}

}  // namespace
}  // namespace ferry::call_log_test
