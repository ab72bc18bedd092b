#include "server/executors/torchscript/schema_signature.h"

#include <utility>

#include <ATen/core/jit_type.h>

#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"

namespace ferry {

Signature SchemaSignature(const c10::FunctionSchema& schema) {
  Signature signature;
  const auto& arguments = schema.arguments();
  INVARIANT(!arguments.empty());  // self.
  for (size_t i = 1; i < arguments.size(); ++i) {
    signature.inputs.push_back(
        {.name = arguments[i].name(),
         .type = arguments[i].type()->annotation_str(),
         .required = !arguments[i].default_value().has_value()});
  }
  for (const c10::Argument& result : schema.returns()) {
    const auto tuple = result.type()->cast<c10::TupleType>();
    if (!tuple) {
      signature.outputs.push_back(
          {.name = "output", .type = result.type()->annotation_str()});
      continue;
    }
    for (size_t i = 0; i < tuple->elements().size(); ++i) {
      signature.outputs.push_back(
          {.name = tuple->schema() ? tuple->schema()->arguments()[i].name()
                                   : absl::StrCat("output_", i),
           .type = tuple->elements()[i]->annotation_str()});
    }
  }
  return signature;
}

}  // namespace ferry
