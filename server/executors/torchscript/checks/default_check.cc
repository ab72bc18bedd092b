#include "server/executors/torchscript/checks/default_check.h"

#include <algorithm>
#include <string_view>

#include <torch/csrc/jit/frontend/lexer.h>
#include <torch/csrc/jit/frontend/parser.h>
#include <torch/csrc/jit/frontend/tree_views.h>

#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/status_macros.h"

namespace ferry {

namespace {

using torch::jit::Lexer;
using torch::jit::TreeRef;

// Classes that are written in C++ come before what a text defines.
constexpr std::string_view kNativeClasses = "__torch__.torch.classes.";

// What older versions of PyTorch wrote at the head of a text.
void SkipVersion(Lexer& lexer) {
  if (lexer.cur().kind != torch::jit::TK_IDENT ||
      lexer.cur().text() != "op_version_set") {
    return;
  }
  lexer.next();
  lexer.expect('=');
  lexer.expect(torch::jit::TK_NUMBER);
  lexer.expect(torch::jit::TK_NEWLINE);
}

void SkipImports(Lexer& lexer) {
  while (lexer.nextIf(torch::jit::TK_IMPORT)) {
    while (lexer.cur().kind != torch::jit::TK_NEWLINE) lexer.next();
    lexer.expect(torch::jit::TK_NEWLINE);
  }
}

// a.b.c, or nothing for any other expression.
std::string DottedName(const TreeRef& tree) {
  if (tree->kind() == torch::jit::TK_VAR) {
    return torch::jit::Var(tree).name().name();
  }
  if (tree->kind() != '.') return "";
  const torch::jit::Select select(tree);
  const std::string before = DottedName(select.value().tree());
  if (before.empty()) return "";
  return absl::StrCat(before, ".", select.selector().name());
}

// A number, "inf" or "nan": what may have a sign, or be half of a complex one.
bool IsNumber(const TreeRef& tree) {
  if (tree->kind() == torch::jit::TK_UNARY_MINUS) {
    return IsNumber(tree->trees()[0]);
  }
  return tree->kind() == torch::jit::TK_CONST ||
         tree->kind() == torch::jit::TK_VAR;
}

bool IsText(const TreeRef& tree) {
  return tree->kind() == torch::jit::TK_STRINGLITERAL;
}

}  // namespace

void DefaultCheck::Add(const std::string& module,
                       const std::shared_ptr<torch::jit::Source>& source) {
  torch::jit::Parser parser(source);
  Lexer& lexer = parser.lexer();
  SkipVersion(lexer);
  while (lexer.cur().kind != torch::jit::TK_EOF) {
    SkipImports(lexer);
    if (lexer.cur().kind != torch::jit::TK_CLASS_DEF) {
      definitions_.push_back(parser.parseFunction(/*is_method=*/false));
      continue;
    }
    const torch::jit::ClassDef parsed(parser.parseClass());
    definitions_.push_back(parsed.tree());
    if (parsed.superclass().present() &&
        DottedName(parsed.superclass().get().tree()) == "NamedTuple") {
      named_tuples_.insert(absl::StrCat(module, ".", parsed.name().name()));
    }
  }
}

absl::Status DefaultCheck::Check() const {
  for (const TreeRef& definition : definitions_) {
    if (definition->kind() == torch::jit::TK_CLASS_DEF) {
      RETURN_IF_ERROR(CheckConstants(definition));
    }
    RETURN_IF_ERROR(CheckTree(definition));
  }
  return absl::OkStatus();
}

// Wherever a parameter may stand: functions can be defined within others.
absl::Status DefaultCheck::CheckTree(const TreeRef& tree) const {
  if (tree->kind() == torch::jit::TK_PARAM) {
    const auto value = torch::jit::Param(tree).defaultValue();
    return value.present() ? CheckValue(value.get().tree()) : absl::OkStatus();
  }
  for (const TreeRef& child : tree->trees()) RETURN_IF_ERROR(CheckTree(child));
  return absl::OkStatus();
}

absl::Status DefaultCheck::CheckConstants(const TreeRef& definition) const {
  for (const torch::jit::Stmt& statement :
       torch::jit::ClassDef(definition).body()) {
    if (statement.kind() != torch::jit::TK_ASSIGN) continue;
    const torch::jit::Assign assign(statement.tree());
    // __annotations__["0"] = Type: no value.
    if (assign.lhs().kind() == torch::jit::TK_SUBSCRIPT) continue;
    if (!assign.rhs().present()) continue;
    RETURN_IF_ERROR(CheckValue(assign.rhs().get().tree()));
  }
  return absl::OkStatus();
}

absl::Status DefaultCheck::CheckValue(const TreeRef& value) const {
  if (IsLiteral(value)) return absl::OkStatus();
  const torch::jit::SourceRange& range = value->range();
  const auto place = range.file_line_col();
  return absl::InvalidArgumentError(
      absl::StrCat(place ? absl::StrCat("record ", std::get<0>(*place),
                                        ": line ", std::get<1>(*place), ": ")
                         : "",
                   "a default or constant is ", Shown(range.text().str()),
                   ", which would run at load; only literals are served"));
}

bool DefaultCheck::IsLiteral(const TreeRef& value) const {
  switch (value->kind()) {
    case torch::jit::TK_CONST:
    case torch::jit::TK_STRINGLITERAL:
    case torch::jit::TK_TRUE:
    case torch::jit::TK_FALSE:
    case torch::jit::TK_NONE:
    case torch::jit::TK_VAR:
      return true;
    case torch::jit::TK_UNARY_MINUS:
    case '+':
    case '-':
      return std::ranges::all_of(value->trees(), IsNumber);
    case torch::jit::TK_LIST:
    case torch::jit::TK_LIST_LITERAL:
    case torch::jit::TK_TUPLE_LITERAL:
    case torch::jit::TK_DICT_LITERAL:
      return std::ranges::all_of(value->trees(), [this](const TreeRef& one) {
        return IsLiteral(one);
      });
    case '.': {
      // An attribute of a constant would be an operator: CONSTANTS.c0.T.
      const std::string name = DottedName(value);
      return name.starts_with("__torch__.") ||
             (name.starts_with("CONSTANTS.") &&
              std::ranges::count(name, '.') == 1);
    }
    case torch::jit::TK_APPLY:
      return IsLiteralCall(value);
    default:
      return false;
  }
}

bool DefaultCheck::IsLiteralCall(const TreeRef& call) const {
  const torch::jit::Apply apply(call);
  if (apply.attributes().size() > 0) return false;
  const std::string name = DottedName(apply.callee().tree());
  const auto inputs = apply.inputs();
  if (name == "annotate") {  // A type and its value.
    return inputs.size() == 2 && IsLiteral(inputs[1].tree());
  }
  if (name == "torch.device" || name == "float") {
    return inputs.size() == 1 && IsText(inputs[0].tree());
  }
  return named_tuples_.contains(name) && !name.starts_with(kNativeClasses) &&
         IsLiteral(inputs.tree());
}

}  // namespace ferry
