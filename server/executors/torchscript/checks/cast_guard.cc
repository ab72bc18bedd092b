#include "server/executors/torchscript/checks/cast_guard.h"

#include <string>

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

#include "absl/strings/str_cat.h"

#include "server/base/status_macros.h"
#include "server/executors/torch/torch_error.h"
#include "server/executors/torchscript/checks/slot_check.h"
#include "server/executors/torchscript/graph/graph_walk.h"

namespace ferry {

namespace {

absl::Status WrongCast(const c10::Type& from, const c10::Type& to) {
  return absl::InvalidArgumentError(
      absl::StrCat("a cast of ", from.annotation_str(), " to ",
                   to.annotation_str(), ", which it is not"));
}

c10::Symbol TypeAttribute() { return c10::Symbol::attr("type"); }

torch::jit::Operation CheckCast(const torch::jit::Node* node) {
  return [type = node->ty(TypeAttribute())](torch::jit::Stack& stack) {
    const c10::IValue value = torch::jit::pop(stack);
    if (!Conforms(value, *type)) {
      throw StatusError(WrongCast(*value.type(), *type));
    }
  };
}

c10::Symbol CheckCastKind() {
  // Registered for the life of the process, as LibTorch has it.
  static const torch::jit::RegisterOperators registered(
      {torch::jit::Operator(absl::StrCat(kCastGuard, "(Any value) -> ()"),
                            torch::jit::OperationCreator(CheckCast),
                            c10::AliasAnalysisKind::CONSERVATIVE)});
  static const c10::Symbol kind = c10::Symbol::fromQualString(kCastGuard);
  return kind;
}

// The rest of an Optional is what LibTorch's accessors look at: is it None?
bool IsUnwrapping(const c10::Type& from, const c10::Type& to) {
  return from.kind() == c10::TypeKind::OptionalType &&
         *from.containedType(0) == to;
}

bool IsCastGuarded(const torch::jit::Node& cast) {
  const torch::jit::Node* before = cast.prev();
  return before->kind() == CheckCastKind() && before->input() == cast.input();
}

absl::Status GuardCast(torch::jit::Node& cast) {
  const c10::TypePtr from = cast.input()->type();
  const c10::TypePtr to = cast.output()->type();
  if (!HoldsObjects(*to) || *from == *to || IsUnwrapping(*from, *to) ||
      IsCastGuarded(cast)) {
    return absl::OkStatus();
  }
  if (!to->isSubtypeOf(*from)) return WrongCast(*from, *to);
  torch::jit::Node* check =
      cast.owningGraph()->create(CheckCastKind(), {cast.input()},
                                 /*num_outputs=*/0);
  check->ty_(TypeAttribute(), to);
  check->insertBefore(&cast);
  return absl::OkStatus();
}

}  // namespace

absl::Status GuardCasts(const torch::jit::CompilationUnit& unit) {
  for (torch::jit::Function* function : unit.get_functions()) {
    if (!function->isGraphFunction()) continue;
    absl::Status status;
    ForEachNode(
        *torch::jit::toGraphFunction(*function).graph(),
        [&](torch::jit::Node* node) {
          if (status.ok() && node->kind() == c10::prim::unchecked_cast) {
            status = GuardCast(*node);
          }
        });
    if (!status.ok()) {
      return absl::Status(
          status.code(),
          absl::StrCat("in ", function->qualname().qualifiedName(), ": ",
                       std::string(status.message())));
    }
  }
  return absl::OkStatus();
}

}  // namespace ferry
