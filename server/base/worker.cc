#include "server/base/worker.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <sched.h>

#include <sys/resource.h>

#include "server/base/invariant.h"
#include "server/base/log.h"

namespace ferry {
namespace {

constexpr int kLowNice = 10;

void StandBehindOthers() {
  const sched_param none = {};
  if (sched_setscheduler(0, SCHED_IDLE, &none) == 0) return;
  const int error = errno;
  static std::atomic<bool> told{false};
  if (told.exchange(true)) return;
  Log(LogLevel::kWarning,
      "moves are as urgent as requests here and will slow them down: the "
      "kernel refused sched_setscheduler(SCHED_IDLE)",
      {{"error", std::strerror(error)}});
}

}  // namespace

Worker::Worker(std::string name, Priority priority, std::function<void()> body)
    : name_(std::move(name)), priority_(priority), body_(std::move(body)) {
  pthread_attr_t attributes;
  INVARIANT(pthread_attr_init(&attributes) == 0);
  INVARIANT(pthread_attr_setstacksize(&attributes, kStackSizeBytes) == 0);
  const auto run = [](void* self) -> void* {
    static_cast<const Worker*>(self)->Run();
    return nullptr;
  };
  INVARIANT(pthread_create(&thread_, &attributes, run, this) == 0);
  pthread_attr_destroy(&attributes);
}

// noexcept: an exception that leaves a body stops the process, at its throw.
void Worker::Run() const noexcept {
  pthread_setname_np(pthread_self(), name_.substr(0, kNameLengthMax).c_str());
  if (priority_ == Priority::kBackground) StandBehindOthers();
  // Of this thread alone, on Linux. Nobody is refused a lower one.
  if (priority_ == Priority::kLow) setpriority(PRIO_PROCESS, 0, kLowNice);
  body_();
}

int ProcessorCount() {
  cpu_set_t processors;
  const bool known = sched_getaffinity(0, sizeof processors, &processors) == 0;
  return known ? CPU_COUNT(&processors) : 1;
}

Worker::~Worker() {
  INVARIANT(pthread_equal(thread_, pthread_self()) == 0);
  INVARIANT(pthread_join(thread_, nullptr) == 0);
}

}  // namespace ferry
