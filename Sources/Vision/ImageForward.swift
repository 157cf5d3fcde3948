// The pass over one picture: pixels in, features and logits out.
//
//     resize -> for each stage { patches; for each block { mix, feed forward } } -> mean -> output
//
// A pass rests between units: a stage's patches, a block, the end.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct ImageForward {
  package enum Fit: UInt32, Sendable {
    /// The whole picture, stretched.
    case stretch = 0
    /// The middle 7/8 of the picture, stretched: how the authors evaluate.
    case crop = 1
  }

  let network: UnsafePointer<ImageNetwork>
  let w: ImageWorkspace
  let pool: WorkerPool
  let isFloat: Bool
  var grids: InlineArray<8, ImageParameters.Grid>
  private(set) var stage = 0
  /// -1: the stage's patches are next.
  private var block = -1
  /// The picture's size as the network sees it.
  private(set) var height = 0
  private(set) var width = 0
  /// The tokens, and the other buffer.
  var tokens: Floats
  var other: Floats

  package init(
    network: UnsafePointer<ImageNetwork>, workspace: ImageWorkspace, pool: WorkerPool,
    isFloat: Bool
  ) {
    self.network = network
    w = workspace
    self.pool = pool
    self.isFloat = isFloat
    grids = InlineArray(repeating: ImageParameters.Grid())
    tokens = workspace.first.base
    other = workspace.second.base
  }

  var parameters: ImageParameters { network.pointee.parameters }
  package var features: Floats { w.features.base }
  package var logits: Floats { w.logits.base }
  package var inputHeight: Int { w.inputHeight }
  package var inputWidth: Int { w.inputWidth }

  /// Refuses an input size that the network or the buffers cannot take; changes nothing.
  package func check(height: Int, width: Int) throws(Failure) {
    _ = try parameters.grids(height: height, width: width)
    if height > w.inputHeight || width > w.inputWidth {
      throw Failure(
        .inputSize,
        "an input of \(width) x \(height), but the model was opened for at most \(w.inputWidth) x \(w.inputHeight)",
        needed: Int64(max(height, width)), available: Int64(min(w.inputHeight, w.inputWidth)))
    }
  }

  /// Reads a picture whose description is valid, and starts a pass over it at a checked input size.
  package mutating func begin(
    _ pixels: UnsafePointer<UInt8>, width sourceWidth: Int, height sourceHeight: Int,
    strideBytes: Int, inputHeight: Int, inputWidth: Int, fit: Fit
  ) throws(Failure) {
    let p = parameters
    grids = try p.grids(height: inputHeight, width: inputWidth)
    height = inputHeight
    width = inputWidth
    tokens = w.first.base
    other = w.second.base
    stage = 0
    block = -1
    let (scaleX, startX) = ImageForward.place(sourceWidth, inputWidth, fit)
    let (scaleY, startY) = ImageForward.place(sourceHeight, inputHeight, fit)
    let job = ImageResizeJob(
      pixels: pixels, strideBytes: strideBytes, sourceWidth: sourceWidth,
      sourceHeight: sourceHeight, output: other, height: inputHeight, width: inputWidth,
      scaleX: scaleX, scaleY: scaleY, startX: startX, startY: startY, mean: p.mean,
      deviation: p.deviation, firsts: w.columnFirst.base, counts: w.columnCount.base,
      weights: w.columnWeights.base, rows: w.pictureRows.base)
    job.prepare()
    pool.run(job)
  }

  /// Source pixels per result pixel, and where the result begins.
  private static func place(_ source: Int, _ result: Int, _ fit: Fit) -> (Double, Double) {
    if fit == .stretch { return (Double(source) / Double(result), 0) }
    // Resized to 8/7 of the input, and its middle taken.
    let whole = result * 8 / 7
    let scale = Double(source) / Double(whole)
    return (scale, Double((whole - result) / 2) * scale)
  }

  package var isAtEnd: Bool { stage > parameters.stageCount }
  package var unitCount: Int { parameters.stageCount + network.pointee.blockCount + 1 }

  /// One unit of work.
  package mutating func runUnit() {
    if stage == parameters.stageCount {
      finish()
      stage += 1
      return
    }
    let s = network.pointee.stages[stage]
    if block < 0 {
      embed(s)
      block = 0
    } else {
      run(network.pointee.blocks[s.firstBlock + block], s)
      block += 1
    }
    if block == s.shape.blocks {
      stage += 1
      block = -1
    }
  }

  var grid: ImageParameters.Grid { grids[stage] }

  func forms(_ a: Affine) -> Activations.Forms {
    Activations.forms(for: a.matrix.format, float: isFloat)
  }

  func chunkRows() -> Int { ImageWorkspace.chunkRows(ImageWorkspace.widest(parameters, stage)) }

  /// Rows `firstRow ..< firstRow + count` of a map times the first `rows` rows of `input`, whose forms
  /// are made. All its rows without a count. `next`, where the output is the floats of it, gets the
  /// quantised forms of the result.
  func product(
    _ a: Affine, firstRow: Int = 0, count: Int? = nil, _ input: Activations, _ rows: Int,
    _ output: Floats, _ outputStride: Int, _ result: TiledProductJob.Result = .set,
    next: Activations? = nil, _ nextForms: Activations.Forms = .floats
  ) {
    let matrix = Matrix(
      start: a.matrix.row(firstRow), format: a.matrix.format, columns: a.matrix.columns,
      rows: count ?? a.matrix.rows)
    let bias = a.bias.map { $0 + firstRow }
    if forms(a) == .floats {
      pool.run(
        TiledProductJob(
          matrix, bias: bias, input: input.floats.base, inputStride: input.columns, rows: rows,
          output: output, outputStride: outputStride, result: result))
      if let next { quantise(next, rows, nextForms) }
      return
    }
    w.entries[0] = ProductEntry(
      matrix: matrix, input: input, rows: rows, output: output, outputStride: outputStride,
      mode: result == .add ? .add : .set)
    pool.run(ProductJob(w.entries.base, 1, isFloat: false, draws: pool.draws))
    if bias != nil || result == .gelu || next != nil {
      pool.run(
        BiasJob(
          output: output, stride: outputStride, rows: rows, width: matrix.rows, bias: bias,
          isGelu: result == .gelu, next: next, forms: nextForms))
    }
  }

  func quantise(_ a: Activations, _ rows: Int, _ forms: Activations.Forms) {
    if forms != .floats { pool.run(RowsJob(a, rows, forms)) }
  }

  func input(_ columns: Int) -> Activations {
    var a = w.input
    a.columns = columns
    return a
  }

  func hidden(_ columns: Int) -> Activations {
    var a = w.hidden
    a.columns = columns
    return a
  }

  // MARK: Patches

  private mutating func embed(_ s: ImageStage) {
    let p = parameters
    let c = s.shape.width
    let isMerge = p.isSwin && stage > 0
    let source = stage == 0 ? PatchSource(picture: other, width: width, patch: p.patchSize)
      : PatchSource(
        tokens: tokens, width: grids[stage - 1].width, channels: p.stages[stage - 1].width,
        patch: 2)
    // The picture lies in the other buffer; tokens of the stage before make room for the next.
    let target = stage == 0 ? tokens : other
    let patches = hidden(s.patch.matrix.columns)
    let rowsMax = chunkRows()
    var t = 0
    while t < grid.count {
      let rows = min(rowsMax, grid.count - t)
      pool.run(
        PatchJob(
          source: source, gridWidth: grid.width, from: t, rows: rows, output: patches,
          norm: isMerge ? .row(s.patchNorm, p.patchEpsilon) : .none, forms: forms(s.patch)))
      product(s.patch, patches, rows, target + t * c, c)
      t += rows
    }
    if !isMerge {
      pool.run(
        PlaceJob(
          tokens: target, count: grid.count, width: c, norm: s.patchNorm,
          epsilon: p.patchEpsilon,
          position: s.position.map {
            GridResize(
              $0, side: s.side, height: grid.height, width: grid.width, kind: .linear)
          }, scratch: w.scratch.base, scratchEach: w.scratchEach))
    }
    if stage > 0 {
      other = tokens
      tokens = target
    }
  }

  // MARK: Blocks

  private func run(_ b: ImageBlock, _ s: ImageStage) {
    switch b.mixer {
    case .polar(let m): run(m, b, s)
    case .window(let m): run(m, b, s)
    }
    let c = s.shape.width
    let x = input(c)
    let h = hidden(s.shape.hidden)
    let rowsMax = chunkRows()
    var t = 0
    while t < grid.count {
      let rows = min(rowsMax, grid.count - t)
      normalise(b.feedForwardNorm, t, rows, x, forms(b.up))
      product(
        b.up, x, rows, h.floats.base, s.shape.hidden, .gelu, next: h, forms(b.down))
      product(b.down, h, rows, tokens + t * c, c, .add)
      t += rows
    }
  }

  /// Layer norm of tokens `from ..< from + rows` into the rows of `x`.
  func normalise(
    _ norm: NormWeights, _ from: Int, _ rows: Int, _ x: Activations, _ forms: Activations.Forms
  ) {
    pool.run(
      LayerNormJob(
        input: tokens + from * x.columns, rows: rows, norm: norm, epsilon: parameters.epsilon,
        output: x, forms: forms))
  }

  // MARK: The end

  private func finish() {
    let n = network.pointee
    guard let output = n.output else { return }
    let c = n.featureCount
    let count = grids[parameters.stageCount - 1].count
    if let norm = n.outputNorm {
      pool.run(
        PlaceJob(
          tokens: tokens, count: count, width: c, norm: norm, epsilon: parameters.epsilon,
          position: nil, scratch: w.scratch.base, scratchEach: w.scratchEach))
    }
    let x = input(c)
    for i in 0..<c { features[i] = 0 }
    for t in 0..<count { Gate.addScaled(features, tokens + t * c, 1, c) }
    for i in 0..<c {
      features[i] /= Float(count)
      x.floats[i] = features[i]
    }
    quantise(x, 1, forms(output))
    product(output, x, 1, logits, parameters.labels.count)
  }
}
