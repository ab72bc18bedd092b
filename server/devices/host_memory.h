// HostMemoryBytes() is the host memory that this process may ever have: the
// machine's, or its control group's limit when that is lower.
//
// A container sees the whole machine in /proc/meminfo and is killed at its own
// limit: the default budget of the cpu must come from the lower of the two.
// Both hierarchies are read, version 2 (memory.max) and version 1
// (memory.limit_in_bytes), from our own group up to the mount.
//
// Threads:  any.
// Units:    bytes.

#ifndef SERVER_DEVICES_HOST_MEMORY_H_
#define SERVER_DEVICES_HOST_MEMORY_H_

#include <cstdint>
#include <filesystem>

namespace ferry {

// `root` stands for "/" in tests. 0 when /proc/meminfo cannot be read.
uint64_t HostMemoryBytes(const std::filesystem::path& root = "/");

}  // namespace ferry

#endif  // SERVER_DEVICES_HOST_MEMORY_H_
