// Threads made once, phases run by all of them.
//
// A phase is a value conforming to `ParallelJob`; every thread runs its share of a static partition,
// or draws pieces whose bounds are static: results never depend on timing. The caller's thread is part 0. Waiting is
// spin-then-futex: a barrier costs well under a microsecond while phases follow each other, and idle
// workers sleep. One thread means no pool at all.

import CPlatform
import LintelCore

/// A phase. `run` computes share `part` of `parts`; shares must not write the same memory.
package protocol ParallelJob: BitwiseCopyable {
  func run(part: Int, parts: Int)
  /// The C entry: loads the job from its context and runs it. Written out by each job, because a C
  /// function pointer cannot be made from a generic closure.
  static var entry: lt_job_fn { get }
}

/// The half-open range of `count` items that share `part` of `parts` covers, in multiples of `grain`.
@inlinable package func share(
  _ count: Int, part: Int, parts: Int, grain: Int = 1
) -> Range<Int> {
  let units = (count + grain - 1) / grain
  let from = min(units * part / parts * grain, count)
  let to = min(units * (part + 1) / parts * grain, count)
  return from..<to
}

package struct WorkerPool {
  package static var threadsMax: Int { 64 }
  static var stackBytes: Int { 256 << 10 }
  static var spins: Int { 4000 }

  /// Words that threads share, each on its own cache line.
  struct Control: BitwiseCopyable {
    var epoch: UInt32
    var pad0: InlineArray<15, UInt32>
    var pending: UInt32
    var pad1: InlineArray<15, UInt32>
    var sleepers: UInt32
    var pad2: InlineArray<15, UInt32>
    /// The last piece that was drawn in this phase.
    var drawn: UInt32
    var pad3: InlineArray<15, UInt32>
    var job: lt_job_fn?
    var context: UnsafeRawPointer?
    var stop: UInt32
    var parts: Int32
  }

  struct Worker: BitwiseCopyable {
    var control: UnsafeMutablePointer<Control>
    var part: Int32
    var cpu: Int32
    var thread: pthread_t
    var isStarted: Bool
  }

  package let threads: Int
  let control: Buffer<Control>
  let workers: Buffer<Worker>
  let stacks: Buffer<UInt8>

  package init(arena: inout Arena, threads: Int) throws(Failure) {
    self.threads = threads
    control = try arena.carve(Control.self, 1, "the worker pool")
    workers = try arena.carve(Worker.self, max(threads - 1, 0), "the worker pool")
    stacks = try arena.carve(
      UInt8.self, max(threads - 1, 0) * WorkerPool.stackBytes + (threads > 1 ? 4096 : 0),
      "the workers' stacks")
  }

  /// Starts the threads. `firstCpu` >= 0 pins worker i to processor firstCpu + i.
  package func start(firstCpu: Int) throws(Failure) {
    control[0] = Control(
      epoch: 0, pad0: .init(repeating: 0), pending: 0, pad1: .init(repeating: 0), sleepers: 0,
      pad2: .init(repeating: 0), drawn: 0, pad3: .init(repeating: 0), job: nil, context: nil,
      stop: 0, parts: Int32(threads))
    let firstStack = (Int(bitPattern: stacks.base) + 4095) & ~4095
    for i in 0..<workers.count {
      workers[i] = Worker(
        control: control.base, part: Int32(i + 1),
        cpu: firstCpu < 0 ? -1 : Int32(truncatingIfNeeded: firstCpu + i + 1), thread: pthread_t(),
        isStarted: false)
      let stack = UnsafeMutableRawPointer(bitPattern: firstStack + i * WorkerPool.stackBytes)
      var thread = pthread_t()
      let error = lt_thread_start(
        &thread, stack, WorkerPool.stackBytes, { WorkerPool.main($0) }, workers + i)
      if error != 0 {
        stop()
        throw Failure(
          .system, "worker thread \(i + 1) of \(threads) could not be started (errno \(error))",
          needed: Int64(error))
      }
      workers[i].thread = thread
      workers[i].isStarted = true
    }
  }

  /// For jobs that draw pieces: a counter whose next value is `threads` when a phase begins; nil with
  /// one thread.
  package var draws: UnsafeMutablePointer<UInt32>? {
    if threads == 1 { return nil }
    return withUnsafeMutablePointer(to: &control.base.pointee.drawn) { $0 }
  }

  package func stop() {
    let c = control.base
    c.pointee.job = nil
    lt_store_release(&c.pointee.stop, 1)
    _ = lt_add_acq_rel(&c.pointee.epoch, 1)
    lt_futex_wake(&c.pointee.epoch, Int32.max)
    for i in 0..<workers.count where workers[i].isStarted {
      lt_thread_join(workers[i].thread)
      workers[i].isStarted = false
    }
  }

  /// Runs every share of `job` and returns when all are done. Called by one thread at a time.
  @inline(__always)
  package func run<J: ParallelJob>(_ job: J) {
    if threads == 1 {
      job.run(part: 0, parts: 1)
    } else {
      withUnsafePointer(to: job) { submit(UnsafeRawPointer($0), J.entry) }
    }
  }

  func submit(_ context: UnsafeRawPointer, _ entry: @escaping lt_job_fn) {
    let c = control.base
    c.pointee.job = entry
    c.pointee.context = context
    c.pointee.drawn = UInt32(threads - 1)
    lt_store_release(&c.pointee.pending, UInt32(threads - 1))
    _ = lt_add_acq_rel(&c.pointee.epoch, 1)
    if lt_load_acquire(&c.pointee.sleepers) != 0 { lt_futex_wake(&c.pointee.epoch, Int32.max) }
    entry(context, 0, Int32(threads))
    var spins = 0
    while true {
      let left = lt_load_acquire(&c.pointee.pending)
      if left == 0 { return }
      spins += 1
      if spins < WorkerPool.spins { lt_pause() } else { lt_futex_wait(&c.pointee.pending, left) }
    }
  }

  private static func main(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let worker = argument.load(as: Worker.self)
    let c = worker.control
    _ = lt_float_flush()
    if worker.cpu >= 0 { _ = lt_thread_pin(worker.cpu) }
    var seen: UInt32 = 0
    while true {
      var spins = 0
      while lt_load_acquire(&c.pointee.epoch) == seen {
        spins += 1
        if spins < spinsMax {
          lt_pause()
        } else {
          _ = lt_add_acq_rel(&c.pointee.sleepers, 1)
          lt_futex_wait(&c.pointee.epoch, seen)
          _ = lt_add_acq_rel(&c.pointee.sleepers, UInt32.max)
        }
      }
      seen = seen &+ 1
      if lt_load_acquire(&c.pointee.stop) != 0 { return nil }
      c.pointee.job?(c.pointee.context, worker.part, c.pointee.parts)
      if lt_add_acq_rel(&c.pointee.pending, UInt32.max) == 0 {
        lt_futex_wake(&c.pointee.pending, 1)
      }
    }
  }

  private static var spinsMax: Int { spins }
}
