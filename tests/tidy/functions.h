// Functions() finds the functions that a file defines, and the lines of each.
//
// It reads the format, not C++: clang-format puts the brace that closes a
// function alone below the place where the function begins, and members deeper
// than their class. A lambda is part of the function or table that it stands
// in.
//
// Threads:  any; a pure function.

#ifndef TESTS_TIDY_FUNCTIONS_H_
#define TESTS_TIDY_FUNCTIONS_H_

#include <string>
#include <vector>

namespace ferry::tidy_test {

struct Function {
  std::string name;  // As it is written: `Arena::Take`.
  size_t lines = 0;  // From the first of its declaration to its last brace.
};

std::vector<Function> Functions(const std::vector<std::string>& lines);

}  // namespace ferry::tidy_test

#endif  // TESTS_TIDY_FUNCTIONS_H_
