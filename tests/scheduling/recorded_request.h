// A RecordedRequest remembers how it ended. It asks for nothing.
//
// Threads:  as InferRequest.

#ifndef TESTS_SCHEDULING_RECORDED_REQUEST_H_
#define TESTS_SCHEDULING_RECORDED_REQUEST_H_

#include <optional>

#include "absl/status/status.h"

#include "server/scheduling/infer_request.h"

namespace ferry {

struct RecordedRequest final : InferRequest {
  absl::Status Encode(const InferAnswer&) override { return encoded; }
  void Done(const absl::Status& status) override {
    admitted_when_done = static_cast<bool>(admission);
    ended = status;
  }

  absl::Status encoded;
  std::optional<absl::Status> ended;
  bool admitted_when_done = false;
};

}  // namespace ferry

#endif  // TESTS_SCHEDULING_RECORDED_REQUEST_H_
