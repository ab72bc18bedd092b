// ReadByte() touches memory that must not be touched, in a death test, and
// DiedOfTouching() says whether that is what ended it.
//
// Threads:  any.

#ifndef TESTS_DEVICES_TOUCH_H_
#define TESTS_DEVICES_TOUCH_H_

#include <csignal>
#include <cstddef>
#include <cstdlib>

#include <sys/wait.h>

namespace ferry {

// Reads one byte as the processor, not the optimiser, sees it; then exits well.
inline void ReadByte(const std::byte* address) {
  [[maybe_unused]] const std::byte byte =
      *static_cast<const volatile std::byte*>(address);
  std::_Exit(0);
}

// By the signal; or, in a build whose sanitizer catches it, by its exit code.
inline bool DiedOfTouching(int wait_status) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) != 0;
#else
  return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSEGV;
#endif
}

}  // namespace ferry

#endif  // TESTS_DEVICES_TOUCH_H_
