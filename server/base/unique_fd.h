// A UniqueFd is a file descriptor that is closed when it dies.
//
// Owns:     the descriptor, unless it is -1.
// Threads:  one thread at a time.

#ifndef SERVER_BASE_UNIQUE_FD_H_
#define SERVER_BASE_UNIQUE_FD_H_

#include <unistd.h>
#include <utility>

namespace ferry {

class [[nodiscard]] UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    UniqueFd taken(std::move(other));
    std::swap(fd_, taken.fd_);
    return *this;  // `taken` closes what this object held before.
  }
  ~UniqueFd() {
    // Linux closes the descriptor even when close() is interrupted.
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // The caller closes it from here on.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace ferry

#endif  // SERVER_BASE_UNIQUE_FD_H_
