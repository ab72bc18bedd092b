// What LibTorch threw, as one sentence for people.
//
// LibTorch's messages carry C++ backtraces, paths of the machine that it was
// built on and several lines of TorchScript; the sentence that says what went
// wrong is the first line when a file is loaded and the last when code ran.
//
// Threads:  any.

#ifndef SERVER_EXECUTORS_TORCH_TORCH_ERROR_H_
#define SERVER_EXECUTORS_TORCH_TORCH_ERROR_H_

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace ferry {

// Carries a Status of ours through code of LibTorch's that calls us back.
class StatusError : public std::runtime_error {
 public:
  explicit StatusError(absl::Status status)
      : std::runtime_error(std::string(status.message())),
        status_(std::move(status)) {}
  const absl::Status& status() const { return status_; }

 private:
  const absl::Status status_;
};

// The first line that says something.
std::string FirstSentence(std::string_view message);

// Of "Traceback of TorchScript ... RuntimeError: text", the text; else the last
// line that says something.
std::string LastSentence(std::string_view message);

// The exception being handled (INVARIANT: there is one): a StatusError's
// status, RESOURCE_EXHAUSTED when memory ran out, or `otherwise` with what
// `sentence` makes of the message.
absl::Status CurrentExceptionStatus(absl::StatusCode otherwise,
                                    std::string (*sentence)(std::string_view));

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_TORCH_ERROR_H_
