#include "server/base/worker.h"

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
    : name_(std::move(name)), body_(std::move(body)) {
  pthread_attr_t attributes;
  INVARIANT(pthread_attr_init(&attributes) == 0);
  INVARIANT(pthread_attr_setstacksize(&attributes, kStackSizeBytes) == 0);
  const auto run = [](void* self) -> void* {
    const auto* worker = static_cast<const Worker*>(self);
    RunBody(worker->name_, worker->body_);
    return nullptr;
  };
  INVARIANT(pthread_create(&thread_, &attributes, run, this) == 0);
  pthread_attr_destroy(&attributes);
}

Worker::~Worker() {
  INVARIANT(pthread_equal(thread_, pthread_self()) == 0);
  INVARIANT(pthread_join(thread_, nullptr) == 0);
}

}  // namespace ferry
