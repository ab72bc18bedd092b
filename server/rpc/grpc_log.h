// A GrpcErrors collects what gRPC complains of while it lives.
//
// gRPC says why it cannot listen only in its own log. That log is also turned
// into ours here: lines of gRPC's own, at the levels warning and debug. So is
// protobuf's, which complains of each string that is not UTF-8.
//
// Owns:     the text; one at a time in a thread.
// Threads:  one thread: lines of other threads are logged, not collected.

#ifndef SERVER_RPC_GRPC_LOG_H_
#define SERVER_RPC_GRPC_LOG_H_

#include <string>

namespace ferry {

class [[nodiscard]] GrpcErrors {
 public:
  GrpcErrors();
  ~GrpcErrors();

  GrpcErrors(const GrpcErrors&) = delete;
  GrpcErrors& operator=(const GrpcErrors&) = delete;

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace ferry

#endif  // SERVER_RPC_GRPC_LOG_H_
