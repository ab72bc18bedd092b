// A TransferEngine carries weight images: file to host, host to device.
//
// Its workers take the chunks of all transfers under way in turn, so a small
// one is not stuck behind a large one. Each chunk is checksummed right behind
// its copy, while it is still in cache, where it landed: a transfer that
// returns OK has put verified bytes in place. What fails is refilled once: a
// chunk on a device, all chunks of a record of the file.
//
// Owns:     its workers. Everything in a request is borrowed until the call
//           returns.
// Threads:  thread-safe. Read and Copy block the caller; the work is done by
//           the workers.
// Units:    bytes; seconds in the report.
// Fails:    DATA_LOSS when bytes fail their checksum twice (the file's record
//           or the device is named) or the file became shorter; CANCELLED when
//           `stop` asked for it; INTERNAL when the file system or a device
//           failed. After an error the bytes in the target are anything.
// Limits:   kWorkersMax workers. With two or more, checking a chunk overlaps
//           copying the next; with three or more, a device that hangs does not
//           stop transfers to others.

#ifndef SERVER_TRANSFER_TRANSFER_ENGINE_H_
#define SERVER_TRANSFER_TRANSFER_ENGINE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/formats/weights_source.h"
#include "server/metrics/metrics.h"
#include "server/transfer/chunk_queue.h"
#include "server/transfer/transfer_plan.h"
#include "server/weights/weight_set.h"

namespace ferry {

struct TransferReport {
  uint64_t size_bytes = 0;  // Copied, refills not counted.
  absl::Duration copy;      // First byte taken to last byte in place.
  absl::Duration verify;    // What checking added behind the last copy.
  uint64_t chunks_refilled = 0;
};

// Called from a worker after each chunk, with the bytes done so far; cheap and
// thread-safe, and it takes no lock that a serving thread may wait for
// (Worker::Priority). Two workers' calls may overtake each other.
using TransferProgress = std::function<void(uint64_t done_bytes)>;

class TransferEngine {
 public:
  static constexpr int kWorkersMax = ChunkQueue::kWorkersMax;

  // A half of the processors, 2 to 8: a GPU of the PCIe 5 generation takes 9
  // GB/s of one worker, 18 of two and 36 of eight, and no more of sixteen.
  static int DefaultWorkers(int processors) {
    return std::clamp(processors / 2, 2, 8);
  }

  // `metrics` outlives the engine.
  TransferEngine(int workers, Metrics& metrics)
      : metrics_(metrics), queue_(workers) {}

  TransferEngine(const TransferEngine&) = delete;
  TransferEngine& operator=(const TransferEngine&) = delete;

  // Reads the image into `host` (on the cpu), tests every record against its
  // own CRC-32, where the source has one, and fills `checksums`.
  struct ReadRequest {
    const WeightsSource& source;
    const TransferPlan& plan;  // Of the source's layout.
    const WeightSet& host;
    Checksums& checksums;
    TransferProgress progress;
    std::stop_token stop;
  };
  absl::StatusOr<TransferReport> Read(const ReadRequest& request);

  // Copies an image from host memory to a device and verifies it there.
  struct CopyRequest {
    const TransferPlan& plan;
    const WeightSet& from;  // On the cpu.
    const WeightSet& to;
    const Checksums& checksums;
    TransferProgress progress;
    std::stop_token stop;
  };
  absl::StatusOr<TransferReport> Copy(const CopyRequest& request);

  // Takes the checksums of an image that is right as it lies.
  absl::Status Sum(const TransferPlan& plan, const WeightSet& weights,
                   Checksums& checksums, std::stop_token stop);

  // Verifies an image where it lies, without moving a byte.
  absl::Status Verify(const TransferPlan& plan, const WeightSet& weights,
                      const Checksums& checksums, std::stop_token stop);

 private:
  void CountVerifyFailure(const Device& device);

  Metrics& metrics_;
  ChunkQueue queue_;
};

}  // namespace ferry

#endif  // SERVER_TRANSFER_TRANSFER_ENGINE_H_
