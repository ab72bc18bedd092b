#include "server/registry/declared_shapes.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/status_macros.h"
#include "server/formats/signature_file.h"
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

// The first tensor that is not as `expected` says it is, in words.
std::string FindMisfit(std::span<const TensorShape> expected,
                       const std::string& who,
                       std::span<const NamedValue> inputs) {
  if (expected.empty()) return "";
  for (const TensorShape& given : InputShapes(inputs)) {
    const auto found =
        std::ranges::find(expected, given.name, &TensorShape::name);
    if (found != expected.end() && !Fits(*found, given)) {
      return absl::StrCat("input \"", given.name, "\" is ", Shown(given),
                          ", but ", who, " ", Shown(*found));
    }
  }
  return "";
}

}  // namespace

absl::Status ReadDeclaredShapes(const std::string& text,
                                const std::string& path, Signature& signature) {
  ASSIGN_OR_RETURN(const SignatureFile file, ParseSignatureFile(text, path));
  const auto shapes = [](const std::vector<TensorSpec>& specs) {
    std::vector<TensorShape> shapes;
    for (const TensorSpec& spec : specs) {
      shapes.push_back(
          {.name = spec.name, .datatype = spec.datatype, .shape = spec.shape});
    }
    return shapes;
  };
  for (const TensorSpec& spec : file.inputs) {
    const std::string argument = spec.name.substr(0, spec.name.find('.'));
    if (std::ranges::find(signature.inputs, argument, &Argument::name) ==
        signature.inputs.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": its sidecar names an input \"", spec.name,
                       "\" that forward does not take"));
    }
  }
  signature.shape_source = ShapeSource::kSidecar;
  signature.input_shapes = shapes(file.inputs);
  signature.output_shapes = shapes(file.outputs);
  return absl::OkStatus();
}

absl::Status CheckShapes(std::span<const TensorShape> declared,
                         std::span<const NamedValue> inputs) {
  const std::string misfit =
      FindMisfit(declared, "the file beside the model declares", inputs);
  if (misfit.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(misfit);
}

absl::Status ExplainThrow(std::span<const TensorShape> learned,
                          std::span<const NamedValue> inputs,
                          const absl::Status& thrown) {
  const std::string misfit =
      FindMisfit(learned, "the model has run with", inputs);
  if (misfit.empty()) return thrown;
  return absl::InvalidArgumentError(
      absl::StrCat(misfit, "; ", thrown.message()));
}

}  // namespace ferry
