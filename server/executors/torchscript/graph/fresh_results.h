// MakesFreshResults() says of which operators the results share no memory with
// the arguments.
//
// A schema that declares no aliases does not tell: dropout in evaluation,
// type_as to the same type and einsum of one operand give back what they were
// given. So an operator may alias its arguments unless it is listed here, and a
// test holds the list against what each operator does.
//
// What is missing from the list costs something only where a model writes in
// place to such a result of its weights: they are held to be written then.
//
// Threads:  any.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_FRESH_RESULTS_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_FRESH_RESULTS_H_

#include <string>
#include <string_view>
#include <vector>

namespace ferry {

// "aten::add", whatever its overload; what a schema declares to be an alias or
// is written to is one all the same.
bool MakesFreshResults(std::string_view operator_name);

// The whole list, in order.
std::vector<std::string> FreshOperators();

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_FRESH_RESULTS_H_
