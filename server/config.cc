#include "server/config.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/config_file.h"
#include "server/config_flags.h"

namespace ferry {
namespace {

constexpr std::string_view kConfigHelp =
    "Read settings from this TOML file: the flags' names as keys, arrays for "
    "what may be repeated.";

std::string VariableOf(std::string_view name) {
  return "FERRY_" + absl::AsciiStrToUpper(
                        absl::StrReplaceAll(AbslView(name), {{"-", "_"}}));
}

// Broken into lines that fit behind the flags of --help: CLI11 indents lines
// but does not make them.
std::string Wrapped(std::string_view text) {
  constexpr size_t kLineMax = 49;
  std::string wrapped;
  size_t length = 0;
  for (const absl::string_view word : absl::StrSplit(AbslView(text), ' ')) {
    if (length + word.size() > kLineMax) length = 0;
    if (!wrapped.empty()) wrapped += length == 0 ? "\n" : " ";
    absl::StrAppend(&wrapped, word);
    length += word.size() + 1;
  }
  return wrapped;
}

// What the command line says, in the order of Flags().
struct CommandLine {
  std::vector<std::vector<std::string>> values{Flags().size()};
  std::vector<std::string> config_files;
  std::string information;
  std::vector<std::string> errors;
};

CommandLine ReadCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app(
      "ferryd serves PyTorch models from a pool of devices and moves their "
      "weights\nbetween them while they serve.",
      "ferryd");
  app.footer(
      "\nEvery flag can be set in the environment (FERRY_MOVES_MAX=4; "
      "repeated values are\nseparated by ';') and in the TOML file "
      "(moves-max = 4). A flag wins over the\nenvironment, that over the file, "
      "and that over the default.");
  app.allow_extras();
  app.set_help_flag();
  bool help = false;
  bool version = false;
  // A flag without a value reads as an empty one, and is reported with others.
  const auto add = [&app](std::string_view name, std::string_view metavar,
                          std::string_view help_text,
                          std::vector<std::string>& values) {
    app.add_option("--" + std::string(name), values, Wrapped(help_text))
        ->type_name(std::string(metavar))
        ->allow_extra_args(false)
        ->expected(0, 1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  for (size_t i = 0; i < Flags().size(); ++i) {
    // Not CLI11's own default, which would stand in for a missing value.
    std::string help_text(Flags()[i].help);
    if (!Flags()[i].default_value.empty()) {
      absl::StrAppend(&help_text,
                      " Default: ", AbslView(Flags()[i].default_value), ".");
    }
    add(Flags()[i].name, Flags()[i].metavar, help_text, line.values[i]);
  }
  add("config", "PATH", kConfigHelp, line.config_files);
  app.add_flag("--version", version, "Print the version and exit.");
  app.add_flag("-h,--help", help, "Print this and exit.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Error& error) {
    line.errors.push_back(error.what());
  }
  for (const std::string& extra : app.remaining()) {
    line.errors.push_back(
        absl::StrCat(extra, ": no such flag; --help lists all"));
  }
  if (help) line.information = app.help();
  if (version) line.information = "ferryd " FERRY_VERSION "\n";
  return line;
}

const ConfigFile::Entry* FindEntry(const ConfigFile& file,
                                   std::string_view key) {
  const auto found =
      std::ranges::find(file.entries, key, &ConfigFile::Entry::key);
  return found == file.entries.end() ? nullptr : &*found;
}

// Where the values of one flag come from: the first source that has it.
Config::Setting Choose(const Flag& flag, std::vector<std::string> from_line,
                       const Environment& environment, const ConfigFile& file,
                       std::string_view file_path) {
  Config::Setting setting;
  setting.name = flag.name;
  const std::string variable = VariableOf(flag.name);
  const char* from_environment = environment(variable.c_str());
  if (!from_line.empty()) {
    setting.values = std::move(from_line);
    setting.source = "flag";
  } else if (from_environment != nullptr && *from_environment != '\0') {
    if (flag.uses == Uses::kRepeatable) {
      setting.values =
          absl::StrSplit(from_environment, ';', absl::SkipWhitespace());
    } else {
      setting.values = {from_environment};
    }
    setting.source = variable;
  } else if (const ConfigFile::Entry* entry = FindEntry(file, flag.name)) {
    setting.values = entry->values;
    setting.source = absl::StrCat(AbslView(file_path), ", line ", entry->line);
  } else {
    if (!flag.default_value.empty()) {
      setting.values = {std::string(flag.default_value)};
    }
    setting.source = "default";
  }
  if (flag.uses == Uses::kJoined && !setting.values.empty()) {
    setting.values = {absl::StrJoin(setting.values, ",")};
  }
  return setting;
}

// What each setting's own check cannot see.
void CheckTogether(const Config& config, std::vector<std::string>& errors) {
  if (!config.loads.empty() && config.model_dirs.empty() && errors.empty()) {
    errors.push_back("--load: needs a --model-dir to load from");
  }
  if (config.metrics_listen == config.grpc_listen &&
      !config.grpc_listen.empty() && !config.grpc_listen.ends_with(":0")) {
    errors.push_back(absl::StrCat("--metrics-listen=", config.metrics_listen,
                                  ": is where --grpc-listen listens"));
  }
  std::set<std::string> names;
  for (const Config::Load& load : config.loads) {
    if (!names.insert(load.name).second) {
      errors.push_back(
          absl::StrCat("--load=", load.name, ": the name is loaded twice"));
    }
    for (const std::string& device : load.devices) {
      const absl::StatusOr<DeviceId> id = DeviceId::Parse(device);
      if (!id.ok() || config.devices.empty()) continue;
      if (std::ranges::find(config.devices, *id, &DeviceSpec::id) ==
          config.devices.end()) {
        errors.push_back(absl::StrCat("--load=", load.name, "@", device,
                                      ": the device is not in --devices"));
      }
    }
  }
}

void Apply(const Flag& flag, const Config::Setting& setting, Config& config,
           std::vector<std::string>& errors) {
  std::string origin;
  if (setting.source != "flag" && setting.source != "default") {
    origin = absl::StrCat(" (", setting.source, ")");
  }
  if (flag.uses == Uses::kOnce && setting.values.size() > 1) {
    errors.push_back(absl::StrCat(
        "--", AbslView(flag.name), origin, ": takes one value, not ",
        setting.values.size(), ": ",
        absl::Utf8SafeCEscape(absl::StrJoin(setting.values, ", "))));
    return;
  }
  for (const std::string& value : setting.values) {
    absl::Status status = value.empty()
                              ? absl::InvalidArgumentError(absl::StrCat(
                                    "needs a value, ", AbslView(flag.metavar)))
                              : flag.apply(value, config);
    if (!status.ok()) {
      errors.push_back(absl::StrCat("--", AbslView(flag.name), "=",
                                    absl::Utf8SafeCEscape(value), origin, ": ",
                                    status.message()));
    }
  }
}

}  // namespace

absl::StatusOr<Config> ParseConfig(int argc, const char* const* argv,
                                   const Environment& environment) {
  Config config;
  CommandLine line = ReadCommandLine(argc, argv);
  if (!line.information.empty()) {
    config.information = std::move(line.information);
    return config;
  }
  std::vector<std::string> errors = std::move(line.errors);

  if (const char* path = environment("FERRY_CONFIG");
      line.config_files.empty() && path != nullptr && *path != '\0') {
    line.config_files.push_back(path);
  }
  ConfigFile file;
  std::string file_path;
  if (line.config_files.size() > 1) {
    errors.push_back("--config: takes one file, not several");
  } else if (!line.config_files.empty()) {
    file_path = line.config_files.front();
    file = ReadConfigFile(file_path);
    errors.insert(errors.end(), file.errors.begin(), file.errors.end());
  }
  for (const ConfigFile::Entry& entry : file.entries) {
    if (std::ranges::find(Flags(), entry.key, &Flag::name) == Flags().end()) {
      errors.push_back(absl::StrCat(file_path, ", line ", entry.line, ": ",
                                    Shown(entry.key),
                                    " is no setting; the keys are the flags "
                                    "of --help without the dashes"));
    }
  }

  for (size_t i = 0; i < Flags().size(); ++i) {
    Config::Setting setting = Choose(Flags()[i], std::move(line.values[i]),
                                     environment, file, file_path);
    Apply(Flags()[i], setting, config, errors);
    config.settings.push_back(std::move(setting));
  }
  CheckTogether(config, errors);
  if (errors.empty()) return config;
  return absl::InvalidArgumentError(absl::StrCat(
      errors.size(), errors.size() == 1 ? " error" : " errors",
      " in the configuration:\n  ", absl::StrJoin(errors, "\n  ")));
}

absl::StatusOr<Config> ParseConfig(int argc, const char* const* argv) {
  return ParseConfig(
      argc, argv, [](const char* variable) { return std::getenv(variable); });
}

}  // namespace ferry
