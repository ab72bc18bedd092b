// TakeGrpcLog: what gRPC and protobuf log becomes a line of ours.

#include "server/rpc/grpc_log.h"

#include <string>

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include "ferry/v1/model_service.pb.h"

namespace ferry::grpc_log_test {
namespace {

class GrpcLogTest : public testing::Test {
 protected:
  // It reads which lines to log when it starts.
  GrpcLogTest() {
    grpc_init();
    TakeGrpcLog();
  }
  ~GrpcLogTest() override { grpc_shutdown(); }
};

TEST_F(GrpcLogTest, TurnsLinesOfGrpcIntoOurs) {
  testing::internal::CaptureStderr();
  gpr_log(GPR_ERROR, "one %d", 1);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("WARN  grpc message=\"one 1\""), std::string::npos) << log;
}

TEST_F(GrpcLogTest, TurnsLinesOfProtobufIntoOurs) {
  v1::GetModelRequest request;
  testing::internal::CaptureStderr();
  EXPECT_FALSE(request.ParseFromString("\x0A\x01\xFF"));  // {1: not UTF-8}
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("WARN  protobuf message="), std::string::npos) << log;
  EXPECT_EQ(log.find("libprotobuf"), std::string::npos) << log;
}

}  // namespace
}  // namespace ferry::grpc_log_test
