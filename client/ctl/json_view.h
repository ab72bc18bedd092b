// What machines see of models, devices and moves: JSON with the names of the
// fields in proto/ferry/v1.
//
// Threads:  any; pure functions.
// Units:    durations are numbers of seconds and their names say so
//           ("copy_seconds"); times are RFC 3339 in UTC.

#ifndef CLIENT_CTL_JSON_VIEW_H_
#define CLIENT_CTL_JSON_VIEW_H_

#include <optional>

#include "client/client.h"
#include "client/ctl/json_tensor.h"

namespace ferry::client {

Json ToJson(const Model& model);
Json ToJson(const Device& device);
Json ToJson(const MoveReport& report);
Json ToJson(const std::optional<MoveReport>& report);  // null when absent.
Json ToJson(const InferAnswer& answer, absl::Duration elapsed);

template <typename Element>
Json ToJson(const std::vector<Element>& elements) {
  Json array = Json::array();
  for (const Element& element : elements) array.push_back(ToJson(element));
  return array;
}

}  // namespace ferry::client

#endif  // CLIENT_CTL_JSON_VIEW_H_
