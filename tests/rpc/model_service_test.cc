// ferry.v1's ModelService through a real server and real models.

#include "server/rpc/model_service.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rpc/test_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::model_service_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Stub = v1::ModelService::Stub;

class ModelServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(server_.pool.models / "twice.pt", 2);
    SaveScaleModel(server_.pool.models / "thrice.pt", 3);
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request) {
    grpc::ClientContext context;
    Response response;
    const absl::Status status =
        FromGrpc(((*server_.models).*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  absl::StatusOr<v1::MigrateModelResponse> Migrate(
      const std::string& name, const std::vector<std::string>& devices) {
    v1::MigrateModelRequest request;
    request.set_name(name);
    request.mutable_devices()->Assign(devices.begin(), devices.end());
    return Call(&Stub::MigrateModel, request);
  }

  absl::StatusOr<v1::UnloadModelResponse> Unload(const std::string& name) {
    v1::UnloadModelRequest request;
    request.set_name(name);
    return Call(&Stub::UnloadModel, request);
  }

  absl::StatusOr<v1::GetModelResponse> Get(const std::string& name) {
    v1::GetModelRequest request;
    request.set_name(name);
    return Call(&Stub::GetModel, request);
  }

  TestServer server_;
};

TEST_F(ModelServiceTest, LoadsMovesAndUnloads) {
  const auto loaded = server_.Load("twice", {"cpu"});
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->model().name(), "twice");
  EXPECT_EQ(loaded->model().state(), v1::MODEL_STATE_SERVING);
  EXPECT_THAT(loaded->model().serving_on(), ElementsAre("cpu"));
  EXPECT_THAT(loaded->report().from(), ElementsAre("disk"));
  EXPECT_EQ(loaded->report().code(), "OK");
  EXPECT_TRUE(loaded->report().verified());
  EXPECT_GT(loaded->report().size_bytes(), 0u);

  const auto migrated = Migrate("twice", {"sim:0", "sim:1"});
  ASSERT_THAT(migrated, IsOk());
  EXPECT_THAT(migrated->model().serving_on(),
              testing::UnorderedElementsAre("sim:0", "sim:1"));
  EXPECT_THAT(migrated->report().from(), ElementsAre("cpu"));
  EXPECT_EQ(Get("twice")->model().state(), v1::MODEL_STATE_SERVING);

  const auto unloaded = Unload("twice");
  ASSERT_THAT(unloaded, IsOk());
  EXPECT_EQ(unloaded->report().code(), "OK");
  EXPECT_THAT(Unload("twice"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ModelServiceTest, AnswersAtOnceWhatIsDoneAlready) {
  ASSERT_THAT(server_.Load("twice", {"cpu"}), IsOk());
  const auto again = server_.Load("twice", {"cpu"});
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(again->has_report());
  EXPECT_EQ(again->model().name(), "twice");
}

TEST_F(ModelServiceTest, RefusesNamesThatNoModelCanHave) {
  for (const std::string& name :
       {std::string(), std::string(".."), std::string("a/b"),
        std::string("a\0b", 3), std::string(300, 'a')}) {
    const std::vector<absl::Status> refusals = {
        server_.Load(name, {"cpu"}).status(), Migrate(name, {"cpu"}).status(),
        Unload(name).status(), Get(name).status()};
    for (const absl::Status& refusal : refusals) {
      EXPECT_THAT(refusal, StatusIs(absl::StatusCode::kInvalidArgument));
      EXPECT_THAT(std::string(refusal.message()), HasSubstr("model name"));
    }
  }
}

TEST_F(ModelServiceTest, RefusesWhatIsNotThere) {
  EXPECT_THAT(server_.Load("none", {"cpu"}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Get("none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Unload("none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(server_.Load("twice", {"sim:7"}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ModelServiceTest, RefusesRequestsThatAreWrongWhateverTheState) {
  for (const std::vector<std::string>& devices :
       {std::vector<std::string>{"gpu"}, {"cpu", "cpu"}, {"auto", "cpu"}}) {
    EXPECT_THAT(server_.Load("twice", devices),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  v1::LoadModelRequest request;
  request.set_name("twice");
  request.set_version(-1);
  EXPECT_THAT(Call(&Stub::LoadModel, request),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(server_.Load("twice", {"cpu"}, "../etc/passwd"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ModelServiceTest, ListsModelsByName) {
  EXPECT_EQ(Call(&Stub::ListModels, v1::ListModelsRequest())->models_size(), 0);
  ASSERT_THAT(server_.Load("twice", {"cpu"}), IsOk());
  ASSERT_THAT(server_.Load("thrice", {"sim:0"}), IsOk());
  const auto models = Call(&Stub::ListModels, v1::ListModelsRequest());
  ASSERT_EQ(models->models_size(), 2);
  EXPECT_EQ(models->models(0).name(), "thrice");
  EXPECT_EQ(models->models(1).name(), "twice");
}

TEST_F(ModelServiceTest, ListsDevicesWithWhatIsOnThem) {
  ASSERT_THAT(server_.Load("twice", {"sim:0"}), IsOk());
  const auto devices = Call(&Stub::ListDevices, v1::ListDevicesRequest());
  ASSERT_THAT(devices, IsOk());
  ASSERT_EQ(devices->devices_size(), 3);
  const v1::Device& cpu = devices->devices(0);
  const v1::Device& sim = devices->devices(1);
  EXPECT_EQ(cpu.name(), "cpu");
  EXPECT_THAT(cpu.models(), IsEmpty());
  EXPECT_EQ(sim.name(), "sim:0");
  EXPECT_THAT(sim.models(), ElementsAre("twice"));
  EXPECT_EQ(sim.capacity_bytes(), uint64_t{16} << 20);
  EXPECT_EQ(sim.used_bytes(), server_.pool.used_bytes("sim:0"));
  EXPECT_GT(sim.used_bytes(), 0u);
  EXPECT_EQ(sim.largest_free_bytes(), sim.capacity_bytes() - sim.used_bytes());
  EXPECT_TRUE(sim.healthy());
  EXPECT_EQ(sim.error(), "");
  EXPECT_GT(sim.copy_in_bytes_per_second(), 0);
  EXPECT_GT(sim.copy_out_bytes_per_second(), 0);
}

TEST_F(ModelServiceTest, ListsMovesNewestFirst) {
  ASSERT_THAT(server_.Load("twice", {"cpu"}), IsOk());
  ASSERT_THAT(server_.Load("thrice", {"cpu"}), IsOk());
  ASSERT_THAT(Migrate("twice", {"sim:1"}), IsOk());
  v1::ListMovesRequest request;
  const auto all = Call(&Stub::ListMoves, request);
  ASSERT_EQ(all->moves_size(), 3);
  EXPECT_EQ(all->moves(0).model(), "twice");
  EXPECT_THAT(all->moves(0).to(), ElementsAre("sim:1"));
  EXPECT_EQ(all->moves(1).model(), "thrice");

  request.set_model("twice");
  EXPECT_EQ(Call(&Stub::ListMoves, request)->moves_size(), 2);
  request.set_moves_max(1);
  const auto last = Call(&Stub::ListMoves, request);
  ASSERT_EQ(last->moves_size(), 1);
  EXPECT_THAT(last->moves(0).to(), ElementsAre("sim:1"));
  request.set_model("none");
  EXPECT_EQ(Call(&Stub::ListMoves, request)->moves_size(), 0);
  request.set_moves_max(-1);
  EXPECT_THAT(Call(&Stub::ListMoves, request),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ModelServiceLimitTest, AWatchNamesOnlySoManyModels) {
  TestServer server("cpu=64MiB", {}, {.watch_names_max = 3});
  grpc::ClientContext context;
  v1::WatchModelsRequest request;
  for (const char* name : {"a", "b", "c", "d"}) request.add_names(name);
  const auto reader = server.models->WatchModels(&context, request);
  v1::WatchModelsResponse response;
  EXPECT_FALSE(reader->Read(&response));
  const absl::Status status = FromGrpc(reader->Finish());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(status.message(),
            "WatchModels: 4 names, and a watch may have 3; name none to watch "
            "all models");
}

TEST(ModelServiceLimitTest, AConnectionHasOnlySoManyCalls) {
  TestServer server("cpu=64MiB", {}, {.streams_max = 1});
  grpc::ClientContext watching;
  const auto reader = server.models->WatchModels(&watching, {});
  v1::WatchModelsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  v1::ListModelsResponse models;
  grpc::ClientContext kept_back;
  kept_back.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(100));
  EXPECT_THAT(FromGrpc(server.models->ListModels(&kept_back, {}, &models)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  // Others have their own.
  const auto other = v1::ModelService::NewStub(server.NewChannel());
  grpc::ClientContext beside;
  EXPECT_THAT(FromGrpc(other->ListModels(&beside, {}, &models)), IsOk());
  watching.TryCancel();
  reader->Finish();
  grpc::ClientContext next;
  EXPECT_THAT(FromGrpc(server.models->ListModels(&next, {}, &models)), IsOk());
}

}  // namespace
}  // namespace ferry::model_service_test
