#include "server/devices/host_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

namespace ferry {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

// A control group's limit file; "max", nonsense and no file mean no limit.
uint64_t ReadLimit(const fs::path& file) {
  std::ifstream stream(file);
  uint64_t limit = 0;
  return stream >> limit ? limit : kNoLimit;
}

// The lowest limit from `group` up to `mount`. A container that sees only a
// part of the hierarchy is told a path that is not there: what exists counts.
uint64_t LowestLimit(const fs::path& mount, std::string_view group,
                     std::string_view file) {
  fs::path below = fs::path(group).relative_path();
  uint64_t lowest = ReadLimit(mount / file);
  for (; !below.empty(); below = below.parent_path()) {
    lowest = std::min(lowest, ReadLimit(mount / below / file));
  }
  return lowest;
}

uint64_t GroupLimit(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  uint64_t lowest = kNoLimit;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    // "0::/path" in version 2, "4:memory:/path" in version 1.
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      lowest = std::min(lowest, LowestLimit(mounts, group, "memory.max"));
    } else if (("," + controllers + ",").find(",memory,") !=
               std::string::npos) {
      lowest = std::min(lowest, LowestLimit(mounts / "memory", group,
                                            "memory.limit_in_bytes"));
    }
  }
  return lowest;
}

uint64_t MachineMemory(const fs::path& root) {
  std::ifstream stream(root / "proc/meminfo");
  for (std::string key; stream >> key;) {
    uint64_t kibibytes = 0;
    if (key == "MemTotal:" && stream >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

uint64_t HostMemoryBytes(const fs::path& root) {
  return std::min(MachineMemory(root), GroupLimit(root));
}

}  // namespace ferry
