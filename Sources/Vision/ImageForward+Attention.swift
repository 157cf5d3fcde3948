// The mixers of an image block, chunk by chunk.
//
// Linear attention goes over the tokens twice: first keys and values, which leave the sums and, for the
// convolution, the values; then queries and gates. Softmax attention keeps all its queries, keys and
// values of the grid in the other buffer.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

extension ImageForward {
  func run(_ m: PolarMixer, _ b: ImageBlock, _ s: ImageStage) {
    let c = s.shape.width
    let ratio = s.shape.reduction
    let keys = ratio == 1 ? sum(m, b, s) : sumReduced(m, b, s)
    let read = PolarRead(
      heads: s.shape.heads, width: s.shape.headWidth, sums: w.sums.base,
      normalisers: w.normalisers.base, tokens: keys)
    let x = input(c)
    let qg = w.hidden.floats.base
    let rowsMax = chunkRows()
    let convolution = DepthwiseConvolution(
      input: other, inputStride: c, height: grid.height, width: grid.width,
      channels: s.shape.headWidth, kernel: parameters.kernel, weights: m.kernel,
      bias: m.kernelBias)
    var t = 0
    while t < grid.count {
      let rows = min(rowsMax, grid.count - t)
      normalise(b.norm, t, rows, x, forms(m.qg))
      product(m.qg, x, rows, qg, 2 * c)
      pool.run(
        MixJob(
          queries: qg, from: t, rows: rows, gridWidth: grid.width, width: c, power: m.power,
          read: read, convolution: convolution, output: x, forms: forms(b.output)))
      product(b.output, x, rows, tokens + t * c, c, .add)
      t += rows
    }
  }

  /// Sums of keys and values over all tokens; values to the other buffer. Answers how many keys.
  private func sum(_ m: PolarMixer, _ b: ImageBlock, _ s: ImageStage) -> Int {
    let c = s.shape.width
    let x = input(c)
    let rowsMax = chunkRows()
    var t = 0
    while t < grid.count {
      let rows = min(rowsMax, grid.count - t)
      normalise(b.norm, t, rows, x, forms(m.kv))
      add(m, s, x, t, rows, grid, values: other)
      t += rows
    }
    return grid.count
  }

  /// Keys and values of `rows` normalised inputs, tokens `t ..< t + rows` of `grid`.
  private func add(
    _ m: PolarMixer, _ s: ImageStage, _ x: Activations, _ t: Int, _ rows: Int,
    _ grid: ImageParameters.Grid, values: Floats
  ) {
    let c = s.shape.width
    let k = w.hidden.floats.base
    product(m.kv, firstRow: 0, count: c, x, rows, k, c)
    product(m.kv, firstRow: c, count: c, x, rows, values + t * c, c)
    pool.run(
      KeyJob(
        keys: k, from: t, rows: rows, width: c, power: m.power,
        position: GridResize(
          m.position, side: m.side, height: grid.height, width: grid.width, kind: .cubic),
        scratch: w.scratch.base, scratchEach: w.scratchEach))
    pool.run(
      PolarSumJob(
        keys: k, keyStride: c, values: values + t * c, valueStride: c, rows: rows,
        heads: s.shape.heads, width: s.shape.headWidth, sums: w.sums.base,
        normalisers: w.normalisers.base, begins: t == 0))
  }

  /// The same with keys and values of square patches of tokens; the values are then stretched along the
  /// line of all tokens, as the authors do.
  private func sumReduced(_ m: PolarMixer, _ b: ImageBlock, _ s: ImageStage) -> Int {
    guard let reduce = m.reduce, let norm = m.reduceNorm else { return 0 }
    let c = s.shape.width
    let ratio = s.shape.reduction
    let small = ImageParameters.Grid(height: grid.height / ratio, width: grid.width / ratio)
    let source = PatchSource(tokens: tokens, width: grid.width, channels: c, patch: ratio)
    let patches = hidden(ratio * ratio * c)
    let x = input(c)
    let rowsMax = chunkRows()
    var t = 0
    while t < small.count {
      let rows = min(rowsMax, small.count - t)
      pool.run(
        PatchJob(
          source: source, gridWidth: small.width, from: t, rows: rows, output: patches,
          norm: .parts(b.norm, parameters.epsilon), forms: forms(reduce)))
      product(reduce, patches, rows, x.floats.base, c)
      pool.run(
        LayerNormJob(
          input: x.floats.base, rows: rows, norm: norm, epsilon: parameters.patchEpsilon,
          output: x, forms: forms(m.kv)))
      add(m, s, x, t, rows, small, values: w.reduced.base)
      t += rows
    }
    pool.run(
      StretchJob(
        input: w.reduced.base, count: small.count, width: c, output: other,
        outputCount: grid.count))
    return small.count
  }

  func run(_ m: WindowMixer, _ b: ImageBlock, _ s: ImageStage) {
    let c = s.shape.width
    let x = input(c)
    let rowsMax = chunkRows()
    var t = 0
    while t < grid.count {
      let rows = min(rowsMax, grid.count - t)
      normalise(b.norm, t, rows, x, forms(m.qkv))
      product(m.qkv, x, rows, other + t * 3 * c, 3 * c)
      t += rows
    }
    let side = s.shape.window
    // A token's output takes the place of its own queries, which only it reads.
    pool.run(
      WindowAttentionJob(
        input: other, stride: 3 * c, heads: s.shape.heads, headWidth: s.shape.headWidth,
        height: grid.height, width: grid.width, side: side,
        shift: b.isShifted && grid.height > side ? side / 2 : 0, bias: m.relative, output: other,
        outputStride: 3 * c, scratch: w.scratch.base))
    t = 0
    while t < grid.count {
      let rows = min(rowsMax, grid.count - t)
      pool.run(
        CopyJob(
          input: other + t * 3 * c, stride: 3 * c, rows: rows, output: x, forms: forms(b.output)))
      product(b.output, x, rows, tokens + t * c, c, .add)
      t += rows
    }
  }
}
