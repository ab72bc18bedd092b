// An Exemplar is a copy of one request's inputs, kept to warm up the Instances
// that later moves make.
//
// Owns:     copies of the tensors' bytes.
// Threads:  immutable once made.
// Units:    bytes.

#ifndef SERVER_REGISTRY_EXEMPLAR_H_
#define SERVER_REGISTRY_EXEMPLAR_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "server/values/value.h"

namespace ferry {

class Exemplar {
 public:
  // Null when the copy would take more than `size_max_bytes`.
  static std::shared_ptr<const Exemplar> Copy(
      std::span<const NamedValue> inputs, uint64_t size_max_bytes);

  std::span<const NamedValue> inputs() const { return inputs_; }

 private:
  Exemplar() = default;
  void Adopt(Value& value);

  std::vector<NamedValue> inputs_;
  std::deque<std::vector<std::byte>> bytes_;  // Addresses stay.
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_EXEMPLAR_H_
