// CheckShapes() and its neighbours hold what is known of a model's inputs and
// outputs against requests: what a user declares in the JSON file beside it
// (its sidecar) and which outputs there are against every one, and what the
// program tells and what it has run with against one that failed.
//
// A ShapeIndex finds what is expected by name. It follows a request's values
// only where something below them is expected, so a request costs what it has,
// not that times what is declared.
//
// Threads:  any; immutable values and pure functions.
// Fails:    INVALID_ARGUMENT naming the tensor, what was found and what was
//           expected; ExplainThrow else gives back what was thrown.

#ifndef SERVER_VALUES_SIGNATURE_CHECK_H_
#define SERVER_VALUES_SIGNATURE_CHECK_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "server/values/signature.h"
#include "server/values/value.h"

namespace ferry {

class ShapeIndex {
 public:
  ShapeIndex() = default;  // Nothing is expected.
  explicit ShapeIndex(std::span<const TensorSpec> expected);

  struct Misfit {
    TensorSpec given;
    TensorSpec expected;
  };
  // The first tensor that is not as expected. Those of which nothing is, and
  // expected ones that are not there, are the program's to judge: it knows what
  // is optional.
  std::optional<Misfit> Find(std::span<const NamedValue> inputs) const;

 private:
  std::optional<Misfit> FindIn(const Value& value, std::string& name) const;

  // By whole names, and by their beginnings up to a dot: of those, nothing.
  absl::flat_hash_map<std::string, std::optional<TensorSpec>> by_name_;
};

// `declared` are the inputs of a sidecar.
absl::Status CheckShapes(const ShapeIndex& declared,
                         std::span<const NamedValue> inputs);

// Whether a model that gives `outputs` gives those that are `wanted`, by their
// names up to the first dot. What only an answer tells, a dict's keys, passes.
absl::Status CheckOutputs(std::span<const Argument> outputs,
                          std::span<const std::string> wanted);

// What to answer when forward threw `thrown`. Inputs of another dtype than the
// program needs, or of another dtype or shape than what it has run with, are
// what made it throw, as far as anybody can tell.
absl::Status ExplainThrow(const Signature& signature,
                          std::span<const NamedValue> inputs,
                          const absl::Status& thrown);

// What a request that succeeded teaches: `loaded` with the shapes of it that no
// sidecar declares. Of a dtype, the program's word goes before the request's:
// what fitted into it once need not be all that does.
Signature WithLearned(const Signature& loaded,
                      std::span<const NamedValue> inputs,
                      std::span<const NamedValue> outputs);

}  // namespace ferry

#endif  // SERVER_VALUES_SIGNATURE_CHECK_H_
