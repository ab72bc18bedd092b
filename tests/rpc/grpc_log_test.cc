// GrpcErrors: what gRPC logs is collected here, or becomes a line of ours.

#include "server/rpc/grpc_log.h"

#include <memory>
#include <string>

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include "ferry/v1/model_service.pb.h"

#include "server/base/worker.h"

namespace ferry::grpc_log_test {
namespace {

class GrpcLogTest : public testing::Test {
 protected:
  // It reads which lines to log when it starts.
  GrpcLogTest() { grpc_init(); }
  ~GrpcLogTest() override { grpc_shutdown(); }
};

TEST_F(GrpcLogTest, CollectsErrorsWhileItLives) {
  const GrpcErrors errors;
  gpr_log(GPR_ERROR, "one %d", 1);
  gpr_log(GPR_ERROR, "two");
  EXPECT_EQ(errors.text(), "one 1\ntwo\n");
}

TEST_F(GrpcLogTest, CollectsNothingOfOtherThreads) {
  const GrpcErrors errors;
  testing::internal::CaptureStderr();
  {
    const Worker other("other", [] { gpr_log(GPR_ERROR, "elsewhere"); });
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(errors.text(), "");
  EXPECT_NE(log.find("WARN  grpc message=elsewhere"), std::string::npos) << log;
}

TEST_F(GrpcLogTest, TurnsLaterLinesIntoOurs) {
  { const GrpcErrors errors; }
  testing::internal::CaptureStderr();
  gpr_log(GPR_ERROR, "afterwards");
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find(" grpc message=afterwards"), std::string::npos) << log;
}

TEST_F(GrpcLogTest, TurnsLinesOfProtobufIntoOurs) {
  { const GrpcErrors errors; }
  v1::GetModelRequest request;
  testing::internal::CaptureStderr();
  EXPECT_FALSE(request.ParseFromString("\x0A\x01\xFF"));  // {1: not UTF-8}
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("WARN  protobuf message="), std::string::npos) << log;
  EXPECT_EQ(log.find("libprotobuf"), std::string::npos) << log;
}

}  // namespace
}  // namespace ferry::grpc_log_test
