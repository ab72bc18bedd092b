#include "tests/support/models_folder.h"

#include <cstdlib>
#include <filesystem>

namespace ferry {

std::string ModelsFolder() {
  const char* named = std::getenv("FERRY_MODELS_DIR");
  const std::string folder = named != nullptr ? named : FERRY_MODELS_DIR;
  return std::filesystem::exists(folder + "/mlp.pt") ? folder : "";
}

}  // namespace ferry
