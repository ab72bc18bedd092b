#include "server/rpc/byte_budget.h"

#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"

namespace ferry {

ByteBudget::~ByteBudget() { INVARIANT(used_bytes_ == 0); }

ByteBudget::Share::~Share() { budget_.used_bytes_ -= bytes_; }

absl::Status ByteBudget::Share::Set(uint64_t bytes) {
  if (bytes <= bytes_) {
    budget_.used_bytes_ -= bytes_ - bytes;
    bytes_ = bytes;
    return absl::OkStatus();
  }
  const uint64_t more_bytes = bytes - bytes_;
  uint64_t used_bytes = budget_.used_bytes_;
  do {
    if (more_bytes > budget_.bytes_max_ ||
        used_bytes > budget_.bytes_max_ - more_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("requests and answers take ", used_bytes,
                       " bytes here, this one would take ", more_bytes,
                       " more, and all may "
                       "take ",
                       budget_.bytes_max_, "; try again later"));
    }
  } while (!budget_.used_bytes_.compare_exchange_weak(used_bytes,
                                                      used_bytes + more_bytes));
  bytes_ = bytes;
  return absl::OkStatus();
}

}  // namespace ferry
