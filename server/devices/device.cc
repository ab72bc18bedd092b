#include "server/devices/device.h"

#include <charconv>
#include <system_error>

#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

// Not a std::string_view, which this Abseil's StrCat does not take.
const char* KindName(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::kCpu:
      return "cpu";
    case DeviceKind::kSim:
      return "sim";
    case DeviceKind::kCuda:
      return "cuda";
  }
  return "unknown";
}

// Decimal without sign or leading zero, so that no device has two names.
bool ParseIndex(std::string_view digits, int& index) {
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) {
    return false;
  }
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, index);
  return error == std::errc() && stop == end && index >= 0 &&
         index < DeviceId::kIndexEnd;
}

}  // namespace

absl::StatusOr<DeviceId> DeviceId::Parse(std::string_view text) {
  if (text == "cpu") return DeviceId{DeviceKind::kCpu, 0};
  for (const DeviceKind kind : {DeviceKind::kSim, DeviceKind::kCuda}) {
    const std::string_view name = KindName(kind);
    int index = 0;
    if (text.starts_with(name) && text.substr(name.size()).starts_with(':') &&
        ParseIndex(text.substr(name.size() + 1), index)) {
      return DeviceId{kind, index};
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("device ", Shown(text), ": expected \"cpu\", \"sim:N\" or ",
                   "\"cuda:N\" with N from 0 to ", kIndexEnd - 1));
}

std::string DeviceId::ToString() const {
  if (kind == DeviceKind::kCpu) return "cpu";
  return absl::StrCat(KindName(kind), ":", index);
}

absl::StatusOr<uint64_t> Device::HashOf(const std::byte* from,
                                        uint64_t size_bytes) {
  Hash hash;
  RETURN_IF_ERROR(AddTo(hash, from, size_bytes));
  return hash.Total();
}

}  // namespace ferry
