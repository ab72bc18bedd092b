#include "server/formats/source_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/refusal.h"

namespace ferry {
namespace {

// Words that open another level of an expression or of a one-line statement.
constexpr std::array<std::string_view, 12> kOperatorWords = {
    "and", "def", "else", "for", "if",    "in",
    "is",  "not", "or",   "as",  "while", "with"};

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

// Reads the text once, token by token, and keeps what is open: brackets, and
// blocks by their indentation.
class SourceScan {
 public:
  SourceScan(std::string_view text, const SourceLimits& limits)
      : text_(text), limits_(limits) {}

  absl::StatusOr<SourceOutline> Run() {
    if (text_.size() > limits_.size_max_bytes) {
      return Refusal("code of ", text_.size(), " bytes; at most ",
                     limits_.size_max_bytes, " are allowed");
    }
    RETURN_IF_ERROR(BeginLine());
    while (at_ < text_.size()) RETURN_IF_ERROR(Token());
    if (!brackets_.empty()) {
      return Refused("a bracket is still open where the code ends");
    }
    RETURN_IF_ERROR(EndReference());
    return std::move(outline_);
  }

 private:
  // An open bracket, and how deep the expression around and before it is.
  struct Bracket {
    char closing;
    uint32_t outer_chain;
  };
  // A block of statements; `elifs` of the statement that is being read.
  struct Block {
    size_t indent;
    uint32_t elifs;
  };

  template <typename... Parts>
  absl::Status Refused(const Parts&... parts) const {
    return Refusal("line ", line_, ": ", parts...);
  }

  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  absl::Status Token() {
    const char c = Peek();
    if (c == '\n') return Newline();
    if (IsBlank(c)) {
      ++at_;
      return absl::OkStatus();
    }
    if (c == '#') return Comment();
    if (c == '\\' && Peek(1) == '\n') {
      at_ += 2;
      ++line_;
      return absl::OkStatus();
    }
    if (IsLetter(c)) return Word();
    if (c == '.') {
      ++at_;
      after_dot_ = true;
      return Deepen();
    }
    RETURN_IF_ERROR(EndReference());
    if (c == '"' || c == '\'') return String();
    if (IsDigit(c)) return Number();
    return Punctuation();
  }

  // Only a comment that gives a type is code to LibTorch.
  absl::Status Comment() {
    constexpr std::string_view kTypeComment = "# type:";
    if (text_.substr(at_).starts_with(kTypeComment)) {
      at_ += kTypeComment.size();
      return absl::OkStatus();
    }
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    return absl::OkStatus();
  }

  absl::Status String() {
    const char quote = Peek();
    const bool triple = Peek(1) == quote && Peek(2) == quote;
    const size_t quote_size = triple ? 3 : 1;
    const size_t begin_line = line_;
    for (at_ += quote_size; at_ < text_.size(); ++at_) {
      const char c = Peek();
      if (c == quote && (!triple || (Peek(1) == quote && Peek(2) == quote))) {
        at_ += quote_size;
        return absl::OkStatus();
      }
      if (c == '\0') return Refused("a NUL byte in a text");
      if (c == '\n' && !triple) break;
      if (c == '\\') ++at_;
      if (Peek() == '\n') ++line_;
    }
    return Refusal("line ", begin_line, ": a text without its closing quote");
  }

  absl::Status Number() {
    while (IsDigit(Peek())) ++at_;
    // Letters behind it may belong to it, or be an operator: "1e5and".
    return IsLetter(Peek()) ? Deepen() : absl::OkStatus();
  }

  absl::Status Word() {
    const size_t begin = at_;
    while (IsLetter(Peek()) || IsDigit(Peek())) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == "def" && blocks_.size() > 1) BeginMethod();
    RETURN_IF_ERROR(AddToReference(word));
    return std::ranges::find(kOperatorWords, word) == kOperatorWords.end()
               ? absl::OkStatus()
               : Deepen();
  }

  // Collects __torch__.a.b over blanks, comments and continued lines.
  absl::Status AddToReference(std::string_view word) {
    if (after_dot_ && !reference_.empty()) {
      reference_.append(".").append(word);
    } else {
      RETURN_IF_ERROR(EndReference());
      if (word == "__torch__") reference_ = word;
    }
    after_dot_ = false;
    return absl::OkStatus();
  }

  absl::Status EndReference() {
    after_dot_ = false;
    // What stands outside of every definition is not compiled.
    if (!reference_.empty() && !outline_.empty() &&
        outline_.back().references.insert(std::move(reference_)).second &&
        ++references_ > limits_.references_max) {
      return Refused("more than ", limits_.references_max,
                     " names of classes and functions");
    }
    reference_.clear();
    return absl::OkStatus();
  }

  absl::Status Punctuation() {
    const char c = Peek();
    switch (c) {
      case '(':
        ++at_;
        return Open(')');
      case '[':
        ++at_;
        return Open(']');
      case '{':
        ++at_;
        return Open('}');
      case ')':
      case ']':
      case '}':
        ++at_;
        return Close(c);
      case ',':
        // What follows stands beside what came before, not inside it.
        chain_ = outer_chain();
        ++at_;
        return absl::OkStatus();
      case ':':
      case ';':
        ++at_;
        return absl::OkStatus();
      default:
        break;
    }
    constexpr std::string_view kOperators = "+-*/%@&|^~<>=!?$";
    if (kOperators.find(c) == kOperators.npos) {
      return Refused("the byte ", static_cast<int>(static_cast<uint8_t>(c)),
                     " outside of texts and comments");
    }
    ++at_;
    return Deepen();
  }

  uint32_t outer_chain() const {
    return brackets_.empty() ? 0 : brackets_.back().outer_chain;
  }

  absl::Status Deepen() {
    ++chain_;
    NoteDepth();
    if (chain_ <= limits_.chain_max) return absl::OkStatus();
    return Refused("an expression of more than ", limits_.chain_max,
                   " operators, calls and attributes in one another");
  }

  void NoteDepth() {
    if (outline_.empty()) return;
    uint32_t& depth = outline_.back().depth;
    depth = std::max(depth, methods_depth_ + chain_ + kBlockDepth * depth_);
  }

  absl::Status Open(char closing) {
    RETURN_IF_ERROR(Deepen());
    if (brackets_.size() >= limits_.brackets_max) {
      return Refused("more than ", limits_.brackets_max,
                     " brackets in one another");
    }
    brackets_.push_back({.closing = closing, .outer_chain = chain_});
    return absl::OkStatus();
  }

  absl::Status Close(char closing) {
    if (brackets_.empty() || brackets_.back().closing != closing) {
      return Refused("a closing bracket without its opening one");
    }
    chain_ = brackets_.back().outer_chain;
    brackets_.pop_back();
    return absl::OkStatus();
  }

  absl::Status Newline() {
    ++at_;
    ++line_;
    if (!brackets_.empty()) return absl::OkStatus();
    return BeginLine();
  }

  // Finds the next line with code on it, and the block that it belongs to.
  absl::Status BeginLine() {
    chain_ = 0;
    RETURN_IF_ERROR(EndReference());
    size_t begin = at_;
    while (at_ < text_.size() && (IsBlank(Peek()) || Peek() == '\n')) {
      if (Peek() == '\n') {
        begin = at_ + 1;
        ++line_;
      }
      ++at_;
    }
    const bool comment =
        Peek() == '#' && !text_.substr(at_).starts_with("# type:");
    if (at_ == text_.size() || comment) return absl::OkStatus();
    const size_t indent = at_ - begin;
    while (!blocks_.empty() && blocks_.back().indent > indent) {
      depth_ -= 1 + blocks_.back().elifs;
      blocks_.pop_back();
    }
    if (blocks_.empty() || blocks_.back().indent < indent) {
      blocks_.push_back({.indent = indent, .elifs = 0});
      ++depth_;
    }
    CountElif();
    if (depth_ > limits_.blocks_max) {
      return Refused("more than ", limits_.blocks_max,
                     " blocks of statements in one another");
    }
    if (blocks_.size() == 1) RETURN_IF_ERROR(BeginDefinition());
    NoteDepth();
    return absl::OkStatus();
  }

  // A line of the outermost block.
  absl::Status BeginDefinition() {
    std::string_view rest = text_.substr(at_);
    const auto is_keyword = [&](std::string_view word) {
      return rest.starts_with(word) && rest.size() > word.size() &&
             !IsLetter(rest[word.size()]) && !IsDigit(rest[word.size()]);
    };
    size_t size = is_keyword("class") ? 5 : is_keyword("def") ? 3 : 0;
    if (size == 0) return absl::OkStatus();
    while (size < rest.size() && IsBlank(rest[size])) ++size;
    rest.remove_prefix(size);
    size = 0;
    while (size < rest.size() && (IsLetter(rest[size]) || IsDigit(rest[size])))
      ++size;
    if (size == 0) return Refused("a class or function without a name");
    methods_depth_ = 0;
    outline_.push_back({.name = std::string(rest.substr(0, size)),
                        .depth = 0,
                        .references = {}});
    return absl::OkStatus();
  }

  // All methods before it may call one another, and it.
  void BeginMethod() {
    if (!outline_.empty()) methods_depth_ = outline_.back().depth;
  }

  // An "elif" is an "if" inside of the "else" before it.
  void CountElif() {
    Block& block = blocks_.back();
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("elif")) {
      ++block.elifs;
      ++depth_;
    } else if (!rest.starts_with("else")) {
      depth_ -= block.elifs;
      block.elifs = 0;
    }
  }

  const std::string_view text_;
  const SourceLimits limits_;
  size_t at_ = 0;
  size_t line_ = 1;
  // Of the expression at at_, all brackets around it included.
  uint32_t chain_ = 0;
  // Of the methods before this one, added up.
  uint32_t methods_depth_ = 0;
  // Blocks and their elifs, added up.
  uint32_t depth_ = 0;
  std::vector<Bracket> brackets_;
  std::vector<Block> blocks_;
  // The dotted name that is being read, if it begins with __torch__.
  std::string reference_;
  bool after_dot_ = false;
  size_t references_ = 0;
  SourceOutline outline_;
};

}  // namespace

absl::StatusOr<SourceOutline> CheckSource(std::string_view text,
                                          const SourceLimits& limits) {
  return SourceScan(text, limits).Run();
}

}  // namespace ferry
