#include "server/transfer/transfer_engine.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "server/base/clock.h"
#include "server/base/crc32.h"
#include "server/base/hash.h"
#include "server/base/invariant.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/formats/read_exactly.h"
#include "server/formats/refusal.h"
#include "server/transfer/chunk_sum.h"

namespace ferry {
namespace {

using Chunk = TransferPlan::Chunk;

// A processor copies a piece and checks it before the next, from its own cache
// (a whole chunk falls out of it); a GPU takes chunks, each call being dear.
constexpr uint64_t kPieceBytes = uint64_t{512} << 10;

uint64_t PieceBytes(const Device& device) {
  return device.id().kind == DeviceKind::kCuda ? TransferPlan::kChunkBytes
                                               : kPieceBytes;
}

// Calls `work(offset in the chunk, size)` for each piece of a chunk.
template <typename Work>
absl::Status ForEachPiece(const Chunk& chunk, uint64_t piece_bytes,
                          const Work& work) {
  for (uint64_t done_bytes = 0; done_bytes < chunk.size_bytes;) {
    const uint64_t size_bytes =
        std::min(piece_bytes, chunk.size_bytes - done_bytes);
    RETURN_IF_ERROR(work(done_bytes, size_bytes));
    done_bytes += size_bytes;
  }
  return absl::OkStatus();
}

// What the workers of one transfer have done between them.
class Tally {
 public:
  explicit Tally(const TransferProgress& progress) : progress_(progress) {}

  void Begin() {
    MutexLock lock(mutex_);
    if (!begun_) begun_ = watch_.Elapsed();
  }
  // The last byte of a chunk is in place.
  void Copied() {
    MutexLock lock(mutex_);
    copied_ = watch_.Elapsed();
  }
  void Refilled(uint64_t chunks) {
    MutexLock lock(mutex_);
    chunks_refilled_ += chunks;
  }
  // A chunk is in place and counts.
  void Done(uint64_t size_bytes) {
    const uint64_t done_bytes = done_bytes_.fetch_add(size_bytes) + size_bytes;
    if (progress_) progress_(done_bytes);
  }

  TransferReport Report() const {
    MutexLock lock(mutex_);
    const absl::Duration ended = watch_.Elapsed();
    return {.size_bytes = done_bytes_,
            .copy = begun_ ? copied_ - *begun_ : absl::ZeroDuration(),
            .verify = begun_ ? ended - copied_ : absl::ZeroDuration(),
            .chunks_refilled = chunks_refilled_};
  }

 private:
  const Stopwatch watch_;
  const TransferProgress& progress_;
  std::atomic<uint64_t> done_bytes_ = 0;

  mutable Mutex mutex_;
  std::optional<absl::Duration> begun_ ABSL_GUARDED_BY(mutex_);
  absl::Duration copied_ ABSL_GUARDED_BY(mutex_);
  uint64_t chunks_refilled_ ABSL_GUARDED_BY(mutex_) = 0;
};

void CheckFits(const TransferPlan& plan, const WeightSet& weights) {
  INVARIANT(plan.chunks.empty() ||
            plan.chunks.back().offset_bytes + plan.chunks.back().size_bytes <=
                weights.size_bytes());
}

absl::Status ReadChunk(const TransferEngine::ReadRequest& request, size_t index,
                       std::vector<uint32_t>& segment_sums, Tally& tally) {
  const Chunk& chunk = request.plan.chunks[index];
  const WeightsSource::File& file = request.source.files()[chunk.file_index];
  std::byte* const to = request.host.data() + chunk.offset_bytes;
  ChunkSum sum(request.plan, chunk, segment_sums);
  tally.Begin();
  RETURN_IF_ERROR(ForEachPiece(
      chunk, kPieceBytes, [&](uint64_t offset_bytes, uint64_t size_bytes) {
        const std::span piece(to + offset_bytes, size_bytes);
        const absl::Status read = ReadExactly(
            file.fd, chunk.file_offset_bytes + offset_bytes, piece);
        if (!read.ok()) return InFile(file.path, read);
        if (offset_bytes + size_bytes == chunk.size_bytes) tally.Copied();
        sum.Add(piece);
        return absl::OkStatus();
      }));
  request.checksums[index] = sum.Total();
  return absl::OkStatus();
}

struct RecordFailure {
  size_t record_index;
  uint32_t found;
};

// The records whose bytes do not have the checksum that the file states.
std::vector<RecordFailure> FailedRecords(
    const ImageLayout& layout, const TransferPlan& plan,
    const std::vector<uint32_t>& segment_sums) {
  std::vector<uint32_t> found(layout.records.size(), 0);
  for (size_t i = 0; i < plan.segments.size(); ++i) {
    const TransferPlan::Segment& segment = plan.segments[i];
    uint32_t& sum = found[segment.record_index];
    sum = Crc32Combine(sum, segment_sums[i], segment.size_bytes);
  }
  std::vector<RecordFailure> failures;
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i] != layout.records[i].crc32.value_or(found[i])) {
      failures.push_back({.record_index = i, .found = found[i]});
    }
  }
  return failures;
}

// The chunks that carry any byte of these records, which ascend.
std::vector<size_t> ChunksOf(const std::vector<RecordFailure>& failures,
                             const TransferPlan& plan) {
  std::vector<size_t> chunks;
  for (size_t i = 0; i < plan.chunks.size(); ++i) {
    const auto first = plan.segments.begin() +
                       static_cast<ptrdiff_t>(plan.chunks[i].segment_begin);
    const auto last = plan.segments.begin() +
                      static_cast<ptrdiff_t>(plan.chunks[i].segment_end);
    if (std::any_of(first, last, [&](const TransferPlan::Segment& segment) {
          return std::ranges::binary_search(failures, segment.record_index, {},
                                            &RecordFailure::record_index);
        })) {
      chunks.push_back(i);
    }
  }
  return chunks;
}

absl::Status DamagedFile(const TransferEngine::ReadRequest& request,
                         const std::vector<RecordFailure>& failures) {
  const RecordFailure& first = failures.front();
  const std::vector<Record>& records = request.source.layout().records;
  const Record& record = records[first.record_index];
  const std::string damage = absl::StrFormat(
      "record %s (%d bytes at %d) has CRC-32 %08x, the file says %08x; %d of "
      "its %d records of weights are damaged, so get a new copy of the file",
      record.name, record.size_bytes, record.file_offset_bytes, first.found,
      *record.crc32, failures.size(), records.size());
  return InFile(request.source.files()[record.file_index].path,
                absl::DataLossError(damage));
}

// Sums a chunk where it lies.
absl::StatusOr<uint64_t> SumOf(const WeightSet& weights, const Chunk& chunk) {
  return weights.device().HashOf(weights.data() + chunk.offset_bytes,
                                 chunk.size_bytes);
}

std::string ShownBytes(const Chunk& chunk) {
  return absl::StrCat("bytes ", chunk.offset_bytes, " to ",
                      chunk.offset_bytes + chunk.size_bytes, " of the image");
}

// Copies a chunk and sums it on the device it went to.
absl::StatusOr<uint64_t> CopyChunk(const TransferEngine::CopyRequest& request,
                                   const Chunk& chunk, Tally& tally) {
  Device& device = request.to.device();
  const std::byte* const from = request.from.data() + chunk.offset_bytes;
  std::byte* const to = request.to.data() + chunk.offset_bytes;
  Hash hash;
  tally.Begin();
  RETURN_IF_ERROR(ForEachPiece(
      chunk, PieceBytes(device),
      [&](uint64_t offset_bytes, uint64_t size_bytes) {
        RETURN_IF_ERROR(device.CopyIn(
            to + offset_bytes, std::span(from + offset_bytes, size_bytes)));
        if (offset_bytes + size_bytes == chunk.size_bytes) tally.Copied();
        return device.AddTo(hash, to + offset_bytes, size_bytes);
      }));
  return hash.Total();
}

absl::Status DataLossOnDevice(const TransferEngine::CopyRequest& request,
                              size_t index, uint64_t found) {
  const Chunk& chunk = request.plan.chunks[index];
  const uint64_t expected = request.checksums[index];
  // Whose fault is it? A host copy that went bad fails on every device.
  ASSIGN_OR_RETURN(const uint64_t source, SumOf(request.from, chunk));
  const bool source_is_good = source == expected;
  return absl::DataLossError(absl::StrFormat(
      "%s: %s have hash %016x after two copies from %s, not %016x; the "
      "memory of %s is damaged, so %s",
      request.to.device().name(), ShownBytes(chunk), found,
      request.from.device().name(), expected,
      (source_is_good ? request.to : request.from).device().name(),
      source_is_good ? "use another device and have this one checked"
                     : "unload the model and load it again"));
}

}  // namespace

absl::StatusOr<TransferReport> TransferEngine::Read(
    const ReadRequest& request) {
  const TransferPlan& plan = request.plan;
  INVARIANT(request.host.device().id().kind == DeviceKind::kCpu);
  CheckFits(plan, request.host);
  request.checksums.assign(plan.chunks.size(), 0);
  std::vector<uint32_t> segment_sums(plan.segments.size(), 0);
  Tally tally(request.progress);

  RETURN_IF_ERROR(queue_.Run(
      plan.chunks.size(),
      [&](size_t index) {
        RETURN_IF_ERROR(ReadChunk(request, index, segment_sums, tally));
        tally.Done(plan.chunks[index].size_bytes);
        return absl::OkStatus();
      },
      request.stop));
  std::vector<RecordFailure> failures =
      FailedRecords(request.source.layout(), plan, segment_sums);
  if (failures.empty()) return tally.Report();

  CountVerifyFailure(request.host.device());
  const std::vector<size_t> again = ChunksOf(failures, plan);
  tally.Refilled(again.size());
  RETURN_IF_ERROR(queue_.Run(
      again.size(),
      [&](size_t i) {
        return ReadChunk(request, again[i], segment_sums, tally);
      },
      request.stop));
  failures = FailedRecords(request.source.layout(), plan, segment_sums);
  if (failures.empty()) return tally.Report();
  CountVerifyFailure(request.host.device());
  return DamagedFile(request, failures);
}

absl::StatusOr<TransferReport> TransferEngine::Copy(
    const CopyRequest& request) {
  const TransferPlan& plan = request.plan;
  INVARIANT(request.from.device().id().kind == DeviceKind::kCpu);
  INVARIANT(request.checksums.size() == plan.chunks.size());
  CheckFits(plan, request.from);
  CheckFits(plan, request.to);
  Tally tally(request.progress);

  RETURN_IF_ERROR(queue_.Run(
      plan.chunks.size(),
      [&](size_t index) {
        const Chunk& chunk = plan.chunks[index];
        ASSIGN_OR_RETURN(uint64_t sum, CopyChunk(request, chunk, tally));
        if (sum != request.checksums[index]) {
          CountVerifyFailure(request.to.device());
          tally.Refilled(1);
          ASSIGN_OR_RETURN(sum, CopyChunk(request, chunk, tally));
        }
        if (sum != request.checksums[index]) {
          CountVerifyFailure(request.to.device());
          return DataLossOnDevice(request, index, sum);
        }
        tally.Done(chunk.size_bytes);
        return absl::OkStatus();
      },
      request.stop));
  return tally.Report();
}

absl::Status TransferEngine::Sum(const TransferPlan& plan,
                                 const WeightSet& weights, Checksums& checksums,
                                 std::stop_token stop) {
  CheckFits(plan, weights);
  checksums.assign(plan.chunks.size(), 0);
  return queue_.Run(
      plan.chunks.size(),
      [&](size_t index) {
        ASSIGN_OR_RETURN(checksums[index], SumOf(weights, plan.chunks[index]));
        return absl::OkStatus();
      },
      stop);
}

absl::Status TransferEngine::Verify(const TransferPlan& plan,
                                    const WeightSet& weights,
                                    const Checksums& checksums,
                                    std::stop_token stop) {
  INVARIANT(checksums.size() == plan.chunks.size());
  CheckFits(plan, weights);
  return queue_.Run(
      plan.chunks.size(),
      [&](size_t index) {
        const Chunk& chunk = plan.chunks[index];
        ASSIGN_OR_RETURN(const uint64_t sum, SumOf(weights, chunk));
        if (sum == checksums[index]) return absl::OkStatus();
        CountVerifyFailure(weights.device());
        return absl::DataLossError(absl::StrFormat(
            "%s: %s have hash %016x, not %016x any more",
            weights.device().name(), ShownBytes(chunk), sum, checksums[index]));
      },
      stop);
}

void TransferEngine::CountVerifyFailure(const Device& device) {
  metrics_.Add(kVerifyFailuresTotal, {device.name()});
}

}  // namespace ferry
