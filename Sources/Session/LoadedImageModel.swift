// What `lintel_image_open` builds in its region: the bound network, the buffers of a pass, and the one
// pass that can be under way.

import CPlatform
import LintelCore
import LintelKernels
import LintelVision
import LintelWeights

package struct LoadedImageModel {
  package struct Options {
    package var threads: Int
    package var isFloat: Bool
    /// The largest input; nil for the file's own.
    package var inputWidth: Int?
    package var inputHeight: Int?

    package init(threads: Int, isFloat: Bool, inputWidth: Int?, inputHeight: Int?) {
      self.threads = threads
      self.isFloat = isFloat
      self.inputWidth = inputWidth
      self.inputHeight = inputHeight
    }
  }

  package enum Phase: Sendable {
    case idle
    case running
    case done
  }

  package var region: MappedRegion
  let cell: Buffer<ImageNetwork>
  let workspace: ImageWorkspace
  package var forward: ImageForward?
  package private(set) var phase = Phase.idle
  package private(set) var elapsedNs: Int64 = 0
  package private(set) var longestUnitNs: Int64 = 0
  package private(set) var topCount = 0
  /// Set by `cancel` from any thread, taken by the stepping one.
  package let cancelFlag: Buffer<UInt32>

  package var network: ImageNetwork { cell[0] }

  /// Only carves, and with a real arena indexes the tensors; `start` makes it usable.
  package init(
    _ arena: inout Arena, _ region: MappedRegion, _ options: Options,
    report: inout MemoryReport
  ) throws(Failure) {
    self.region = region
    let network = try ImageNetwork(
      arena: &arena, container: try Container(region.bytes))
    cell = try arena.carve(ImageNetwork.self, 1, "the network")
    cancelFlag = try arena.carve(UInt32.self, 1, "the cancel flag")
    let before = arena.used
    let p = network.parameters
    // One edge alone means a square.
    let width = options.inputWidth ?? options.inputHeight ?? p.imageSize
    let height = options.inputHeight ?? width
    workspace = try ImageWorkspace(
      arena: &arena, network: network, height: height, width: width, threads: options.threads,
      isFloat: options.isFloat)
    report.scratch = arena.used - before
    report.weights = region.bytes.count
    if !arena.isMeasuring { cell.base.initialize(to: network) }
  }

  mutating func start(pool: WorkerPool, isFloat: Bool) throws(Failure) {
    try cell.base.pointee.bind()
    cancelFlag[0] = 0
    forward = ImageForward(
      network: UnsafePointer(cell.base), workspace: workspace, pool: pool, isFloat: isFloat)
  }

  // MARK: A pass

  package mutating func begin(
    _ pixels: UnsafePointer<UInt8>, width: Int, height: Int, strideBytes: Int, inputWidth: Int,
    inputHeight: Int, fit: ImageForward.Fit, topCount: Int
  ) throws(Failure) {
    let from = lt_now_ns()
    lt_store_release(cancelFlag.base, 0)
    try forward?.begin(
      pixels, width: width, height: height, strideBytes: strideBytes, inputHeight: inputHeight,
      inputWidth: inputWidth, fit: fit)
    self.topCount = topCount
    phase = .running
    elapsedNs = lt_now_ns() - from
    longestUnitNs = elapsedNs
  }

  /// One unit of the pass that is under way.
  package mutating func unit() -> Status {
    if lt_exchange(cancelFlag.base, 0) != 0 {
      phase = .idle
      return .cancelled
    }
    let from = lt_now_ns()
    forward?.runUnit()
    let took = lt_now_ns() - from
    elapsedNs += took
    longestUnitNs = max(longestUnitNs, took)
    if forward?.isAtEnd ?? true {
      phase = .done
      return .done
    }
    return .more
  }

  package func cancel() {
    lt_store_release(cancelFlag.base, 1)
  }
}
