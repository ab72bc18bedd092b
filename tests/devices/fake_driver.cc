// The part of the NVIDIA driver that Ferry calls, as a library of its name.
// What it answers is in the environment: FAKE_DRIVER_ERROR, and
// FAKE_DRIVER_GPUS.

#include <cstdlib>

namespace {

int NumberIn(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? 0 : std::atoi(text);
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return NumberIn("FAKE_DRIVER_ERROR"); }

int cuDeviceGetCount(int* count) {
  *count = NumberIn("FAKE_DRIVER_GPUS");
  return 0;
}

int cuGetErrorString(int error, const char** text) {
  *text = error == 803 ? "system has unsupported display driver" : nullptr;
  return *text == nullptr;
}

}  // extern "C"
