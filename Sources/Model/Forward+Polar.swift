// The polarity-aware mixer: projections, recurrence with its convolution and gate, output.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

extension Forward {
  func run(_ m: PolarMixer, _ layer: Layer) {
    var carver = RowCarver(next: workspace.rows.base, rows: rows)
    let inner = m.shape.channels
    let qkv = carver.take(m.qkvFloats)
    let gate = carver.take(inner)
    var input = workspace.input
    input.columns = embeddingWidth
    func entry(_ l: Linear, _ to: Floats, _ stride: Int) -> ProductEntry {
      ProductEntry(l, input: input, rows: rows, output: to, outputStride: stride)
    }
    workspace.entries[0] = entry(m.query, qkv, m.qkvFloats)
    workspace.entries[1] = entry(m.key, qkv + inner, m.qkvFloats)
    workspace.entries[2] = entry(m.value, qkv + 2 * inner, m.qkvFloats)
    workspace.entries[3] = entry(m.gate, gate, inner)
    product(4)
    // No product reads the input any more: the recurrence writes the next one straight into it.
    input.columns = inner
    pool.run(
      PolarRecurrencesJob(
        mixer: m, layer: layer, segments: segments, count: segmentCount, qkv: qkv, gate: gate,
        output: input.floats.base, scratch: workspace.recurrence.base))
    quantise(input, rows, forms(m.output))
    addProduct(m.output, input)
  }
}

/// The recurrences of all segments, as one phase: every thread takes its heads of each.
struct PolarRecurrencesJob: ParallelJob {
  var mixer: PolarMixer
  var layer: Layer
  var segments: InlineArray<8, Segment?>
  var count: Int
  var qkv: Floats
  var gate: Floats
  var output: Floats
  var scratch: Floats

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: PolarRecurrencesJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let m = mixer
    let inner = m.shape.channels
    for i in 0..<count {
      guard let s = segments[i] else { continue }
      PolarRecurrenceJob(
        shape: m.shape, rows: s.rows, qkv: qkv + s.firstRow * m.qkvFloats, qkvStride: m.qkvFloats,
        gate: gate + s.firstRow * inner, gateStride: inner, power: m.power, taps: m.taps,
        history: s.state.pointee.history + layer.historyStart,
        state: s.state.pointee.recurrent + layer.recurrentStart,
        output: output + s.firstRow * inner, outputStride: inner, scratch: scratch,
        ring: s.ring(layer)
      ).run(part: part, parts: parts)
    }
  }
}
