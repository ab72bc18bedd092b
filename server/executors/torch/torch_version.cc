#include "server/executors/torch/torch_version.h"

#include <torch/headeronly/version.h>

namespace ferry {

#define FERRY_TEXT_1_(x) #x
#define FERRY_TEXT_(x) FERRY_TEXT_1_(x)

std::string_view LibTorchVersion() {
  return FERRY_TEXT_(TORCH_VERSION_MAJOR) "." FERRY_TEXT_(
      TORCH_VERSION_MINOR) "." FERRY_TEXT_(TORCH_VERSION_PATCH);
}

}  // namespace ferry
