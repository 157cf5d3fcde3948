// Feed-forward layers: SwiGLU, dense or routed to experts.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

extension Forward {
  func run(_ f: DenseFeedForward) {
    var carver = RowCarver(next: workspace.rows.base, rows: rows)
    let gate = carver.take(f.width)
    let up = carver.take(f.width)
    var input = workspace.input
    input.columns = embeddingWidth
    workspace.entries[0] = ProductEntry(
      f.gate, input: input, rows: rows, output: gate, outputStride: f.width)
    workspace.entries[1] = ProductEntry(
      f.up, input: input, rows: rows, output: up, outputStride: f.width)
    product(2)
    input.columns = f.width
    swiglu(gate, up, input, rows, forms(f.down))
    addProduct(f.down, input)
  }

  /// input ← silu(gate) · up, quantised.
  private func swiglu(
    _ gate: Floats, _ up: Floats, _ input: Activations, _ rows: Int, _ forms: Activations.Forms
  ) {
    let job = SwigluJob(gate: gate, up: up, rows: rows, input: input, forms: forms)
    if rows < 2 * pool.threads { job.run(part: 0, parts: 1) } else { pool.run(job) }
  }

  func run(_ f: ExpertFeedForward) {
    let width = embeddingWidth
    let pairs = rows * f.chosen
    var carver = RowCarver(next: workspace.rows.base, rows: rows)
    let logits = carver.take(f.count)
    let gate = carver.take(f.chosen * roundUp(f.width))
    let up = carver.take(f.chosen * roundUp(f.width))
    let result = carver.take(f.chosen * roundUp(width))
    var input = workspace.input
    input.columns = width

    workspace.entries[0] = ProductEntry(
      f.router, input: input, rows: rows, output: logits, outputStride: f.count)
    product(1)
    route(f, logits)

    var count = 0
    func add(
      _ linear: Linear, _ slice: Int, _ from: UnsafePointer<Int32>?, _ n: Int, _ to: Floats,
      _ stride: Int
    ) {
      workspace.entries[count] = ProductEntry(
        linear, slice: slice, input: input, inputRows: from, owners: from, rows: n, output: to,
        outputStride: stride)
      count += 1
    }
    for e in 0..<f.count {
      let from = Int(workspace.expertStart[e])
      let n = Int(workspace.expertStart[e + 1]) - from
      if n == 0 { continue }
      let list = UnsafePointer(workspace.pairRow + from)
      add(f.gate, e, list, n, gate + from * f.width, f.width)
      add(f.up, e, list, n, up + from * f.width, f.width)
    }
    var sharedGate: Floats?
    var sharedUp: Floats?
    let sharedScale = carver.take(1)
    if let s = f.shared {
      let g = carver.take(s.width)
      let u = carver.take(s.width)
      add(s.gate, 0, nil, rows, g, s.width)
      add(s.up, 0, nil, rows, u, s.width)
      sharedGate = g
      sharedUp = u
      if let own = f.sharedGate { add(own, 0, nil, rows, sharedScale, 1) }
    }
    var after = input
    after.columns = f.width
    var following = 0
    for e in 0..<f.count {
      let from = Int(workspace.expertStart[e])
      let n = Int(workspace.expertStart[e + 1]) - from
      if n == 0 { continue }
      workspace.entries[count + following] = ProductEntry(
        f.down, slice: e, input: after.view(columns: f.width, firstRow: from),
        owners: UnsafePointer(workspace.pairRow + from), rows: n, output: result + from * width,
        outputStride: width)
      following += 1
    }
    product(
      routed: count, { swiglu(gate, up, after, pairs, forms(f.down)) }, following: following)
    for t in 0..<rows {
      for i in 0..<f.chosen {
        let place = Int(workspace.pairPlace[t * f.chosen + i])
        Gate.addScaled(
          hidden + t * width, result + place * width, workspace.weights[t * f.chosen + i], width)
      }
    }
    if let s = f.shared, let sharedGate, let sharedUp {
      runShared(s, sharedGate, sharedUp, f.sharedGate == nil ? nil : sharedScale, result)
    }
  }

  private func runShared(
    _ s: DenseFeedForward, _ gate: Floats, _ up: Floats, _ scale: Floats?, _ result: Floats
  ) {
    var input = workspace.input
    input.columns = s.width
    swiglu(gate, up, input, rows, forms(s.down))
    guard let scale else {
      addProduct(s.down, input)
      return
    }
    let width = embeddingWidth
    workspace.entries[0] = ProductEntry(
      s.down, input: input, rows: rows, output: result, outputStride: width)
    product(1)
    for t in 0..<rows {
      Gate.addScaled(
        hidden + t * width, result + t * width, Elementary.sigmoid(scale[t]), width)
    }
  }

  /// Chooses experts row by row, then sorts the (row, choice) pairs by expert, rows in order.
  private func route(_ f: ExpertFeedForward, _ logits: Floats) {
    let w = workspace
    for t in 0..<rows {
      Router.choose(
        logits: logits + t * f.count, bias: f.bias, count: f.count, chosen: f.chosen,
        scoring: f.scoring, scale: f.scale, experts: w.chosen + t * f.chosen,
        weights: w.weights + t * f.chosen)
    }
    for e in 0...f.count { w.expertStart[e] = 0 }
    let pairs = rows * f.chosen
    for p in 0..<pairs { w.expertStart[Int(w.chosen[p]) + 1] += 1 }
    for e in 0..<f.count { w.expertStart[e + 1] += w.expertStart[e] }
    for p in 0..<pairs {
      let e = Int(w.chosen[p])
      let place = w.expertStart[e]
      w.expertStart[e] = place + 1
      w.pairRow[Int(place)] = Int32(truncatingIfNeeded: p / f.chosen)
      w.pairPlace[p] = place
    }
    var e = f.count
    while e > 0 {
      w.expertStart[e] = w.expertStart[e - 1]
      e -= 1
    }
    w.expertStart[0] = 0
  }
}

/// silu(gate) · up of rows into the product input, and its quantised forms.
struct SwigluJob: ParallelJob {
  var gate: Floats
  var up: Floats
  var rows: Int
  var input: Activations
  var forms: Activations.Forms

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: SwigluJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let width = input.columns
    let mine = share(rows, part: part, parts: parts)
    for t in mine {
      Gate.swiglu(gate + t * width, up + t * width, width, into: input.floats + t * width)
    }
    input.quantise(rows: mine, forms: forms)
  }
}
