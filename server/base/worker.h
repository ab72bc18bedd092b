// A Worker is a named operating-system thread that is joined when it dies.
//
// Every thread of ours is one: a name that `top -H` shows, a lifetime that a
// member declaration shows, and one place to look for who starts threads.
//
// Here too: what each of them may take from the others. Bytes to copy and
// programs to build can wait; a client's request cannot.
//
// Owns:     the thread. The body ends by itself, or because its owner told it
//           to before this destructor runs: the destructor only waits.
// Threads:  created and destroyed by one thread at a time; never by its own.
// Fails:    never: a process that cannot start a thread stops (INVARIANT), and
//           so does one whose body throws. A kernel that refuses kBackground
//           is logged once, and its threads are as urgent as all others.
// Units:    bytes.
// Limits:   kNameLengthMax characters of the name reach the kernel;
//           kStackSizeBytes of stack, whatever `ulimit -s` says.

#ifndef SERVER_BASE_WORKER_H_
#define SERVER_BASE_WORKER_H_

#include <cstddef>
#include <functional>
#include <pthread.h>
#include <string>
#include <utility>

namespace ferry {

class [[nodiscard]] Worker {
 public:
  static constexpr size_t kNameLengthMax = 15;
  // Addresses only, until they are used. Compiling a model recurses as deep as
  // formats/definition_graph.h allows.
  static constexpr size_t kStackSizeBytes = size_t{64} << 20;

  enum class Priority {
    kServing,  // Clients wait for what it does.
    // Gets a processor that nobody else wants, and a small share of one that
    // somebody does (SCHED_IDLE; for good: going back takes a privilege). It
    // may be stopped for seconds wherever it stands, so it must not take a lock
    // that a serving thread waits for, nor write to a client. Threads that it
    // starts, LibTorch's too, are like it.
    kBackground,
    // Gets a tenth of a processor that others want (nice 10).
    kLow,
  };

  Worker(std::string name, std::function<void()> body)
      : Worker(std::move(name), Priority::kServing, std::move(body)) {}
  Worker(std::string name, Priority priority, std::function<void()> body);
  ~Worker();

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  const std::string& name() const { return name_; }

 private:
  void Run() const noexcept;

  const std::string name_;
  const Priority priority_;
  const std::function<void()> body_;
  pthread_t thread_;
};

// How many processors this process may use, 1 at least. What a container's
// quota leaves of them is not counted.
int ProcessorCount();

}  // namespace ferry

#endif  // SERVER_BASE_WORKER_H_
