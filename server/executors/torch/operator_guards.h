// GuardOperators() makes operators throw where LibTorch's own end the process.
//
// Some of LibTorch's operators trust their arguments: 7 % 0, the smallest
// integer // -1, attention without heads. They raise a signal with numbers that
// a client may choose. Each has a guard here that looks first and names the
// operator. The guards are put into LibTorch's table of operators, so code that
// is folded when it is compiled, that runs at load, or in forward, meets the
// same ones, and no other operator pays for them.
//
// What trusts its arguments and is of no use to a model that serves is refused
// by name instead: operator_check.h.
//
// Threads:  once for the process, before anything is compiled.
// Fails:    guarded operators throw a StatusError with INVALID_ARGUMENT:
//           "operator aten::remainder: division by zero".

#ifndef SERVER_EXECUTORS_TORCH_OPERATOR_GUARDS_H_
#define SERVER_EXECUTORS_TORCH_OPERATOR_GUARDS_H_

namespace ferry {

void GuardOperators();

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_OPERATOR_GUARDS_H_
