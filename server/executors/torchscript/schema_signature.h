// SchemaSignature() reads a model's Signature from the schema of its forward.
//
// Threads:  any.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_SCHEMA_SIGNATURE_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_SCHEMA_SIGNATURE_H_

#include <ATen/core/function_schema.h>

#include "server/values/signature.h"

namespace ferry {

// Names and types; a schema tells no dtypes and no shapes. A Dict's keys are
// not in its type, so an answer that is a Dict is one output here.
Signature SchemaSignature(const c10::FunctionSchema& schema);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_SCHEMA_SIGNATURE_H_
