#include "server/devices/device_spec.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/bytes.h"
#include "server/base/ids.h"

namespace ferry {
namespace {

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

std::string Words(const absl::Status& status) {
  return std::string(status.message());
}

// Fills `spec` from one entry; appends to `mistakes` what is wrong with it.
void ParseEntry(std::string_view entry, DeviceSpec& spec,
                std::vector<std::string>& mistakes) {
  const size_t name_end = std::min(entry.find_first_of("=@"), entry.size());
  const auto id = DeviceId::Parse(Trimmed(entry.substr(0, name_end)));
  if (!id.ok()) {
    mistakes.push_back(Words(id.status()));
    return;
  }
  spec.id = *id;
  const bool is_sim = spec.id.kind == DeviceKind::kSim;
  if (is_sim && spec.id.index >= kSimDevicesMax) {
    mistakes.push_back(absl::StrCat("simulated devices are sim:0 to sim:",
                                    kSimDevicesMax - 1));
  }

  const size_t rate_at = std::min(entry.find('@'), entry.size());
  if (name_end < rate_at) {
    const auto size =
        ParseBytes(Trimmed(entry.substr(name_end + 1, rate_at - name_end - 1)));
    if (!size.ok()) {
      mistakes.push_back(Words(size.status()));
    } else if (*size < kCapacityUnitBytes) {
      mistakes.push_back(absl::StrCat("a capacity of ", *size,
                                      " bytes; the least is ",
                                      kCapacityUnitBytes));
    } else {
      spec.capacity_bytes = *size / kCapacityUnitBytes * kCapacityUnitBytes;
    }
  }
  if (rate_at < entry.size()) {
    const auto rate = ParseBytesPerSecond(Trimmed(entry.substr(rate_at + 1)));
    if (!rate.ok()) {
      mistakes.push_back(Words(rate.status()));
    } else if (!is_sim) {
      mistakes.push_back("only a simulated device has a link rate (\"@...\")");
    } else {
      spec.link_bytes_per_second = static_cast<double>(*rate);
    }
  }
}

}  // namespace

std::vector<DeviceSpec> WithCpuFirst(std::vector<DeviceSpec> specs) {
  const DeviceId cpu{DeviceKind::kCpu, 0};
  const auto is_cpu = [cpu](const DeviceSpec& spec) { return spec.id == cpu; };
  if (std::ranges::none_of(specs, is_cpu)) specs.push_back({.id = cpu});
  // Not std::ranges::stable_partition, which clang 14 cannot compile.
  std::stable_partition(specs.begin(), specs.end(), is_cpu);
  return specs;
}

absl::StatusOr<std::vector<DeviceSpec>> ParseDeviceSpecs(
    std::string_view text) {
  std::vector<DeviceSpec> specs;
  std::vector<std::string> mistakes;
  const auto is_named = [&specs](DeviceId id) {
    return std::ranges::find(specs, id, &DeviceSpec::id) != specs.end();
  };

  for (size_t at = 0; at <= text.size() && !Trimmed(text).empty();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string_view entry = Trimmed(text.substr(at, end - at));
    std::vector<std::string> found;
    DeviceSpec spec;
    if (entry.empty()) {
      found.push_back("no device between the commas");
    } else {
      ParseEntry(entry, spec, found);
      if (found.empty() && is_named(spec.id)) {
        found.push_back("named twice");
      }
    }
    if (found.empty()) specs.push_back(spec);
    for (const std::string& mistake : found) {
      mistakes.push_back(
          absl::StrCat("at ", at, ", ", Shown(entry), ": ", mistake));
    }
    at = end + 1;
  }
  if (!mistakes.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("devices: ", absl::StrJoin(mistakes, "; ")));
  }
  return WithCpuFirst(std::move(specs));
}

}  // namespace ferry
