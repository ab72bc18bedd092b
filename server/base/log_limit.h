// A LogLimit says which of many lines about the same thing are written.
//
// kLinesMax of them in each kInterval; the next one that is written says how
// many were left out before it.
//
// Owns:     a count for each key.
// Threads:  thread-safe.
// Units:    lines; absl::Duration of MonotonicNow().
// Limits:   kKeysMax keys; while there are as many, others count as one.

#ifndef SERVER_BASE_LOG_LIMIT_H_
#define SERVER_BASE_LOG_LIMIT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "server/base/mutex.h"

namespace ferry {

class LogLimit {
 public:
  static constexpr int kLinesMax = 10;
  static constexpr absl::Duration kInterval = absl::Seconds(10);
  static constexpr size_t kKeysMax = 1024;

  // How many lines of this key were left out since the last that was written;
  // nothing when this one is to be left out too.
  std::optional<uint64_t> Take(std::string_view key, absl::Duration now);

 private:
  struct Count {
    absl::Duration since;
    int lines = 0;
    uint64_t left_out = 0;
  };

  Mutex mutex_;
  std::map<std::string, Count, std::less<>> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_BASE_LOG_LIMIT_H_
