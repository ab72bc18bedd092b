// The device that gpu_check checks: $GPU_CHECK_DEVICE, or cuda:0. With sim:0
// the whole program runs where there is no GPU, which tests the program.
//
// Threads:  any.
// Units:    bytes.

#ifndef TESTS_GPU_CHECKED_DEVICE_H_
#define TESTS_GPU_CHECKED_DEVICE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "server/devices/device_pool.h"

namespace ferry {

DeviceId CheckedDevice();
inline bool ChecksGpu() { return CheckedDevice().kind == DeviceKind::kCuda; }

// The device alone (and a small cpu, which a pool always has).
std::unique_ptr<DevicePool> OpenChecked(uint64_t capacity_bytes);

// One line of the report, on standard output.
void Report(const std::string& line);

}  // namespace ferry

#endif  // TESTS_GPU_CHECKED_DEVICE_H_
