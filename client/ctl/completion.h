// Completion scripts for shells, made from the commands that there are.
//
// They complete commands and their options, and ask the server for the names
// of models and devices.
//
// Threads:  any; pure functions.

#ifndef CLIENT_CTL_COMPLETION_H_
#define CLIENT_CTL_COMPLETION_H_

#include <string>
#include <vector>

namespace ferry::client {

struct CompletedCommand {
  std::string name;                  // Empty: what every command takes.
  std::vector<std::string> options;  // "--path".
};

std::string BashCompletion(const std::vector<CompletedCommand>& commands);
std::string ZshCompletion(const std::vector<CompletedCommand>& commands);

}  // namespace ferry::client

#endif  // CLIENT_CTL_COMPLETION_H_
