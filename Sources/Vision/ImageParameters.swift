// What a `polaformer` file says about itself, read in one pass over its metadata.
//
// general.architecture is `polaformer`; its own keys, all of them needed but for alpha:
//
//     variant             "pvt" or "swin"
//     image_size          u32, the edge of the square input that it was trained for
//     patch_size          u32, pixels along a patch's edge
//     kernel_size         u32, of the depthwise convolution; odd
//     alpha               f32, as trained; already part of the powers in the file
//     layer_norm_epsilon  f32, of the blocks' and the last norm
//     patch_norm_epsilon  f32, of the norms behind patches and reduced keys
//     attention_types     string, a letter per block: L polarity-aware linear, S softmax in windows
//     embedding_lengths   u32[stages]     block_counts         u32[stages]
//     head_counts         u32[stages]     feed_forward_lengths u32[stages]
//     reduction_ratios    u32[stages], of keys and values of linear attention; 1 is none
//     window_sizes        u32[stages], of softmax attention; 0 where a stage has none
//     image_mean          f32[3], image_deviation f32[3]: (pixel / 255 - mean) / deviation
//     labels              string[classes]
//
// A key under `polaformer.` that is not listed here is refused by name.

import CPlatform
import LintelCore
import LintelWeights

package enum ImageLimits {
  package static var stages: Int { 8 }
  package static var blocks: Int { 1024 }
  package static var width: Int { 1 << 16 }
  package static var kernel: Int { 31 }
  package static var classes: Int { 1 << 20 }
  /// Pixels along an edge, of pictures and of the network's input.
  package static var side: Int { 16384 }
}

package struct ImageStageShape: BitwiseCopyable, Sendable {
  package var width = 0
  package var blocks = 0
  package var heads = 0
  package var hidden = 0
  package var reduction = 0
  package var window = 0
  package var headWidth: Int { width / heads }
}

package struct ImageParameters: BitwiseCopyable, Sendable {
  package var isSwin = false
  package var imageSize = 0
  package var patchSize = 0
  package var kernel = 0
  package var epsilon: Float = 0
  package var patchEpsilon: Float = 0
  package var stageCount = 0
  package var stages = InlineArray<8, ImageStageShape>(repeating: ImageStageShape())
  package var types = Bytes("")
  package var mean = SIMD4<Float>(repeating: 0)
  package var deviation = SIMD4<Float>(repeating: 1)
  package var labels = StringArray(proven: Bytes(""), count: 0)
  package var name = Bytes("")
  package var licence = Bytes("")
  private var seen: UInt32 = 0

  package init(_ container: Container) throws(Failure) {
    var architecture: Bytes?
    var cursor = container.metadata()
    while let entry = try cursor.next() {
      if entry.key == "general.architecture" { architecture = try entry.string() }
    }
    guard let architecture, architecture == "polaformer" else {
      throw Failure(
        .unsupported,
        "general.architecture is \(architecture ?? Bytes("absent")); image models are polaformer")
    }
    cursor = container.metadata()
    while let entry = try cursor.next() {
      if entry.key == "general.name" { name = try entry.string() }
      if entry.key == "general.license" { licence = try entry.string() }
      if !entry.key.hasPrefix("polaformer.") { continue }
      guard let bit = try read(entry, entry.key.slice(11, entry.key.count)) else {
        throw Failure(.unsupported, "key \(entry.key) is not one that this engine knows")
      }
      if seen & (1 << bit) != 0 { throw Failure(.duplicate, "key \(entry.key) occurs twice") }
      seen |= 1 << bit
    }
    try validate()
  }

  /// The key's bit, nil for an unknown key.
  private mutating func read(_ e: MetadataEntry, _ key: Bytes) throws(Failure) -> UInt32? {
    if key == "variant" {
      let variant = try e.string()
      if !(variant == "pvt") && !(variant == "swin") {
        throw Failure(.unsupported, "key \(e.key) is \(variant); pvt and swin are supported")
      }
      isSwin = variant == "swin"
      return 0
    }
    if key == "image_size" {
      imageSize = try e.int(upTo: ImageLimits.side)
      return 1
    }
    if key == "patch_size" {
      patchSize = try e.int(upTo: 256)
      return 2
    }
    if key == "kernel_size" {
      kernel = try e.int(upTo: ImageLimits.kernel)
      return 3
    }
    if key == "alpha" {
      _ = try e.float()
      return 4
    }
    if key == "layer_norm_epsilon" {
      epsilon = try e.float()
      return 5
    }
    if key == "patch_norm_epsilon" {
      patchEpsilon = try e.float()
      return 6
    }
    if key == "attention_types" {
      types = try e.string()
      return 7
    }
    if key == "labels" {
      labels = try e.strings()
      return 8
    }
    if key == "image_mean" {
      for i in 0..<3 { mean[i] = try e.float(i, of: 3) }
      return 9
    }
    if key == "image_deviation" {
      for i in 0..<3 { deviation[i] = try e.float(i, of: 3) }
      return 10
    }
    return try readStages(e, key)
  }

  private mutating func readStages(_ e: MetadataEntry, _ key: Bytes) throws(Failure) -> UInt32? {
    func each(
      _ limit: Int, _ set: (inout ImageStageShape, Int) -> Void
    ) throws(Failure) {
      let list = try e.integers()
      if list.count < 1 || list.count > ImageLimits.stages
        || (stageCount != 0 && stageCount != list.count)
      {
        throw Failure(
          .shape,
          "key \(e.key) has \(list.count) elements; 1 to \(ImageLimits.stages) stages are possible, the same in all lists"
        )
      }
      stageCount = list.count
      for i in 0..<list.count { set(&stages[i], try list.int(i, upTo: limit)) }
    }
    if key == "embedding_lengths" {
      try each(ImageLimits.width) { $0.width = $1 }
      return 11
    }
    if key == "block_counts" {
      try each(ImageLimits.blocks) { $0.blocks = $1 }
      return 12
    }
    if key == "head_counts" {
      try each(ImageLimits.width) { $0.heads = $1 }
      return 13
    }
    if key == "feed_forward_lengths" {
      try each(ImageLimits.width) { $0.hidden = $1 }
      return 14
    }
    if key == "reduction_ratios" {
      try each(64) { $0.reduction = $1 }
      return 15
    }
    if key == "window_sizes" {
      try each(256) { $0.window = $1 }
      return 16
    }
    return nil
  }

  private static func name(_ bit: Int) -> StaticString {
    switch bit {
    case 0: "variant"
    case 1: "image_size"
    case 2: "patch_size"
    case 3: "kernel_size"
    case 5: "layer_norm_epsilon"
    case 6: "patch_norm_epsilon"
    case 7: "attention_types"
    case 8: "labels"
    case 9: "image_mean"
    case 10: "image_deviation"
    case 11: "embedding_lengths"
    case 12: "block_counts"
    case 13: "head_counts"
    case 14: "feed_forward_lengths"
    case 15: "reduction_ratios"
    default: "window_sizes"
    }
  }

  private func validate() throws(Failure) {
    for bit in 0..<17 where bit != 4 && seen & (1 << UInt32(bit)) == 0 {
      throw Failure(.missing, "key polaformer.\(ImageParameters.name(bit)) is missing")
    }
    func positive(_ v: Int, _ bit: Int) throws(Failure) {
      if v < 1 {
        throw Failure(.format, "key polaformer.\(ImageParameters.name(bit)) has a zero")
      }
    }
    try positive(imageSize, 1)
    try positive(patchSize, 2)
    if kernel % 2 == 0 {
      throw Failure(.format, "key polaformer.kernel_size is \(kernel); it must be odd")
    }
    if !(epsilon > 0) || !(patchEpsilon > 0) {
      throw Failure(.format, "the norms' epsilons must be positive")
    }
    for i in 0..<3 where !(deviation[i] > 0) {
      throw Failure(.format, "key polaformer.image_deviation, element \(i), is not positive")
    }
    if labels.count < 1 || labels.count > ImageLimits.classes {
      throw Failure(.limit, "key polaformer.labels has \(labels.count) elements")
    }
    var total = 0
    for i in 0..<stageCount {
      let s = stages[i]
      try positive(s.width, 11)
      try positive(s.blocks, 12)
      try positive(s.heads, 13)
      try positive(s.hidden, 14)
      try positive(s.reduction, 15)
      total += s.blocks
      if s.width % s.heads != 0 || s.headWidth % 16 != 0 {
        throw Failure(
          .unsupported,
          "stage \(i): \(s.heads) heads of a width of \(s.width); heads must be a multiple of 16 wide"
        )
      }
      if isSwin && i > 0 && s.width != 2 * stages[i - 1].width {
        throw Failure(.format, "stage \(i): its width must be twice that of the stage before")
      }
    }
    if types.count != total || total > ImageLimits.blocks {
      throw Failure(
        .format,
        "key polaformer.attention_types has \(types.count) letters for \(total) blocks")
    }
    try validateTypes()
  }

  private func validateTypes() throws(Failure) {
    var block = 0
    for i in 0..<stageCount {
      for _ in 0..<stages[i].blocks {
        let isLinear = types[block] == 76
        if !isLinear && types[block] != 83 {
          throw Failure(.unsupported, "block \(block): attention types are L and S")
        }
        if !isLinear && !isSwin {
          throw Failure(
            .unsupported, "block \(block): softmax attention in a pvt is not supported")
        }
        if !isLinear && stages[i].window < 1 {
          throw Failure(.format, "block \(block): softmax attention without a window size")
        }
        block += 1
      }
      if isSwin && stages[i].reduction != 1 {
        throw Failure(.unsupported, "stage \(i): a swin with reduced keys is not supported")
      }
    }
  }

  // MARK: Grids

  package struct Grid: BitwiseCopyable, Sendable {
    package var height = 0
    package var width = 0
    package var count: Int { height * width }
  }

  /// The tokens of each stage for an input of this size; refuses what the network cannot take.
  package func grids(
    height: Int, width: Int
  ) throws(Failure) -> InlineArray<8, Grid> {
    var grids = InlineArray<8, Grid>(repeating: Grid())
    if height > ImageLimits.side || width > ImageLimits.side {
      throw Failure(
        .inputSize,
        "an input of \(width) x \(height): at most \(ImageLimits.side) pixels along an edge",
        needed: Int64(max(height, width)), available: Int64(ImageLimits.side))
    }
    if isSwin && height != width {
      throw Failure(
        .inputSize, "an input of \(width) x \(height): this network's windows need a square")
    }
    var g = Grid(height: height / patchSize, width: width / patchSize)
    for i in 0..<stageCount {
      if i > 0 {
        if isSwin && g.height % 2 != 0 {
          throw Failure(
            .inputSize,
            "an input of \(width) x \(height): the \(g.height) patches of stage \(i - 1) do not pair up"
          )
        }
        g = Grid(height: g.height / 2, width: g.width / 2)
      }
      if g.height < stages[i].reduction || g.width < stages[i].reduction {
        throw Failure(
          .inputSize,
          "an input of \(width) x \(height) has \(g.width) x \(g.height) patches in stage \(i): too few",
          needed: Int64(minimumSide), available: Int64(min(height, width)))
      }
      if hasWindows(i) && g.height % stages[i].window != 0 {
        throw Failure(
          .inputSize,
          "an input of \(width) x \(height): \(g.height) patches are not whole windows of \(stages[i].window) in stage \(i)"
        )
      }
      grids[i] = g
    }
    return grids
  }

  private var minimumSide: Int {
    var side = patchSize
    var least = 0
    for i in 0..<stageCount {
      if i > 0 { side *= 2 }
      least = max(least, side * stages[i].reduction)
    }
    return least
  }

  private func hasWindows(_ stage: Int) -> Bool {
    var first = 0
    for i in 0..<stage { first += stages[i].blocks }
    for i in first..<(first + stages[stage].blocks) where types[i] == 83 { return true }
    return false
  }
}
