#include "server/values/signature.h"

#include <algorithm>

#include "server/values/flat_names.h"

namespace ferry {

const Argument* Signature::FindInput(std::string_view tensor) const {
  const auto found =
      std::ranges::find(inputs, ArgumentOf(tensor), &Argument::name);
  return found == inputs.end() ? nullptr : &*found;
}

}  // namespace ferry
