#include "tests/client/fake_server.h"

#include <utility>

#include <grpcpp/health_check_service_interface.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "server/base/invariant.h"

namespace ferry {
namespace {

constexpr uint64_t kModelBytes = uint64_t{2} << 20;

grpc::Status NotFound(const std::string& what) {
  return {grpc::StatusCode::NOT_FOUND, what};
}

}  // namespace

v1::Model FakeModel(const std::string& name) {
  v1::Model model;
  model.set_name(name);
  model.set_version(1);
  model.set_state(v1::MODEL_STATE_SERVING);
  model.set_path(name + "/1/model.pt");
  model.add_serving_on("cpu");
  model.set_weight_bytes(kModelBytes);
  model.set_activation_peak_bytes(96 << 20);
  v1::DeviceBytes& bytes = *model.add_bytes();
  bytes.set_device("cpu");
  bytes.set_size_bytes(kModelBytes);
  model.mutable_loaded_at()->set_seconds(1767225600);
  v1::Signature& signature = *model.mutable_signature();
  signature.set_shape_source(v1::SHAPE_SOURCE_SIDECAR);
  v1::Argument& x = *signature.add_inputs();
  x.set_name("x");
  x.set_type("Tensor");
  x.set_required(true);
  v1::Argument& sr = *signature.add_inputs();
  sr.set_name("sr");
  sr.set_type("Optional[int]");
  v1::TensorShape& shape = *signature.add_input_shapes();
  shape.set_name("x");
  shape.set_datatype("FP32");
  shape.add_shape(-1);
  shape.add_shape(4);
  return model;
}

FakeServer::FakeServer() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterService(static_cast<v1::ModelService::Service*>(this));
  builder.RegisterService(static_cast<v1::InferenceService::Service*>(this));
  server_ = builder.BuildAndStart();
  INVARIANT(server_ != nullptr);
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeServer::~FakeServer() {
  // Cancels what still runs.
  server_->Shutdown(absl::ToChronoTime(absl::InfinitePast()));
}

void FakeServer::Put(v1::Model model) {
  MutexLock lock(mutex_);
  const std::string name = model.name();
  models_[name] = std::move(model);
}

void FakeServer::SetChanges(std::vector<v1::WatchModelsResponse> changes,
                            bool stays) {
  MutexLock lock(mutex_);
  changes_ = std::move(changes);
  watch_stays_ = stays;
}

void FakeServer::SetServing(bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(serving);
}

std::vector<std::string> FakeServer::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

void FakeServer::Note(const google::protobuf::Message& request) {
  MutexLock lock(mutex_);
  requests_.push_back(absl::StrCat(request.GetDescriptor()->name(), " ",
                                   request.ShortDebugString()));
}

void FakeServer::AwaitClientLeaving(Context* context) {
  CondVar never;
  while (!context->IsCancelled()) {
    MutexLock lock(mutex_);
    never.WaitFor(mutex_, absl::Milliseconds(2));
  }
}

v1::MoveReport FakeServer::Move(const std::string& name,
                                const std::vector<std::string>& to) {
  v1::Model& model = models_[name];
  v1::MoveReport report;
  report.set_model(name);
  if (model.name().empty()) {
    model = FakeModel(name);
    report.add_from("disk");
  } else {
    *report.mutable_from() = model.serving_on();
  }
  model.clear_serving_on();
  for (const std::string& device : to) model.add_serving_on(device);
  *report.mutable_to() = model.serving_on();
  report.set_size_bytes(kModelBytes);
  report.mutable_copy()->set_nanos(1'000'000);
  report.mutable_total()->set_nanos(2'000'000);
  report.set_bytes_per_second(2.1e9);
  report.set_efficiency(0.93);
  report.set_verified(true);
  report.set_code("OK");
  report.mutable_ended_at()->set_seconds(1767225600);
  moves_.insert(moves_.begin(), report);
  return report;
}

grpc::Status FakeServer::NotLoaded(const std::string& name) const {
  return NotFound(absl::StrCat("model \"", name, "\": not known"));
}

grpc::Status FakeServer::LoadModel(Context* context,
                                   const v1::LoadModelRequest* request,
                                   v1::LoadModelResponse* response) {
  Note(*request);
  if (request->name() == "absent") {
    return NotFound("model \"absent\": no file absent.pt in any directory");
  }
  if (request->name() == "slow") {
    AwaitClientLeaving(context);
    return grpc::Status::CANCELLED;
  }
  MutexLock lock(mutex_);
  std::vector<std::string> to(request->devices().begin(),
                              request->devices().end());
  if (to.empty()) to = {"cpu"};
  if (!models_.contains(request->name())) {
    *response->mutable_report() = Move(request->name(), to);
  }
  *response->mutable_model() = models_[request->name()];
  return grpc::Status::OK;
}

grpc::Status FakeServer::UnloadModel(Context*,
                                     const v1::UnloadModelRequest* request,
                                     v1::UnloadModelResponse* response) {
  Note(*request);
  MutexLock lock(mutex_);
  if (models_.erase(request->name()) == 0) return NotLoaded(request->name());
  response->mutable_report()->mutable_total()->set_nanos(3'000'000);
  return grpc::Status::OK;
}

grpc::Status FakeServer::MigrateModel(Context*,
                                      const v1::MigrateModelRequest* request,
                                      v1::MigrateModelResponse* response) {
  Note(*request);
  MutexLock lock(mutex_);
  if (!models_.contains(request->name())) return NotLoaded(request->name());
  *response->mutable_report() = Move(
      request->name(), {request->devices().begin(), request->devices().end()});
  *response->mutable_model() = models_[request->name()];
  return grpc::Status::OK;
}

grpc::Status FakeServer::GetModel(Context*, const v1::GetModelRequest* request,
                                  v1::GetModelResponse* response) {
  Note(*request);
  MutexLock lock(mutex_);
  if (!models_.contains(request->name())) return NotLoaded(request->name());
  *response->mutable_model() = models_[request->name()];
  return grpc::Status::OK;
}

grpc::Status FakeServer::ListModels(Context*,
                                    const v1::ListModelsRequest* request,
                                    v1::ListModelsResponse* response) {
  Note(*request);
  MutexLock lock(mutex_);
  for (const auto& [name, model] : models_) *response->add_models() = model;
  return grpc::Status::OK;
}

grpc::Status FakeServer::WatchModels(
    Context* context, const v1::WatchModelsRequest* request,
    grpc::ServerWriter<v1::WatchModelsResponse>* writer) {
  Note(*request);
  std::vector<v1::WatchModelsResponse> messages;
  bool stays = false;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, model] : models_) {
      *messages.emplace_back().mutable_model() = model;
    }
    if (!messages.empty()) messages.back().set_snapshot_complete(true);
    messages.insert(messages.end(), changes_.begin(), changes_.end());
    stays = watch_stays_;
  }
  for (const v1::WatchModelsResponse& message : messages) {
    writer->Write(message);
  }
  if (stays) AwaitClientLeaving(context);
  return grpc::Status::OK;
}

grpc::Status FakeServer::ListDevices(Context*,
                                     const v1::ListDevicesRequest* request,
                                     v1::ListDevicesResponse* response) {
  Note(*request);
  v1::Device& cpu = *response->add_devices();
  cpu.set_name("cpu");
  cpu.set_capacity_bytes(uint64_t{8} << 30);
  cpu.set_used_bytes(uint64_t{2} << 30);
  cpu.set_largest_free_bytes(uint64_t{6} << 30);
  cpu.add_models("vad");
  cpu.set_healthy(true);
  v1::Device& sim = *response->add_devices();
  sim.set_name("sim:0");
  sim.set_capacity_bytes(uint64_t{256} << 20);
  sim.set_largest_free_bytes(uint64_t{256} << 20);
  sim.set_copy_in_bytes_per_second(4e9);
  sim.set_copy_out_bytes_per_second(3.5e9);
  sim.set_error("injected: link down");
  return grpc::Status::OK;
}

grpc::Status FakeServer::ListMoves(Context*,
                                   const v1::ListMovesRequest* request,
                                   v1::ListMovesResponse* response) {
  Note(*request);
  MutexLock lock(mutex_);
  for (const v1::MoveReport& move : moves_) *response->add_moves() = move;
  return grpc::Status::OK;
}

grpc::Status FakeServer::Infer(Context* context,
                               const v1::InferRequest* request,
                               v1::InferResponse* response) {
  Note(*request);
  if (request->model() == "slow") {
    AwaitClientLeaving(context);
    return grpc::Status::CANCELLED;
  }
  if (request->model() == "broken") {
    return {grpc::StatusCode::INTERNAL, "model \"broken\": forward threw"};
  }
  response->set_model(request->model());
  response->set_version(1);
  response->set_device("cpu");
  *response->mutable_outputs() = request->inputs();
  return grpc::Status::OK;
}

}  // namespace ferry
