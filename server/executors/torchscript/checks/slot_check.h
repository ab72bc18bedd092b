// CheckSlots() refuses an object whose attributes are not what its class
// declares.
//
// LibTorch finds an attribute by its position in the declared class and takes
// a tuple apart by the declared number of elements, without a look at the
// value: an object of another class is read beyond its end. A file may say
// anything, so each object is checked when it is made, before code sees it.
//
// Numbers, texts and tensors pass as they are: LibTorch looks at those itself
// whenever it uses one.
//
// Threads:  any; nobody changes the object meanwhile.
// Fails:    INVALID_ARGUMENT naming the attribute, its declared type and what
//           it holds.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_SLOT_CHECK_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_SLOT_CHECK_H_

#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include "absl/status/status.h"

namespace ferry {

// Objects in its attributes are only held against their classes: they were
// checked when they were made.
absl::Status CheckSlots(const c10::ivalue::Object& object);

// Whether values of the type are, or hold, what LibTorch does not look at.
bool HoldsObjects(const c10::Type& type);

// Whether code may treat the value as one of that type.
bool Conforms(const c10::IValue& value, const c10::Type& type);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_SLOT_CHECK_H_
