// KServe v2's other methods through a real server: what they tell of the
// server and its models, and the sentence of each one that is not served.

#include "server/rpc/kserve_service.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/rpc/test_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::kserve_service_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Stub = inference::GRPCInferenceService::Stub;

class KServeServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(server_.pool.models / "twice.pt", 2);
    ASSERT_THAT(server_.pool.Load("twice", {"cpu"}), IsOk());
  }

  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                 const Request&, Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    return FromGrpc(((*server_.kserve).*method)(&context, request, &response));
  }

  // Calls a method with an empty request and expects it not to be served.
  template <typename Request, typename Response>
  void ExpectNotServed(const std::string& name,
                       grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                    const Request&,
                                                    Response*)) {
    Response response;
    const absl::Status status = Call(method, Request(), response);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(name + " is not served here: "));
  }

  absl::StatusOr<bool> ModelReady(const std::string& name,
                                  const std::string& version = "") {
    inference::ModelReadyRequest request;
    request.set_name(name);
    request.set_version(version);
    inference::ModelReadyResponse response;
    const absl::Status status = Call(&Stub::ModelReady, request, response);
    if (!status.ok()) return status;
    return response.ready();
  }

  absl::StatusOr<inference::ModelMetadataResponse> Metadata(
      const std::string& name, const std::string& version = "") {
    inference::ModelMetadataRequest request;
    request.set_name(name);
    request.set_version(version);
    inference::ModelMetadataResponse response;
    const absl::Status status = Call(&Stub::ModelMetadata, request, response);
    if (!status.ok()) return status;
    return response;
  }

  TestServer server_;
};

TEST_F(KServeServiceTest, IsLiveBeforeItIsReady) {
  inference::ServerLiveResponse live;
  ASSERT_THAT(Call(&Stub::ServerLive, {}, live), IsOk());
  EXPECT_TRUE(live.live());
  inference::ServerReadyResponse ready;
  ASSERT_THAT(Call(&Stub::ServerReady, {}, ready), IsOk());
  EXPECT_FALSE(ready.ready());
  server_.server->SetReady(true);
  ASSERT_THAT(Call(&Stub::ServerReady, {}, ready), IsOk());
  EXPECT_TRUE(ready.ready());
  server_.server->Drain();
  ASSERT_THAT(Call(&Stub::ServerReady, {}, ready), IsOk());
  EXPECT_FALSE(ready.ready());
}

TEST_F(KServeServiceTest, TellsItsNameAndNoExtensions) {
  inference::ServerMetadataResponse metadata;
  ASSERT_THAT(Call(&Stub::ServerMetadata, {}, metadata), IsOk());
  EXPECT_EQ(metadata.name(), "ferry");
  EXPECT_EQ(metadata.version(), "0.1.0");
  EXPECT_EQ(metadata.extensions_size(), 0);
}

TEST_F(KServeServiceTest, AModelIsReadyWhileItServes) {
  EXPECT_TRUE(*ModelReady("twice"));
  const int64_t version = server_.pool.table->Get("twice")->id.version;
  EXPECT_TRUE(*ModelReady("twice", std::to_string(version)));
  EXPECT_FALSE(*ModelReady("twice", std::to_string(version + 1)));
  EXPECT_FALSE(*ModelReady("thrice"));
  EXPECT_THAT(ModelReady("a/b"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ModelReady("twice", "x"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_THAT(server_.pool.Unload("twice"), IsOk());
  EXPECT_FALSE(*ModelReady("twice"));
}

TEST_F(KServeServiceTest, MetadataNamesTensorsAndLearnsTheirTypes) {
  const auto before = Metadata("twice");
  ASSERT_THAT(before, IsOk());
  EXPECT_EQ(before->inputs(0).name(), "x");
  // The program tells the type, a request the shape.
  EXPECT_EQ(before->inputs(0).datatype(), "FP32");

  ASSERT_THAT(server_.Infer(FloatRequest("twice", 3)), IsOk());
  const auto after = Metadata("twice");
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(after->inputs(0).datatype(), "FP32");
  EXPECT_THAT(after->inputs(0).shape(), ElementsAre(1));
  EXPECT_EQ(after->outputs(0).name(), "output");
  EXPECT_EQ(after->outputs(0).datatype(), "FP32");
}

TEST_F(KServeServiceTest, DescribesStringsAsTheyAreSent) {
  SaveTextModel(server_.pool.models / "text.pt");
  ASSERT_THAT(server_.pool.Load("text", {"cpu"}), IsOk());
  for (int i = 0; i < 3; ++i) {  // Before the first request, and after it.
    const auto metadata = Metadata("text");
    ASSERT_THAT(metadata, IsOk());
    ASSERT_EQ(metadata->inputs_size(), 2);
    EXPECT_EQ(metadata->inputs(0).name(), "text");
    EXPECT_EQ(metadata->inputs(0).datatype(), "BYTES");
    EXPECT_THAT(metadata->inputs(0).shape(), ElementsAre(1));
    EXPECT_EQ(metadata->inputs(1).name(), "scale");
    EXPECT_EQ(metadata->inputs(1).datatype(), "FP64");
    EXPECT_THAT(metadata->inputs(1).shape(), ElementsAre(1));

    inference::ModelInferRequest request;
    request.set_model_name("text");
    auto& input = *request.add_inputs();
    input.set_name(metadata->inputs(0).name());
    input.set_datatype(metadata->inputs(0).datatype());
    *input.mutable_shape() = metadata->inputs(0).shape();
    input.mutable_contents()->add_bytes_contents("hello");
    inference::ModelInferResponse response;
    ASSERT_THAT(Call(&Stub::ModelInfer, request, response), IsOk());
    EXPECT_EQ(response.raw_output_contents(0), std::string("\5\0\0\0hello", 9));
  }
}

TEST_F(KServeServiceTest, ConfigurationNamesWhatTheMetadataNames) {
  ASSERT_THAT(server_.Infer(FloatRequest("twice", 3)), IsOk());
  inference::ModelConfigRequest request;
  request.set_name("twice");
  inference::ModelConfigResponse response;
  ASSERT_THAT(Call(&Stub::ModelConfig, request, response), IsOk());
  EXPECT_EQ(response.config().name(), "twice");
  EXPECT_EQ(response.config().max_batch_size(), 0);
  EXPECT_EQ(response.config().input(0).name(), "x");
  EXPECT_EQ(response.config().input(0).data_type(), inference::TYPE_FP32);
  request.set_name("thrice");
  EXPECT_THAT(Call(&Stub::ModelConfig, request, response),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(KServeServiceTest, DescribesOnlyModelsThatAreThere) {
  EXPECT_THAT(Metadata("thrice"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Metadata("twice", "99"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Metadata("twice", "v1"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Metadata(""), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(KServeServiceTest, SaysWhatIsNotServed) {
  ExpectNotServed("ModelStatistics", &Stub::ModelStatistics);
  ExpectNotServed("RepositoryIndex", &Stub::RepositoryIndex);
  ExpectNotServed("RepositoryModelLoad", &Stub::RepositoryModelLoad);
  ExpectNotServed("RepositoryModelUnload", &Stub::RepositoryModelUnload);
  ExpectNotServed("SystemSharedMemoryStatus", &Stub::SystemSharedMemoryStatus);
  ExpectNotServed("SystemSharedMemoryRegister",
                  &Stub::SystemSharedMemoryRegister);
  ExpectNotServed("SystemSharedMemoryUnregister",
                  &Stub::SystemSharedMemoryUnregister);
  ExpectNotServed("CudaSharedMemoryStatus", &Stub::CudaSharedMemoryStatus);
  ExpectNotServed("CudaSharedMemoryRegister", &Stub::CudaSharedMemoryRegister);
  ExpectNotServed("CudaSharedMemoryUnregister",
                  &Stub::CudaSharedMemoryUnregister);
  ExpectNotServed("TraceSetting", &Stub::TraceSetting);
  ExpectNotServed("LogSettings", &Stub::LogSettings);
}

TEST_F(KServeServiceTest, SaysThatStreamsAreNotServed) {
  grpc::ClientContext context;
  const auto stream = server_.kserve->ModelStreamInfer(&context);
  inference::ModelStreamInferResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const absl::Status status = FromGrpc(stream->Finish());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_EQ(status.message(),
            "ModelStreamInfer is not served here: use ModelInfer");
}

}  // namespace
}  // namespace ferry::kserve_service_test
