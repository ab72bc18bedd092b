#include "server/registry/shape_check.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/registry/exemplar.h"

namespace ferry {
namespace {

bool Fits(const TensorShape& declared, const TensorShape& given) {
  return declared.datatype == given.datatype &&
         std::ranges::equal(declared.shape, given.shape,
                            [](int64_t wanted, int64_t size) {
                              return wanted == -1 || wanted == size;
                            });
}

std::string Shown(const TensorShape& tensor) {
  return absl::StrCat(tensor.datatype, " [", absl::StrJoin(tensor.shape, ", "),
                      "]");
}

}  // namespace

absl::Status CheckShapes(std::span<const TensorShape> declared,
                         std::span<const NamedValue> inputs) {
  if (declared.empty()) return absl::OkStatus();
  for (const TensorShape& given : FlattenShapes(inputs)) {
    const auto found =
        std::ranges::find(declared, given.name, &TensorShape::name);
    if (found != declared.end() && !Fits(*found, given)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input \"", given.name, "\" is ", Shown(given),
          ", but the file beside the model declares ", Shown(*found)));
    }
  }
  return absl::OkStatus();
}

}  // namespace ferry
