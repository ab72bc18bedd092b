// What a server says about its models, devices and moves, as plain values.
//
// They mirror the messages of proto/ferry/v1 field by field; the comments there
// are the reference, and are not repeated here.
//
// Threads:  any; plain values.
// Units:    bytes; bytes per second; shapes in elements, -1 is any size.

#ifndef CLIENT_MODEL_H_
#define CLIENT_MODEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace ferry::client {

struct TensorShape {
  std::string name;
  std::string datatype;  // KServe v2's name: FP32, INT64, BYTES.
  std::vector<int64_t> shape;
  int64_t list_size = 0;
};

struct Argument {
  std::string name;
  std::string type;  // As TorchScript writes it: "Optional[List[Tensor]]".
  bool required = true;
  std::string datatype = "";
};

struct Signature {
  std::vector<Argument> inputs;
  std::vector<Argument> outputs;
  // "UNKNOWN", "SIDECAR" or "LEARNED".
  std::string shape_source;
  std::vector<TensorShape> input_shapes;
  std::vector<TensorShape> output_shapes;
  std::vector<std::string> host_inputs;
};

struct DeviceBytes {
  std::string device;
  uint64_t size_bytes = 0;
};

// A move under way.
struct MoveProgress {
  std::vector<std::string> from;
  std::vector<std::string> to;
  std::string step;
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
  absl::Time started_at;
};

// A move that ended.
struct MoveReport {
  std::string model;
  std::vector<std::string> from;
  std::vector<std::string> to;
  uint64_t size_bytes = 0;
  absl::Duration decide;
  absl::Duration queue;
  absl::Duration copy;
  absl::Duration verify;
  absl::Duration warmup;
  absl::Duration switching;  // `switch` on the wire.
  absl::Duration drain;
  absl::Duration total;
  double bytes_per_second = 0;
  double efficiency = 0;  // Of the link's measured rate; 0: not measured.
  bool verified = false;
  absl::Time ended_at;
  std::string code;  // "OK", "CANCELLED", ...
  std::string error;
  uint64_t chunks_refilled = 0;
};

struct Model {
  std::string name;
  int64_t version = 0;
  // "COLD", "LOADING", "SERVING", "PARKED", "MIGRATING" or "LEAVING".
  std::string state;
  std::string path;
  std::vector<std::string> serving_on;
  std::vector<DeviceBytes> bytes;
  uint64_t weight_bytes = 0;
  uint64_t activation_peak_bytes = 0;
  bool stateful = false;
  Signature signature;
  std::optional<MoveProgress> move;
  std::string last_error;
  std::optional<absl::Time> loaded_at;
};

struct Device {
  std::string name;
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;
  uint64_t largest_free_bytes = 0;
  std::vector<std::string> models;
  bool healthy = true;
  std::string error;
  double copy_in_bytes_per_second = 0;  // 0: not measured.
  double copy_out_bytes_per_second = 0;
};

}  // namespace ferry::client

#endif  // CLIENT_MODEL_H_
