// A SignatureFile is what a user wrote down about a model's inputs and outputs.
//
// A program says which arguments it takes, but rarely their dtypes or shapes.
// A JSON file beside the model may, of both or of either:
//   {"inputs":  [{"name": "x", "datatype": "FP32", "shape": [-1, 3, 224, 224]},
//                {"name": "lengths", "datatype": "INT64", "shape": [-1],
//                 "device": "cpu"}],
//    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 1000]}]}
//
// Datatypes are BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16
// FP32 FP64 BF16 BYTES, as KServe v2 names them.
//
// Threads:  any; plain values.
// Units:    a shape is in elements, outermost first; -1 is any size.
// Fails:    INVALID_ARGUMENT naming the file, the line of what is no JSON or
//           the place of what is, and what was found; an input that the
//           program does not take.
// Limits:   kSignatureTensorsMax, kRankMax, kTensorNameLengthMax.

#ifndef SERVER_FORMATS_SIGNATURE_FILE_H_
#define SERVER_FORMATS_SIGNATURE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "server/values/signature.h"

namespace ferry {

inline constexpr size_t kSignatureTensorsMax = 1024;

struct SignatureFile {
  std::string path;  // Below its model directory: for people.
  // Names are unique in each. Empty: the file says nothing of them.
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  // Those of `inputs` with "device": "cpu": they stay in host memory wherever
  // the model is.
  std::vector<std::string> host_inputs;
};

// `path` is the name that messages use; it opens nothing.
absl::StatusOr<SignatureFile> ParseSignatureFile(std::string_view text,
                                                 const std::string& path);

// Puts what the file declares into the signature of the program. Its inputs
// must be arguments there, or elements of one.
absl::Status Declare(const SignatureFile& file, Signature& signature);

}  // namespace ferry

#endif  // SERVER_FORMATS_SIGNATURE_FILE_H_
