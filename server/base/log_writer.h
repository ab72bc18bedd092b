// A LogWriter writes the log on a thread of its own while it lives.
//
// Whoever reads our stderr may be slow, or stop: then lines are left out, and
// counted in a line that says so, and nothing that logs ever waits. Without a
// LogWriter, as in tests and at the very start and end, Log() writes itself.
//
// Owns:     its thread and the lines that wait. One at a time in a process.
// Threads:  LogAside any; Flush while the LogWriter is not being destroyed.
// Units:    bytes; absl::Duration.
// Limits:   kQueueBytesMax of lines that wait; kEndMax for the last of them.

#ifndef SERVER_BASE_LOG_WRITER_H_
#define SERVER_BASE_LOG_WRITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "server/base/mutex.h"
#include "server/base/worker.h"

namespace ferry {

class [[nodiscard]] LogWriter {
 public:
  static constexpr size_t kQueueBytesMax = size_t{1} << 20;
  static constexpr absl::Duration kEndMax = absl::Seconds(1);

  LogWriter();
  ~LogWriter();  // Writes what waits, within kEndMax.

  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Hands a line, with its line feed, to the LogWriter there is; false when
  // there is none.
  static bool LogAside(std::string line);

  // Waits until all lines are written, kEndMax at most: call it before the
  // process leaves without destroying the LogWriter.
  static void Flush();

 private:
  void Run();
  bool Write(const std::string& text);
  void Push(std::string line) ABSL_LOCKS_EXCLUDED(mutex_);
  void WaitForNone() ABSL_LOCKS_EXCLUDED(mutex_);

  // Nobody waits for the reader any more.
  std::atomic<bool> closed_{false};
  std::atomic<int64_t> give_up_at_ms_{0};  // Monotonic; 0 while not closed.

  Mutex mutex_;
  CondVar changed_;
  std::string queue_ ABSL_GUARDED_BY(mutex_);
  uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;

  std::unique_ptr<Worker> worker_;  // Last: it uses the others.
};

}  // namespace ferry

#endif  // SERVER_BASE_LOG_WRITER_H_
