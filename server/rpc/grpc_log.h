// TakeGrpcLog() turns what gRPC and protobuf log into lines of ours.
//
// They are at the levels warning and debug: what a client should know is in the
// status of its call. Protobuf complains of each string that is not UTF-8.
//
// Threads:  any.

#ifndef SERVER_RPC_GRPC_LOG_H_
#define SERVER_RPC_GRPC_LOG_H_

namespace ferry {

// From here on, for the whole process.
void TakeGrpcLog();

}  // namespace ferry

#endif  // SERVER_RPC_GRPC_LOG_H_
