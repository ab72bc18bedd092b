// A Signature is what a model takes and gives: names, types, dtypes, shapes.
//
// Names and types come from the program's forward schema, and with them the
// datatypes of numbers and strings. A Tensor's dtype is known where the program
// tells it by what it does with the tensor; its shape, and its dtype else, only
// from a sidecar that the user wrote, or from the first request that succeeded.
//
// An Argument also says what the program does with a dtype that it tells
// (DtypeNeed), and the Signature which inputs stay in host memory.
//
// Threads:  plain values; immutable once a model serves.
// Units:    shapes in elements; -1 is any size.
// Limits:   kTensorNameLengthMax for a flattened name; kRankMax (value.h).

#ifndef SERVER_VALUES_SIGNATURE_H_
#define SERVER_VALUES_SIGNATURE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ferry {

inline constexpr size_t kTensorNameLengthMax = 256;

// What is known of one tensor.
struct TensorSpec {
  // Flattened name of the tensor: "x", "boxes.0", "options.scale".
  std::string name;
  std::string datatype;  // KServe's: FP32, INT64, BYTES, ...
  std::vector<int64_t> shape;
  // Not 0: it is the first of a long list of so many, and stands for all.
  int64_t list_size = 0;
};

enum class ShapeSource { kUnknown, kSidecar, kLearned };

// What a program does with the dtype that it tells.
enum class DtypeNeed {
  kExact,     // It takes no other.
  kFloating,  // It takes other floating-point ones.
  kPromoted,  // It takes others, and makes numbers of that one of them.
};
inline constexpr size_t kDtypeNeeds = 3;

struct Argument {
  std::string name;
  std::string type;  // As PyTorch writes it: "Tensor", "List[Tensor]".
  bool required = true;
  // KServe's, of its tensors, as the program tells it; empty where it does not.
  std::string datatype = "";
  DtypeNeed need = DtypeNeed::kExact;
};

struct Signature {
  std::vector<Argument> inputs;   // Without self, in order.
  std::vector<Argument> outputs;  // "output", or "output_0", ... for a tuple.
  // kSidecar also when only inputs or only outputs are from there.
  ShapeSource shape_source = ShapeSource::kUnknown;
  std::vector<TensorSpec> input_shapes;  // Empty while unknown.
  std::vector<TensorSpec> output_shapes;
  // Inputs that stay in host memory wherever the model is, by their flattened
  // names; the name of a list is that of all in it. From the program and from
  // the sidecar.
  std::vector<std::string> host_inputs;

  // The argument that a flat tensor is, or is a part of. Null when there is
  // none.
  const Argument* FindInput(std::string_view tensor) const;
};

}  // namespace ferry

#endif  // SERVER_VALUES_SIGNATURE_H_
