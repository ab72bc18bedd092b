// Serve() is ferryd from its settings to its exit code: start, load, wait for a
// signal, drain.
//
// main() is only a shell around it, so that a test sees the exit codes.
//
// Threads:  one thread, once in a process.

#ifndef SERVER_SERVE_H_
#define SERVER_SERVE_H_

#include <functional>

#include "absl/status/status.h"

#include "server/base/stop_signal.h"
#include "server/config.h"
#include "server/daemon.h"

namespace ferry {

// `ready` is told when the models of --load serve, from any thread. May leave
// by _Exit, with the code that it would return: what does not end, or belongs
// to a device that has failed, is left behind with the process.
int Serve(const Config& config, StopSignal& signal,
          const std::function<void(Daemon&)>& ready = {});

// The last words: a line of the log for a machine, a sentence for people.
// Returns the exit code.
int Fail(const absl::Status& status, LogFormat format);

}  // namespace ferry

#endif  // SERVER_SERVE_H_
