// A TypeName is a type as TorchScript writes it, taken apart:
// "Optional[List[Tensor]]".
//
// It decides how JSON is read: [1, 2] is a tensor for "Tensor" and a list for
// "List[int]". What it does not know ("Any", a class, a Union) is kAny.
//
// Threads:  any; plain values.
// Limits:   nesting beyond Value::kDepthMax is kAny.

#ifndef CLIENT_CTL_TYPE_NAME_H_
#define CLIENT_CTL_TYPE_NAME_H_

#include <string_view>
#include <vector>

namespace ferry::client {

struct TypeName {
  enum class Kind {
    kAny,
    kTensor,
    kInt,
    kFloat,
    kBool,
    kStr,
    kOptional,  // One element; so has a List.
    kList,
    kTuple,  // One element for each position.
    kDict,   // Two: keys and values.
  };

  Kind kind = Kind::kAny;
  std::vector<TypeName> elements;

  bool operator==(const TypeName&) const = default;
};

TypeName ParseTypeName(std::string_view text);

}  // namespace ferry::client

#endif  // CLIENT_CTL_TYPE_NAME_H_
