#include "client/ctl/completion.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "server/base/absl_view.h"

namespace ferry::client {
namespace {

// Both shells run the same body; each has its own way to know the words, and to
// offer some. `typed` is the word at the cursor, `cur` the part of it that is
// completed: what is behind the "=" of a flag, the last of "cpu,sim:0".
constexpr std::string_view kBash = R"script(# bash completion for ferryctl:
#   source <(ferryctl completion bash)
_ferryctl_offer() {
  # bash replaces only what is behind the last of its own breaks, such as the
  # colon of "sim:0".
  local breaks=${COMP_WORDBREAKS//[^:=]/} front=""
  [[ $breaks ]] && front=${typed%"${typed##*["$breaks"]}"}
  COMPREPLY=($(compgen -P "${typed%"$cur"}" -W "$1" -- "$cur"))
  COMPREPLY=("${COMPREPLY[@]#"$front"}")
}
_ferryctl_files() { compopt -o default; }
_ferryctl() {
  local cur="" prev="" typed before command="" server="" word ask
  # The line's own words: COMP_WORDS are split at colons too.
  read -ra before <<<"${COMP_LINE:0:COMP_POINT}"
  if [[ ${COMP_LINE:0:COMP_POINT} == *[^[:space:]] ]]; then
    cur=${before[-1]}
    unset "before[-1]"
  fi
  before=("${before[@]:1}")
@BODY@}
complete -F _ferryctl ferryctl
)script";

constexpr std::string_view kZsh = R"script(#compdef ferryctl
# zsh completion for ferryctl, as _ferryctl in a folder of $fpath, or by
#   source <(ferryctl completion zsh)
_ferryctl_offer() {
  compset -p $((${#typed} - ${#cur}))
  compadd -- ${=1}
}
_ferryctl_files() { compset -p $((${#typed} - ${#cur})); _files; }
_ferryctl() {
  local cur=$PREFIX prev="" typed command="" server="" word ask
  local before=("${(@)words[2,CURRENT-1]}")
@BODY@}
if [[ $funcstack[1] == _ferryctl ]]; then
  _ferryctl "$@"
else
  compdef _ferryctl ferryctl
fi
)script";

constexpr std::string_view kBody = R"script(  typed=$cur
  for word in "${before[@]}"; do
    case $word in
      --server=*) server=${word#*=} ;;
      @NAMES@) [[ $command ]] || command=$word ;;
      *) [[ $prev != --server ]] || server=$word ;;
    esac
    prev=$word
  done
  if [[ $cur == --*=* ]]; then
    prev=${cur%%=*} cur=${cur#*=}
  fi
  # The server that the line names, and not for long.
  ask=(ferryctl ${server:+--server="$server"} --timeout=2s)
  case $command:$prev in
    *:--device | *:--to)
      cur=${cur##*,}
      _ferryctl_offer "$("${ask[@]}" devices --names 2>/dev/null)"
      return 0 ;;
    @FILED@) _ferryctl_files; return 0 ;;
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
      _ferryctl_offer "$("${ask[@]}" models --names 2>/dev/null)" ;;
  esac
)script";

// Options whose values are files, and those whose values nobody can guess.
constexpr std::string_view kFiled = "*:--input | *:--out-dir";
constexpr std::string_view kValued =
    "*:--npy | *:--path | *:--server | *:--timeout | load:--version | "
    "infer:--version | *:--seed | *:--repeat | *:--duration | *:--clients | "
    "*:--last | *:--wait";

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

std::string Script(std::string_view frame,
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
                        {"@VALUED@", AbslView(kValued)},
                        {"@NAMES@", absl::StrJoin(names, " | ")},
                        {"@NAMES_SPACED@", absl::StrJoin(names, " ")},
                        {"@OPTIONS@", options}});
  return absl::StrReplaceAll(AbslView(frame), {{"@BODY@", body}});
}

}  // namespace

std::string BashCompletion(const std::vector<CompletedCommand>& commands) {
  return Script(kBash, commands);
}

std::string ZshCompletion(const std::vector<CompletedCommand>& commands) {
  return Script(kZsh, commands);
}

}  // namespace ferry::client
