#include "server/scheduling/infer_request.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "server/base/ids.h"

namespace ferry {
namespace {

// A client's own timer ends its call some time before the deadline that it sent
// is over here: that one was late by the way, and rounded up by gRPC to 1%.
constexpr absl::Duration kDeadlineLateMax = absl::Milliseconds(10);
constexpr double kDeadlineRoundedMax = 0.01;

}  // namespace

absl::Status InferRequest::GivenUp(absl::Duration now) const {
  if (deadline != absl::InfiniteDuration()) {
    const absl::Duration early =
        kDeadlineLateMax + kDeadlineRoundedMax * (deadline - submitted_at_);
    if (deadline - now <= (cancelled_ ? early : absl::ZeroDuration())) {
      return absl::DeadlineExceededError(
          absl::StrCat(QuotedModel(admission.model()),
                       ": the deadline passed while it waited in the queue"));
    }
  }
  return cancelled_ ? absl::CancelledError("the client went away")
                    : absl::OkStatus();
}

void InferRequest::Submitted(absl::Duration now, CallCount::Call accepted) {
  submitted_at_ = now;
  accepted_ = std::move(accepted);
}

void InferRequest::Fail(const absl::Status& status) {
  const CallCount::Call accepted = std::move(accepted_);
  if (admission) {
    admission.metrics().Count(status.code());
    admission = {};
  }
  Done(status);
}

InferRequest::Held InferRequest::Answer(const InferAnswer& answer) {
  const absl::Status status = Encode(answer);
  Held held{.accepted = std::move(accepted_),
            .admission = std::move(admission)};
  held.admission.metrics().Count(status.code());
  Done(status);
  return held;
}

}  // namespace ferry
