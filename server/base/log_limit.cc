#include "server/base/log_limit.h"

namespace ferry {

std::optional<uint64_t> LogLimit::Take(std::string_view key,
                                       absl::Duration now) {
  MutexLock lock(mutex_);
  auto found = counts_.find(key);
  if (found == counts_.end() && counts_.size() >= kKeysMax) {
    uint64_t forgotten = 0;
    std::erase_if(counts_, [&](const auto& count) {
      const bool old = now - count.second.since >= kInterval;
      if (old) forgotten += count.second.left_out;
      return old;
    });
    if (counts_.size() >= kKeysMax || forgotten > 0) {
      found = counts_.try_emplace("", Count{.since = now}).first;
      found->second.left_out += forgotten;
    }
  }
  if (found == counts_.end()) {
    found = counts_.try_emplace(std::string(key), Count{.since = now}).first;
  }
  Count& count = found->second;
  if (now - count.since >= kInterval) {
    count.since = now;
    count.lines = 0;
  }
  if (count.lines >= kLinesMax) {
    ++count.left_out;
    return std::nullopt;
  }
  ++count.lines;
  const uint64_t left_out = count.left_out;
  count.left_out = 0;
  return left_out;
}

}  // namespace ferry
