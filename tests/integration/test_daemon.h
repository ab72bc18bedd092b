// A TestDaemon is a whole ferryd in the test's own process, on free ports, with
// a client connected to it and a folder of models.
//
// Owns:     the daemon, the client, the folder.
// Threads:  as its parts.

#ifndef TESTS_INTEGRATION_TEST_DAEMON_H_
#define TESTS_INTEGRATION_TEST_DAEMON_H_

#include <cstring>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "client/client.h"
#include "server/config.h"
#include "server/daemon.h"
#include "server/devices/sim_device.h"
#include "tests/support/torch_models.h"

namespace ferry {

class TestDaemon {
 public:
  // `flags` are added to those that put the daemon on free loopback ports.
  explicit TestDaemon(std::vector<std::string> flags = {}) {
    SaveScaleModel(models / "twice.pt", 2);
    SaveCounterModel(models / "counter.pt");
    SaveThrowingModel(models / "throwing.pt");
    flags_ = {"ferryd", "--metrics-listen=127.0.0.1:0",
              "--model-dir=" + models.path().string()};
    flags_.insert(flags_.end(), flags.begin(), flags.end());
    const auto with = [&](const std::string& flag) {
      for (const std::string& given : flags) {
        if (given.starts_with(flag)) return true;
      }
      return false;
    };
    if (!with("--devices")) {
      flags_.emplace_back("--devices=cpu=64MiB,sim:0=16MiB,sim:1=16MiB");
    }
    if (!with("--grpc-listen")) {
      flags_.emplace_back("--grpc-listen=127.0.0.1:0");
    }
    if (!with("--audit-runs")) {
      flags_.emplace_back("--audit-runs=1");  // No run shall write to weights.
    }
    started = Start();
  }

  absl::StatusOr<client::MoveOutcome> Load(
      const std::string& name, const std::vector<std::string>& devices,
      const std::string& path = "", std::stop_token stop = {}) {
    client::LoadRequest request;
    request.name = name;
    request.devices = devices;
    request.path = path;
    return client->Load(request, std::move(stop));
  }

  absl::StatusOr<client::MoveOutcome> Migrate(
      const std::string& name, const std::vector<std::string>& devices,
      std::stop_token stop = {}) {
    return client->Migrate({.name = name, .devices = devices}, std::move(stop));
  }

  absl::StatusOr<client::InferAnswer> Infer(
      const std::string& model, std::vector<client::NamedValue> inputs) {
    client::InferRequest request;
    request.model = model;
    request.inputs = std::move(inputs);
    return client->Infer(request);
  }

  // The device of this name, as the server shows it now.
  client::Device Device(const std::string& name) {
    const auto devices = client->Devices();
    if (devices.ok()) {
      for (const client::Device& device : *devices) {
        if (device.name == name) return device;
      }
    }
    ADD_FAILURE() << "no device " << name << ": " << devices.status();
    return {};
  }

  // The first float of the first output; NaN-free.
  absl::StatusOr<float> Run(const std::string& model, float x) {
    auto answer = Infer(model, {{"x", Floats({x})}});
    if (!answer.ok()) return answer.status();
    const auto& tensor =
        std::get<client::Tensor>(answer->outputs.front().value.value);
    float y = 0;
    memcpy(&y, tensor.data.data(), sizeof y);
    return y;
  }

  static client::Value Floats(const std::vector<float>& floats) {
    client::Tensor tensor;
    tensor.shape = {static_cast<int64_t>(floats.size())};
    tensor.data.assign(reinterpret_cast<const char*>(floats.data()),
                       floats.size() * sizeof(float));
    return {tensor};
  }

  SimDevice& sim(int index) {
    return dynamic_cast<SimDevice&>(
        **daemon->devices().Find({.kind = DeviceKind::kSim, .index = index}));
  }

  TemporaryFolder models;
  std::unique_ptr<Daemon> daemon;
  std::unique_ptr<client::Client> client;
  absl::Status started;  // OK once every model of --load serves.

 private:
  absl::Status Start() {
    std::vector<const char*> argv;
    for (const std::string& flag : flags_) argv.push_back(flag.c_str());
    auto config = ParseConfig(static_cast<int>(argv.size()), argv.data(),
                              [](const char*) { return nullptr; });
    if (!config.ok()) return config.status();
    auto made = Daemon::Start(*config);
    if (!made.ok()) return made.status();
    daemon = *std::move(made);
    auto connected = client::Client::Connect(daemon->grpc_address());
    if (!connected.ok()) return connected.status();
    client = *std::move(connected);
    std::promise<absl::Status> ready;
    daemon->LoadConfigured(
        [&](absl::Status status) { ready.set_value(std::move(status)); });
    return ready.get_future().get();
  }

  std::vector<std::string> flags_;
};

}  // namespace ferry

#endif  // TESTS_INTEGRATION_TEST_DAEMON_H_
