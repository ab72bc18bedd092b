#include "client/ctl/command_line.h"

#include <algorithm>
#include <utility>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "client/ctl/completion.h"

namespace ferry::client {
namespace {

constexpr char kDefaultServer[] = "127.0.0.1:8001";
constexpr char kOnlyIfLoaded[] = "Only if this one is loaded";
constexpr char kFooter[] =
    "Exit status: 0; 64 for a line that cannot be read; else the number of "
    "the\ngRPC code, such as 3 INVALID_ARGUMENT, 5 NOT_FOUND, 14 UNAVAILABLE.";

// CLI11's own would name the largest number there is, in all its digits.
CLI::Validator Positive() {
  return CLI::Validator(
      [](const std::string& text) {
        int64_t number = 0;
        const bool is_good = absl::SimpleAtoi(text, &number) && number > 0;
        return is_good ? "" : absl::StrCat("must be 1 or more, not ", text);
      },
      /*validator_desc=*/"");
}

// Reads the command line into one CommandLine; the texts stay here until they
// are checked.
class Parser {
 public:
  Parser() {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_option("--server", line_.server, "Where ferryd serves gRPC")
        ->envname("FERRY_SERVER")
        ->type_name("ADDRESS:PORT")
        ->default_val(kDefaultServer);
    app_.add_option("--timeout", timeout_,
                    "The longest that a call may take; 0 is no limit")
        ->type_name("DURATION")
        ->default_val("5m");
    app_.add_flag("--json", line_.json, "Print JSON, for machines");
    app_.set_version_flag("--version", "ferryctl " FERRY_VERSION);
    app_.set_help_flag("-h,--help", "Print this and exit");
    AddMoves();
    AddInfer();
    AddLists();
    app_.footer(kFooter);  // Last: a command takes what is there before it.
  }

  absl::StatusOr<CommandLine> Parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      line_.information = Help();
      return line_;
    } catch (const CLI::CallForVersion& version) {
      line_.information = std::string(version.what()) + "\n";
      return line_;
    } catch (const CLI::ParseError& error) {
      if (app_.get_subcommands().empty() && !app_.remaining().empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat(app_.remaining().front(),
                         ": no such command or option; see ferryctl --help"));
      }
      return absl::InvalidArgumentError(
          absl::StrCat(error.what(), "; see ", HelpCommand()));
    }
    line_.command = app_.get_subcommands().front()->get_name();
    if (absl::Status status = Check(); !status.ok()) return status;
    if (line_.command == "completion") {
      line_.information = shell_ == "bash" ? BashCompletion(Commands())
                                           : ZshCompletion(Commands());
    }
    return line_;
  }

 private:
  CLI::App* AddModelCommand(const char* name, const char* help) {
    CLI::App* command = app_.add_subcommand(name, help);
    command->add_option("name", line_.model, "The model's name")
        ->type_name("NAME")
        ->required();
    return command;
  }

  void AddDevices(CLI::App* command, const char* flag, bool is_required) {
    command
        ->add_option(flag, line_.devices,
                     "Where it shall serve: cpu, sim:0, cuda:1, or auto;\n"
                     "several are replicas")
        ->type_name("DEVICE[,DEVICE]")
        ->delimiter(',')
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->required(is_required);
  }

  void AddVersion(CLI::App* command, const char* help) {
    command->add_option("--version", line_.version, help)
        ->check(Positive())
        ->type_name("VERSION");
  }

  void AddMoves() {
    CLI::App* load =
        AddModelCommand("load", "Load a model; answers when it serves");
    load->add_option("--path", line_.path,
                     "Its file below a model directory, when its name does\n"
                     "not tell")
        ->type_name("FILE");
    AddVersion(load, "Not the highest there is");
    AddDevices(load, "--device", false);
    CLI::App* unload = AddModelCommand(
        "unload", "Unload a model; answers when its memory is free");
    AddVersion(unload, kOnlyIfLoaded);
    CLI::App* migrate = AddModelCommand(
        "migrate", "Move a model to other devices while it serves");
    AddDevices(migrate, "--to", true);
    AddVersion(migrate, kOnlyIfLoaded);
  }

  void AddInfer() {
    CLI::App* infer = AddModelCommand("infer", "Run a model on inputs");
    AddVersion(infer, kOnlyIfLoaded);
    infer
        ->add_option("--input", line_.input_file,
                     "Read the inputs from a file of JSON, - is standard\n"
                     "input: {\"x\": [[1.0, 2.0]]}")
        ->type_name("FILE");
    infer
        ->add_option("--npy", line_.npy,
                     "Read one input from a .npy file; may be repeated")
        ->type_name("ARG=FILE")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    infer->add_flag("--random", line_.random,
                    "Make up the inputs that are not given");
    infer->add_option("--seed", line_.seed, "Of --random")
        ->capture_default_str();
    infer
        ->add_option("--out-dir", line_.out_dir,
                     "Write each output to DIR/<name>.npy")
        ->type_name("DIR");
    infer->add_flag("--quiet", line_.quiet, "Do not print the outputs");
    repeat_ = infer->add_option("--repeat", line_.load.requests_max,
                                "Ask this often, and print a summary");
    repeat_->check(Positive())->type_name("COUNT");
    duration_option_ = infer->add_option(
        "--duration", duration_, "Ask for this long, and print a summary");
    duration_option_->type_name("DURATION");
    infer
        ->add_option("--clients", line_.load.clients,
                     "So many at a time, with --repeat or --duration")
        ->check(CLI::Range(1, LoadRun::kClientsMax).description(""))
        ->capture_default_str();
  }

  void AddLists() {
    app_.add_subcommand("models", "List the models")
        ->add_flag("--names", line_.names_only, "Only their names");
    app_.add_subcommand("devices", "List the devices")
        ->add_flag("--names", line_.names_only, "Only their names");
    CLI::App* moves =
        app_.add_subcommand("moves", "List the last moves, newest first");
    moves->add_option("name", line_.model, "Only this model's")
        ->type_name("NAME");
    moves->add_option("--last", line_.moves_max, "Only so many")
        ->check(Positive())
        ->type_name("COUNT");
    app_.add_subcommand("watch", "Show changes as they happen, until Ctrl-C")
        ->add_option("names", line_.models, "Only these models")
        ->type_name("NAME");
    app_.add_subcommand("health", "Whether the server takes requests")
        ->add_option("--wait", wait_, "Wait so long until it does")
        ->type_name("DURATION");
    app_.add_subcommand("completion", "Print a completion script")
        ->add_option("shell", shell_, "bash or zsh")
        ->check(CLI::IsMember({"bash", "zsh"}))
        ->required();
  }

  static absl::Status CheckDuration(const std::string& flag,
                                    const std::string& text,
                                    absl::Duration& duration) {
    if (absl::ParseDuration(text, &duration) &&
        duration >= absl::ZeroDuration()) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat(flag, "=", text,
                     ": must be a duration, written such as "
                     "500ms, 30s or 1m30s"));
  }

  absl::Status Check() {
    absl::Status status = CheckDuration("--timeout", timeout_, line_.timeout);
    if (line_.timeout == absl::ZeroDuration()) {
      line_.timeout = absl::InfiniteDuration();
    }
    if (status.ok() && !duration_.empty()) {
      status = CheckDuration("--duration", duration_, line_.load.duration_max);
    }
    if (status.ok() && !wait_.empty()) {
      status = CheckDuration("--wait", wait_, line_.wait);
    }
    if (!status.ok()) return status;
    for (const std::string& npy : line_.npy) {
      const size_t equals = npy.find('=');
      if (equals == 0 || equals == std::string::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat("--npy=", npy, ": must be ARG=FILE"));
      }
    }
    line_.is_load = repeat_->count() > 0 || duration_option_->count() > 0;
    return absl::OkStatus();
  }

  // Of the command that --help is beside, or of all.
  std::string Help() const {
    const std::vector<CLI::App*> chosen = app_.get_subcommands();
    if (chosen.empty()) return app_.help();
    const std::vector<const CLI::Option*> of_every_command =
        app_.get_options([](const CLI::Option* option) {
          return !option->check_lname("help") &&
                 !option->check_lname("version");
        });
    return absl::StrCat(
        absl::StripTrailingAsciiWhitespace(chosen.front()->help("ferryctl")),
        "\n",
        CLI::Formatter().make_group("Options of every command",
                                    /*is_positional=*/false, of_every_command));
  }

  std::string HelpCommand() const {
    const std::vector<CLI::App*> chosen = app_.get_subcommands();
    return chosen.empty() ? "ferryctl --help"
                          : absl::StrCat("ferryctl ",
                                         chosen.front()->get_name(), " --help");
  }

  static std::vector<std::string> OptionsOf(const CLI::App* app) {
    std::vector<std::string> options;
    for (const CLI::Option* option : app->get_options()) {
      if (!option->get_lnames().empty()) {
        options.push_back("--" + option->get_lnames().front());
      }
    }
    return options;
  }

  std::vector<CompletedCommand> Commands() {
    std::vector<CompletedCommand> commands = {
        {.name = "", .options = OptionsOf(&app_)}};
    for (const CLI::App* command : app_.get_subcommands({})) {
      commands.push_back(
          {.name = command->get_name(), .options = OptionsOf(command)});
    }
    return commands;
  }

  CLI::App app_{
      "ferryctl talks to a ferryd: it loads models, runs them, moves "
      "them\nbetween devices while they serve, and shows what is "
      "where.",
      "ferryctl"};
  CommandLine line_;
  std::string timeout_;
  std::string duration_;
  std::string wait_;
  std::string shell_;
  CLI::Option* repeat_ = nullptr;
  CLI::Option* duration_option_ = nullptr;
};

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc,
                                             const char* const* argv) {
  return Parser().Parse(argc, argv);
}

}  // namespace ferry::client
