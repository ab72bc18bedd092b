#include "client/ctl/words.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace ferry::client {

std::string SecondsText(absl::Duration duration) {
  if (duration == absl::ZeroDuration()) return "0";
  if (duration < absl::Milliseconds(1)) return "<0.001";
  return absl::StrFormat("%.3f", absl::ToDoubleSeconds(duration));
}

std::string LatencyText(absl::Duration duration) {
  return absl::StrFormat("%.3f ms", absl::ToDoubleMilliseconds(duration));
}

std::string RateText(double bytes_per_second) {
  if (bytes_per_second <= 0) return "";
  const double rate = bytes_per_second / 1e9;
  return rate < 0.1 ? absl::StrFormat("%.3f", rate)
                    : absl::StrFormat("%.2f", rate);
}

std::string PercentText(double ratio) {
  if (ratio <= 0) return "";
  return absl::StrFormat("%.0f%%", ratio * 100);
}

std::string BarText(uint64_t part, uint64_t whole, int width) {
  int filled = 0;
  if (whole > 0 && part > 0) {
    const double share = static_cast<double>(part) / static_cast<double>(whole);
    filled = std::clamp(static_cast<int>(std::floor(share * width)), 1, width);
  }
  std::string bar = "[";
  bar.append(static_cast<size_t>(filled), '#');
  bar.append(static_cast<size_t>(width - filled), '.');
  bar.push_back(']');
  return bar;
}

std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

std::string PlacesText(const std::vector<std::string>& places) {
  return places.empty() ? "-" : absl::StrJoin(places, ", ");
}

}  // namespace ferry::client
