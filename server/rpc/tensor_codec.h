// ferry.v1 values, from requests and into answers.
//
// Decoding copies no tensor: the views point into the message. It checks
// everything that needs no model; whether the model takes such a value is said
// by executors/ when it runs.
//
// Owns:     nothing: what is decoded borrows from the message.
// Threads:  any; pure functions.
// Units:    bytes.
// Fails:    decoding: INVALID_ARGUMENT naming the place: input "boxes"[2]: ...;
//           encoding: UNIMPLEMENTED when the model gave a string that is not
//           UTF-8; RESOURCE_EXHAUSTED when the answer is larger than a message
//           may be.
// Limits:   Value::kDepthMax levels; kRankMax dimensions; kValuesMax values.

#ifndef SERVER_RPC_TENSOR_CODEC_H_
#define SERVER_RPC_TENSOR_CODEC_H_

#include <cstdint>
#include <span>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>

#include "absl/status/status.h"
#include "ferry/v1/tensor.pb.h"

#include "server/values/value.h"

namespace ferry {

using NamedValueMessages = google::protobuf::RepeatedPtrField<v1::NamedValue>;

// Appends to `inputs`, which hold nothing useful after an error.
absl::Status DecodeInputs(const NamedValueMessages& messages,
                          std::vector<NamedValue>& inputs);

// Copies each tensor once. What is too large is refused before it is copied.
absl::Status EncodeOutputs(std::span<const NamedValue> outputs,
                           uint64_t size_max_bytes,
                           NamedValueMessages& messages);

// The error of an answer that is larger than a message may be.
absl::Status AnswerTooLarge(uint64_t size_bytes, uint64_t size_max_bytes);

}  // namespace ferry

#endif  // SERVER_RPC_TENSOR_CODEC_H_
