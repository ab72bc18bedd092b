// A Signature is what a model takes and gives: names, types, dtypes, shapes.
//
// Names and types come from the program's forward schema, and with them the
// datatypes of numbers and strings. A Tensor's dtype and shape are known only
// from a sidecar that the user wrote, or from the first request that succeeded.
//
// Threads:  immutable values.
// Units:    shapes in elements; -1 is any size.

#ifndef SERVER_EXECUTORS_SIGNATURE_H_
#define SERVER_EXECUTORS_SIGNATURE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ferry {

struct TensorShape {
  // Flattened name of the tensor: "x", "boxes.0", "options.scale".
  std::string name;
  std::string datatype;  // KServe's: FP32, INT64, BYTES, ...
  std::vector<int64_t> shape;
};

enum class ShapeSource { kUnknown, kSidecar, kLearned };

struct Argument {
  std::string name;
  std::string type;  // As TorchScript writes it: "Tensor", "List[Tensor]".
  bool required = true;
};

struct Signature {
  std::vector<Argument> inputs;   // Without self, in order.
  std::vector<Argument> outputs;  // "output", or "output_0", ... for a tuple.
  // kSidecar also when only inputs or only outputs are from there.
  ShapeSource shape_source = ShapeSource::kUnknown;
  std::vector<TensorShape> input_shapes;  // Empty while unknown.
  std::vector<TensorShape> output_shapes;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_SIGNATURE_H_
