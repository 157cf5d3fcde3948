// The phases between an image network's products. Each thread takes a stretch of rows.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

/// Where the elements of patches lie.
struct PatchSource: BitwiseCopyable {
  let start: Floats
  /// Of a row of pixels or tokens.
  let rowFloats: Int
  /// Of one pixel or token.
  let channels: Int
  let patch: Int

  init(picture: Floats, width: Int, patch: Int) {
    start = picture
    rowFloats = 3 * width
    channels = 3
    self.patch = patch
  }

  init(tokens: Floats, width: Int, channels: Int, patch: Int) {
    start = tokens
    rowFloats = channels * width
    self.channels = channels
    self.patch = patch
  }
}

/// Gathers patches into rows of a product's input.
struct PatchJob: ParallelJob {
  enum PatchNorm: BitwiseCopyable {
    case none
    /// Over each row.
    case row(NormWeights, Float)
    /// Over each token of a row.
    case parts(NormWeights, Float)
  }

  let source: PatchSource
  let gridWidth: Int
  let from: Int
  let rows: Int
  let output: Activations
  let norm: PatchNorm
  let forms: Activations.Forms

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: PatchJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let mine = share(rows, part: part, parts: parts)
    let line = source.patch * source.channels
    for t in mine {
      let (y, x) = ((from + t) / gridWidth, (from + t) % gridWidth)
      let to = output.row(t)
      for k in 0..<source.patch {
        let p = source.start + (y * source.patch + k) * source.rowFloats + x * line
        let q = to + k * line
        if case .parts(let n, let epsilon) = norm {
          let c = source.channels
          for e in 0..<source.patch {
            Norm.layer(p + e * c, n.weight, n.bias, epsilon, c, into: q + e * c)
          }
        } else {
          for i in 0..<line { q[i] = p[i] }
        }
      }
      if case .row(let n, let epsilon) = norm {
        Norm.layer(to, n.weight, n.bias, epsilon, output.columns, into: to)
      }
    }
    output.quantise(rows: mine, forms: forms)
  }
}

/// Layer norm of tokens in place, and their positions.
struct PlaceJob: ParallelJob {
  let tokens: Floats
  let count: Int
  let width: Int
  let norm: NormWeights
  let epsilon: Float
  let position: GridResize?
  let scratch: Floats
  let scratchEach: Int

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: PlaceJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let mine = share(count, part: part, parts: parts)
    for t in mine {
      let x = tokens + t * width
      Norm.layer(x, norm.weight, norm.bias, epsilon, width, into: x)
    }
    position?.each(mine.lowerBound, mine.upperBound, scratch + part * scratchEach) { t, p in
      Gate.addScaled(tokens + t * width, p, 1, width)
    }
  }
}

struct LayerNormJob: ParallelJob {
  let input: Floats
  let rows: Int
  let norm: NormWeights
  let epsilon: Float
  let output: Activations
  let forms: Activations.Forms

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: LayerNormJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let mine = share(rows, part: part, parts: parts)
    let c = output.columns
    for t in mine {
      Norm.layer(input + t * c, norm.weight, norm.bias, epsilon, c, into: output.row(t))
    }
    output.quantise(rows: mine, forms: forms)
  }
}

/// Rows with a stride into a product's input.
struct CopyJob: ParallelJob {
  let input: Floats
  let stride: Int
  let rows: Int
  let output: Activations
  let forms: Activations.Forms

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: CopyJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let mine = share(rows, part: part, parts: parts)
    for t in mine {
      let to = output.row(t)
      for i in 0..<output.columns { to[i] = input[t * stride + i] }
    }
    output.quantise(rows: mine, forms: forms)
  }
}

/// The quantised forms of rows that are there.
struct RowsJob: ParallelJob {
  let rows: Int
  let activations: Activations
  let forms: Activations.Forms

  init(_ activations: Activations, _ rows: Int, _ forms: Activations.Forms) {
    self.rows = rows
    self.activations = activations
    self.forms = forms
  }

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: RowsJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    activations.quantise(rows: share(rows, part: part, parts: parts), forms: forms)
  }
}

/// What follows a quantised product: the bias, gelu, and the forms that the next product reads, all
/// while a row is in the nearest cache.
struct BiasJob: ParallelJob {
  let output: Floats
  let stride: Int
  let rows: Int
  let width: Int
  let bias: ConstFloats?
  let isGelu: Bool
  let next: Activations?
  let forms: Activations.Forms

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: BiasJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    for t in share(rows, part: part, parts: parts) {
      let y = output + t * stride
      if let bias { Gate.add(y, bias, width) }
      if isGelu { Elementary.gelu(y, width) }
      next?.quantise(rows: t..<(t + 1), forms: forms)
    }
  }
}

/// Keys: their positions, and the signed power.
struct KeyJob: ParallelJob {
  let keys: Floats
  let from: Int
  let rows: Int
  let width: Int
  let power: ConstFloats
  let position: GridResize
  let scratch: Floats
  let scratchEach: Int

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: KeyJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let mine = share(rows, part: part, parts: parts)
    position.each(
      from + mine.lowerBound, from + mine.upperBound, scratch + part * scratchEach
    ) { t, p in
      Elementary.signedPowers(keys + (t - from) * width, adding: p, power, width)
    }
  }
}

/// Queries to the output of linear attention: what they read, the convolution of the values, the gate.
struct MixJob: ParallelJob {
  static var tokensMax: Int { 32 }

  /// `[rows, 2 * width]`: queries, then gates.
  let queries: Floats
  let from: Int
  let rows: Int
  let gridWidth: Int
  let width: Int
  let power: ConstFloats
  let read: PolarRead
  let convolution: DepthwiseConvolution
  let output: Activations
  let forms: Activations.Forms

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: MixJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let mine = share(rows, part: part, parts: parts, grain: 4)
    var t = mine.lowerBound
    while t < mine.upperBound {
      let column = (from + t) % gridWidth
      let count = min(MixJob.tokensMax, min(mine.upperBound - t, gridWidth - column))
      mix(t, count, (from + t) / gridWidth, column)
      t += count
    }
    output.quantise(rows: mine, forms: forms)
  }

  /// `count` neighbours from column `c` of row `r` of the grid.
  private func mix(_ t: Int, _ count: Int, _ r: Int, _ c: Int) {
    let q = queries + t * 2 * width
    let o = output.row(t)
    for n in 0..<count { Elementary.signedPowers(q + n * 2 * width, power, width) }
    // All heads share the convolution's kernel.
    let d = convolution.channels
    var h = 0
    while h * d < width {
      read.run(head: h, q + h * d, 2 * width, count, into: o + h * d, width)
      convolution.add(row: r, c, c + count, first: h * d, into: o + h * d, width)
      h += 1
    }
    for n in 0..<count { Gate.multiply(o + n * width, q + (2 * n + 1) * width, width) }
  }
}

/// A line of rows, stretched linearly to another length, sampled at the centres.
struct StretchJob: ParallelJob {
  let input: Floats
  let count: Int
  let width: Int
  let output: Floats
  let outputCount: Int

  static var entry: lt_job_fn {
    { context, part, parts in
      context?.load(as: StretchJob.self).run(part: Int(part), parts: Int(parts))
    }
  }

  func run(part: Int, parts: Int) {
    let scale = Float(count) / Float(outputCount)
    for t in share(outputCount, part: part, parts: parts) {
      let place = max(scale * (Float(t) + 0.5) - 0.5, 0)
      let first = min(Int(place), count - 1)
      let weight = place - Float(first)
      let (a, b) = (input + first * width, input + min(first + 1, count - 1) * width)
      let y = output + t * width
      var i = 0
      while i < width {
        y.store((a.lanes(i) * (1 - weight)).addingProduct(b.lanes(i), Lanes(repeating: weight)), i)
        i += 8
      }
    }
  }
}
