// Causal polarity-aware attention against its definition in doubles, and to the bit however its rows
// come.

import Glibc
import LintelCore
import Testing

import LintelKernels

private struct Case {
  var heads: Int
  var width: Int
  var kernel: Int
  var rows: Int
  var inputs = Inputs.usual

  enum Inputs {
    case usual
    /// Channels that are zero, denormal, of one sign, or far apart in size.
    case extreme
  }

  var channels: Int { heads * width }
  var shape: PolarRecurrenceJob.Shape { .init(heads: heads, width: width, kernel: kernel) }
}

private struct Data {
  var qkv, gate, power, taps: [Float]

  init(_ c: Case) {
    var g = Generator(UInt64(c.width * 100 + c.rows))
    qkv = (0..<c.rows * 3 * c.channels).map { _ in g.normal() }
    gate = (0..<c.rows * c.channels).map { _ in g.normal() }
    power = (0..<c.channels).map { _ in 3 + 2 * g.unit() }
    taps = (0..<c.channels * c.kernel).map { _ in g.normal() }
    if c.inputs == .usual { return }
    for i in 0..<c.channels {
      power[i] = [1, 5, 1.001, 4.999][i % 4]
      for t in 0..<c.rows {
        for at in [t * 3 * c.channels + i, t * 3 * c.channels + c.channels + i] {
          switch i % 7 {
          case 0: qkv[at] = t % 3 == 0 ? -0.0 : 0
          case 1: qkv[at] = Float(bitPattern: 71_362)
          case 2: qkv[at] = abs(qkv[at])
          case 3: qkv[at] *= 40
          case 4: qkv[at] *= 1e-3
          default: break
          }
        }
      }
    }
  }
}

/// One token after the other, in doubles, both signs of every sum in the open.
private func definition(_ c: Case, _ x: Data) -> [Double] {
  var out = [Double](repeating: 0, count: c.rows * c.channels)
  let d = c.width
  func value(_ t: Int, _ part: Int, _ i: Int) -> Double {
    Double(x.qkv[t * 3 * c.channels + part * c.channels + i])
  }
  for h in 0..<c.heads {
    for t in 0..<c.rows {
      var sums = [[Double]](repeating: [Double](repeating: 0, count: d), count: 2)
      var totals = [1e-6, 1e-6]
      for u in 0...t {
        var weights = [0.0, 0.0]
        for i in h * d..<(h + 1) * d {
          let (q, k) = (value(t, 0, i), value(u, 1, i))
          let p = Double(x.power[i])
          weights[(q < 0) == (k < 0) ? 0 : 1] += pow(abs(q), p) * pow(abs(k), p)
        }
        for s in 0..<2 {
          totals[s] += weights[s]
          for j in 0..<d { sums[s][j] += weights[s] * value(u, 2, h * d + j) }
        }
      }
      for j in 0..<d {
        let s = j < d / 2 ? 0 : 1
        let channel = h * d + j
        var y = sums[s][j] / totals[s]
        for tap in 0..<c.kernel where t - (c.kernel - 1) + tap >= 0 {
          y += Double(x.taps[channel * c.kernel + tap])
            * value(t - (c.kernel - 1) + tap, 2, channel)
        }
        out[t * c.channels + channel] = y * Double(x.gate[t * c.channels + channel])
      }
    }
  }
  return out
}

/// Output, state and history after all rows, `step` at a time.
private func run(_ c: Case, _ x: Data, parts: Int, step: Int) -> [[Float]] {
  var x = x
  var state = [Float](repeating: 0, count: c.heads * c.shape.stateFloats)
  var history = [Float](repeating: 0, count: (c.kernel - 1) * c.channels)
  var output = [Float](repeating: .nan, count: c.rows * c.channels)
  let each = PolarRecurrenceJob.scratchFloats(width: c.width)
  var scratch = [Float](repeating: .nan, count: parts * each)
  var t = 0
  while t < c.rows {
    let n = min(step, c.rows - t)
    x.qkv.withUnsafeMutableBufferPointer { qkv in
      x.gate.withUnsafeMutableBufferPointer { gate in
        state.withUnsafeMutableBufferPointer { state in
          history.withUnsafeMutableBufferPointer { history in
            output.withUnsafeMutableBufferPointer { output in
              scratch.withUnsafeMutableBufferPointer { scratch in
                let job = PolarRecurrenceJob(
                  shape: c.shape, rows: n, qkv: qkv.baseAddress! + t * 3 * c.channels,
                  qkvStride: 3 * c.channels, gate: gate.baseAddress! + t * c.channels,
                  gateStride: c.channels, power: x.power, taps: x.taps,
                  history: history.baseAddress!, state: state.baseAddress!,
                  output: output.baseAddress! + t * c.channels, outputStride: c.channels,
                  scratch: scratch.baseAddress!)
                for part in 0..<parts { job.run(part: part, parts: parts) }
              }
            }
          }
        }
      }
    }
    t += n
  }
  return [output, state, history]
}

private let cases = [
  Case(heads: 1, width: 2, kernel: 2, rows: 1),
  Case(heads: 3, width: 6, kernel: 3, rows: 20),
  Case(heads: 2, width: 10, kernel: 8, rows: 5),
  Case(heads: 2, width: 18, kernel: 4, rows: 33),
  Case(heads: 2, width: 64, kernel: 4, rows: 50),
  Case(heads: 5, width: 76, kernel: 5, rows: 17),
  Case(heads: 1, width: 130, kernel: 4, rows: 40),
  Case(heads: 3, width: 30, kernel: 4, rows: 40, inputs: .extreme),
  Case(heads: 2, width: 64, kernel: 3, rows: 35, inputs: .extreme),
]

@Test(arguments: 0..<cases.count) func polarRecurrenceIsTheDefinition(_ i: Int) {
  let c = cases[i]
  let x = Data(c)
  let wanted = definition(c, x)
  let whole = run(c, x, parts: 1, step: c.rows)
  var worst = 0.0
  for (a, b) in zip(whole[0], wanted) {
    let difference = abs(Double(a) - b) / (1 + abs(b))
    worst = max(worst, difference.isNaN ? .infinity : difference)
  }
  print("polar recurrence, \(c.heads) heads of \(c.width), \(c.rows) rows: \(worst)")
  #expect(worst < 1e-5)
  // Not a bit depends on the threads or on how the rows come.
  for (parts, step) in [(1, 1), (2, c.rows), (3, 7), (2, 16)] {
    let other = run(c, x, parts: parts, step: step)
    #expect(other.map { $0.map(\.bitPattern) } == whole.map { $0.map(\.bitPattern) })
  }
}
