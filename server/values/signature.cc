#include "server/values/signature.h"

#include <algorithm>

namespace ferry {

const Argument* Signature::FindInput(std::string_view tensor) const {
  const auto found = std::ranges::find(
      inputs, tensor.substr(0, tensor.find('.')), &Argument::name);
  return found == inputs.end() ? nullptr : &*found;
}

}  // namespace ferry
