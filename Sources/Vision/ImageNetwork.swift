// A bound image network: stages of blocks over grids of tokens.
//
// Tensors, in the order of GGUF (contiguous dimension first), matrices in any format:
//
//     stage.S.patch.weight [patch elements, width] and .bias   stage.S.patch_norm.weight .bias
//     stage.S.position     [width, side²]                      pvt only
//     blk.N.attn_norm .ffn_norm .weight .bias [width]
//     blk.N.ffn_up [width, hidden] .ffn_down [hidden, width] .attn_output [width, width]
//   linear attention
//     blk.N.attn_qg [width, 2 width] (queries, then gates)  blk.N.attn_kv likewise (keys, then values)
//     blk.N.attn_position [width, side²]  blk.N.attn_power [width]
//     blk.N.attn_conv.weight [head width, kernel²] .bias [head width]
//     blk.N.attn_reduce [ratio² width, width]  blk.N.attn_reduce_norm      where keys are reduced
//   softmax attention in windows
//     blk.N.attn_qkv [width, 3 width]  blk.N.attn_relative [(2 window - 1)², heads]
//   end
//     output_norm (swin)  output.weight [width, classes] .bias
//
// The elements of a patch are in order (row, column, channel). In a swin, stage.S.patch of S > 0 has no
// bias, and its norm comes before it.

import CPlatform
import LintelCore
import LintelKernels
import LintelWeights

package struct Affine: BitwiseCopyable {
  let matrix: Matrix
  let bias: ConstFloats?
}

struct NormWeights: BitwiseCopyable {
  let weight: ConstFloats
  let bias: ConstFloats
}

struct PolarMixer: BitwiseCopyable {
  let qg: Affine
  let kv: Affine
  let position: Matrix
  let side: Int
  let power: ConstFloats
  let kernel: ConstFloats
  let kernelBias: ConstFloats
  let reduce: Affine?
  let reduceNorm: NormWeights?
}

struct WindowMixer: BitwiseCopyable {
  let qkv: Affine
  let relative: ConstFloats
}

enum ImageMixer: BitwiseCopyable {
  case polar(PolarMixer)
  case window(WindowMixer)
}

struct ImageBlock: BitwiseCopyable {
  let norm: NormWeights
  let mixer: ImageMixer
  let output: Affine
  let feedForwardNorm: NormWeights
  let up: Affine
  let down: Affine
  /// Of the two alternating blocks the one whose windows are shifted.
  let isShifted: Bool
}

struct ImageStage: BitwiseCopyable {
  let shape: ImageStageShape
  let patch: Affine
  let patchNorm: NormWeights
  let position: Matrix?
  let side: Int
  let firstBlock: Int
}

package struct ImageNetwork: BitwiseCopyable {
  package let parameters: ImageParameters
  package let directory: TensorDirectory
  let stages: Buffer<ImageStage>
  let blocks: Buffer<ImageBlock>
  private(set) var outputNorm: NormWeights?
  private(set) var output: Affine?
  /// The quantised forms of activations that its matrices ask for.
  let forms: Activations.Forms

  package var featureCount: Int {
    parameters.stages[parameters.stageCount - 1].width
  }
  package var blockCount: Int { blocks.count }

  /// Carves what the header alone decides.
  package init(arena: inout Arena, container: Container) throws(Failure) {
    parameters = try ImageParameters(container)
    var forms = Activations.Forms.floats
    var cursor = container.tensors()
    while let entry = try cursor.next() {
      forms = forms.union(Activations.forms(for: entry.format, float: false))
    }
    self.forms = forms
    directory = try TensorDirectory(arena: &arena, count: container.tensorCount)
    if !arena.isMeasuring { try directory.index(container) }
    stages = try arena.carve(ImageStage.self, parameters.stageCount, "stages")
    blocks = try arena.carve(ImageBlock.self, parameters.types.count, "blocks")
  }

  /// Finds and checks every tensor.
  package mutating func bind() throws(Failure) {
    let p = parameters
    let binder = ImageBinder(directory)
    var block = 0
    var side = p.imageSize / p.patchSize
    for i in 0..<p.stageCount {
      let shape = p.stages[i]
      if i > 0 { side /= 2 }
      if side < shape.reduction {
        throw Failure(
          .format,
          "key polaformer.image_size is \(p.imageSize): stage \(i) has \(side) patches along an edge"
        )
      }
      stages.base.advanced(by: i).initialize(
        to: try bindStage(binder, i, shape, side, firstBlock: block))
      for j in 0..<shape.blocks {
        blocks.base.advanced(by: block).initialize(
          to: try bindBlock(binder, block, shape, side, isShifted: j % 2 == 1))
        block += 1
      }
    }
    if p.isSwin { outputNorm = try binder.norm(-1, "output_norm", featureCount) }
    output = try binder.affine(-1, "output", columns: featureCount, rows: p.labels.count)
    try binder.refuseUnused()
  }

  private func bindStage(
    _ binder: ImageBinder, _ i: Int, _ shape: ImageStageShape, _ side: Int, firstBlock: Int
  ) throws(Failure) -> ImageStage {
    let p = parameters
    let isMerge = p.isSwin && i > 0
    let columns =
      i == 0 ? 3 * p.patchSize * p.patchSize : 4 * p.stages[i - 1].width
    return ImageStage(
      shape: shape,
      patch: try binder.affine(
        i, "patch", isStage: true, columns: columns, rows: shape.width, hasBias: !isMerge),
      patchNorm: try binder.norm(
        i, "patch_norm", isStage: true, isMerge ? columns : shape.width),
      position: p.isSwin
        ? nil
        : try binder.matrix(i, "position", isStage: true, columns: shape.width, rows: side * side),
      side: side, firstBlock: firstBlock)
  }

  private func bindBlock(
    _ b: ImageBinder, _ n: Int, _ shape: ImageStageShape, _ side: Int, isShifted: Bool
  ) throws(Failure) -> ImageBlock {
    let c = shape.width
    return ImageBlock(
      norm: try b.norm(n, "attn_norm", c),
      mixer: parameters.types[n] == 76
        ? .polar(try bindPolar(b, n, shape, side)) : .window(try bindWindow(b, n, shape)),
      output: try b.affine(n, "attn_output", columns: c, rows: c),
      feedForwardNorm: try b.norm(n, "ffn_norm", c),
      up: try b.affine(n, "ffn_up", columns: c, rows: shape.hidden),
      down: try b.affine(n, "ffn_down", columns: shape.hidden, rows: c), isShifted: isShifted)
  }

  private func bindPolar(
    _ b: ImageBinder, _ n: Int, _ shape: ImageStageShape, _ side: Int
  ) throws(Failure) -> PolarMixer {
    let c = shape.width
    let taps = parameters.kernel * parameters.kernel
    let reduced = side / shape.reduction
    let patch = shape.reduction * shape.reduction * c
    let isReduced = shape.reduction > 1
    return PolarMixer(
      qg: try b.affine(n, "attn_qg", columns: c, rows: 2 * c),
      kv: try b.affine(n, "attn_kv", columns: c, rows: 2 * c),
      position: try b.matrix(n, "attn_position", columns: c, rows: reduced * reduced),
      side: reduced, power: try b.vector(n, "attn_power", c),
      kernel: try b.vector(n, "attn_conv.weight", shape.headWidth * taps),
      kernelBias: try b.vector(n, "attn_conv.bias", shape.headWidth),
      reduce: isReduced ? try b.affine(n, "attn_reduce", columns: patch, rows: c) : nil,
      reduceNorm: isReduced ? try b.norm(n, "attn_reduce_norm", c) : nil)
  }

  private func bindWindow(
    _ b: ImageBinder, _ n: Int, _ shape: ImageStageShape
  ) throws(Failure) -> WindowMixer {
    let edge = 2 * shape.window - 1
    return WindowMixer(
      qkv: try b.affine(n, "attn_qkv", columns: shape.width, rows: 3 * shape.width),
      relative: try b.vector(n, "attn_relative", edge * edge * shape.heads))
  }
}
