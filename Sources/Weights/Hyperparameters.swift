// What a model file says about itself, read in one pass over its metadata. Keys are GGUF's own.
//
// A key under the architecture's prefix that is not listed here is refused by name: it asks for
// something this engine does not do, and ignoring it would mean wrong answers.

import LintelCore

package enum Architecture: UInt8, Sendable, BitwiseCopyable {
  case kimiLinear
  case polaformerLM
  case qwen35
  case qwen35moe
  case qwen3next

  package static func named(_ name: Bytes) -> Architecture? {
    if name == "kimi-linear" { return .kimiLinear }
    if name == "polaformer-lm" { return .polaformerLM }
    if name == "qwen35" { return .qwen35 }
    if name == "qwen35moe" { return .qwen35moe }
    if name == "qwen3next" { return .qwen3next }
    return nil
  }

  package var name: StaticString {
    switch self {
    case .kimiLinear: "kimi-linear"
    case .polaformerLM: "polaformer-lm"
    case .qwen35: "qwen35"
    case .qwen35moe: "qwen35moe"
    case .qwen3next: "qwen3next"
    }
  }

  /// Whether its multi-token-prediction blocks are known.
  package var mayPredict: Bool {
    switch self {
    case .kimiLinear, .polaformerLM: false
    case .qwen35, .qwen35moe, .qwen3next: true
    }
  }
}

/// Limits on what a file may declare, so that every product of a few of them fits in a size.
package enum ModelLimits {
  package static var blocks: Int { 1024 }
  package static var width: Int { 1 << 20 }
  package static var heads: Int { 4096 }
  package static var vocabulary: Int { (1 << 21) - 1 }
  package static var experts: Int { 4096 }
  package static var context: Int { 1 << 30 }
}

package struct Hyperparameters: BitwiseCopyable, Sendable {
  package var architecture: Architecture
  package var name = Bytes("")
  package var sizeLabel = Bytes("")
  package var fileType: Int?

  package var blockCount = 0
  package var contextLength = 0
  package var embeddingLength = 0
  package var feedForwardLength = 0
  package var vocabularySize: Int?
  package var headCount = 0
  package var headCountKV: Int?
  package var headCountKVPerLayer: IntegerArray?
  package var rmsEpsilon: Float = 0
  package var keyLength: Int?
  package var valueLength: Int?
  package var keyLengthMLA: Int?
  package var valueLengthMLA: Int?
  package var kvLoraRank: Int?
  package var ropeDimensionCount: Int?
  package var ropeFreqBase: Float?
  package var convKernel: Int?
  package var kdaHeadDim: Int?
  package var polarHeadDim: Int?
  package var ssmStateSize: Int?
  package var ssmGroupCount: Int?
  package var ssmTimeStepRank: Int?
  package var ssmInnerSize: Int?
  package var expertCount = 0
  package var expertUsedCount = 0
  package var expertSharedCount = 0
  package var expertGatingFunction: Int?
  package var expertWeightsScale: Float?
  package var leadingDenseBlockCount = 0
  package var recurrentLayers: IntegerArray?
  package var fullAttentionInterval: Int?
  package var nextnPredictLayers = 0

  package var tokenizerModel: Bytes?
  package var tokenizerPre = Bytes("")
  package var tokens: StringArray?
  package var tokenTypes: IntegerArray?
  package var merges: StringArray?
  package var chatTemplate = Bytes("")
  package var bosId: Int?
  package var eosId: Int?
  package var eotId: Int?
  package var addBos = false

  /// With `vocabularyOnly` the keys that describe layers may be absent.
  package init(_ container: Container, vocabularyOnly: Bool = false) throws(Failure) {
    let architectureName = try Hyperparameters.architectureName(container)
    if architectureName == "polaformer" {
      throw Failure(
        .unsupported,
        "general.architecture is polaformer, an image network: lintel_image_open takes it, this call takes text models"
      )
    }
    guard let architecture = Architecture.named(architectureName) else {
      throw Failure(
        .unsupported,
        "general.architecture is \(architectureName); supported are kimi-linear, polaformer-lm, qwen35, qwen35moe and qwen3next"
      )
    }
    self.architecture = architecture
    var seen: UInt64 = 0
    var cursor = container.metadata()
    while let entry = try cursor.next() {
      let key = entry.key
      let field: Int
      if key.hasPrefix("general.") {
        field = try readGeneral(entry, key.slice(8, key.count))
      } else if key.hasPrefix("tokenizer.") {
        field = try readTokenizer(entry, key.slice(10, key.count))
      } else if key.count > architectureName.count
        && key.slice(0, architectureName.count) == architectureName
        && key[architectureName.count] == 46
      {
        field = try readArchitecture(entry, key.slice(architectureName.count + 1, key.count))
      } else {
        field = -1
      }
      if field >= 0 {
        if seen & (1 << UInt64(field)) != 0 {
          throw Failure(.duplicate, "key \(key) occurs twice")
        }
        seen |= 1 << UInt64(field)
      }
    }
    if !vocabularyOnly { try validate() }
  }

  private static func architectureName(_ container: Container) throws(Failure) -> Bytes {
    var cursor = container.metadata()
    while let entry = try cursor.next() {
      if entry.key == "general.architecture" { return try entry.string() }
    }
    throw Failure(.missing, "key general.architecture is missing: this is not a model file")
  }

  private mutating func readGeneral(_ entry: MetadataEntry, _ key: Bytes) throws(Failure) -> Int {
    if key == "type" {
      let type = try entry.string()
      if !(type == "model") {
        throw Failure(
          .unsupported, "general.type is \(type): this file is not a model (expected 'model')")
      }
      return 0
    }
    if key == "name" {
      name = try entry.string()
      return 1
    }
    if key == "size_label" {
      sizeLabel = try entry.string()
      return 2
    }
    if key == "file_type" {
      fileType = try entry.int(upTo: 1 << 30)
      return 3
    }
    // Read before this pass; here only their repetition matters.
    if key == "architecture" { return 49 }
    if key == "alignment" { return 50 }
    return -1
  }

  private mutating func readTokenizer(
    _ entry: MetadataEntry, _ key: Bytes
  ) throws(Failure) -> Int {
    if key == "ggml.model" {
      tokenizerModel = try entry.string()
      return 4
    }
    if key == "ggml.pre" {
      tokenizerPre = try entry.string()
      return 5
    }
    if key == "ggml.tokens" {
      tokens = try entry.strings()
      return 6
    }
    if key == "ggml.token_type" {
      tokenTypes = try entry.integers()
      return 7
    }
    if key == "ggml.merges" {
      merges = try entry.strings()
      return 8
    }
    if key == "ggml.bos_token_id" {
      bosId = try entry.int(upTo: Int(UInt32.max))
      return 9
    }
    if key == "ggml.eos_token_id" {
      eosId = try entry.int(upTo: Int(UInt32.max))
      return 10
    }
    if key == "ggml.eot_token_id" {
      eotId = try entry.int(upTo: Int(UInt32.max))
      return 11
    }
    if key == "ggml.add_bos_token" {
      addBos = try entry.bool()
      return 12
    }
    if key == "chat_template" {
      chatTemplate = try entry.string()
      return 13
    }
    return -1
  }

  private mutating func readArchitecture(
    _ entry: MetadataEntry, _ key: Bytes
  ) throws(Failure) -> Int {
    if let field = try readShape(entry, key) { return field }
    if let field = try readMixer(entry, key) { return field }
    if let field = try readExperts(entry, key) { return field }
    if key.hasPrefix("rope.scaling.") {
      if key == "rope.scaling.type" {
        let type = try entry.string()
        if type == "none" { return -1 }
        throw Failure(.unsupported, "key \(entry.key) is \(type): rope scaling is not supported")
      }
      throw Failure(.unsupported, "key \(entry.key): rope scaling is not supported")
    }
    // Facts that change nothing here: sections agree for text, the rest restates other keys.
    if key == "rope.dimension_sections" || key == "attention.causal" { return -1 }
    throw Failure(
      .unsupported, "key \(entry.key) asks for a feature that this engine does not have")
  }

  private mutating func readShape(_ entry: MetadataEntry, _ key: Bytes) throws(Failure) -> Int? {
    if key == "block_count" {
      blockCount = try entry.int(upTo: ModelLimits.blocks)
      return 16
    }
    if key == "context_length" {
      contextLength = try entry.int(upTo: ModelLimits.context)
      return 17
    }
    if key == "embedding_length" {
      embeddingLength = try entry.int(upTo: ModelLimits.width)
      return 18
    }
    if key == "feed_forward_length" {
      feedForwardLength = try entry.int(upTo: ModelLimits.width)
      return 19
    }
    if key == "vocab_size" {
      vocabularySize = try entry.int(upTo: ModelLimits.vocabulary)
      return 20
    }
    if key == "attention.layer_norm_rms_epsilon" {
      rmsEpsilon = try entry.float()
      return 21
    }
    if key == "full_attention_interval" {
      fullAttentionInterval = try entry.int(upTo: ModelLimits.blocks)
      return 22
    }
    if key == "attention.recurrent_layers" {
      recurrentLayers = try entry.integers()
      return 23
    }
    if key == "nextn_predict_layers" {
      nextnPredictLayers = try entry.int(upTo: ModelLimits.blocks)
      return 24
    }
    return nil
  }

  private mutating func readMixer(_ entry: MetadataEntry, _ key: Bytes) throws(Failure) -> Int? {
    if key == "attention.head_count" {
      headCount = try entry.int(upTo: ModelLimits.heads)
      return 25
    }
    if key == "attention.head_count_kv" {
      if entry.type == .array {
        headCountKVPerLayer = try entry.integers()
      } else {
        headCountKV = try entry.int(upTo: ModelLimits.heads)
      }
      return 26
    }
    if key == "attention.key_length" {
      keyLength = try entry.int(upTo: ModelLimits.width)
      return 27
    }
    if key == "attention.value_length" {
      valueLength = try entry.int(upTo: ModelLimits.width)
      return 28
    }
    if key == "attention.key_length_mla" {
      keyLengthMLA = try entry.int(upTo: ModelLimits.width)
      return 29
    }
    if key == "attention.value_length_mla" {
      valueLengthMLA = try entry.int(upTo: ModelLimits.width)
      return 30
    }
    if key == "attention.kv_lora_rank" {
      kvLoraRank = try entry.int(upTo: ModelLimits.width)
      return 31
    }
    if key == "attention.q_lora_rank" {
      if try entry.int(upTo: ModelLimits.width) != 0 {
        throw Failure(.unsupported, "key \(entry.key): a low-rank query is not supported")
      }
      return 32
    }
    if key == "rope.dimension_count" {
      ropeDimensionCount = try entry.int(upTo: ModelLimits.width)
      return 33
    }
    if key == "rope.freq_base" {
      ropeFreqBase = try entry.float()
      return 34
    }
    if key == "ssm.conv_kernel" {
      convKernel = try entry.int(upTo: 64)
      return 35
    }
    if key == "kda.head_dim" {
      kdaHeadDim = try entry.int(upTo: ModelLimits.width)
      return 36
    }
    if key == "polar.head_dim" {
      polarHeadDim = try entry.int(upTo: ModelLimits.width)
      return 51
    }
    if key == "ssm.state_size" {
      ssmStateSize = try entry.int(upTo: ModelLimits.width)
      return 37
    }
    if key == "ssm.group_count" {
      ssmGroupCount = try entry.int(upTo: ModelLimits.heads)
      return 38
    }
    if key == "ssm.time_step_rank" {
      ssmTimeStepRank = try entry.int(upTo: ModelLimits.heads)
      return 39
    }
    if key == "ssm.inner_size" {
      ssmInnerSize = try entry.int(upTo: ModelLimits.width)
      return 40
    }
    return nil
  }

  private mutating func readExperts(_ entry: MetadataEntry, _ key: Bytes) throws(Failure) -> Int? {
    if key == "expert_count" {
      expertCount = try entry.int(upTo: ModelLimits.experts)
      return 41
    }
    if key == "expert_used_count" {
      expertUsedCount = try entry.int(upTo: ModelLimits.experts)
      return 42
    }
    if key == "expert_shared_count" {
      expertSharedCount = try entry.int(upTo: ModelLimits.experts)
      return 43
    }
    if key == "expert_gating_func" {
      expertGatingFunction = try entry.int(upTo: 1 << 16)
      return 44
    }
    if key == "expert_weights_scale" {
      expertWeightsScale = try entry.float()
      return 45
    }
    if key == "leading_dense_block_count" {
      leadingDenseBlockCount = try entry.int(upTo: ModelLimits.blocks)
      return 46
    }
    if key == "expert_group_count" {
      if try entry.int(upTo: ModelLimits.experts) > 1 {
        throw Failure(.unsupported, "key \(entry.key): grouped expert routing is not supported")
      }
      return 47
    }
    if key == "expert_weights_norm" {
      if try !entry.bool() {
        throw Failure(
          .unsupported, "key \(entry.key) is false: expert weights are always renormalised here")
      }
      return 48
    }
    // Widths and group counts that the tensors' own shapes, or a group count of one, settle.
    if key == "expert_feed_forward_length" || key == "expert_shared_feed_forward_length"
      || key == "expert_group_used_count"
    {
      return -1
    }
    return nil
  }

  private func validate() throws(Failure) {
    func positive(_ v: Int, _ key: StaticString) throws(Failure) {
      if v <= 0 {
        throw Failure(.missing, "key \(architecture.name).\(key) is missing or zero")
      }
    }
    try positive(blockCount, "block_count")
    try positive(embeddingLength, "embedding_length")
    try positive(headCount, "attention.head_count")
    if !(rmsEpsilon > 0) {
      throw Failure(
        .missing,
        "key \(architecture.name).attention.layer_norm_rms_epsilon is missing or not positive")
    }
    if nextnPredictLayers >= blockCount {
      throw Failure(
        .format,
        "key nextn_predict_layers is \(nextnPredictLayers), not below the block count \(blockCount)"
      )
    }
  }
}
