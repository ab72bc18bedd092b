// The folder of test models that PyTorch made (scripts/setup-models):
// $FERRY_MODELS_DIR, or build/models of the checkout. Tests skip without it.
//
// Threads:  any.

#ifndef TESTS_SUPPORT_MODELS_FOLDER_H_
#define TESTS_SUPPORT_MODELS_FOLDER_H_

#include <string>

#include <gtest/gtest.h>

namespace ferry {

// Empty when the models are not there.
std::string ModelsFolder();

}  // namespace ferry

#define SKIP_WITHOUT_MODELS()                                   \
  if (ModelsFolder().empty()) {                                 \
    GTEST_SKIP() << "no test models: run scripts/setup-models"; \
  }                                                             \
  static_assert(true)

#endif  // TESTS_SUPPORT_MODELS_FOLDER_H_
