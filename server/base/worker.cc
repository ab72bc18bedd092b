#include "server/base/worker.h"

#include <pthread.h>
#include <utility>

#include "server/base/invariant.h"

namespace ferry {
namespace {

// noexcept: an exception that leaves a body stops the process, at its throw.
void RunBody(const std::string& name,
             const std::function<void()>& body) noexcept {
  pthread_setname_np(pthread_self(),
                     name.substr(0, Worker::kNameLengthMax).c_str());
  body();
}

}  // namespace

Worker::Worker(std::string name, std::function<void()> body)
    : name_(std::move(name)),
      thread_([name = name_, body = std::move(body)] { RunBody(name, body); }) {
}

Worker::~Worker() {
  INVARIANT(thread_.get_id() != std::this_thread::get_id());
  thread_.join();
}

}  // namespace ferry
