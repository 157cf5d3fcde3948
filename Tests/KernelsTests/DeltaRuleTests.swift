// The gated delta rule against its definition in doubles, and to the bit however its rows come.

import Glibc
import LintelCore
import Testing

import LintelKernels

private struct Case {
  var keyHeads = 2
  var valueHeads = 4
  var keyWidth: Int
  var valueWidth: Int
  var rows = 19
  var isDecayPerChannel = false
  var pairing = DeltaRuleJob.Pairing.tiled
  var isExtreme = false

  var shape: DeltaRuleJob.Shape {
    .init(
      keyHeads: keyHeads, valueHeads: valueHeads, keyWidth: keyWidth, valueWidth: valueWidth,
      pairing: pairing, isDecayPerChannel: isDecayPerChannel, isGateSilu: !isDecayPerChannel,
      l2Epsilon: 1e-6, rmsEpsilon: 1e-5)
  }
  var qkvStride: Int { 2 * keyHeads * keyWidth + channels }
  var channels: Int { valueHeads * valueWidth }
  var decays: Int { valueHeads * (isDecayPerChannel ? keyWidth : 1) }
  var states: Int { valueHeads * keyWidth * valueWidth }
}

private let cases = [
  Case(keyWidth: 128, valueWidth: 128),
  Case(keyWidth: 128, valueWidth: 128, isDecayPerChannel: true, pairing: .grouped),
  Case(keyHeads: 1, valueHeads: 3, keyWidth: 16, valueWidth: 32),
  // rows of the state that do not fill the last sixteen
  Case(keyWidth: 24, valueWidth: 96, isDecayPerChannel: true),
  Case(keyHeads: 1, valueHeads: 1, keyWidth: 5, valueWidth: 32),
  // the most columns whose sums fit beside a token's own vectors, and more than fit
  Case(keyHeads: 1, valueHeads: 2, keyWidth: 64, valueWidth: 480),
  Case(keyHeads: 1, valueHeads: 2, keyWidth: 8, valueWidth: 256),
  // columns that are no multiple of 32, of 8
  Case(keyWidth: 40, valueWidth: 40, pairing: .grouped),
  Case(keyHeads: 3, valueHeads: 3, keyWidth: 33, valueWidth: 13, isDecayPerChannel: true),
  Case(keyWidth: 64, valueWidth: 64, isExtreme: true),
  Case(keyWidth: 64, valueWidth: 64, isDecayPerChannel: true, isExtreme: true),
]

private struct Data {
  var qkv, decay, beta, gate, dt, a, norm, state: [Float]

  init(_ c: Case) {
    var g = Generator(UInt64(c.keyWidth * 1000 + c.valueWidth))
    func some(_ n: Int, _ scale: Float = 1) -> [Float] { (0..<n).map { _ in scale * g.normal() } }
    qkv = some(c.rows * c.qkvStride)
    decay = some(c.rows * c.decays)
    beta = some(c.rows * c.valueHeads)
    gate = some(c.rows * c.channels)
    dt = some(c.decays)
    a = some(c.valueHeads).map { -abs($0) }
    norm = some(c.channels / c.valueHeads)
    state = some(c.states, 0.3)
    if !c.isExtreme { return }
    for t in 0..<c.rows {
      switch t % 4 {
      case 0: for i in 0..<c.keyWidth { qkv[t * c.qkvStride + i] = 0 }  // a query of zeros
      case 1: for i in 0..<c.decays { decay[t * c.decays + i] = i % 2 == 0 ? 90 : -90 }
      case 2: for i in 0..<c.valueHeads { beta[t * c.valueHeads + i] = i % 2 == 0 ? 100 : -100 }
      default: for i in 0..<c.qkvStride { qkv[t * c.qkvStride + i] *= 1e4 }
      }
    }
  }
}

/// One token after the other, in doubles: outputs and the last state.
private func definition(_ c: Case, _ x: Data) -> (output: [Double], state: [Double]) {
  let (d, w) = (c.keyWidth, c.valueWidth)
  var state = x.state.map(Double.init)
  var output = [Double](repeating: 0, count: c.rows * c.channels)
  func sigmoid(_ v: Double) -> Double { 1 / (1 + exp(-v)) }
  func softplus(_ v: Double) -> Double { v > 30 ? v : log1p(exp(v)) }
  for t in 0..<c.rows {
    for h in 0..<c.valueHeads {
      let keyHead =
        c.pairing == .tiled ? h % c.keyHeads : h / (c.valueHeads / c.keyHeads)
      func normalised(_ from: Int) -> [Double] {
        let v = (0..<d).map { Double(x.qkv[t * c.qkvStride + from + $0]) }
        let scale = 1 / sqrt(v.reduce(0) { $0 + $1 * $1 } + 1e-6)
        return v.map { $0 * scale }
      }
      let q = normalised(keyHead * d).map { $0 / sqrt(Double(d)) }
      let k = normalised((c.keyHeads + keyHead) * d)
      let beta = sigmoid(Double(x.beta[t * c.valueHeads + h]))
      var o = [Double](repeating: 0, count: w)
      for column in 0..<w {
        func at(_ j: Int) -> Int { (h * d + j) * w + column }
        var read = 0.0
        for j in 0..<d {
          let i = c.isDecayPerChannel ? h * d + j : h
          let g = Double(x.a[h]) * softplus(Double(x.decay[t * c.decays + i]) + Double(x.dt[i]))
          state[at(j)] *= exp(g)
          read += state[at(j)] * k[j]
        }
        let v = Double(x.qkv[t * c.qkvStride + 2 * c.keyHeads * d + h * w + column])
        for j in 0..<d {
          state[at(j)] += k[j] * beta * (v - read)
          o[column] += state[at(j)] * q[j]
        }
      }
      let scale = 1 / sqrt(o.reduce(0) { $0 + $1 * $1 } / Double(w) + 1e-5)
      for column in 0..<w {
        let z = Double(x.gate[t * c.channels + h * w + column])
        let gate = c.shape.isGateSilu ? z * sigmoid(z) : sigmoid(z)
        output[t * c.channels + h * w + column] = o[column] * scale * Double(x.norm[column]) * gate
      }
    }
  }
  return (output, state)
}

/// The job over passes of the given numbers of rows, each by `parts` threads' shares.
private func run(
  _ c: Case, _ x: Data, passes: [Int], parts: Int
) -> (output: [Float], state: [Float]) {
  var held: [UnsafeMutableBufferPointer<Float>] = []
  defer { for memory in held { memory.deallocate() } }
  func hold(_ values: [Float]) -> UnsafeMutablePointer<Float> {
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: values.count)
    _ = memory.initialize(from: values)
    held.append(memory)
    return memory.baseAddress!
  }
  let (qkv, decay, beta, gate) = (hold(x.qkv), hold(x.decay), hold(x.beta), hold(x.gate))
  let (dt, a, norm, state) = (hold(x.dt), hold(x.a), hold(x.norm), hold(x.state))
  let output = hold([Float](repeating: .nan, count: c.rows * c.channels))
  // One number more, which nobody may touch.
  let scratchFloats = parts * DeltaRuleJob.scratchFloats(keyWidth: c.keyWidth)
  let scratch = hold([Float](repeating: .nan, count: scratchFloats) + [0.5])
  defer { #expect(scratch[scratchFloats] == 0.5) }
  var t = 0
  for rows in passes {
    let job = DeltaRuleJob(
      shape: c.shape, rows: rows, qkv: qkv + t * c.qkvStride, qkvStride: c.qkvStride,
      decay: decay + t * c.decays, decayStride: c.decays, beta: beta + t * c.valueHeads,
      betaStride: c.valueHeads, gate: gate + t * c.channels, gateStride: c.channels, dt: dt, a: a,
      norm: norm, state: state, output: output + t * c.channels, outputStride: c.channels,
      scratch: scratch)
    for part in 0..<parts { job.run(part: part, parts: parts) }
    t += rows
  }
  precondition(t == c.rows)
  return (
    Array(UnsafeBufferPointer(start: output, count: c.rows * c.channels)),
    Array(UnsafeBufferPointer(start: state, count: c.states))
  )
}

@Test(arguments: cases.indices)
func deltaRuleIsItsDefinition(_ index: Int) {
  let c = cases[index]
  let x = Data(c)
  let expected = definition(c, x)
  let found = run(c, x, passes: [c.rows], parts: 1)
  func error(_ found: [Float], _ expected: [Double]) -> Double {
    let difference = zip(found, expected).reduce(0) { $0 + pow(Double($1.0) - $1.1, 2) }
    return sqrt(difference / expected.reduce(1e-30) { $0 + $1 * $1 })
  }
  #expect(error(found.output, expected.output) < 2e-5)
  #expect(error(found.state, expected.state) < 2e-5)
}

@Test(arguments: cases.indices)
func deltaRuleIsTheSameHoweverRowsCome(_ index: Int) {
  let c = cases[index]
  let x = Data(c)
  let whole = run(c, x, passes: [c.rows], parts: 1)
  let single = [Int](repeating: 1, count: c.rows)
  for (passes, parts) in [(single, 1), (single, 3), ([1, 2, 1, 15], 2), ([17, 1, 1], 2)] {
    let found = run(c, x, passes: passes, parts: parts)
    func isSame(_ a: [Float], _ b: [Float]) -> Bool {
      zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern }
    }
    #expect(isSame(found.output, whole.output), "\(passes), \(parts) parts")
    #expect(isSame(found.state, whole.state), "\(passes), \(parts) parts")
  }
}
