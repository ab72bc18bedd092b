// A small TorchScript archive, put together without LibTorch.
//
// Threads:  any.

#ifndef TESTS_FORMATS_TEST_MODEL_H_
#define TESTS_FORMATS_TEST_MODEL_H_

#include <map>
#include <string>

#include "tests/formats/pickle_text.h"
#include "tests/support/zip_writer.h"

namespace ferry {

// The records of one, by name, for a test to spoil.
inline std::map<std::string, std::string> ModelRecords() {
  return {
      {"data/0", std::string(24, 'w')},
      {"data/1", std::string(24, 'v')},
      {"data.pkl",
       pickle::Whole(pickle::Object(
           "Model",
           pickle::Dict({pickle::Str("weight"), pickle::Tensor(),
                         pickle::Str("bias"),
                         pickle::Tensor({.storage = {.key = "1"}})})))},
      {"code/__torch__.py", "class Model(Module):\n  weight : Tensor\n"},
      {"code/__torch__.py.debug_pkl", "not looked at"},
      {"constants/0", std::string(24, 'c')},
      {"constants.pkl", pickle::Whole(pickle::Tuple({pickle::Tensor()}))},
      {"version", "3\n"},
      {"byteorder", "little"},
  };
}

inline std::string ModelBytes(const std::map<std::string, std::string>& records,
                              const std::map<std::string, ZipLies>& lies = {}) {
  ZipWriter writer("model");
  for (const auto& [name, bytes] : records) {
    writer.Add(name, bytes, lies.contains(name) ? lies.at(name) : ZipLies{});
  }
  return writer.Finish();
}

}  // namespace ferry

#endif  // TESTS_FORMATS_TEST_MODEL_H_
