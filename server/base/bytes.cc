#include "server/base/bytes.h"

#include <array>
#include <cstddef>
#include <limits>
#include <optional>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"

namespace ferry {
namespace {

constexpr uint64_t kBytesMax = std::numeric_limits<uint64_t>::max();
constexpr size_t kDigitsMax = 20;     // Those of 2^64 - 1.
constexpr size_t kFractionsMax = 18;  // 10^18 times a unit fits 128 bits.

struct Unit {
  std::string_view suffix;
  uint64_t size_bytes;
};

constexpr std::array<Unit, 10> kUnits = {{{"", 1},
                                          {"B", 1},
                                          {"KB", 1'000},
                                          {"MB", 1'000'000},
                                          {"GB", 1'000'000'000},
                                          {"TB", 1'000'000'000'000},
                                          {"KiB", uint64_t{1} << 10},
                                          {"MiB", uint64_t{1} << 20},
                                          {"GiB", uint64_t{1} << 30},
                                          {"TiB", uint64_t{1} << 40}}};

std::optional<uint64_t> UnitBytes(std::string_view suffix) {
  for (const Unit& unit : kUnits) {
    if (unit.suffix == suffix) return unit.size_bytes;
  }
  return std::nullopt;
}

// Takes the digits at the front of `text` away.
std::string_view TakeDigits(std::string_view& text) {
  size_t count = 0;
  while (count < text.size() && absl::ascii_isdigit(text[count])) ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

absl::uint128 Value(std::string_view digits) {
  absl::uint128 value = 0;
  for (const char digit : digits) value = value * 10 + (digit - '0');
  return value;
}

// The size, or nothing when the text is none.
std::optional<uint64_t> Parse(std::string_view text) {
  const std::string_view whole = TakeDigits(text);
  std::string_view fraction;
  const bool has_fraction = text.starts_with('.');
  if (has_fraction) {
    text.remove_prefix(1);
    fraction = TakeDigits(text);
    if (fraction.empty() || fraction.size() > kFractionsMax) return {};
  }
  if (whole.empty() || whole.size() > kDigitsMax) return {};
  const std::optional<uint64_t> unit_bytes = UnitBytes(text);
  if (!unit_bytes || (has_fraction && *unit_bytes == 1)) return {};

  absl::uint128 scale = 1;
  for (size_t i = 0; i < fraction.size(); ++i) scale *= 10;
  const absl::uint128 size_bytes =
      Value(whole) * *unit_bytes + Value(fraction) * *unit_bytes / scale;
  if (size_bytes > kBytesMax) return {};
  return absl::Uint128Low64(size_bytes);
}

}  // namespace

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  if (const std::optional<uint64_t> size_bytes = Parse(text)) {
    return *size_bytes;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("size ", Shown(text),
                   ": not a number of bytes below 2^64, such as 1048576, "
                   "256MiB, 1.5GiB or 4GB"));
}

absl::StatusOr<uint64_t> ParseBytesPerSecond(std::string_view text) {
  if (text.ends_with("ps") || text.ends_with("/s")) {
    const std::string_view amount = text.substr(0, text.size() - 2);
    const std::optional<uint64_t> size_bytes = Parse(amount);
    if (size_bytes && *size_bytes > 0) return *size_bytes;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("rate ", Shown(text),
                   ": not a positive number of bytes a second, such as "
                   "500MBps, 4GBps or 1.5GiB/s"));
}

std::string FormatBytes(uint64_t size_bytes) {
  constexpr std::array<std::string_view, 7> kNames = {
      "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (size_bytes < 1024) return absl::StrCat(size_bytes, " B");
  auto amount = static_cast<double>(size_bytes);
  size_t index = 0;
  // 1023.95 would print as 1024.0: that is one of the next unit.
  while (amount >= 1023.95 && index + 1 < kNames.size()) {
    amount /= 1024;
    ++index;
  }
  return absl::StrFormat("%.1f %s", amount, AbslView(kNames[index]));
}

}  // namespace ferry
