#include "server/base/log_writer.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <unistd.h>
#include <utility>

#include "server/base/clock.h"
#include "server/base/invariant.h"
#include "server/base/log.h"

namespace ferry {
namespace {

// Log() finds it here; see log.h on why there is one for the process.
Mutex log_writer_mutex;
LogWriter* log_writer ABSL_GUARDED_BY(log_writer_mutex) = nullptr;

// As much as a pipe that is ready takes without waiting.
constexpr size_t kPieceBytes = 4096;
constexpr int kLookAgainMs = 50;

int64_t MonotonicMs() { return absl::ToInt64Milliseconds(MonotonicNow()); }

}  // namespace

LogWriter::LogWriter() {
  worker_ = std::make_unique<Worker>("log", [this] { Run(); });
  MutexLock lock(log_writer_mutex);
  INVARIANT(log_writer == nullptr);
  log_writer = this;
}

LogWriter::~LogWriter() {
  {
    MutexLock lock(log_writer_mutex);
    log_writer = nullptr;
  }
  give_up_at_ms_ = MonotonicMs() + absl::ToInt64Milliseconds(kEndMax);
  {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyAll();
  }
  worker_.reset();
}

bool LogWriter::LogAside(std::string line) {
  MutexLock lock(log_writer_mutex);
  if (log_writer == nullptr) return false;
  log_writer->Push(std::move(line));
  return true;
}

void LogWriter::Flush() {
  LogWriter* writer = nullptr;
  {
    MutexLock lock(log_writer_mutex);
    writer = log_writer;
  }
  if (writer != nullptr) writer->WaitForNone();
}

void LogWriter::Push(std::string line) {
  MutexLock lock(mutex_);
  if (queue_.size() + line.size() > kQueueBytesMax) {
    ++left_out_;
    return;
  }
  queue_ += line;
  changed_.NotifyAll();
}

void LogWriter::WaitForNone() {
  const absl::Duration until = MonotonicNow() + kEndMax;
  MutexLock lock(mutex_);
  while (writing_ || !queue_.empty() || left_out_ > 0) {
    const absl::Duration left = until - MonotonicNow();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(mutex_, left);
  }
}

void LogWriter::Run() {
  // A reader that has gone is an error of write(), not the end of the process.
  sigset_t pipe_gone;
  sigemptyset(&pipe_gone);
  sigaddset(&pipe_gone, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_gone, nullptr);
  while (true) {
    std::string text;
    uint64_t left_out = 0;
    {
      MutexLock lock(mutex_);
      writing_ = false;
      changed_.NotifyAll();
      while (queue_.empty() && left_out_ == 0 && !closed_) {
        changed_.Wait(mutex_);
      }
      if (queue_.empty() && left_out_ == 0) return;
      text.swap(queue_);
      left_out = std::exchange(left_out_, 0);
      writing_ = true;
    }
    if (left_out > 0) text += LinesLeftOut(left_out);
    if (!Write(text)) return;
  }
}

// False when the process ends and the reader does not read.
bool LogWriter::Write(const std::string& text) {
  size_t written_bytes = 0;
  while (written_bytes < text.size()) {
    if (closed_ && MonotonicMs() >= give_up_at_ms_) return false;
    pollfd ready = {STDERR_FILENO, POLLOUT, 0};
    if (::poll(&ready, 1, kLookAgainMs) <= 0) continue;
    const ssize_t count =
        ::write(STDERR_FILENO, text.data() + written_bytes,
                std::min(kPieceBytes, text.size() - written_bytes));
    if (count < 0 && errno != EAGAIN && errno != EINTR) return true;  // Gone.
    written_bytes += static_cast<size_t>(std::max<ssize_t>(count, 0));
  }
  return true;
}

}  // namespace ferry
