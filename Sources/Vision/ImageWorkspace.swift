// The buffers of an image pass, sized by the largest input. Tokens go through products in chunks, so
// that what is between two products stays in the caches and costs little memory.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct ImageWorkspace: BitwiseCopyable {
  /// Intermediate floats of a chunk, roughly: 1.25 MiB, which two cores' second-level caches hold.
  static var chunkFloats: Int { 320 << 10 }

  package let inputHeight: Int
  package let inputWidth: Int
  let threads: Int
  /// The tokens of a stage, `[tokens, width]`; and the picture, their values, or what the next stage
  /// becomes. The two change places between stages.
  let first: Buffer<Float>
  let second: Buffer<Float>
  /// Inputs of products: `[rows, width]`, and wider intermediate ones.
  let input: Activations
  let hidden: Activations
  let sums: Buffer<Float>
  let normalisers: Buffer<Float>
  /// Values of reduced tokens.
  let reduced: Buffer<Float>
  /// `scratchEach` per thread.
  let scratch: Buffer<Float>
  let scratchEach: Int
  let entries: Buffer<ProductEntry>
  let features: Buffer<Float>
  let logits: Buffer<Float>
  /// Resizing.
  let columnFirst: Buffer<Int32>
  let columnCount: Buffer<Int32>
  let columnWeights: Buffer<Float>
  let pictureRows: Buffer<Float>

  /// Tokens of a chunk in a stage whose widest intermediate row has `width` floats.
  static func chunkRows(_ width: Int) -> Int { max(chunkFloats / width / 48 * 48, 48) }

  /// The widest intermediate row of a stage.
  static func widest(_ p: ImageParameters, _ i: Int) -> Int {
    let s = p.stages[i]
    let patch = i == 0 ? 3 * p.patchSize * p.patchSize : 4 * p.stages[i - 1].width
    return max(max(s.hidden, 2 * s.width), max(s.reduction * s.reduction * s.width, patch))
  }

  package init(
    arena: inout Arena, network: ImageNetwork, height: Int, width: Int, threads: Int,
    isFloat: Bool
  ) throws(Failure) {
    let p = network.parameters
    let grids = try p.grids(height: height, width: width)
    inputHeight = height
    inputWidth = width
    self.threads = threads
    var tokens = try Checked.multiply(3 * height, width, "the picture")
    var wide = network.featureCount
    var narrow = network.featureCount
    var sumFloats = 0
    var normaliserFloats = 0
    var reducedFloats = 0
    var scratch = 0
    var side = p.imageSize / p.patchSize
    for i in 0..<p.stageCount {
      let s = p.stages[i]
      if i > 0 { side /= 2 }
      let count = grids[i].count
      let each = p.isSwin ? 3 * s.width : s.width
      tokens = max(tokens, try Checked.multiply(count, each, "tokens"))
      let row = ImageWorkspace.widest(p, i)
      let rows = min(ImageWorkspace.chunkRows(row), count)
      wide = max(wide, try Checked.multiply(rows, row, "a chunk of tokens"))
      narrow = max(narrow, try Checked.multiply(rows, s.width, "a chunk of tokens"))
      sumFloats = max(
        sumFloats, try Checked.multiply(2 * s.width, s.headWidth, "sums of attention"))
      normaliserFloats = max(normaliserFloats, 2 * s.width)
      if s.reduction > 1 {
        reducedFloats = max(
          reducedFloats,
          try Checked.multiply(
            grids[i].height / s.reduction * (grids[i].width / s.reduction), s.width,
            "reduced tokens"))
      }
      scratch = max(scratch, GridResize.scratchFloats(side: side, channels: s.width))
      if s.window > 0 {
        scratch = max(
          scratch, WindowAttentionJob.scratchFloats(side: s.window, headWidth: s.headWidth))
      }
    }
    first = try arena.carve(Float.self, tokens, "tokens")
    second = try arena.carve(Float.self, tokens, "tokens")
    let forms = isFloat ? Activations.Forms.floats : network.forms
    input = try Activations(arena: &arena, rowsMax: 1, columnsMax: narrow, forms: forms)
    hidden = try Activations(arena: &arena, rowsMax: 1, columnsMax: wide, forms: forms)
    sums = try arena.carve(Float.self, sumFloats, "sums of attention")
    normalisers = try arena.carve(Float.self, normaliserFloats, "sums of attention")
    reduced = try arena.carve(Float.self, reducedFloats, "reduced tokens")
    scratchEach = scratch
    self.scratch = try arena.carve(
      Float.self, Checked.multiply(threads, scratch, "scratch of threads"), "scratch of threads")
    entries = try arena.carve(ProductEntry.self, 1, "product lists")
    features = try arena.carve(Float.self, network.featureCount, "features")
    logits = try arena.carve(Float.self, p.labels.count, "logits")
    columnFirst = try arena.carve(Int32.self, width, "resizing")
    columnCount = try arena.carve(Int32.self, width, "resizing")
    columnWeights = try arena.carve(
      Float.self, ImageResizeJob.tableFloats(width: width, sideMax: ImageLimits.side), "resizing")
    pictureRows = try arena.carve(
      Float.self, Checked.multiply(threads * 3, width, "resizing"), "resizing")
  }
}
