#include "client/ctl/completion.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "server/base/absl_view.h"

namespace ferry::client {
namespace {

// Both shells run the same body; each has its own way to offer words.
constexpr std::string_view kBash = R"script(# bash completion for ferryctl:
#   source <(ferryctl completion bash)
_ferryctl_offer() {
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
  # bash splits words at the colon of "sim:0"; take the front away again.
  if declare -F __ltrim_colon_completions >/dev/null; then
    __ltrim_colon_completions "$cur"
  fi
}
_ferryctl() {
  local cur prev words cword command="" word
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n : cur prev words cword
  else
    cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
  fi
  local before=("${words[@]:1:cword-1}")
@BODY@}
complete -o bashdefault -o default -F _ferryctl ferryctl
)script";

constexpr std::string_view kZsh = R"script(#compdef ferryctl
# zsh completion for ferryctl:
#   source <(ferryctl completion zsh)
_ferryctl_offer() { compadd -- ${=1}; }
_ferryctl() {
  local cur=${words[CURRENT]} prev=${words[CURRENT-1]} command="" word
  local before=("${(@)words[2,CURRENT-1]}")
@BODY@}
compdef _ferryctl ferryctl
)script";

constexpr std::string_view kBody = R"script(  for word in "${before[@]}"; do
    case $word in
      @NAMES@) command=$word ;;
    esac
  done
  case $command:$prev in
    *:--device | *:--to)
      _ferryctl_offer "$(ferryctl devices --names 2>/dev/null)"
      return 0 ;;
    @FILED@) @FILES@ ;;
    @VALUED@) return 0 ;;
  esac
  if [[ $cur == -* ]]; then
    case $command in
@OPTIONS@    esac
    return 0
  fi
  case $command in
    "") _ferryctl_offer "@NAMES_SPACED@" ;;
    completion) _ferryctl_offer "bash zsh" ;;
    unload | migrate | infer | watch | moves)
      _ferryctl_offer "$(ferryctl models --names 2>/dev/null)" ;;
  esac
)script";

// Options whose values are files, and those whose values nobody can guess.
constexpr std::string_view kFiled = "*:--input | *:--out-dir";
constexpr std::string_view kValued =
    "*:--npy | *:--path | *:--server | *:--timeout | load:--version | "
    "infer:--version | *:--seed | *:--repeat | *:--duration | *:--clients | "
    "*:--last | *:--wait";
constexpr std::string_view kBashFiles = "return 0";  // By `-o default`.
constexpr std::string_view kZshFiles = "_files; return 0";

// Its own options, and those of every command that it does not have itself.
std::string OptionsOf(const CompletedCommand& command,
                      const CompletedCommand& every) {
  std::vector<std::string> options = command.options;
  for (const std::string& option : every.options) {
    const bool is_there = std::ranges::find(options, option) != options.end();
    if (!is_there && option != "--version") options.push_back(option);
  }
  return absl::StrJoin(options, " ");
}

std::string Script(std::string_view frame, std::string_view files,
                   const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> names;
  CompletedCommand every;
  for (const CompletedCommand& command : commands) {
    if (command.name.empty()) {
      every = command;
    } else {
      names.push_back(command.name);
    }
  }
  std::string options =
      absl::StrCat("      \"\") _ferryctl_offer \"",
                   absl::StrJoin(every.options, " "), "\" ;;\n");
  for (const CompletedCommand& command : commands) {
    if (command.name.empty()) continue;
    absl::StrAppend(&options, "      ", command.name, ") _ferryctl_offer \"",
                    OptionsOf(command, every), "\" ;;\n");
  }
  const std::string body = absl::StrReplaceAll(
      AbslView(kBody), {{"@FILED@", AbslView(kFiled)},
                        {"@FILES@", AbslView(files)},
                        {"@VALUED@", AbslView(kValued)},
                        {"@NAMES@", absl::StrJoin(names, " | ")},
                        {"@NAMES_SPACED@", absl::StrJoin(names, " ")},
                        {"@OPTIONS@", options}});
  return absl::StrReplaceAll(AbslView(frame), {{"@BODY@", body}});
}

}  // namespace

std::string BashCompletion(const std::vector<CompletedCommand>& commands) {
  return Script(kBash, kBashFiles, commands);
}

std::string ZshCompletion(const std::vector<CompletedCommand>& commands) {
  return Script(kZsh, kZshFiles, commands);
}

}  // namespace ferry::client
