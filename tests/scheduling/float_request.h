// A FloatRequest asks for forward(x) of a model with one float argument.
//
// Owns:     its input.
// Threads:  as InferRequest.

#ifndef TESTS_SCHEDULING_FLOAT_REQUEST_H_
#define TESTS_SCHEDULING_FLOAT_REQUEST_H_

#include <atomic>
#include <cstdint>
#include <cstring>
#include <future>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/scheduling/infer_request.h"

namespace ferry {

struct FloatAnswer {
  float y = 0;
  std::string device;
  int64_t version = 0;
  std::thread::id thread;
};

struct FloatRequest final : InferRequest {
  explicit FloatRequest(std::string name, float x_in)
      : model(std::move(name)), x(x_in) {
    inputs = {
        {.name = "x",
         .value = {TensorView{.dtype = DType::kFloat32,
                              .shape = {1},
                              .bytes = std::as_bytes(std::span(&x, 1))}}}};
  }

  absl::Status Encode(const InferAnswer& answer) override {
    given = {.y = 0,
             .device = answer.device.ToString(),
             .version = answer.version,
             .thread = std::this_thread::get_id()};
    const auto& tensor =
        std::get<TensorView>(answer.outputs.front().value.value);
    memcpy(&given.y, tensor.bytes.data(), sizeof given.y);
    return absl::OkStatus();
  }

  void Done(const absl::Status& status) override {
    if (hold != nullptr) {
      held = true;
      hold->get_future().get();
    }
    if (status.ok()) {
      ended.set_value(given);
    } else {
      ended.set_value(status);
    }
  }

  std::string model;
  float x;
  FloatAnswer given;
  std::promise<void>* hold = nullptr;  // Set: Done waits for it, on the lane.
  std::atomic<bool> held{false};       // It waits.
  std::promise<absl::StatusOr<FloatAnswer>> ended;
  std::future<absl::StatusOr<FloatAnswer>> end = ended.get_future();
};

}  // namespace ferry

#endif  // TESTS_SCHEDULING_FLOAT_REQUEST_H_
